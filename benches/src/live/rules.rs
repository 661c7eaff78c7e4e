//! The rules that the live engine is timed with, made without text, and their samples.

use std::sync::Arc;

use rust_decimal::Decimal;
use spark_core::{
    Comparison, Condition, Dimension, Expression, Level, PerTime, Policy, PolicyParts, Reading, Relation,
    Sample, Severity, Signal, SignalId, Source, SourceSpan, Test, TimeSpan, Timestamp, Track, Trigger, Unit,
};

/// Signals of [`mixed`].
pub(crate) const SIGNALS: usize = 8;
/// Triggers of [`mixed`].
pub(crate) const TRIGGERS: usize = 20;

/// Milliseconds, as a signal of seconds has them.
pub(crate) fn millis(n: i64) -> Decimal {
    Decimal::new(n, 3)
}

fn above(signal: usize, threshold: i64) -> Condition {
    Condition::Compare(Box::new(Comparison {
        left: Expression::Signal(SignalId(u32::try_from(signal).unwrap_or_default())),
        test: Test::Is(Relation::Above, Expression::Literal(millis(threshold))),
        unit: Unit::of(Dimension::Duration),
        per: PerTime::Second,
        span: SourceSpan::default(),
    }))
}

fn trigger(name: String, condition: Condition, held: TimeSpan) -> Trigger {
    let condition = match held.is_zero() {
        true => condition,
        false => Condition::Held { condition: Box::new(condition), duration: held },
    };
    Trigger {
        name,
        title: None,
        levels: vec![Level { severity: Severity::Rollback, condition, span: SourceSpan::default() }],
        clear: None,
        given: None,
        unless: Vec::new(),
        unknown_rollback_after: None,
        runbook: None,
        owner: None,
        span: SourceSpan::default(),
    }
}

fn policy(signals: usize, triggers: Vec<Trigger>) -> Result<Arc<Policy>, String> {
    let signal = |n: usize| Signal {
        name: format!("s{n}"),
        title: None,
        unit: Unit::of(Dimension::Duration),
        per: PerTime::Second,
        counter: false,
        source: Source::Push,
        scale: Decimal::ONE,
        stale_after: TimeSpan::from_seconds(45),
        expectation: None,
        span: SourceSpan::default(),
    };
    let parts = PolicyParts {
        every: TimeSpan::from_seconds(1),
        signals: (0..signals).map(signal).collect(),
        triggers,
        plans: Vec::new(),
        checks: Vec::new(),
    };
    Policy::new(parts).map(Arc::new).map_err(|error| error.to_string())
}

/// Twenty triggers over eight signals, a half of them of two signals; thresholds from 250 to 820 ms.
pub(crate) fn mixed(held: TimeSpan) -> Result<Arc<Policy>, String> {
    let triggers = (0..TRIGGERS).zip((250..).step_by(30)).map(|(n, threshold)| {
        let (signal, other) = (n % SIGNALS, n.saturating_add(3) % SIGNALS);
        let condition = match n % 4 {
            0 | 1 => above(signal, threshold),
            2 => Condition::All(vec![above(signal, threshold), above(other, 300)]),
            _ => Condition::Any(vec![above(signal, threshold), above(other, 900)]),
        };
        trigger(format!("t{n}"), condition, held)
    });
    policy(SIGNALS, triggers.collect())
}

/// The same triggers as somebody writes them who has no engine; a bit for each.
pub(crate) fn by_hand(s: &[i64; SIGNALS]) -> u32 {
    u32::from(s[0] > 250)
        | u32::from(s[1] > 280) << 1
        | u32::from(s[2] > 310 && s[5] > 300) << 2
        | u32::from(s[3] > 340 || s[6] > 900) << 3
        | u32::from(s[4] > 370) << 4
        | u32::from(s[5] > 400) << 5
        | u32::from(s[6] > 430 && s[1] > 300) << 6
        | u32::from(s[7] > 460 || s[2] > 900) << 7
        | u32::from(s[0] > 490) << 8
        | u32::from(s[1] > 520) << 9
        | u32::from(s[2] > 550 && s[5] > 300) << 10
        | u32::from(s[3] > 580 || s[6] > 900) << 11
        | u32::from(s[4] > 610) << 12
        | u32::from(s[5] > 640) << 13
        | u32::from(s[6] > 670 && s[1] > 300) << 14
        | u32::from(s[7] > 700 || s[2] > 900) << 15
        | u32::from(s[0] > 730) << 16
        | u32::from(s[1] > 760) << 17
        | u32::from(s[2] > 790 && s[5] > 300) << 18
        | u32::from(s[3] > 820 || s[6] > 900) << 19
}

/// So many series, each with triggers of its own: `v > th for 5m`, thresholds spread from 250 to 820 ms.
pub(crate) fn many(series: usize, each: usize) -> Result<Arc<Policy>, String> {
    let held = TimeSpan::from_seconds(300);
    let threshold = |n: usize| {
        let spread = i64::try_from(n.saturating_mul(570)).unwrap_or_default();
        spread.checked_div(i64::try_from(each).unwrap_or(1)).unwrap_or_default().saturating_add(250)
    };
    let of = |signal: usize| {
        (0..each).map(move |n| trigger(format!("t{signal}_{n}"), above(signal, threshold(n)), held))
    };
    policy(series, (0..series).flat_map(of).collect())
}

/// How samples move: below all thresholds, or evenly over them.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Way {
    Calm,
    Hovering,
}

impl Way {
    pub(crate) const ALL: [Self; 2] = [Self::Calm, Self::Hovering];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Calm => "calm",
            Self::Hovering => "hovering",
        }
    }

    /// A value in milliseconds.
    pub(crate) fn value(self, random: &mut Random) -> i64 {
        match self {
            Self::Calm => random.below(150).saturating_add(50),
            Self::Hovering => random.below(700).saturating_add(200),
        }
    }
}

/// Small random numbers, the same in each run (Knuth's generator).
#[derive(Debug, Clone)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) const fn new() -> Self {
        Self(1)
    }

    pub(crate) fn below(&mut self, below: i64) -> i64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        i64::try_from(self.0 >> 33).unwrap_or_default().checked_rem(below).unwrap_or_default()
    }
}

/// Samples of one instant.
pub(crate) fn sample(signal: usize, at: Timestamp, value: i64) -> Sample {
    let signal = SignalId(u32::try_from(signal).unwrap_or_default());
    Sample { signal, track: Track::Canary, at, reading: Reading::Value(millis(value)) }
}

/// The instant of a step.
pub(crate) fn instant(second: usize) -> Timestamp {
    Timestamp::EPOCH.plus(TimeSpan::from_seconds(u32::try_from(second).unwrap_or_default()))
}
