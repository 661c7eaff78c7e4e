//! The work: twenty triggers over eight signals as data, from which each engine's text is written; the inputs; and the
//! same triggers by hand.

use std::fmt::Write as _;

/// How many signals there are.
pub(crate) const SIGNALS: usize = 8;
/// How many triggers there are.
pub(crate) const TRIGGERS: usize = 20;
/// How many inputs are decided in a round.
pub(crate) const INPUTS: usize = 4_096;

/// A comparison: a signal above a number, or above another signal.
#[derive(Clone, Copy)]
pub(crate) enum Term {
    Above(usize, i64),
    Pair(usize, usize),
}

/// What fires a trigger.
#[derive(Clone, Copy)]
pub(crate) enum Trigger {
    Plain(Term),
    All(&'static [Term]),
    Any(&'static [Term]),
}

use Term::{Above, Pair};
use Trigger::{All, Any, Plain};

/// Twelve plain thresholds, seven conjunctions and disjunctions, one signal above another; a second such pair stands in the
/// last conjunction.
pub(crate) const ALL: [Trigger; TRIGGERS] = [
    Plain(Above(0, 250)),
    Plain(Above(0, 600)),
    Plain(Above(1, 320)),
    Plain(Above(1, 710)),
    Plain(Above(2, 400)),
    Plain(Above(2, 850)),
    Plain(Above(3, 380)),
    Plain(Above(4, 450)),
    Plain(Above(4, 900)),
    Plain(Above(5, 520)),
    Plain(Above(6, 640)),
    Plain(Above(7, 770)),
    All(&[Above(0, 300), Above(3, 300)]),
    All(&[Above(1, 350), Above(4, 300)]),
    All(&[Above(2, 420), Above(5, 250), Above(6, 200)]),
    Any(&[Above(3, 700), Above(7, 900)]),
    Any(&[Above(5, 800), Above(6, 880)]),
    Any(&[Above(0, 880), Above(1, 890), Above(2, 900)]),
    All(&[Above(7, 300), Pair(6, 7)]),
    Plain(Pair(0, 1)),
];

/// The same by hand: what somebody would write who needs these twenty and no other.
pub(crate) fn native(s: &[i64; SIGNALS]) -> u32 {
    u32::from(s[0] > 250)
        | u32::from(s[0] > 600) << 1
        | u32::from(s[1] > 320) << 2
        | u32::from(s[1] > 710) << 3
        | u32::from(s[2] > 400) << 4
        | u32::from(s[2] > 850) << 5
        | u32::from(s[3] > 380) << 6
        | u32::from(s[4] > 450) << 7
        | u32::from(s[4] > 900) << 8
        | u32::from(s[5] > 520) << 9
        | u32::from(s[6] > 640) << 10
        | u32::from(s[7] > 770) << 11
        | u32::from(s[0] > 300 && s[3] > 300) << 12
        | u32::from(s[1] > 350 && s[4] > 300) << 13
        | u32::from(s[2] > 420 && s[5] > 250 && s[6] > 200) << 14
        | u32::from(s[3] > 700 || s[7] > 900) << 15
        | u32::from(s[5] > 800 || s[6] > 880) << 16
        | u32::from(s[0] > 880 || s[1] > 890 || s[2] > 900) << 17
        | u32::from(s[7] > 300 && s[6] > s[7]) << 18
        | u32::from(s[0] > s[1]) << 19
}

/// The same from the data: the reference of all.
pub(crate) fn reference(signals: &[i64; SIGNALS]) -> u32 {
    let holds = |term: &Term| match *term {
        Above(signal, than) => signals[signal] > than,
        Pair(signal, than) => signals[signal] > signals[than],
    };
    let fires = |trigger: &Trigger| match trigger {
        Plain(term) => holds(term),
        All(terms) => terms.iter().all(holds),
        Any(terms) => terms.iter().any(holds),
    };
    ALL.iter().enumerate().fold(0, |mask, (n, trigger)| mask | u32::from(fires(trigger)) << n)
}

/// How a language writes comparisons.
pub(crate) struct Syntax {
    /// What stands before a signal's name.
    pub(crate) before: &'static str,
    /// What stands behind a number.
    pub(crate) unit: &'static str,
    pub(crate) and: &'static str,
    pub(crate) or: &'static str,
}

impl Syntax {
    pub(crate) fn term(&self, term: &Term) -> String {
        let before = self.before;
        match term {
            Above(signal, than) => format!("{before}s{signal} > {than}{}", self.unit),
            Pair(signal, than) => format!("{before}s{signal} > {before}s{than}"),
        }
    }

    /// A trigger's condition.
    pub(crate) fn condition(&self, trigger: &Trigger) -> String {
        let joined = |terms: &[Term], with: &str| {
            terms.iter().map(|term| self.term(term)).collect::<Vec<_>>().join(&format!(" {with} "))
        };
        match trigger {
            Plain(term) => self.term(term),
            All(terms) => joined(terms, self.and),
            Any(terms) => joined(terms, self.or),
        }
    }

    /// All conditions.
    pub(crate) fn conditions(&self) -> Vec<String> {
        ALL.iter().map(|trigger| self.condition(trigger)).collect()
    }
}

/// The rules as Spark has them.
pub(crate) fn spark_rules() -> String {
    let mut text = String::from("edition 2026\nevaluate every 1s\n");
    for signal in 0..SIGNALS {
        // writing to a string cannot fail
        let _ = writeln!(text, "signal s{signal} {{ is duration from push stale after 45s }}");
    }
    let syntax = Syntax { before: "", unit: "ms", and: "and", or: "or" };
    for (n, condition) in syntax.conditions().into_iter().enumerate() {
        let _ = writeln!(text, "trigger t{n} {{ rollback when {condition} }}");
    }
    text
}

/// Inputs from a fixed seed: each value from 100 to 999, uniformly.
pub(crate) fn inputs() -> Vec<[i64; SIGNALS]> {
    let mut random = random(1);
    (0..INPUTS).map(|_| std::array::from_fn(|_| 100 + random(900))).collect()
}

/// Numbers from a seed, below what is asked.
pub(crate) fn random(mut seed: u64) -> impl FnMut(i64) -> i64 {
    move |below| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) as i64 % below
    }
}
