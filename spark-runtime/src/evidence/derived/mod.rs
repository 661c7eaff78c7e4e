//! The files that follow from a journal: written when a rollout ends, and derived again to be checked.
//!
//! A journal is read line by line, and the files are written as it is read: what is kept in memory is what a page says,
//! not what a day measured. They are written beside the folder, brought to the disk, and moved in when all of them are
//! whole; who is stopped by a full disk leaves the folder as it was, and the journal has everything still.

mod actions;
mod health;
mod night;
mod papers;
mod samples;
mod shelf;
mod stages;
mod words;

use std::path::Path;

use serde::Deserialize;
use sha2::{Digest, Sha256};
use spark_core::Decision;
use spark_core::rollout::{Controller, Fact, RuleText, Start};

use self::actions::Actions;
use self::health::Health;
use self::night::Night;
use self::papers::{Known, Papers};
use self::samples::Samples;
use self::shelf::{Comparing, Shelf, Writing, append_line, is_written, put_json};
use self::stages::Stages;
use super::files::{Note, ReleaseTag, SpokenWord};
use super::layout::{self, JOURNAL_NAME, RULES_FOLDER};
use super::scan::{hex, open};
use super::statement::Difference;
use super::{Chronicle, EvidenceError, Writer};
use crate::audit::{Folded, Folding};
use crate::journal::{Cut, read_only};
use crate::release::ReleaseError;
use crate::replay::Events;
use crate::runner::Observer;

/// The file that says how a rollout ended, and what its journal cannot say.
const RESULT: &str = "result.json";

/// Longest one that is read back: it holds one decision.
const RESULT_BYTES_MAX: u64 = 16 << 20;

/// What was derived from a journal.
#[derive(Debug)]
pub struct Derived {
    /// What happened, in short.
    pub chronicle: Chronicle,
    /// The rollout as the journal has it.
    pub folded: Folded,
    /// What a crash or a full disk left of the journal's last line.
    pub cut: Option<Cut>,
}

/// What is found when all files are derived again.
#[derive(Debug)]
pub struct Checked {
    /// What was derived.
    pub derived: Derived,
    /// How many files were compared; none where they were not written yet.
    pub files: u64,
    /// What differs, by path.
    pub differences: Vec<Difference>,
    /// The version of Spark that wrote the files, where it is another one: it may have written them otherwise.
    pub written_by: Option<String>,
}

/// Reads a folder's journal and writes every file that follows from it.
///
/// `unrecorded` says why the journal does not tell everything, where the runner says so; else what an earlier writing was
/// told is kept.
///
/// # Errors
/// The journal cannot be read or followed, or a file not be written; the folder is as it was then.
pub fn write_derived(folder: &Path, unrecorded: Option<String>) -> Result<Derived, ReleaseError> {
    Staged::of(folder, unrecorded, Writer::Alone)?.put()
}

/// Files that follow from a journal, whole and on the disk, beside their folder; gone again where they are not put in.
pub struct Staged {
    derived: Derived,
    shelf: Writing,
}

impl Staged {
    /// Reads a folder's journal and writes beside it what follows from it, as [`write_derived`] does.
    ///
    /// # Errors
    /// As [`write_derived`].
    pub fn of(folder: &Path, unrecorded: Option<String>, writer: Writer) -> Result<Self, ReleaseError> {
        let before = Kept::of(folder);
        let kept = Kept { unrecorded: unrecorded.or(before.unrecorded), ..Kept::default() };
        let mut shelf = Writing::new(folder, writer)?;
        let derived = derive(folder, kept, &mut shelf, &mut |_: &_, _: &_| {})?;
        shelf.close_all()?;
        Ok(Self { derived, shelf })
    }

    /// Puts the files into their folder.
    ///
    /// # Errors
    /// One cannot be moved there.
    pub fn put(self) -> Result<Derived, ReleaseError> {
        self.shelf.finish()?;
        Ok(self.derived)
    }
}

/// Reads a folder's journal, derives every decision and every file again, and compares; nothing is written.
///
/// `observer` is told of every fact, as a live one would be.
///
/// # Errors
/// The journal cannot be read or followed to its end, or a file not be read.
pub fn check_derived(folder: &Path, observer: &mut dyn Observer) -> Result<Checked, ReleaseError> {
    let kept = Kept::of(folder);
    let sealed = folder.join(super::SEAL_NAME).symlink_metadata().is_ok();
    let written = sealed || is_written(folder)?;
    let written_by = (kept.spark != env!("CARGO_PKG_VERSION")).then(|| kept.spark.clone());
    if !written {
        let derived = derive(folder, kept, &mut Nowhere, observer)?;
        return Ok(Checked { derived, files: 0, differences: Vec::new(), written_by: None });
    }
    let mut shelf = Comparing::new(folder);
    let derived = derive(folder, kept, &mut shelf, observer)?;
    let (files, differences) = shelf.finish()?;
    Ok(Checked { derived, files, differences, written_by })
}

/// What a folder says that does not follow from its journal.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
struct Kept {
    spark: String,
    unrecorded: Option<String>,
}

impl Default for Kept {
    fn default() -> Self {
        Self { spark: env!("CARGO_PKG_VERSION").to_owned(), unrecorded: None }
    }
}

impl Kept {
    fn of(folder: &Path) -> Self {
        use std::io::Read as _;
        let path = folder.join(RESULT);
        let mut text = Vec::new();
        let read = open(&path, RESULT).ok().map(|file| file.take(RESULT_BYTES_MAX).read_to_end(&mut text));
        match read {
            Some(Ok(_)) => serde_json::from_slice(&text).unwrap_or_default(),
            _ => Self::default(),
        }
    }
}

struct Nowhere;

impl Shelf for Nowhere {
    fn append(&mut self, _: &str, _: &[u8]) -> Result<(), EvidenceError> {
        Ok(())
    }
}

fn derive(
    folder: &Path,
    kept: Kept,
    shelf: &mut dyn Shelf,
    observer: &mut dyn Observer,
) -> Result<Derived, ReleaseError> {
    let mut scribe = Scribe::new(shelf, observer);
    let mut folding = Folding::default();
    let mut scan = read_only(&folder.join(JOURNAL_NAME))?;
    for record in &mut scan {
        folding.take(&record?, &mut scribe)?;
        // the rest of a day is not read for a disk that is full
        if scribe.failed.is_some() {
            break;
        }
    }
    let folded = folding.end()?;
    let chronicle = scribe.end(&folded, &kept)?;
    Ok(Derived { chronicle, folded, cut: scan.cut().cloned() })
}

/// Writes while a journal is read.
struct Scribe<'a> {
    shelf: &'a mut dyn Shelf,
    observer: &'a mut dyn Observer,
    changes: Events,
    decision: Option<Decision>,
    stages: Stages,
    health: Health,
    actions: Actions,
    samples: Samples,
    night: Night,
    papers: Papers,
    reloads: u32,
    failed: Option<EvidenceError>,
}

impl<'a> Scribe<'a> {
    fn new(shelf: &'a mut dyn Shelf, observer: &'a mut dyn Observer) -> Self {
        Self {
            shelf,
            observer,
            changes: Events::default(),
            decision: None,
            stages: Stages::default(),
            health: Health::default(),
            actions: Actions::default(),
            samples: Samples::default(),
            night: Night::default(),
            papers: Papers::default(),
            reloads: 0,
            failed: None,
        }
    }

    fn take(&mut self, fact: &Fact, controller: &Controller) -> Result<(), EvidenceError> {
        let mut events = Vec::new();
        match fact {
            Fact::Sample(sample) => {
                self.samples.on(sample, controller.engine().policy(), self.shelf)?;
                return self.night.on(fact, &[], controller, self.shelf);
            }
            Fact::Decided { decision } => {
                events = self.changes.of(decision);
                self.decision = Some(decision.clone());
            }
            Fact::Start(start) => self.begin(start)?,
            Fact::Reloaded { rules, .. } => {
                self.reloads = self.reloads.saturating_add(1);
                let number = format!("reload-{}-", self.reloads);
                write_rules(self.shelf, &number, rules)?;
            }
            Fact::Word { at, by, because, said } => {
                let stage = controller.rollout().stage().map(|stage| stage.saturating_add(1));
                let (by, because) = (by.clone(), because.clone());
                let word = SpokenWord { at: *at, by, word: words::word(said), because, stage };
                append_line(self.shelf, "words.jsonl", &word)?;
            }
            _ => {}
        }
        for event in &events {
            append_line(self.shelf, "decisions.jsonl", event)?;
        }
        if let Some(words) = words::of_note(fact) {
            append_line(self.shelf, "notes.jsonl", &Note { at: fact.at(), words })?;
        }
        self.stages.on(fact, controller, self.shelf)?;
        self.health.on(fact);
        self.actions.on(fact, controller);
        self.papers.on(fact, &events, controller);
        self.night.on(fact, &events, controller, self.shelf)
    }

    /// What is known before the first stage.
    fn begin(&mut self, start: &Start) -> Result<(), EvidenceError> {
        for path in ["decisions.jsonl", "words.jsonl", "notes.jsonl"] {
            self.shelf.append(path, b"")?;
        }
        let rules = write_rules(self.shelf, "", &start.rules)?;
        let policy = &start.policy;
        let tag = ReleaseTag {
            release: start.release.clone(),
            plan: start.plan.clone(),
            began: start.at,
            opens: start.opens.unwrap_or(start.at),
            stages: policy.plan(&start.plan).map_or_else(Vec::new, |plan| {
                plan.stages.iter().map(spark_core::Stage::share_text).collect()
            }),
            signals: policy
                .signals()
                .iter()
                .filter(|signal| signal.expectation.is_some())
                .map(|signal| signal.name.clone())
                .collect(),
            triggers: policy.triggers().iter().map(|trigger| trigger.name.clone()).collect(),
            rules,
        };
        put_json(self.shelf, "before/release.json", &tag)
    }

    fn end(mut self, folded: &Folded, kept: &Kept) -> Result<Chronicle, EvidenceError> {
        if let Some(error) = self.failed.take() {
            return Err(error);
        }
        self.samples.write(self.shelf)?;
        self.stages.write(self.shelf)?;
        self.health.write(self.shelf)?;
        self.actions.write(self.shelf)?;
        self.night.write(self.shelf)?;
        let known = Known {
            folded,
            stages: &self.stages.summaries,
            decision: self.decision.as_ref(),
            actions: &self.actions,
            night: self.night.stability(),
            gaps: self.samples.gone,
            kept,
        };
        self.papers.write(&known, self.shelf)?;
        Ok(Chronicle::new(self.stages.summaries, self.decision, self.actions.rollback))
    }
}

impl Observer for Scribe<'_> {
    fn on(&mut self, fact: &Fact, controller: &Controller) {
        self.observer.on(fact, controller);
        if self.failed.is_none()
            && let Err(error) = self.take(fact, controller)
        {
            self.failed = Some(error);
        }
    }
}

/// Writes the rules' text, each file named by its place and its name; gives the digest of all.
fn write_rules(shelf: &mut dyn Shelf, before: &str, rules: &[RuleText]) -> Result<String, EvidenceError> {
    let mut digests = Vec::new();
    for (place, rule) in rules.iter().enumerate() {
        let name = Path::new(&rule.name).file_name().and_then(|name| name.to_str()).unwrap_or("rules");
        let path = format!("{RULES_FOLDER}/{before}{place}-{}", layout::portable(name));
        shelf.append(&path, rule.text.as_bytes())?;
        let digest = hex(&Sha256::digest(rule.text.as_bytes()));
        digests.push((path.clone(), format!("{digest}  {path}\n")));
    }
    // in the order of a shell's `rules/*`
    digests.sort();
    let lines: String = digests.into_iter().map(|(_, line)| line).collect();
    Ok(hex(&Sha256::digest(lines.as_bytes())))
}
