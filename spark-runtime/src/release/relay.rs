//! Carries operators' words from the database to the runner, and its answers back.

use std::time::Duration;

use serde_json::json;
use spark_core::rollout::Word;
use tokio::task::JoinHandle;

use crate::control::{Answer, Speaker};
use crate::journal::AnyJournal;
use crate::journal::postgres::{Desk, Spoken};

/// How often is looked for words: an operator waits that long at most before the runner hears one.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Words that were carried and could not be answered yet; they are not carried twice.
const CARRIED_MAX: usize = 1000;

/// Carries words as long as it is kept.
#[derive(Debug)]
pub struct Relay(Option<JoinHandle<()>>);

impl Relay {
    /// Where the words of a journal are, before the runner takes it; none where they come through the socket alone.
    pub fn desk(journal: &AnyJournal) -> Option<Desk> {
        match journal {
            AnyJournal::File(_) => None,
            AnyJournal::Postgres(journal) => Some(journal.desk()),
        }
    }

    /// Begins to carry.
    pub fn start(desk: Option<Desk>, speaker: Speaker) -> Self {
        Self(desk.map(|desk| tokio::spawn(carry(desk, speaker))))
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        if let Some(task) = &self.0 {
            task.abort();
        }
    }
}

async fn carry(mut desk: Desk, speaker: Speaker) {
    let mut carried: Vec<i64> = Vec::new();
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        // a database that cannot be asked is the journal's to tell of
        let Ok(waiting) = desk.waiting().await else { continue };
        for spoken in waiting {
            if carried.contains(&spoken.id) {
                continue;
            }
            if carried.len() >= CARRIED_MAX {
                carried.remove(0);
            }
            carried.push(spoken.id);
            let Some(answer) = hear(&desk, &spoken, &speaker).await else { continue };
            let text = serde_json::to_string(&answer).unwrap_or_default();
            // who asked looks into the journal where no answer comes
            let _ = desk.answer(spoken.id, &text).await;
        }
    }
}

/// Hands a word to the runner; none where it ended before it answered, and the next runner may hear it.
async fn hear(desk: &Desk, spoken: &Spoken, speaker: &Speaker) -> Option<Answer> {
    let Spoken { id, word, by, because, .. } = spoken;
    let word: Word = match serde_json::from_str(word) {
        Ok(word) => word,
        Err(error) => return Some(Answer::Refused { words: format!("it is no word: {error}") }),
    };
    if let serde_json::Value::Object(members) =
        json!({ "fact": "word", "by": by, "because": because, "said": &word })
    {
        desk.hand(*id, members);
    }
    match speaker.hand(word, by.clone(), because.clone()) {
        Err(answer) => Some(answer),
        Ok(answered) => match answered.get().await {
            Answer::Failed { .. } => None,
            answer => Some(answer),
        },
    }
}
