//! `spark evidence`: keys, integrity, what happened, and the same decisions again.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use spark_core::Step;
use spark_runtime::audit::{Fact, JournalError, Replayed, replay_as_far, replay_journal};
use spark_runtime::evidence::{self, EvidenceError};
use spark_runtime::replay::Events;

use crate::command::replay::line;
use crate::console::{Console, some, strong};
use crate::exit::{Exit, Failure};

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  spark evidence keygen release.key
  spark evidence verify evidence/2026-01-05.1
  spark evidence replay evidence/2026-01-05.1")]
pub(crate) struct EvidenceArgs {
    #[command(subcommand)]
    command: EvidenceCommand,
}

#[derive(Debug, Subcommand)]
enum EvidenceCommand {
    /// Make a key pair: FILE, readable by its owner alone, and FILE.pub
    #[command(after_help = "Example:\n  spark evidence keygen release.key")]
    Keygen {
        /// Where the private key goes; it must not be there yet
        #[arg(value_name = "FILE", default_value = "spark.key")]
        file: PathBuf,
    },
    /// Whether a folder is exactly what was sealed; exit code 13 where it is not
    #[command(after_help = "Example:\n  spark evidence verify evidence/demo --key demo.pub")]
    Verify {
        /// The release's folder
        #[arg(value_name = "DIR")]
        dir: PathBuf,
        /// The public key [default: RELEASE.pub beside the folder]
        #[arg(long, value_name = "FILE")]
        key: Option<PathBuf>,
    },
    /// What happened in a release
    #[command(after_help = "Example:\n  spark evidence show evidence/demo")]
    Show {
        /// The release's folder
        #[arg(value_name = "DIR")]
        dir: PathBuf,
    },
    /// The same decisions again from the recorded facts; exit code 13 where they differ
    #[command(after_help = "Example:\n  spark evidence replay evidence/demo")]
    Replay {
        /// The release's folder
        #[arg(value_name = "DIR")]
        dir: PathBuf,
    },
}

pub(crate) fn run(console: &mut Console, args: &EvidenceArgs) -> Result<Exit, Failure> {
    match &args.command {
        EvidenceCommand::Keygen { file } => keygen(console, file),
        EvidenceCommand::Verify { dir, key } => verify(console, dir, key.as_deref()),
        EvidenceCommand::Show { dir } => show(console, dir),
        EvidenceCommand::Replay { dir } => replay(console, dir),
    }
}

fn keygen(console: &mut Console, file: &Path) -> Result<Exit, Failure> {
    let (_, public) = evidence::keygen(file).map_err(|error| evidence_failure(&error))?;
    console.line(format!("private key: {}", file.display()));
    console.line(format!("public key: {}", public.display()));
    Ok(Exit::Done)
}

fn verify(console: &mut Console, dir: &Path, key: Option<&Path>) -> Result<Exit, Failure> {
    if !dir.is_dir() {
        return Err(Failure::could_not_run(format!("`{}` is no folder", dir.display())));
    }
    if dir.join(evidence::SEAL_NAME).symlink_metadata().is_err() {
        return Err(evidence_failure(&EvidenceError::NotSealed(dir.to_owned())));
    }
    let path = key.map_or_else(|| evidence::key_beside(dir), Path::to_owned);
    let public = evidence::public_key(&path).map_err(|error| match (&error, key) {
        // what stands beside the folder belongs to the evidence
        (EvidenceError::BadKey { .. }, None) => Failure { exit: Exit::BadEvidence, ..evidence_failure(&error) },
        (EvidenceError::Io { .. }, None) => {
            let failure = evidence_failure(&error);
            Failure { words: format!("{}; name the public key with `--key`", failure.words), ..failure }
        }
        _ => evidence_failure(&error),
    });
    let key = public?;
    let sealed = evidence::verify(dir, &key).map_err(|error| evidence_failure(&error))?;
    console.line(format!(
        "verified: release {} is exactly what was sealed ({} files, {} bytes, key {})",
        sealed.release, sealed.files, sealed.bytes, sealed.key
    ));
    Ok(Exit::Done)
}

fn show(console: &mut Console, dir: &Path) -> Result<Exit, Failure> {
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

fn replay(console: &mut Console, dir: &Path) -> Result<Exit, Failure> {
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

fn evidence_failure(error: &EvidenceError) -> Failure {
    let failure = Failure::of(error);
    match error.is_untrue() {
        true => Failure { exit: Exit::BadEvidence, ..failure },
        false => failure,
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
