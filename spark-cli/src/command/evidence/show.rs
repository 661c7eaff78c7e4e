//! `spark evidence show` and `replay`: what happened, and the same decisions again.

use std::path::Path;

use spark_core::Step;
use spark_runtime::audit::{Fact, JournalError, Replayed, replay_as_far, replay_journal};
use spark_runtime::replay::Events;

use crate::command::replay::line;
use crate::console::{Console, some, strong};
use crate::exit::{Exit, Failure};

pub(super) fn show(console: &mut Console, dir: &Path) -> Result<Exit, Failure> {
    let (told, whole) = replay_as_far(dir);
    let whole = whole.map_err(|error| journal_failure(dir, &error));
    let Some(told) = told else {
        whole?;
        return Err(Failure { exit: Exit::BadEvidence, words: "the journal is empty".to_owned() });
    };
    console.line(format!(
        "release {} walked plan {} from {}",
        strong(&told.start.release),
        told.start.plan,
        told.start.at
    ));
    let mut events = Events::default();
    for fact in &told.story {
        tell(console, &mut events, fact);
    }
    // what stands before a wrong line was shown: it is what there is to see of a run that was killed
    whole?;
    console.line(ended(&told));
    Ok(Exit::Done)
}

fn tell(console: &mut Console, events: &mut Events, fact: &Fact) {
    match fact {
        Fact::Start(_) | Fact::Sample(_) => {}
        Fact::Evaluate { decision } => events.of(decision).iter().for_each(|event| console.line(line(event))),
        Fact::Step { at, step, failure } => {
            if let Some(failure) = failure {
                console.line(format!("{at}  {failure}"));
            }
            let words = match step {
                Step::EnterStage { share_bp, .. } => {
                    format!("give {}% to the canary", spark_runtime::action::percent(*share_bp))
                }
                Step::RollBack { because, .. } => format!("roll back because {}", because.join(", ")),
                Step::Complete => "complete".to_owned(),
            };
            console.line(format!("{at}  {}", strong(&words)));
        }
        Fact::Outcome { at, ok, status } => {
            console.line(format!("{at}  {}: {status}", if *ok { "done" } else { "failed" }));
        }
        Fact::Stage { at, stage } => {
            console.line(format!("{at}  stage {} begins", stage.saturating_add(1)));
        }
        Fact::End { at, result } => console.line(format!("{at}  {}", strong(result))),
    }
}

pub(super) fn replay(console: &mut Console, dir: &Path) -> Result<Exit, Failure> {
    let told = journal(dir)?;
    same_policy(&told)?;
    console.line(format!(
        "replayed: {} derived again from {}, every one with the same bytes",
        some(told.decisions, "decision"),
        some(told.samples, "sample")
    ));
    console.line(ended(&told));
    Ok(Exit::Done)
}

/// The recorded policy must be what the recorded text says.
fn same_policy(told: &Replayed) -> Result<(), Failure> {
    let differs = |words: String| Failure { exit: Exit::BadEvidence, words };
    let Some((root, others)) = told.start.rules.split_first() else {
        return Err(differs("the journal has no rules' text".to_owned()));
    };
    let mut read = |name: &str| {
        let path = Path::new(&root.name).parent().unwrap_or(Path::new("")).join(name);
        let found = others.iter().find(|rule| Path::new(&rule.name) == path);
        found.map(|rule| rule.text.clone()).ok_or_else(|| format!("`{name}` is not recorded"))
    };
    match spark_rules::load(&root.name, &root.text, &mut read) {
        Ok(loaded) if loaded.policy == *told.start.policy => Ok(()),
        Ok(_) => Err(differs("the recorded policy is not what the recorded rules say".to_owned())),
        Err(_) => Err(differs("the recorded rules have errors in this release of Spark".to_owned())),
    }
}

fn ended(told: &Replayed) -> String {
    match &told.result {
        Some(result) => format!("result: {result}"),
        None => "result: none, the journal just stops".to_owned(),
    }
}

/// A folder's journal, gone through again.
fn journal(dir: &Path) -> Result<Replayed, Failure> {
    replay_journal(dir).map_err(|error| journal_failure(dir, &error))
}

fn journal_failure(dir: &Path, error: &JournalError) -> Failure {
    let lost = match error {
        // a folder without its journal has lost it; anything else that cannot be read says nothing
        JournalError::Read { source, .. } => source.kind() == std::io::ErrorKind::NotFound && dir.is_dir(),
        _ => true,
    };
    let failure = Failure::of(error);
    if lost { Failure { exit: Exit::BadEvidence, ..failure } } else { failure }
}
