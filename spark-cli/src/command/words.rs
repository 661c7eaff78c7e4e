//! `spark hold`, `resume`, `approve`, `promote`, `override`, `rollback`, `abort`: an operator's words to a running rollout.

use clap::Args;
use spark_core::rollout::Word;
use spark_core::{Timestamp, quantity};
use spark_runtime::control::{self, Answer, Ask};
use spark_runtime::release::JournalPlace;
use spark_runtime::runner::{Clock as _, SystemClock};

use super::running::{Found, WhereArgs, ending, operator};
use crate::console::{Console, ConsoleArgs, say};
use crate::exit::{Exit, Failure};

/// How long an answer is waited for: an action on its way ends within its deadline, and then the word is heard.
#[cfg(unix)]
const ANSWER_WITHIN: std::time::Duration = std::time::Duration::from_secs(90);

/// What stands in the record where no reason was given, for the words that need none.
const NO_REASON: &str = "no reason was given";

#[derive(Debug, Args)]
pub(crate) struct WhoArgs {
    /// Who says it [default: the name of the account]
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
    #[command(flatten)]
    place: WhereArgs,
}

#[derive(Debug, Args)]
pub(crate) struct MayArgs {
    /// Why, for the record
    #[arg(long, value_name = "TEXT")]
    because: Option<String>,
    #[command(flatten)]
    who: WhoArgs,
}

#[derive(Debug, Args)]
pub(crate) struct MustArgs {
    /// Why, for the record
    #[arg(long, value_name = "TEXT")]
    because: String,
    #[command(flatten)]
    who: WhoArgs,
}

#[derive(Debug, Args)]
#[command(
    after_help = "The trigger is shown and recorded on, and asks for nothing until then; 24 hours are the most.

Example:
  spark override latency --until 30m --because \"the load test of the data team, INC-7\""
)]
pub(crate) struct OverrideArgs {
    /// Which trigger
    trigger: String,
    /// Until when: RFC 3339, or how long from now, as `30m`
    #[arg(long, value_name = "T")]
    until: String,
    #[command(flatten)]
    must: MustArgs,
}

#[derive(Debug, Args)]
#[command(
    after_help = "A rollback that has begun is not abandoned; it is done when a probe sees that the canary has no traffic.
Where nobody runs the rollout, this command carries the rollback out itself, with the actions of --config.

Exit codes: 0 the runner has it; without a runner 11 rolled back, and 1 where that could not be done or verified.

Example:
  spark rollback --reason \"fills are late\" --config spark.yaml"
)]
pub(crate) struct RollbackArgs {
    /// Why: for the record, and for the action
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// The stage, from 1, in which you believe the rollout to be; for the record
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    stage: Option<u32>,
    /// More about why, for the record [default: the reason]
    #[arg(long, value_name = "TEXT")]
    because: Option<String>,
    #[command(flatten)]
    who: WhoArgs,
}

/// A word that needs no reason: it only makes the rollout wait, or takes that back, and must not wait for a sentence.
pub(crate) fn may(console: &mut Console, args: &MayArgs, word: Word) -> Result<Exit, Failure> {
    let because = args.because.clone().unwrap_or_else(|| NO_REASON.to_owned());
    tell(console, &args.who, word, because)
}

/// A word that needs a reason: it lets more traffic go on, silences a rule, or leaves the traffic alone.
pub(crate) fn must(console: &mut Console, args: &MustArgs, word: Word) -> Result<Exit, Failure> {
    tell(console, &args.who, word, args.because.clone())
}

pub(crate) fn silence(console: &mut Console, args: &OverrideArgs) -> Result<Exit, Failure> {
    let until = instant(&args.until).ok_or_else(|| {
        Failure::bad_arguments(format!(
            "`{}` is no time: expected RFC 3339 as 2026-01-05T10:00:00Z, or how long from now as 30m",
            args.until
        ))
    })?;
    let word = Word::Override { trigger: args.trigger.clone(), until };
    tell(console, &args.must.who, word, args.must.because.clone())
}

/// An instant from RFC 3339, or from how long it is to it.
fn instant(text: &str) -> Option<Timestamp> {
    match quantity::parse_duration(text) {
        Some(span) => Some(SystemClock::start().now().plus(span)),
        None => Timestamp::parse(text),
    }
}

pub(crate) fn rollback(
    console: &mut Console,
    args: &RollbackArgs,
    said: ConsoleArgs,
) -> Result<Exit, Failure> {
    let found = args.who.place.find(console)?;
    let by = by(&args.who)?;
    let because = args.because.clone().unwrap_or_else(|| args.reason.clone());
    let word = Word::Rollback { reason: args.reason.clone(), stage: args.stage };
    if let Some(exit) = asked(console, &found, &word, &by, &because)? {
        return Ok(exit);
    }
    match found.config {
        Some(_) => super::alone::roll_back(console, found, (word, by, because), said),
        None => Err(Failure::could_not_run(format!(
            "nobody runs release {0}, and its traffic stays where it is: `spark rollback --reason … --release {0} --config FILE` takes it \
             back with the actions of that configuration",
            found.id.as_str()
        ))),
    }
}

fn tell(console: &mut Console, who: &WhoArgs, word: Word, because: String) -> Result<Exit, Failure> {
    let found = who.place.find(console)?;
    let by = by(who)?;
    if let Some(exit) = asked(console, &found, &word, &by, &because)? {
        return Ok(exit);
    }
    match ending(&found.folder()) {
        Some(ending) => Err(Failure::could_not_run(format!(
            "refused: the rollout of release {} is over: {ending}",
            found.id.as_str()
        ))),
        None => Err(Failure::could_not_run(format!(
            "nobody runs release {0}, so nobody can take `{1}`; `spark run RULES --release {0} --config FILE` takes it up again, and \
             `spark status --release {0}` says where it is",
            found.id.as_str(),
            word.as_str()
        ))),
    }
}

fn by(who: &WhoArgs) -> Result<String, Failure> {
    let by = who.by.clone().or_else(operator);
    by.ok_or_else(|| Failure::bad_arguments("say with --by who you are: the account has no name"))
}

/// Says a word to the runner; none where nobody runs the release.
#[cfg(unix)]
fn asked(
    console: &mut Console,
    found: &Found,
    word: &Word,
    by: &str,
    because: &str,
) -> Result<Option<Exit>, Failure> {
    let question = Ask::Say { word: word.clone(), by: by.to_owned(), because: because.to_owned() };
    let answer = match control::ask(&found.folder(), &question, ANSWER_WITHIN) {
        Err(control::ControlError::Nobody(_)) => match &found.place {
            JournalPlace::Folder => return Ok(None),
            JournalPlace::Postgres(database) => {
                match super::shared::ask(database, &found.id, word, by, because)? {
                    None => return Ok(None),
                    Some(answer) => answer,
                }
            }
        },
        answer => answer.map_err(|error| Failure::of(&error))?,
    };
    match answer {
        Answer::Taken { words } => {
            console.line(format!("release {}: {words}", found.id.as_str()));
            Ok(Some(Exit::Done))
        }
        Answer::Refused { words } => Err(Failure::could_not_run(format!("refused: {words}"))),
        Answer::Failed { words } => Err(Failure::could_not_run(words)),
        Answer::Status { .. } => Err(Failure::could_not_run("the runner answered something else")),
    }
}

#[cfg(not(unix))]
fn asked(_: &mut Console, _: &Found, _: &Word, _: &str, _: &str) -> Result<Option<Exit>, Failure> {
    Ok(None)
}

/// Says what became of a word that was said in this process.
pub(crate) fn told(answer: &Answer) {
    match answer {
        Answer::Taken { words } => say(words),
        Answer::Refused { words } | Answer::Failed { words } => say(&format!("refused: {words}")),
        Answer::Status { .. } => {}
    }
}
