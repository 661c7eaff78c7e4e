//! `spark evidence show` and `replay`: what happened, and the same decisions again.

use std::path::Path;

use spark_core::rollout::{Controller, Fact};
use spark_runtime::audit::{Folded, fold, fold_as_far};
use spark_runtime::journal::{Record, read_only};
use spark_runtime::release::JOURNAL_NAME;
use spark_runtime::replay::Events;

use crate::command::facts::fact_line;
use crate::command::replay::line;
use crate::console::{Console, some, strong};
use crate::exit::{Exit, Failure};

pub(super) fn show(console: &mut Console, dir: &Path) -> Result<Exit, Failure> {
    let records = records(dir)?;
    let mut events = Events::default();
    let mut lines = Vec::new();
    let mut tell = |fact: &Fact, _: &Controller| match fact {
        Fact::Sample(_) => {}
        Fact::Decided { decision } => lines.extend(events.of(decision).iter().map(line)),
        fact => lines.push(fact_line(fact)),
    };
    let (folded, derived) = fold_as_far(&records, &mut tell);
    if let Some(folded) = &folded {
        console.line(format!(
            "release {} walked plan {} from {}",
            strong(&folded.start.release),
            folded.start.plan,
            folded.start.at
        ));
    }
    lines.into_iter().for_each(|line| console.line(line));
    // what stands before a wrong line was shown: it is what there is to see of a run that was killed
    derived.map_err(|error| bad(error.to_string()))?;
    let Some(folded) = folded else { return Err(bad("the journal is empty".to_owned())) };
    console.line(ended(&folded));
    Ok(Exit::Done)
}

pub(super) fn replay(console: &mut Console, dir: &Path) -> Result<Exit, Failure> {
    let records = records(dir)?;
    let folded = fold(&records, &mut |_: &_, _: &_| {}).map_err(|error| bad(error.to_string()))?;
    same_policy(&folded)?;
    console.line(format!(
        "replayed: {} derived again from {}, every one with the same bytes",
        some(folded.counts.decisions, "decision"),
        some(folded.counts.samples, "sample")
    ));
    console.line(ended(&folded));
    Ok(Exit::Done)
}

fn bad(words: String) -> Failure {
    Failure { exit: Exit::BadEvidence, words }
}

/// A journal's records.
fn records(dir: &Path) -> Result<Vec<Record>, Failure> {
    let path = dir.join(JOURNAL_NAME);
    if dir.is_dir() && path.symlink_metadata().is_err() {
        // a folder without its journal has lost it; anything else that cannot be read says nothing
        return Err(bad(format!("`{}` is missing", path.display())));
    }
    let read = read_only(&path).and_then(|scan| scan.collect());
    read.map_err(|error| if error.is_damage() { bad(error.to_string()) } else { Failure::of(&error) })
}

/// The recorded policy must be what the recorded text says.
fn same_policy(folded: &Folded) -> Result<(), Failure> {
    let Some((root, others)) = folded.start.rules.split_first() else {
        return Err(bad("the journal has no rules' text".to_owned()));
    };
    let mut read = |name: &str| {
        let path = Path::new(&root.name).parent().unwrap_or(Path::new("")).join(name);
        let found = others.iter().find(|rule| Path::new(&rule.name) == path);
        found.map(|rule| rule.text.clone()).ok_or_else(|| format!("`{name}` is not recorded"))
    };
    match spark_rules::load(&root.name, &root.text, &mut read) {
        Ok(loaded) if loaded.policy == *folded.start.policy => Ok(()),
        Ok(_) => Err(bad("the recorded policy is not what the recorded rules say".to_owned())),
        Err(_) => Err(bad("the recorded rules have errors in this release of Spark".to_owned())),
    }
}

fn ended(folded: &Folded) -> String {
    match &folded.ending {
        Some(ending) => format!("result: {ending}"),
        None => "result: none, the rollout is not over".to_owned(),
    }
}
