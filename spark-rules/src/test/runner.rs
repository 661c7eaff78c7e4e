//! Many tests of one policy: what they have in common is made once.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use spark_core::{Policy, SignalId};

use super::kept::{Kept, given};
use super::run::{finds_fault, run_with};
use super::walk::Restarts;
use super::{Outcome, TestCase};

/// Most parts of a policy that are kept beside it: each holds copies of its rules, and tests of one file give few different
/// sets of signals.
const PREPARED_MAX: usize = 8;

/// Runs tests of one policy. What takes part in a test is what reads the signals that it gives; that is laid out once for
/// all tests that give the same signals.
///
/// ```
/// let text = "edition 2026\nevaluate every 15s\nsignal p95 { is duration  from push }\n\
///   trigger slow { rollback when p95 > 400ms }\n\
///   test \"a\" { given p95 450ms for 1m  expect slow rollback at 30s }\n\
///   test \"b\" { given p95 350ms for 1m  expect slow ok at 30s }";
/// let loaded = spark_rules::load("slow.rules", text, &mut |_| Err("no other file".to_owned())).unwrap();
/// let mut runner = spark_rules::test::Runner::new(&loaded.policy);
/// assert!(loaded.tests.iter().all(|case| runner.run(case).passed()));
/// ```
#[derive(Debug)]
pub struct Runner<'p> {
    policy: &'p Policy,
    /// By the signals that are given; none where what takes part is no policy.
    prepared: BTreeMap<BTreeSet<SignalId>, Option<Kept>>,
}

impl<'p> Runner<'p> {
    /// A runner of a policy's tests.
    pub const fn new(policy: &'p Policy) -> Self {
        Self { policy, prepared: BTreeMap::new() }
    }

    /// Runs a test, as [`run`](super::run()) does.
    pub fn run(&mut self, case: &TestCase) -> Outcome {
        let policy = self.policy;
        run_with(policy, self.kept(case), case, Restarts::AsWritten, &mut |_| ControlFlow::Continue(()))
    }

    /// Whether a test finds fault with the policy. It stops at the first thing that is not as expected.
    pub(crate) fn finds_fault(&mut self, case: &TestCase) -> bool {
        let policy = self.policy;
        finds_fault(policy, self.kept(case), case)
    }

    fn kept(&mut self, case: &TestCase) -> Option<&Kept> {
        let given = given(case);
        if self.prepared.len() >= PREPARED_MAX && !self.prepared.contains_key(&given) {
            self.prepared.clear();
        }
        let policy = self.policy;
        let kept = self.prepared.entry(given).or_insert_with_key(|given| Kept::new(policy, given));
        kept.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;

    /// A runner tells of each test what a run of it alone tells: passed or not, broken or not, whatever came before it, and
    /// with more sets of signals than are kept.
    #[test]
    fn as_alone() {
        let mut text =
            String::from("edition 2026\nevaluate every 15s\ntrigger deploy { hold when s0 > 300ms }\n");
        for n in 0..12 {
            writeln!(text, "signal s{n} {{ is duration from push expect <= 200ms }}").unwrap();
            writeln!(text, "trigger t{n} {{ rollback when s{n} > 400ms for 1m unless deploy }}").unwrap();
        }
        for round in 0..3 {
            for n in 0..12 {
                let other = (n + round + 1) % 12;
                let restart = if round == 2 { ", then restart, then 450ms for 5m" } else { "" };
                writeln!(text, "test \"{round} {n}\" {{").unwrap();
                writeln!(text, "  given s{n} 250ms for 1m, then 450ms for 10m{restart}").unwrap();
                writeln!(text, "  given s{other} 350ms for 5m, then nothing for 5m").unwrap();
                writeln!(
                    text,
                    "  expect t{n} rollback from {}m\n  expect decision rollback at 3m because t{n}\n}}",
                    round + 2
                )
                .unwrap();
            }
        }
        let loaded = crate::load("a.rules", &text, &mut |_| Err("no other file".to_owned()));
        let loaded = loaded.unwrap_or_else(|failed| panic!("{:#?}", failed.diagnostics));
        let mut runner = Runner::new(&loaded.policy);
        let outcomes: Vec<Outcome> = loaded.tests.iter().map(|case| runner.run(case)).collect();
        for (case, outcome) in loaded.tests.iter().zip(&outcomes) {
            assert_eq!(*outcome, crate::test::run(&loaded.policy, case), "{}", case.title);
            assert_eq!(runner.finds_fault(case), !outcome.passed(), "{}", case.title);
        }
        assert!(
            outcomes.iter().any(|outcome| outcome.passed())
                && outcomes.iter().any(|outcome| !outcome.passed())
        );
    }
}
