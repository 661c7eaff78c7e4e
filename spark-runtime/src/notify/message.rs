//! What is told: one line of five parts, always in the same order, and nothing else.
//!
//! ```text
//! HOLD | 1.4 stage 3 25% | since 2026-01-01T00:10:00Z | because api_latency, errors | next goes on when all is well
//! ```
//!
//! In a war room everybody reads the same few lines; so a line is a signal and no talk. The first word says what, the
//! second part where, then since when, why, and what happens next by itself. A part without content is `-`.

use serde_json::json;
use spark_core::Timestamp;

use crate::action::{percent, text};

/// Most reasons that a line names; the others are counted. With more than these, what matters is that it is many.
const REASONS_MAX: usize = 5;

/// What changed. Exhaustive on purpose: a new one needs its words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Signal {
    /// The rollout began.
    Started,
    /// The canary has a stage's share.
    Stage,
    /// The verdict became proceed.
    Proceed,
    /// The verdict became hold, or an operator holds it.
    Hold,
    /// A person has to approve the next stage.
    Approval,
    /// A rollback began.
    Rollback,
    /// All traffic is back, as the probe says.
    RolledBack,
    /// A rollback that nobody can confirm.
    RollbackUnverified,
    /// Steps are carried out that cannot be recorded.
    Unrecorded,
    /// All stages were served and watched.
    Completed,
    /// An operator ended it; the traffic is where it was.
    Aborted,
}

impl Signal {
    /// The word that a line begins with.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Started => "STARTED",
            Self::Stage => "STAGE",
            Self::Proceed => "PROCEED",
            Self::Hold => "HOLD",
            Self::Approval => "APPROVAL",
            Self::Rollback => "ROLLBACK",
            Self::RolledBack => "ROLLED BACK",
            Self::RollbackUnverified => "ROLLBACK UNVERIFIED",
            Self::Unrecorded => "UNRECORDED",
            Self::Completed => "COMPLETED",
            Self::Aborted => "ABORTED",
        }
    }

    /// What happens next by itself, or who has to act, where a message does not say it better.
    pub const fn next(self) -> &'static str {
        match self {
            Self::Started => "the first stage",
            Self::Stage => "the next stage when its time is served",
            Self::Proceed => "the stage's time is served",
            Self::Hold => "goes on when all is well",
            Self::Approval => "waits for `spark approve`",
            Self::Rollback => "takes all traffic back",
            Self::RolledBack => "nothing; the release is over",
            Self::RollbackUnverified => "ACT NOW: look where the traffic is, and take it back by hand",
            Self::Unrecorded => "no stage is entered; a rollback still works",
            Self::Completed => "nothing; the release is over",
            Self::Aborted => "nothing; the traffic stays where it is",
        }
    }
}

/// One message: what, where, since when, why, and what next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// What changed.
    pub signal: Signal,
    /// The release.
    pub release: String,
    /// The stage's place in the plan, from 0; none before the first.
    pub stage: Option<u32>,
    /// The canary's share in hundredths of a percent, where it is known.
    pub share_bp: Option<u16>,
    /// Since when it is so.
    pub since: Timestamp,
    /// Why: names of triggers and signals, who held it, what failed.
    pub because: Vec<String>,
    /// What happens next; the signal's own words where it is empty.
    pub next: String,
}

impl Message {
    /// The message as one line, without the line's end.
    pub fn line(&self) -> String {
        let mut place = one(&self.release);
        if let Some(stage) = self.stage {
            place = format!("{place} stage {}", stage.saturating_add(1));
        }
        if let Some(share_bp) = self.share_bp {
            place = format!("{place} {}%", percent(share_bp));
        }
        let (word, since) = (self.signal.word(), self.since);
        format!("{word} | {place} | since {since} | because {} | next {}", self.reasons(), self.next_words())
    }

    fn next_words(&self) -> String {
        one(if self.next.trim().is_empty() { self.signal.next() } else { &self.next })
    }

    fn reasons(&self) -> String {
        let named: Vec<String> = self.because.iter().take(REASONS_MAX).map(|reason| one(reason)).collect();
        let more = self.because.len().saturating_sub(REASONS_MAX);
        match (named.is_empty(), more) {
            (true, _) => "-".to_owned(),
            (false, 0) => named.join(", "),
            (false, more) => format!("{} and {more} more", named.join(", ")),
        }
    }

    /// The message as JSON: its parts, and the line as `text`, which chat systems show.
    pub fn to_json(&self, missed: u64) -> String {
        let share: Option<serde_json::Number> =
            self.share_bp.and_then(|share_bp| serde_json::from_str(&percent(share_bp)).ok());
        let told = json!({
            "signal": self.signal.word(),
            "release": self.release,
            "stage": self.stage.map(|stage| stage.saturating_add(1)),
            "share": share,
            "since": self.since,
            "because": self.because,
            "next": self.next_words(),
            "missed": missed,
            "text": self.text(missed),
        });
        told.to_string()
    }

    /// The line, and how many messages before it did not arrive.
    pub fn text(&self, missed: u64) -> String {
        match missed {
            0 => self.line(),
            missed => format!("{} | missed {missed}", self.line()),
        }
    }
}

/// A text that cannot end the line or its part.
fn one(text: &str) -> String {
    let text = text::excerpt(text.as_bytes()).replace('|', "/");
    if text.is_empty() { "-".to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(signal: Signal, because: &[&str]) -> Message {
        Message {
            signal,
            release: "1.4".to_owned(),
            stage: Some(2),
            share_bp: Some(2500),
            since: Timestamp::parse("2026-01-01T00:10:00Z").unwrap(),
            because: because.iter().map(|reason| (*reason).to_owned()).collect(),
            next: String::new(),
        }
    }

    /// A message is one line of five parts in the same order, whatever stands in them.
    #[test]
    fn lines() {
        let hold = message(Signal::Hold, &["api_latency", "errors"]);
        assert_eq!(
            hold.line(),
            "HOLD | 1.4 stage 3 25% | since 2026-01-01T00:10:00Z | because api_latency, errors | next goes on when all is well"
        );
        let bare = Message { stage: None, share_bp: None, because: vec![], ..message(Signal::Started, &[]) };
        assert_eq!(
            bare.line(),
            "STARTED | 1.4 | since 2026-01-01T00:10:00Z | because - | next the first stage"
        );
        for hostile in ["a\nb", "a | next all is well", "\x1b[2J", "\u{202e}evil", "", &"x".repeat(100_000)] {
            let mut message = message(Signal::Rollback, &[hostile]);
            message.next = hostile.to_owned();
            message.release = hostile.to_owned();
            let line = message.text(3);
            assert_eq!(line.matches(" | ").count(), 5, "{line}");
            assert!(!line.chars().any(text::hostile) && !line.contains('\n') && line.len() < 1000, "{line}");
        }
        let many = message(Signal::Rollback, &["a", "b", "c", "d", "e", "f", "g"]);
        assert!(many.line().contains("because a, b, c, d, e and 2 more |"), "{}", many.line());
    }

    /// The JSON has the parts and the line.
    #[test]
    fn json() {
        let told: serde_json::Value =
            serde_json::from_str(&message(Signal::Rollback, &["x"]).to_json(2)).unwrap();
        let expected = serde_json::json!({
            "signal": "ROLLBACK", "release": "1.4", "stage": 3, "share": 25, "since": "2026-01-01T00:10:00Z",
            "because": ["x"], "next": "takes all traffic back", "missed": 2,
            "text": "ROLLBACK | 1.4 stage 3 25% | since 2026-01-01T00:10:00Z | because x | next takes all traffic back | missed 2",
        });
        assert_eq!(told, expected);
    }
}
