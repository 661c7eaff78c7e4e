//! The journal: every fact of a run, one JSON object a line, appended before it counts.
//!
//! The state of a run is a fold over its journal: [`replay_journal`] takes the facts again in their order, derives every
//! decision and every step anew, and says where the record and the derivation part.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use spark_core::{Decision, Engine, Plan, Policy, Rollout, Sample, Step, Timestamp};

/// The journal's name in an evidence folder.
pub const JOURNAL_NAME: &str = "journal.jsonl";

/// The format of the lines; a reader refuses what it does not know.
pub const JOURNAL_VERSION: u32 = 1;

/// Longest line that is read. The longest one written is the start, which carries the rules' text and the
/// policy: rule files are held to far less.
const LINE_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// A file of rules as it was when the run started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleText {
    /// The name under which it was read.
    pub name: String,
    /// What stood in it.
    pub text: String,
}

/// What a run starts from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Start {
    /// The release.
    pub release: String,
    /// When it began.
    pub at: Timestamp,
    /// The plan that it walks.
    pub plan: String,
    /// The rules' text, the named file first.
    pub rules: Vec<RuleText>,
    /// What the text says.
    pub policy: Arc<Policy>,
}

/// One fact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "fact", rename_all = "snake_case")]
pub enum Fact {
    /// A run begins.
    Start(Start),
    /// A sample was observed.
    Sample(Sample),
    /// The engine was asked, and answered.
    Evaluate {
        /// Its answer, with the instant.
        decision: Decision,
    },
    /// A step is about to be carried out.
    Step {
        /// When.
        at: Timestamp,
        /// Which.
        step: Step,
        /// Why it was taken although no decision asked for it: what failed before it, in words.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        failure: Option<String>,
    },
    /// A step was carried out, or not.
    Outcome {
        /// When.
        at: Timestamp,
        /// Whether it succeeded.
        ok: bool,
        /// How it ended, in words: `exit status 0`.
        status: String,
    },
    /// The canary has the stage's share of traffic.
    Stage {
        /// When.
        at: Timestamp,
        /// The stage's place in the plan.
        stage: u32,
    },
    /// The run is over.
    End {
        /// When.
        at: Timestamp,
        /// How: `completed`, `rolled back`, `stopped`, `failed: …`.
        result: String,
    },
}

#[derive(Serialize)]
struct LineOut<'a> {
    v: u32,
    seq: u64,
    #[serde(flatten)]
    fact: &'a Fact,
}

#[derive(Deserialize)]
struct LineIn {
    v: u32,
    seq: u64,
    #[serde(flatten)]
    fact: Fact,
}

/// A fact as a line of the journal, without the line's end.
///
/// # Errors
/// Never for facts of this crate; serde_json's error otherwise.
fn line(seq: u64, fact: &Fact) -> Result<String, serde_json::Error> {
    serde_json::to_string(&LineOut { v: JOURNAL_VERSION, seq, fact })
}

/// A journal that is being written.
#[derive(Debug)]
pub struct Journal {
    file: File,
    seq: u64,
}

impl Journal {
    /// A new journal; there must be none yet.
    ///
    /// # Errors
    /// The file is there already or cannot be made.
    pub fn create(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().append(true).create_new(true).open(path)?;
        Ok(Self { file, seq: 0 })
    }

    /// Appends a fact. It is in the hands of the operating system afterwards, not yet on the disk.
    ///
    /// # Errors
    /// The file cannot be written; the fact must not count then.
    pub fn append(&mut self, fact: &Fact) -> io::Result<()> {
        let mut text = line(self.seq, fact)?;
        text.push('\n');
        self.file.write_all(text.as_bytes())?;
        self.seq = self.seq.saturating_add(1);
        Ok(())
    }

    /// Brings all that was appended to the disk; before a step with an effect.
    ///
    /// # Errors
    /// The disk does not take it.
    pub fn sync(&mut self) -> io::Result<()> {
        self.file.sync_data()
    }
}

/// Why a journal is not what a run of this engine writes.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JournalError {
    /// The file cannot be read.
    #[error("cannot read `{}`", .path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A line is no fact.
    #[error("line {line} of the journal is no fact: {reason}")]
    Malformed {
        /// Which line, from 1.
        line: u64,
        /// Why.
        reason: String,
    },
    /// A line says something else than what follows from those before it.
    #[error(
        "line {line} of the journal says `{recorded}` where `{derived}` follows from the facts before it"
    )]
    Differs {
        /// Which line, from 1.
        line: u64,
        /// What stands there.
        recorded: String,
        /// What should.
        derived: String,
    },
}

/// What a journal tells when it is gone through again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replayed {
    /// What the run started from.
    pub start: Start,
    /// How many samples it saw.
    pub samples: u64,
    /// How many decisions were derived again, each with the same bytes.
    pub decisions: u64,
    /// What happened that a reader wants to see: all facts but samples and repeated decisions.
    pub story: Vec<Fact>,
    /// How the run ended; none when the journal just stops.
    pub result: Option<String>,
}

/// Goes through an evidence folder's journal and derives every decision and step again.
///
/// # Errors
/// The journal cannot be read, a line is no fact, or a recorded decision or step is not the derived one.
pub fn replay_journal(dir: &Path) -> Result<Replayed, JournalError> {
    let (told, whole) = replay_as_far(dir);
    whole?;
    told.ok_or(JournalError::Malformed { line: 1, reason: "the journal is empty".to_owned() })
}

/// As [`replay_journal`], and gives what stands before the first wrong line as well: a run that was killed while it
/// wrote leaves a line that is cut off, and what happened before it is to be seen all the same.
pub fn replay_as_far(dir: &Path) -> (Option<Replayed>, Result<(), JournalError>) {
    let mut fold = None;
    let whole = go_through(dir, &mut fold);
    (fold.map(|fold| fold.told), whole)
}

fn go_through(dir: &Path, fold: &mut Option<Fold>) -> Result<(), JournalError> {
    let path = dir.join(JOURNAL_NAME);
    let read_error = |source| JournalError::Read { path: path.clone(), source };
    let file = File::open(&path).map_err(read_error)?;
    let mut reader = BufReader::new(file);
    let mut number: u64 = 0;
    loop {
        let mut bytes = Vec::new();
        let read = reader.by_ref().take(LINE_BYTES_MAX).read_until(b'\n', &mut bytes).map_err(read_error)?;
        if read == 0 {
            return Ok(());
        }
        number = number.saturating_add(1);
        let malformed = |reason: String| JournalError::Malformed { line: number, reason };
        if bytes.pop() != Some(b'\n') {
            return Err(malformed("it is cut off".to_owned()));
        }
        let text = String::from_utf8(bytes).map_err(|_| malformed("it is not UTF-8".to_owned()))?;
        let parsed: LineIn = serde_json::from_str(&text).map_err(|e| malformed(e.to_string()))?;
        if parsed.v != JOURNAL_VERSION {
            return Err(malformed(format!("its version is {}, known is {JOURNAL_VERSION}", parsed.v)));
        }
        if parsed.seq.checked_add(1) != Some(number) {
            return Err(malformed(format!("its number is {}, out of order", parsed.seq)));
        }
        match (&mut *fold, parsed.fact) {
            (None, Fact::Start(start)) => {
                check_line(number, &text, &Fact::Start(start.clone()))?;
                *fold = Some(Fold::new(start, number)?);
            }
            (None, _) => return Err(malformed("a journal begins with `start`".to_owned())),
            (Some(fold), fact) => fold.take(number, &text, fact)?,
        }
    }
}

/// Compares a line with the fact that belongs there, byte for byte.
fn check_line(number: u64, recorded: &str, derived: &Fact) -> Result<(), JournalError> {
    let seq = number.saturating_sub(1);
    let derived = line(seq, derived)
        .map_err(|error| JournalError::Malformed { line: number, reason: error.to_string() })?;
    if derived == recorded {
        return Ok(());
    }
    Err(JournalError::Differs { line: number, recorded: recorded.to_owned(), derived })
}

/// The state of a run as far as its journal goes.
#[derive(Debug)]
struct Fold {
    engine: Engine,
    rollout: Rollout,
    plan: Plan,
    /// The step that was derived and not yet recorded as taken.
    due: Option<Step>,
    /// The step whose outcome is awaited.
    open: Option<Step>,
    /// Whether the outcome before was a failure.
    failed: bool,
    verdict: Option<(spark_core::Verdict, Vec<String>)>,
    told: Replayed,
}

impl Fold {
    fn new(start: Start, number: u64) -> Result<Self, JournalError> {
        let Some(plan) = start.policy.plan(&start.plan).cloned() else {
            let reason = format!("its policy has no plan `{}`", start.plan);
            return Err(JournalError::Malformed { line: number, reason });
        };
        let (rollout, first) = Rollout::start(&plan, start.policy.reach());
        let engine = Engine::with_plan(Arc::clone(&start.policy), &start.plan);
        let told = Replayed { start, samples: 0, decisions: 0, story: Vec::new(), result: None };
        Ok(Self { engine, rollout, plan, due: Some(first), open: None, failed: false, verdict: None, told })
    }

    fn take(&mut self, number: u64, text: &str, fact: Fact) -> Result<(), JournalError> {
        let malformed = |reason: &str| JournalError::Malformed { line: number, reason: reason.to_owned() };
        if self.told.result.is_some() {
            return Err(malformed("it stands after the end"));
        }
        let derived = match fact {
            Fact::Start(_) => return Err(malformed("a second start")),
            Fact::Sample(sample) => {
                // the count is the engine's business; a dropped sample is dropped again
                let _ = self.engine.observe(&sample);
                self.told.samples = self.told.samples.saturating_add(1);
                Fact::Sample(sample)
            }
            Fact::Evaluate { decision } => self.evaluate(decision.at).ok_or_else(|| {
                malformed("a decision while a step that follows from the one before was not taken")
            })?,
            Fact::Step { at, step, failure } => {
                let derived = match (&failure, self.due.take()) {
                    (None, Some(due)) => due,
                    (Some(_), _) if self.failed => step.clone(),
                    _ => return Err(malformed("no decision asks for this step")),
                };
                self.open = Some(derived.clone());
                Fact::Step { at, step: derived, failure }
            }
            Fact::Outcome { at, ok, status } => {
                if self.open.is_none() {
                    return Err(malformed("an outcome without a step"));
                }
                self.failed = !ok;
                if !ok {
                    self.due = None;
                }
                Fact::Outcome { at, ok, status }
            }
            Fact::Stage { at, stage } => {
                let entered =
                    matches!(self.open, Some(Step::EnterStage { stage: open, .. }) if open == stage);
                if !entered || self.failed {
                    return Err(malformed("a stage that no step entered"));
                }
                self.open = None;
                self.engine.enter_stage(stage);
                Fact::Stage { at, stage }
            }
            Fact::End { at, result } => {
                self.told.result = Some(result.clone());
                Fact::End { at, result }
            }
        };
        check_line(number, text, &derived)?;
        self.tell(derived);
        Ok(())
    }

    /// The decision at an instant, derived; `None` while a step is due.
    fn evaluate(&mut self, at: Timestamp) -> Option<Fact> {
        if self.due.is_some() {
            return None;
        }
        let decision = self.engine.evaluate(at);
        self.due = self.rollout.apply(&self.plan, &decision);
        self.told.decisions = self.told.decisions.saturating_add(1);
        Some(Fact::Evaluate { decision })
    }

    /// Keeps what a reader wants to see.
    fn tell(&mut self, fact: Fact) {
        let news = match &fact {
            Fact::Start(_) | Fact::Sample(_) => false,
            Fact::Evaluate { decision } => {
                let now = (decision.verdict, decision.because.clone());
                let changed = self.verdict.as_ref() != Some(&now) || !decision.changes.is_empty();
                self.verdict = Some(now);
                changed
            }
            Fact::Step { .. } | Fact::Outcome { .. } | Fact::Stage { .. } | Fact::End { .. } => true,
        };
        if news {
            self.told.story.push(fact);
        }
    }
}
