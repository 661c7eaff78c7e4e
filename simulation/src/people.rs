//! The operators: they say the right thing, the wrong thing, and nothing.

use spark_core::rollout::Word;
use spark_core::{TimeSpan, Timestamp};
use spark_runtime::runner::{Inbox, Spoken};

use crate::fault::Fault;
use crate::rng::Rng;
use crate::world::{DAY, SECOND, Shared, Utterance, lock, wait};

/// How often they approve and let go of once all is calm.
const CALM_EVERY: i64 = 2 * SECOND;

/// How long they wait for a rollout that compares with a stage before it: what went wrong there stands for good.
const GIVE_UP: i64 = 120 * SECOND;

/// What is said in a rollout, by time; they give it up where `compares` says that it may hold for good.
pub fn script(
    rng: &mut Rng,
    (talk, compares): (u64, bool),
    triggers: &[String],
    until: i64,
    deadline: i64,
) -> Vec<Utterance> {
    let mut said = Vec::new();
    let mut at = rng.range(0, 3 * SECOND);
    while talk > 0 && at < until {
        said.push(Utterance { at, word: word(rng, triggers, at) });
        // some say two things at once
        at += if rng.permille(100) { 0 } else { rng.range(0, 20_000 / talk as i64 + 1) * SECOND / 1000 };
    }
    let mut at = until;
    while at < deadline {
        said.push(Utterance { at, word: Word::Resume });
        said.push(Utterance { at, word: Word::Approve });
        if compares && at - until > GIVE_UP {
            let reason = "it holds for good".to_owned();
            said.push(Utterance { at, word: Word::Rollback { reason, stage: None } });
        }
        at += CALM_EVERY;
    }
    said
}

fn word(rng: &mut Rng, triggers: &[String], at: i64) -> Word {
    match rng.below(200) {
        0..=39 => Word::Hold,
        40..=89 => Word::Resume,
        90..=149 => Word::Approve,
        150..=169 => Word::Promote,
        170..=187 => {
            let after = rng.range(-1, 9) * SECOND;
            let unknown = triggers.is_empty() || rng.permille(100);
            let trigger = if unknown { "nobody".to_owned() } else { rng.pick(triggers).clone() };
            Word::Override {
                trigger,
                until: Timestamp::from_nanos(DAY + at).plus(TimeSpan::from_nanos(after)),
            }
        }
        188..=195 => Word::Rollback { reason: "it looks odd".to_owned(), stage: None },
        196..=197 => Word::Abort,
        _ => Word::Approve,
    }
}

/// What reaches one process.
pub struct SimInbox {
    pub world: Shared,
    pub process: usize,
}

impl Inbox for SimInbox {
    async fn next(&mut self) -> Spoken {
        loop {
            let at = {
                let mut world = lock(&self.world);
                match world.words.first() {
                    Some(said) if said.at <= world.now => {
                        let said = world.words.remove(0);
                        let id = world.words.len() as u64;
                        world.tell(|| format!("an operator says {}", said.word.as_str()));
                        return Spoken {
                            id,
                            by: "ops".to_owned(),
                            because: "because".to_owned(),
                            word: said.word,
                        };
                    }
                    Some(said) => said.at,
                    None => i64::MAX,
                }
            };
            wait(&self.world, self.process, at).await;
        }
    }

    async fn answer(&mut self, _: &Spoken, answer: Result<String, String>) {
        if answer.is_err() {
            let mut world = lock(&self.world);
            if !world.calm() {
                world.happens(Fault::WrongWord);
            }
        }
    }
}
