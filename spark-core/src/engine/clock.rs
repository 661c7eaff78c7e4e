//! What conditions remember between evaluations: the clocks of `for`, and sequences.

use serde::{Deserialize, Serialize};

use crate::decision::Unknown;
use crate::time::{TimeSpan, Timestamp};

/// Truth at an instant, with the cause where it is unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    True,
    False,
    Unknown(Unknown),
}

impl Outcome {
    pub(super) const fn of(holds: bool) -> Self {
        if holds { Self::True } else { Self::False }
    }

    pub(super) const fn is_true(self) -> bool {
        matches!(self, Self::True)
    }

    pub(super) const fn is_false(self) -> bool {
        matches!(self, Self::False)
    }

    /// Why it is unknown.
    pub(super) const fn cause(self) -> Option<Unknown> {
        match self {
            Self::Unknown(cause) => Some(cause),
            Self::True | Self::False => None,
        }
    }

    /// Kleene's `and`: false wins, then unknown; of several causes the first stays.
    pub(super) const fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::False, _) | (_, Self::False) => Self::False,
            (Self::Unknown(cause), _) | (_, Self::Unknown(cause)) => Self::Unknown(cause),
            (Self::True, Self::True) => Self::True,
        }
    }

    /// Kleene's `or`: true wins, then unknown; of several causes the first stays.
    pub(super) const fn or(self, other: Self) -> Self {
        match (self, other) {
            (Self::True, _) | (_, Self::True) => Self::True,
            (Self::Unknown(cause), _) | (_, Self::Unknown(cause)) => Self::Unknown(cause),
            (Self::False, Self::False) => Self::False,
        }
    }

    /// Kleene's `not`: unknown stays unknown.
    pub(super) const fn negated(self) -> Self {
        match self {
            Self::True => Self::False,
            Self::False => Self::True,
            unknown @ Self::Unknown(_) => unknown,
        }
    }
}

/// The clock of a `for`: it adds up evidence, not time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) enum Clock {
    /// Nothing is true, or nothing was since it started over.
    #[default]
    Stopped,
    /// It was true at the last evaluation.
    Adding {
        /// The first instant of the run of truth.
        start: Timestamp,
        /// Evidence added up.
        held: TimeSpan,
        /// The evaluation before.
        last_true: Timestamp,
    },
    /// It was unknown at the last evaluation.
    Doubted {
        /// The first instant of the run of truth.
        start: Timestamp,
        /// Evidence added up.
        held: TimeSpan,
        /// The first instant of the unknown run.
        unknown_since: Timestamp,
    },
}

impl Clock {
    /// Takes one evaluation in. `duration` is the `for`; an interval longer than `reach` is no evidence.
    pub(super) fn advance(
        &mut self,
        at: Timestamp,
        inner: Outcome,
        duration: TimeSpan,
        reach: TimeSpan,
    ) -> Outcome {
        match inner {
            Outcome::False => {
                *self = Self::Stopped;
                Outcome::False
            }
            Outcome::Unknown(cause) => {
                *self = match *self {
                    Self::Stopped => Self::Stopped,
                    Self::Adding { start, held, .. } => Self::Doubted { start, held, unknown_since: at },
                    Self::Doubted { unknown_since, .. } if at.since(unknown_since) > duration => {
                        Self::Stopped
                    }
                    doubted @ Self::Doubted { .. } => doubted,
                };
                Outcome::Unknown(cause)
            }
            Outcome::True => {
                let (start, held) = match *self {
                    Self::Stopped => (at, TimeSpan::ZERO),
                    Self::Adding { start, held, last_true } => {
                        let since = at.since(last_true);
                        (start, if since <= reach { held.plus(since) } else { held })
                    }
                    Self::Doubted { start, held, .. } => (start, held),
                };
                *self = Self::Adding { start, held, last_true: at };
                Outcome::of(held >= duration)
            }
        }
    }

    /// One that began to run at an evaluation.
    pub(super) const fn running_since(start: Timestamp) -> Self {
        Self::Adding { start, held: TimeSpan::ZERO, last_true: start }
    }

    /// The last instant that it saw, where it adds up from there.
    pub(super) const fn adds_since(&self) -> Option<Timestamp> {
        match self {
            Self::Adding { last_true, .. } => Some(*last_true),
            Self::Stopped | Self::Doubted { .. } => None,
        }
    }

    /// Takes in that all was as true as at the last instant that it saw, at each evaluation up to `at`, no two of them
    /// farther apart than is evidence.
    #[must_use]
    pub(super) const fn up_to(self, at: Timestamp) -> Self {
        match self {
            Self::Adding { start, held, last_true } => {
                Self::Adding { start, held: held.plus(at.since(last_true)), last_true: at }
            }
            other => other,
        }
    }

    /// When it comes to its end by itself, or starts over, if all stays as it is at `at`.
    pub(super) fn next_turn(&self, at: Timestamp, duration: TimeSpan) -> Option<Timestamp> {
        match *self {
            Self::Adding { held, last_true, .. } if last_true == at => {
                (held < duration).then(|| at.plus(self.missing(duration)))
            }
            Self::Doubted { unknown_since, .. } => {
                Some(unknown_since.plus(duration).plus(TimeSpan::from_nanos(1)))
            }
            Self::Stopped | Self::Adding { .. } => None,
        }
    }

    /// The first instant of the run of truth, while it runs.
    pub(super) const fn start(&self) -> Option<Timestamp> {
        match self {
            Self::Adding { start, .. } | Self::Doubted { start, .. } => Some(*start),
            Self::Stopped => None,
        }
    }

    /// What is still missing of `duration`.
    pub(super) const fn missing(&self, duration: TimeSpan) -> TimeSpan {
        match self {
            Self::Adding { held, .. } | Self::Doubted { held, .. } => duration.minus(*held),
            Self::Stopped => duration,
        }
    }
}

/// What B's present run of truth may be: it came after A's turn, or it did not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Run {
    /// It may have come after A turned true.
    followed: bool,
    /// It may have come without.
    alone: bool,
}

/// What `A then B within d` remembers.
///
/// Unknown instants of A and B may have been true or false. It answers false only where it is false whichever they
/// were. It answers true where A was seen to turn true and B after it: what is true, and was not known to be, turns true
/// now; and a run of B that followed A lasts over unknown instants in it, as a `for` does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct Sequence {
    /// A was seen to turn true then: it was not known to be true before.
    surely_rose: Option<Timestamp>,
    /// A may have turned true then, and not later.
    maybe_rose: Option<Timestamp>,
    /// Whether A was true when it was last known; before the first instant it was not.
    first_was_true: bool,
    /// The first of A's latest unknown instants.
    first_unknown_since: Option<Timestamp>,
    /// B's run, if B may be true.
    run: Option<Run>,
    /// B may be false.
    then_may_be_off: bool,
    /// B was true when it was last known, in this run.
    seen: Option<Run>,
}

impl Sequence {
    /// Takes one evaluation of A and B in.
    pub(super) fn advance(
        &mut self,
        at: Timestamp,
        first: Outcome,
        then: Outcome,
        within: TimeSpan,
    ) -> Outcome {
        self.first(at, first);
        let reached = |rose: Option<Timestamp>| rose.is_some_and(|rose| at.since(rose) <= within);
        let risen = Run { followed: reached(self.maybe_rose), alone: !reached(self.surely_rose) };
        match then {
            Outcome::False => {
                (self.run, self.seen, self.then_may_be_off) = (None, None, true);
                Outcome::False
            }
            Outcome::True => {
                let run = match (self.seen, self.run, self.then_may_be_off) {
                    (Some(seen), _, _) if !seen.alone => seen,
                    // it was not seen to be true before, so it turns true now
                    (None, _, true) if !risen.alone => risen,
                    (_, Some(run), true) => {
                        Run { followed: run.followed || risen.followed, alone: run.alone || risen.alone }
                    }
                    (_, Some(run), false) => run,
                    (_, None, _) => risen,
                };
                (self.run, self.seen, self.then_may_be_off) = (Some(run), Some(run), false);
                match (run.followed, run.alone) {
                    (true, false) => Outcome::True,
                    (false, _) => Outcome::False,
                    (true, true) => Outcome::Unknown(Unknown::SequenceUncertain),
                }
            }
            Outcome::Unknown(cause) => {
                let run = match (self.run, self.then_may_be_off) {
                    (Some(run), false) => run,
                    (Some(run), true) => {
                        Run { followed: run.followed || risen.followed, alone: run.alone || risen.alone }
                    }
                    (None, _) => risen,
                };
                (self.run, self.then_may_be_off) = (Some(run), true);
                if run.followed { Outcome::Unknown(cause) } else { Outcome::False }
            }
        }
    }

    /// Follows A's turns.
    fn first(&mut self, at: Timestamp, first: Outcome) {
        match first {
            Outcome::True => {
                if !self.first_was_true {
                    (self.surely_rose, self.maybe_rose) = (Some(at), Some(at));
                } else if self.first_unknown_since.is_some() {
                    // it may have been false in between
                    self.maybe_rose = Some(at);
                }
                (self.first_was_true, self.first_unknown_since) = (true, None);
            }
            Outcome::False => (self.first_was_true, self.first_unknown_since) = (false, None),
            Outcome::Unknown(_) => {
                // right after a true instant it cannot turn true
                if self.first_unknown_since.is_some() || !self.first_was_true {
                    self.maybe_rose = Some(at);
                }
                self.first_unknown_since.get_or_insert(at);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVERY: u32 = 15;

    fn outcome(letter: char) -> Outcome {
        match letter {
            'T' => Outcome::True,
            'F' => Outcome::False,
            _ => Outcome::Unknown(Unknown::TooLittleEvidence),
        }
    }

    fn letter(outcome: Outcome) -> char {
        match outcome {
            Outcome::True => 'T',
            Outcome::False => 'F',
            Outcome::Unknown(_) => '?',
        }
    }

    fn instant(place: usize) -> Timestamp {
        Timestamp::EPOCH.plus(TimeSpan::from_seconds(EVERY).times(u32::try_from(place).unwrap()))
    }

    fn check_clock(inner: &str, seconds: u32, expected: &str) {
        let mut clock = Clock::default();
        let (duration, reach) = (TimeSpan::from_seconds(seconds), TimeSpan::from_seconds(45));
        let found: String = inner
            .chars()
            .enumerate()
            .map(|(place, truth)| letter(clock.advance(instant(place), outcome(truth), duration, reach)))
            .collect();
        assert_eq!(found, expected, "{inner} for {seconds}s, every {EVERY}s");
    }

    /// `for` holds once evidence for that long has been added up; false starts it over, unknown adds nothing.
    #[test]
    fn evidence_is_added_up() {
        check_clock("TTTTT", 60, "FFFFT");
        check_clock("TTTFTTTTT", 60, "FFFFFFFFT");
        check_clock("T", 0, "T");
        check_clock("T?", 0, "T?");
        // the two intervals that touch an unknown instant add nothing
        check_clock("TTT?TTTT", 60, "FFF?FFTT");
        // an unknown run of 60 s, not longer than 60 s, is survived: 15 s are held
        check_clock("TT?????TTTTT", 60, "FF?????FFFTT");
        // one of 75 s is not: it starts over
        check_clock("TT??????TTTTT", 60, "FF??????FFFFT");
    }

    /// An interval longer than `stale after` is no evidence, whatever its ends say.
    #[test]
    fn long_intervals_add_nothing() {
        let mut clock = Clock::default();
        let (duration, reach) = (TimeSpan::from_seconds(60), TimeSpan::from_seconds(45));
        for (second, expected) in [(0, 'F'), (45, 'F'), (91, 'F'), (106, 'T')] {
            let at = Timestamp::EPOCH.plus(TimeSpan::from_seconds(second));
            assert_eq!(letter(clock.advance(at, Outcome::True, duration, reach)), expected, "{second}");
        }
    }

    fn check_sequence(first: &str, then: &str, expected: &str) {
        let mut sequence = Sequence::default();
        let found: String = first
            .chars()
            .zip(then.chars())
            .enumerate()
            .map(|(place, (a, b))| {
                letter(sequence.advance(instant(place), outcome(a), outcome(b), TimeSpan::from_seconds(30)))
            })
            .collect();
        assert_eq!(found, expected, "{first} then {then} within 30s");
    }

    /// A sequence is true from the instant at which B turns true, if A turned true at most `within` before it.
    #[test]
    fn sequences() {
        check_sequence("FTTTT", "FFTTF", "FFTTF");
        check_sequence("FTFFF", "FFFTT", "FFFTT");
        check_sequence("FTFFFF", "FFFFTT", "FFFFFF");
        check_sequence("TTTT", "TTTT", "TTTT");
        // B came first: A's turn afterwards does not count
        check_sequence("FFTT", "FTTT", "FFFF");
        // the latest A counts
        check_sequence("TFFTF", "FFFFT", "FFFFT");
        // unknown before B turns true leaves the order uncertain
        check_sequence("F?FF", "FTTF", "F??F");
        // a lost sample of B does not end its run
        check_sequence("FTTTT", "FFT?T", "FFT?T");
        // one of A may hide that it turned false and true again
        check_sequence("TTTT?T", "FFFFFT", "FFFFF?");
        check_sequence("TTTT?TTTT", "FFFFFFFFT", "FFFFFFFFF");
        // what was not known to be true, and is, turns true now
        check_sequence("F?TF", "FFFT", "FFFT");
        check_sequence("F??TF", "FFFFT", "FFFFT");
        check_sequence("???T", "???T", "???T");
    }

    /// A longer `within` is never less true: what was true stays true, and what was unknown does not become false.
    #[test]
    fn longer_sequences_are_truer() {
        const ALL: [char; 3] = ['F', '?', 'T'];
        let rank = |outcome| ALL.iter().position(|one| *one == letter(outcome)).unwrap();
        // every history of five instants
        for history in 0..9usize.pow(5) {
            let mut sequences: [Sequence; 4] = Default::default();
            let mut left = history;
            for place in 0..5 {
                let (first, then) = (outcome(ALL[left % 3]), outcome(ALL[left / 3 % 3]));
                left /= 9;
                let ranks: Vec<_> = (0..)
                    .zip(&mut sequences)
                    .map(|(n, sequence)| {
                        let within = TimeSpan::from_seconds(EVERY).times(n);
                        rank(sequence.advance(instant(place), first, then, within))
                    })
                    .collect();
                assert!(ranks.is_sorted(), "history {history} at {place}: {ranks:?}");
            }
        }
    }

    /// Where B is not known, a sequence that may have begun is not false.
    #[test]
    fn unknown_sequences() {
        check_sequence("TTTTTT", "??????", "??????");
        check_sequence("FFFFFF", "??????", "FFFFFF");
        check_sequence("FFFF??", "TTTT??", "FFFFF?");
        check_sequence("?TTTTT", "??????", "??????");
        check_sequence("FFFFFF", "TT?TT?", "FFFFFF");
        check_sequence("TFFFFF", "F?F?TT", "F?FFFF");
        check_sequence("TFFFFF", "F??TTF", "F????F");
    }
}
