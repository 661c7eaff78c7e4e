//! Operators' words on their way to the runner: whoever has a [`Speaker`] says them, and the runner takes them from [`Words`].

use std::collections::BTreeMap;

use spark_core::rollout::Word;
use tokio::sync::{mpsc, oneshot};

use super::protocol::{Answer, wrong_words};
use crate::runner::{Inbox, Spoken};

/// Words that wait for the runner; one more is refused at once.
pub const WAITING_MAX: usize = 16;

/// A word on its way, with who waits for the answer.
#[derive(Debug)]
struct Said {
    word: Word,
    by: String,
    because: String,
    answer: oneshot::Sender<Answer>,
}

/// Says words to the runner of this process; its clones say them to the same one.
#[derive(Debug, Clone)]
pub struct Speaker {
    say: mpsc::Sender<Said>,
}

/// A word's answer, on its way back.
#[derive(Debug)]
pub struct Answered(oneshot::Receiver<Answer>);

impl Answered {
    /// Waits until the runner has recorded the word, or refused it.
    pub async fn get(self) -> Answer {
        self.0.await.unwrap_or_else(|_| Answer::Failed {
            words: "the runner ended before it answered: `spark status` says whether the word was taken"
                .to_owned(),
        })
    }
}

impl Speaker {
    /// Hands a word to the runner.
    ///
    /// # Errors
    /// It cannot be one, or too many wait; the answer says which.
    pub fn hand(&self, word: Word, by: String, because: String) -> Result<Answered, Answer> {
        if let Some(words) = wrong_words(&word, &by, &because) {
            return Err(Answer::Refused { words });
        }
        let (answer, answered) = oneshot::channel();
        match self.say.try_send(Said { word, by, because, answer }) {
            Ok(()) => Ok(Answered(answered)),
            Err(_) => {
                Err(Answer::Failed { words: format!("{WAITING_MAX} words wait for the runner: come again") })
            }
        }
    }
}

/// The runner's inbox.
#[derive(Debug)]
pub struct Words {
    said: mpsc::Receiver<Said>,
    waiting: BTreeMap<u64, oneshot::Sender<Answer>>,
    next: u64,
}

/// An inbox, and who speaks into it.
pub fn words() -> (Speaker, Words) {
    let (say, said) = mpsc::channel(WAITING_MAX);
    (Speaker { say }, Words { said, waiting: BTreeMap::new(), next: 0 })
}

impl Inbox for Words {
    async fn next(&mut self) -> Spoken {
        let Some(Said { word, by, because, answer }) = self.said.recv().await else {
            return std::future::pending().await;
        };
        self.next = self.next.saturating_add(1);
        self.waiting.insert(self.next, answer);
        Spoken { id: self.next, by, because, word }
    }

    async fn answer(&mut self, spoken: &Spoken, answer: Result<String, String>) {
        let answer = match answer {
            Ok(words) => Answer::Taken { words },
            Err(words) => Answer::Refused { words },
        };
        if let Some(waiting) = self.waiting.remove(&spoken.id) {
            // who asked may have gone away; the word is recorded all the same
            let _ = waiting.send(answer);
        }
    }
}
