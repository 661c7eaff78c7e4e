//! Tries mutants: which of them a test notices.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use spark_core::{Policy, TriggerId};

use super::Mutant;
use super::same::same;
use crate::Loaded;
use crate::diagnostic::apply;
use crate::files::Files;
use crate::test::coverage::Block;
use crate::test::kept::takes_part;
use crate::test::{Expected, Runner, Subject, TestCase};

/// A mutant and what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judged {
    /// Which one.
    pub mutant: Mutant,
    /// What became of it.
    pub fate: Fate,
}

impl Judged {
    /// Whether it lives although it decides otherwise, as far as is known.
    pub const fn survived(&self) -> bool {
        matches!(self.fate, Fate::Survived { .. })
    }
}

/// What became of a mutant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// The test with that title noticed.
    Noticed {
        /// The title.
        by: String,
    },
    /// No test noticed.
    Survived {
        /// How many tests read what was changed.
        tests: usize,
    },
    /// It is proved to decide as the rules do, for this reason.
    Equivalent(String),
    /// It is no rules any more, with this mistake.
    Refused(String),
}

/// Tries every mutant on the tests that read what it changes, with so many threads. `done` is called after each.
///
/// The result does not depend on the number of threads. The tests are expected to pass on the rules as they are.
pub fn judge(loaded: &Loaded, mutants: &[Mutant], threads: usize, done: &(dyn Fn() + Sync)) -> Vec<Judged> {
    let next = AtomicUsize::new(0);
    let work = || {
        let mut fates = Vec::new();
        while let Some((place, mutant)) = {
            let place = next.fetch_add(1, Ordering::Relaxed);
            mutants.get(place).map(|mutant| (place, mutant))
        } {
            fates.push((place, fate(loaded, mutant)));
            done();
        }
        fates
    };
    let fates: BTreeMap<usize, Fate> = std::thread::scope(|scope| {
        let others: Vec<_> = (1..threads.max(1)).map(|_| scope.spawn(work)).collect();
        let mut fates = work();
        for other in others {
            match other.join() {
                Ok(found) => fates.extend(found),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        fates.into_iter().collect()
    });
    mutants.iter().cloned().zip(fates.into_values()).map(|(mutant, fate)| Judged { mutant, fate }).collect()
}

fn fate(loaded: &Loaded, mutant: &Mutant) -> Fate {
    let policy = match mutated(&loaded.files, mutant) {
        Ok(policy) => policy,
        Err(words) => return Fate::Refused(words),
    };
    if let Some(why) = same(loaded, &policy) {
        return Fate::Equivalent(why);
    }
    let tests = relevant(loaded, &policy, &mutant.block);
    let mut runner = Runner::new(&policy);
    match tests.iter().find(|case| runner.finds_fault(case)) {
        Some(case) => Fate::Noticed { by: case.title.clone() },
        None => Fate::Survived { tests: tests.len() },
    }
}

/// The policy of the changed text.
fn mutated(files: &Files, mutant: &Mutant) -> Result<Policy, String> {
    let root = files.name(0);
    let folder = root.rsplit_once('/').map_or(0, |(folder, _)| folder.len().saturating_add(1));
    let text = |number: u32| match number == mutant.span.file {
        true => apply(files.source(number), &mutant.edits),
        false => files.source(number).to_owned(),
    };
    let mut read = |path: &str| {
        let mut numbers = 1..u32::try_from(files.len()).unwrap_or(u32::MAX);
        let known = numbers.find(|number| files.name(*number).get(folder..) == Some(path));
        known.map(text).ok_or_else(|| "no such file".to_owned())
    };
    crate::load(root, &text(0), &mut read).map(|loaded| loaded.policy).map_err(|failed| failed.to_string())
}

/// The tests in which a changed block takes part, before the change or after it, those that name it first. No other can
/// notice: the block is left out of them.
fn relevant<'a>(loaded: &'a Loaded, policy: &Policy, block: &Block) -> Vec<&'a TestCase> {
    if let Block::Check(name) = block {
        let expects =
            |expected: &Expected| matches!(expected, Expected::Check { check, .. } if check == name);
        return loaded.tests.iter().filter(|case| case.expected.iter().any(expects)).collect();
    }
    let subject = match block {
        Block::Signal(name) => loaded.policy.signal_id(name).map(Subject::Expectation),
        Block::Trigger(name) => {
            let place = loaded.policy.triggers().iter().position(|trigger| trigger.name == *name);
            place.and_then(|place| u32::try_from(place).ok()).map(TriggerId).map(Subject::Trigger)
        }
        Block::Plan(_) | Block::Check(_) => None,
    };
    let Some(subject) = subject else { return Vec::new() };
    let takes_part =
        |case: &&TestCase| takes_part(&loaded.policy, subject, case) || takes_part(policy, subject, case);
    let names =
        |case: &&TestCase| case.expected.iter().any(|expected| expected.subjects().contains(&subject));
    let (mut first, then): (Vec<_>, Vec<_>) = loaded.tests.iter().filter(takes_part).partition(names);
    first.extend(then);
    first
}
