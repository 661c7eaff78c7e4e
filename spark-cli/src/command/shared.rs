//! Rollouts whose journals are in a database: found, read and spoken to without their runner's machine.

use std::time::{Duration, Instant};

use spark_core::rollout::Word;
use spark_runtime::control::Answer;
use spark_runtime::evidence::ReleaseId;
use spark_runtime::journal::postgres::{PostgresConfig, PostgresStore, Reply, Standing};
use spark_runtime::journal::{JournalError, Record};

use crate::exit::Failure;
use crate::samples::block_on;

/// How long an answer is waited for: an action on its way ends within its deadline, and then the word is heard.
const ANSWER_WITHIN: Duration = Duration::from_secs(90);

/// How often is looked for it.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// The only release that is not over.
pub(crate) fn only(database: &PostgresConfig) -> Result<ReleaseId, Failure> {
    let open = block_on(async { PostgresStore::connect(database.clone()).await?.unfinished().await })?;
    let open = open.map_err(|error| Failure::of(&error))?;
    match open.as_slice() {
        [one] => ReleaseId::new(one).map_err(|error| Failure::of(&error)),
        [] => Err(Failure::could_not_run(
            "every release in the database is over: say with --release which one is meant",
        )),
        several => Err(Failure::bad_arguments(format!(
            "say with --release which one is meant: {}",
            several.join(", ")
        ))),
    }
}

/// What is recorded of a release, and whether somebody runs it.
pub(crate) fn records(database: &PostgresConfig, id: &ReleaseId) -> Result<(Vec<Record>, bool), Failure> {
    let read = block_on(async {
        let mut store = PostgresStore::connect(database.clone()).await?;
        let records = store.read_only(id.as_str()).await?;
        let runs = store.standing(id.as_str()).await?.is_some_and(|standing| standing.live);
        Ok::<_, JournalError>((records, runs))
    })?;
    read.map_err(|error| Failure::of(&error))
}

/// Where a release stands.
pub(crate) fn standing(database: &PostgresConfig, id: &str) -> Result<Option<Standing>, Failure> {
    let read = block_on(async { PostgresStore::connect(database.clone()).await?.standing(id).await })?;
    read.map_err(|error| Failure::of(&error))
}

/// Says a word to whoever runs a release; none where nobody does.
pub(crate) fn ask(
    database: &PostgresConfig,
    id: &ReleaseId,
    word: &Word,
    by: &str,
    because: &str,
) -> Result<Option<Answer>, Failure> {
    let text = serde_json::to_string(word).map_err(|error| Failure::of(&error))?;
    let asked = block_on(async {
        let mut store = PostgresStore::connect(database.clone()).await?;
        if !store.standing(id.as_str()).await?.is_some_and(|standing| standing.live) {
            return Ok(None);
        }
        let number = store.say(id.as_str(), &text, by, because).await?;
        let begun = Instant::now();
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            let reply = store.reply(number).await?;
            let live = store.standing(id.as_str()).await?.is_some_and(|standing| standing.live);
            let late = begun.elapsed() >= ANSWER_WITHIN;
            match reply {
                Reply::Answered(answer) => return Ok(Some(read(&answer))),
                Reply::Recorded if late || !live => {
                    return Ok(Some(Answer::Taken { words: format!("{} is recorded", word.as_str()) }));
                }
                // one that is taken in this moment is not withdrawn, and the next look tells
                Reply::Waiting if late || !live => {
                    if store.withdraw(number).await? {
                        return Ok(late.then(unheard));
                    }
                }
                Reply::Recorded | Reply::Waiting => {}
            }
        }
    })?;
    asked.map_err(|error: JournalError| Failure::of(&error))
}

fn unheard() -> Answer {
    let seconds = ANSWER_WITHIN.as_secs();
    Answer::Failed {
        words: format!("the runner did not take the word within {seconds} s, and it was withdrawn"),
    }
}

fn read(answer: &str) -> Answer {
    serde_json::from_str(answer)
        .unwrap_or_else(|error| Answer::Failed { words: format!("the runner's answer is none: {error}") })
}
