//! History: a question over a range, in chunks that Prometheus can answer.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use spark_core::{Sample, TimeSpan, Timestamp};

use super::question::{Question, When};
use super::{Reach, Server, SourceError, Unanswered, join};

/// Most points of a series that Prometheus gives in one answer (its own, fixed limit).
const POINTS_PER_ANSWER: u32 = 11_000;

/// Into how many pieces a query is divided that was not answered in time.
const PIECES: u32 = 8;

/// Fewest points that are asked for at once: an hour at 15 s is 240, and what cannot be computed for an hour within
/// the time that a user grants is not divided further.
const POINTS_MIN: u32 = 250;

/// Most instants of one range: half a million are three months at 15 s, and with 40 signals some gigabytes.
const STEPS_MAX: u32 = 500_000;

/// How many of a range's queries are done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answered {
    /// How many were answered or failed.
    pub done: u64,
    /// How many there are.
    pub of: u64,
}

/// A piece of a range for which a signal's query was not answered: its readings there are failed ones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unheard {
    /// The signal.
    pub signal: String,
    /// The first instant of the piece.
    pub from: Timestamp,
    /// The last.
    pub to: Timestamp,
    /// Why.
    pub words: String,
}

/// Counts a range's queries.
pub(super) struct Count {
    pub(super) done: AtomicUsize,
    pub(super) of: usize,
    pub(super) told: Arc<dyn Fn(Answered) + Send + Sync>,
}

impl Count {
    fn one_more(&self) {
        let done = self.done.fetch_add(1, Ordering::Relaxed).saturating_add(1);
        let count = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
        (self.told)(Answered { done: count(done), of: count(self.of) });
    }
}

/// What the chunks of a range gave for one question.
#[derive(Debug, Clone, Default)]
pub(super) struct History {
    pub(super) samples: Vec<Sample>,
    pub(super) answered: bool,
    pub(super) failure: Option<String>,
    /// The pieces without an answer; those that follow each other for one reason are one.
    pub(super) unheard: Vec<Unheard>,
}

impl History {
    fn unheard(&mut self, question: &Question, when: When, words: &str) {
        let Some(from) = when.instants().next() else { return };
        let to = when.instants().last().unwrap_or(from);
        match self.unheard.last_mut() {
            Some(last) if last.words == words => last.to = to,
            _ => self.unheard.push(Unheard {
                signal: question.name.clone(),
                from,
                to,
                words: words.to_owned(),
            }),
        }
    }
}

impl Server {
    /// What the chunks of a range give for one question.
    pub(super) async fn over_chunks(
        &self,
        question: &Question,
        chunks: &[When],
        reach: &Reach,
        count: &Count,
    ) -> History {
        let mut history = History::default();
        let mut joined = join::Joined::default();
        let mut lost: Option<String> = None;
        let mut waiting: VecDeque<(When, bool)> = chunks.iter().map(|when| (*when, true)).collect();
        let mut most = POINTS_PER_ANSWER;
        while let Some((when, ends_chunk)) = waiting.pop_front() {
            if lost.is_none() && when.count() > most {
                let pieces = when.pieces(most);
                let last = pieces.len().saturating_sub(1);
                for (place, piece) in pieces.into_iter().enumerate().rev() {
                    waiting.push_front((piece, ends_chunk && place == last));
                }
                continue;
            }
            let answer = match &lost {
                // a source that was lost once is not waited for again, chunk by chunk
                Some(words) => Err(words.clone()),
                None => match self.answer(question, when, reach).await {
                    Ok(answer) => Ok(answer),
                    Err(Unanswered::Refused(words)) => Err(words),
                    Err(Unanswered::Late(_)) if when.count() > POINTS_MIN && !reach.is_given_up() => {
                        // less of it at a time, from here on: what was too much now is too much later
                        most = when.count().div_ceil(PIECES).max(POINTS_MIN);
                        waiting.push_front((when, ends_chunk));
                        continue;
                    }
                    Err(Unanswered::Lost(words) | Unanswered::Late(words)) => {
                        lost = Some(words.clone());
                        Err(words)
                    }
                },
            };
            match answer {
                Ok(answer) => {
                    history.answered = true;
                    joined.add(question, &answer, when, &mut history.samples);
                }
                Err(words) => {
                    history.unheard(question, when, &words);
                    let instants = when.instants();
                    history.samples.extend(instants.flat_map(|at| question.failed(at, &words)));
                    history.failure.get_or_insert(words);
                }
            }
            if ends_chunk {
                count.one_more();
            }
        }
        history
    }
}

/// A range in chunks of what Prometheus gives in one answer.
pub(super) fn chunks(from: Timestamp, to: Timestamp, step: TimeSpan) -> Result<Vec<When>, SourceError> {
    if to < from {
        return Err(SourceError::Range(format!("the range ends at {to}, before it begins at {from}")));
    }
    if step < TimeSpan::from_nanos(1_000_000) {
        return Err(SourceError::Range(format!("the step is {step}: at least 1ms is needed")));
    }
    let steps = to.since(from).nanos().checked_div(step.nanos()).unwrap_or_default();
    if steps >= i64::from(STEPS_MAX) {
        return Err(SourceError::Range(format!(
            "the range has {steps} steps of {step}, and at most {STEPS_MAX} are asked for: take a longer step"
        )));
    }
    Ok(When::Range { from, to, step }.pieces(POINTS_PER_ANSWER))
}
