//! `spark evidence show` and `replay`: what happened, and the same decisions again.

use std::path::Path;

use anstream::adapter::strip_str;
use clap::ValueEnum;
use serde::Serialize;
use spark_core::rollout::{Controller, Ending, Fact, RolloutState, RuleText, Step};
use spark_core::{Policy, Timestamp};
use spark_runtime::action::percent;
use spark_runtime::audit::{Folded, Folding};
use spark_runtime::evidence;
use spark_runtime::journal::{JournalError, read_only};
use spark_runtime::release::{JOURNAL_NAME, ReleaseError};
use spark_runtime::replay::{Event, Events};
use spark_runtime::runner::Observer;

use super::evidence_failure;
use crate::command::facts::fact_line;
use crate::command::replay::line;
use crate::console::{Console, some, strong};
use crate::exit::{Exit, Failure};

/// How what happened is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// For people
    #[default]
    Text,
    /// For programs: docs/schemas/evidence-show.schema.json
    Json,
}

/// What happened: docs/schemas/evidence-show.schema.json.
#[derive(Debug, Serialize)]
struct Story {
    release: Option<String>,
    plan: Option<String>,
    from: Option<Timestamp>,
    events: Vec<Entry>,
    /// How it ended; none where the journal just stops.
    result: Option<String>,
    /// Why the journal cannot be followed to its end.
    error: Option<String>,
}

/// One thing that happened.
#[derive(Debug, Serialize)]
struct Entry {
    at: String,
    /// Who: an operator's name; none of what Spark did.
    by: Option<String>,
    what: String,
    because: Vec<String>,
    #[serde(skip)]
    line: String,
}

impl Entry {
    /// An entry of a line that begins with its instant.
    fn new(line: String, by: Option<&String>, because: &[String]) -> Self {
        let plain = strip_str(&line).to_string();
        let (at, what) = plain.split_once("  ").unwrap_or(("", &plain));
        Self { at: at.to_owned(), by: by.cloned(), what: what.to_owned(), because: because.to_vec(), line }
    }

    fn of(fact: &Fact) -> Self {
        let line = fact_line(fact);
        match fact {
            Fact::Word { by, because, .. } => Self::new(line, Some(by), std::slice::from_ref(because)),
            Fact::Intent { step: Step::RollBack { because, .. }, .. } => Self::new(line, None, because),
            Fact::Frozen { freeze: Some(freeze), .. } => {
                Self::new(line, None, std::slice::from_ref(&freeze.because))
            }
            Fact::End { ending: Ending::Aborted { by, .. }, .. } => Self::new(line, Some(by), &[]),
            Fact::End { ending: Ending::RolledBack { because, .. }, .. }
            | Fact::End { ending: Ending::Unverified { because, .. }, .. } => Self::new(line, None, because),
            _ => Self::new(line, None, &[]),
        }
    }
}

/// Why a decision is what it is; a trigger's change says so itself.
fn because(event: &Event) -> &[String] {
    match event {
        Event::Decision(decision) => &decision.because,
        Event::Trigger(_) | Event::Summary(_) => &[],
    }
}

/// Where the rollout was told to be.
#[derive(Debug, Default)]
struct Place {
    share: Option<Option<u16>>,
    state: Option<RolloutState>,
}

impl Place {
    /// A line where the rollout has come to another stage, or waits for somebody.
    fn moved(&mut self, at: Timestamp, controller: &Controller) -> Option<Entry> {
        let state = controller.rollout().state();
        let words = match &state {
            RolloutState::Stage { stage } => {
                let share = percent(controller.rollout().expected_bp());
                format!("stage {} is entered: {share}% of traffic", stage.saturating_add(1))
            }
            RolloutState::Waiting { stage, approval: true } => {
                format!("stage {} waits for approval", stage.saturating_add(1))
            }
            RolloutState::Watching { .. } => "every stage is served; the release is watched".to_owned(),
            _ => {
                self.state = Some(state);
                return None;
            }
        };
        let is_new = self.state.as_ref() != Some(&state);
        self.state = Some(state);
        is_new.then(|| Entry::new(format!("{at}  {words}"), None, &[]))
    }
}

pub(super) fn show(console: &mut Console, dir: &Path, format: Format) -> Result<Exit, Failure> {
    let mut events = Events::default();
    let mut entries = Vec::new();
    let mut place = Place::default();
    let mut tell = |fact: &Fact, controller: &Controller| match fact {
        Fact::Sample(_) => {}
        Fact::Probed { at, share_bp, .. } => {
            // the traffic is measured every half minute, and is where it should be nearly always
            if place.share.replace(*share_bp) != Some(*share_bp) {
                entries.push(Entry::of(fact));
            }
            entries.extend(place.moved(*at, controller));
        }
        Fact::Decided { decision } => {
            entries.extend(events.of(decision).iter().map(|e| Entry::new(line(e), None, because(e))));
            entries.extend(place.moved(decision.at, controller));
        }
        fact => {
            entries.push(Entry::of(fact));
            entries.extend(place.moved(fact.at(), controller));
        }
    };
    let (folded, derived) = follow(dir, &mut tell)?;
    if format == Format::Json {
        let error = match (&derived, &folded) {
            (Err(error), _) => Some(error.clone()),
            (Ok(()), None) => Some("the journal is empty".to_owned()),
            (Ok(()), Some(_)) => None,
        };
        let exit = if error.is_some() { Exit::BadEvidence } else { Exit::Done };
        let start = folded.as_ref().map(|folded| &folded.start);
        let story = Story {
            release: start.map(|start| start.release.clone()),
            plan: start.map(|start| start.plan.clone()),
            from: start.map(|start| start.at),
            events: entries,
            result: folded.as_ref().and_then(|folded| folded.ending.as_ref()).map(ToString::to_string),
            error,
        };
        console.line(serde_json::to_string(&story).map_err(|error| Failure::of(&error))?);
        return Ok(exit);
    }
    if let Some(folded) = &folded {
        console.line(format!(
            "release {} walked plan {} from {}",
            strong(&folded.start.release),
            folded.start.plan,
            folded.start.at
        ));
    }
    entries.into_iter().for_each(|entry| console.line(entry.line));
    // what stands before a wrong line was shown: it is what there is to see of a run that was killed
    derived.map_err(bad)?;
    let Some(folded) = folded else { return Err(bad("the journal is empty".to_owned())) };
    console.line(ended(&folded));
    Ok(Exit::Done)
}

pub(super) fn replay(console: &mut Console, dir: &Path) -> Result<Exit, Failure> {
    let mut pinned = Pinned::default();
    let checked = evidence::check_derived(dir, &mut pinned).map_err(|error| match error {
        ReleaseError::Journal(JournalError::Missing(_)) if dir.is_dir() => {
            // a folder without its journal has lost it; anything else that cannot be read says nothing
            bad(format!("`{}` is missing", dir.join(JOURNAL_NAME).display()))
        }
        ReleaseError::Journal(error) if !error.is_damage() => Failure::of(&error),
        ReleaseError::Evidence(error) => evidence_failure(&error),
        error => bad(Failure::of(&error).words),
    })?;
    pinned.found?;
    let counts = checked.derived.folded.counts;
    if let Some(cut) = &checked.derived.cut {
        return Err(bad(format!("line {} of the journal is cut off: {}", cut.line, cut.why)));
    }
    if let Some(first) = checked.differences.first() {
        let more = match checked.differences.len() {
            1 => String::new(),
            all => format!(", the first of {all} files that differ"),
        };
        let by = checked.written_by.as_ref().map_or_else(String::new, |version| {
            format!("; the files were written by Spark {version}, which may have written them otherwise: replay them with that")
        });
        return Err(bad(format!("{first}{more}{by}")));
    }
    console.line(format!(
        "replayed: {} derived again from {}, every one with the same bytes",
        some(counts.decisions, "decision"),
        some(counts.samples, "sample")
    ));
    console.line(format!(
        "rules: {} compiled again, to the policy that decided",
        some(pinned.times, "recorded text")
    ));
    console.line(match checked.files {
        0 => "files: none are written yet".to_owned(),
        files => format!("files: {} derived again, every one with the same bytes", some(files, "file")),
    });
    if let Some(version) = &checked.written_by {
        console.line(format!("the files say that Spark {version} wrote them"));
    }
    console.line(ended(&checked.derived.folded));
    Ok(Exit::Done)
}

fn bad(words: String) -> Failure {
    Failure { exit: Exit::BadEvidence, words }
}

/// Goes through a journal, line by line: what it says, and what is wrong with it.
fn follow(dir: &Path, observer: &mut dyn Observer) -> Result<(Option<Folded>, Result<(), String>), Failure> {
    let path = dir.join(JOURNAL_NAME);
    if dir.is_dir() && path.symlink_metadata().is_err() {
        // a folder without its journal has lost it; anything else that cannot be read says nothing
        return Err(bad(format!("`{}` is missing", path.display())));
    }
    let mut scan = read_only(&path).map_err(|error| Failure::of(&error))?;
    let mut folding = Folding::default();
    let mut whole = Ok(());
    for record in &mut scan {
        let taken = match record {
            Ok(record) => folding.take(&record, observer).map_err(|error| error.to_string()),
            Err(error) if error.is_damage() => Err(error.to_string()),
            Err(error) => return Err(Failure::of(&error)),
        };
        if taken.is_err() {
            whole = taken;
            break;
        }
    }
    if let (Ok(()), Some(cut)) = (&whole, scan.cut()) {
        whole = Err(format!("line {} of the journal is cut off: {}", cut.line, cut.why));
    }
    Ok((folding.end().ok(), whole))
}

/// Compiles the rules' text again, as it was at the start and after each reload.
struct Pinned {
    times: u64,
    found: Result<(), Failure>,
}

impl Default for Pinned {
    fn default() -> Self {
        Self { times: 0, found: Ok(()) }
    }
}

impl Observer for Pinned {
    fn on(&mut self, fact: &Fact, _: &Controller) {
        let found = match fact {
            Fact::Start(start) => same_policy(&start.rules, &start.policy, "at its start"),
            Fact::Reloaded { at, rules, policy, .. } => {
                same_policy(rules, policy, &format!("as loaded again at {at}"))
            }
            _ => return,
        };
        self.times = self.times.saturating_add(1);
        if self.found.is_ok() {
            self.found = found;
        }
    }
}

/// The recorded policy must be what the recorded text says.
fn same_policy(rules: &[RuleText], policy: &Policy, when: &str) -> Result<(), Failure> {
    let Some((root, others)) = rules.split_first() else {
        return Err(bad(format!("the journal has no rules' text {when}")));
    };
    let mut read = |name: &str| {
        let path = Path::new(&root.name).parent().unwrap_or(Path::new("")).join(name);
        let found = others.iter().find(|rule| Path::new(&rule.name) == path);
        found.map(|rule| rule.text.clone()).ok_or_else(|| format!("`{name}` is not recorded"))
    };
    match spark_rules::load(&root.name, &root.text, &mut read) {
        Ok(loaded) if loaded.policy == *policy => Ok(()),
        Ok(_) => Err(bad(format!("the recorded policy {when} is not what the recorded rules say"))),
        Err(_) => Err(bad(format!("the recorded rules {when} have errors in this release of Spark"))),
    }
}

fn ended(folded: &Folded) -> String {
    match &folded.ending {
        Some(ending) => format!("result: {ending}"),
        None => "result: none, the rollout is not over".to_owned(),
    }
}
