//! Causes of unknown time, without what differs from instant to instant.

use spark_core::{Glance, Policy, SignalId, Track, Unknown};

/// Why a trigger was unknown, the same for a whole spell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Cause {
    cause: Unknown,
    /// Of too little evidence: why `given` was not known, and nothing where it was false.
    given: Option<Unknown>,
}

impl Cause {
    /// Why a trigger is unknown; nothing where it is known.
    pub(super) fn of(glance: Glance) -> Option<Self> {
        Some(Self { cause: kind(glance.cause?), given: glance.given.map(kind) })
    }

    /// In few words, without ages and parts.
    pub(super) fn words(self, policy: &Policy) -> String {
        match (self.cause, self.given) {
            (Unknown::TooLittleEvidence, None) => "too little evidence: `given` is false".to_owned(),
            (cause, None) => words(policy, cause),
            (cause, Some(given)) => format!("{}: {}", words(policy, cause), words(policy, given)),
        }
    }
}

fn words(policy: &Policy, cause: Unknown) -> String {
    let of = |signal: SignalId, track: Track| {
        let name = policy.signal(signal).map_or("?", |signal| signal.name.as_str());
        match track {
            Track::Canary => format!("`{name}`"),
            Track::Baseline => format!("the baseline of `{name}`"),
        }
    };
    match cause {
        Unknown::NoSample(signal, track) => format!("{} has no sample yet", of(signal, track)),
        Unknown::Stale(signal, track, _) => format!("{} is stale", of(signal, track)),
        Unknown::NotANumber(signal, track) => format!("{} is not a number", of(signal, track)),
        Unknown::Infinite(signal, track) => format!("{} is infinite", of(signal, track)),
        Unknown::OutOfRange(signal, track) => format!("{} is beyond what a decimal holds", of(signal, track)),
        Unknown::SourceFailed(signal, track) => format!("the source of {} failed", of(signal, track)),
        Unknown::ShortHistory(signal, track, _) => format!("too little history of {}", of(signal, track)),
        Unknown::TooFewSamples(signal, track) => format!("too few samples of {}", of(signal, track)),
        Unknown::DivisionByZero => "a division by zero, or samples that do not vary".to_owned(),
        Unknown::Overflow => "a result beyond what a decimal holds".to_owned(),
        Unknown::NoPreviousStage => "the stage before was measured too little".to_owned(),
        Unknown::TooLittleEvidence => "too little evidence".to_owned(),
        Unknown::SequenceUncertain => "whether the first part came before is not known".to_owned(),
    }
}

/// The cause without what differs from instant to instant, so that a spell has one.
const fn kind(cause: Unknown) -> Unknown {
    match cause {
        Unknown::Stale(signal, track, _) => Unknown::Stale(signal, track, spark_core::TimeSpan::ZERO),
        Unknown::ShortHistory(signal, track, _) => Unknown::ShortHistory(signal, track, 0),
        other => other,
    }
}
