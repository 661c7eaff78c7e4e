//! `spark evidence`: keys, integrity, what happened, and the same decisions again.

mod anchors;
mod show;
mod verify;

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use spark_runtime::evidence::{self, EvidenceError, SecretKey};
use spark_runtime::release::{JOURNAL_NAME, ReleaseError};

use self::anchors::{AnchorArgs, TimestampArgs};
use self::verify::VerifyArgs;
use crate::console::Console;
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
    #[command(after_help = "Examples:
  spark evidence keygen release.key
  spark evidence keygen release.key --print-public")]
    Keygen {
        /// Where the private key goes; it must not be there yet [default: spark.key]
        #[arg(value_name = "FILE")]
        file: Option<PathBuf>,
        /// Make nothing: print the public half of the key in FILE, or in $SPARK_SIGNING_KEY
        #[arg(long)]
        print_public: bool,
    },
    /// Seal a folder that a run left unsealed, or again after files were added
    #[command(
        after_help = "What was sealed before must still be there as it was; the journal may have gone on.

Example:
  spark evidence seal evidence/2026-01-05.1 --key release.key"
    )]
    Seal {
        /// The release's folder
        #[arg(value_name = "DIR")]
        dir: PathBuf,
        /// The private key [default: $SPARK_SIGNING_KEY]
        #[arg(long, value_name = "FILE")]
        key: Option<PathBuf>,
    },
    /// Whether a folder is exactly what was sealed; exit code 13 where it is not
    Verify(VerifyArgs),
    /// Write a folder's seal down in a log that is kept elsewhere
    Anchor(AnchorArgs),
    /// Get a time stamp (RFC 3161) of a folder's seal from an authority
    Timestamp(TimestampArgs),
    /// What happened in a release: who did what, when, and why
    #[command(after_help = "Examples:
  spark evidence show evidence/demo
  spark evidence show evidence/demo --format json")]
    Show {
        /// The release's folder
        #[arg(value_name = "DIR")]
        dir: PathBuf,
        /// How it is written
        #[arg(long, value_name = "FORMAT", value_enum, default_value_t)]
        format: show::Format,
    },
    /// The same decisions again from the recorded facts; exit code 13 where they differ
    #[command(after_help = "Example:\n  spark evidence replay evidence/demo")]
    Replay {
        /// The release's folder
        #[arg(value_name = "DIR")]
        dir: PathBuf,
    },
}

impl EvidenceCommand {
    /// The folder that it is about; none where keys are made.
    fn dir(&self) -> Option<&Path> {
        match self {
            Self::Keygen { .. } => None,
            Self::Seal { dir, .. } | Self::Show { dir, .. } | Self::Replay { dir } => Some(dir),
            Self::Verify(args) => Some(&args.dir),
            Self::Anchor(args) => Some(&args.dir),
            Self::Timestamp(args) => Some(&args.dir),
        }
    }
}

pub(crate) fn run(console: &mut Console, args: &EvidenceArgs) -> Result<Exit, Failure> {
    if let Some(dir) = args.command.dir().filter(|dir| !dir.is_dir()) {
        return Err(Failure::could_not_run(format!(
            "`{}` is no folder: expected a release's, as `spark run` leaves it below `evidence/`",
            dir.display()
        )));
    }
    match &args.command {
        EvidenceCommand::Keygen { file, print_public: true } => print_public(console, file.as_deref()),
        EvidenceCommand::Keygen { file, print_public: false } => {
            keygen(console, file.as_deref().unwrap_or(Path::new("spark.key")))
        }
        EvidenceCommand::Seal { dir, key } => seal(console, dir, key.as_deref()),
        EvidenceCommand::Verify(args) => verify::run(console, args),
        EvidenceCommand::Anchor(args) => anchors::anchor(console, args),
        EvidenceCommand::Timestamp(args) => anchors::timestamp(console, args),
        EvidenceCommand::Show { dir, format } => show::show(console, dir, *format),
        EvidenceCommand::Replay { dir } => show::replay(console, dir),
    }
}

fn keygen(console: &mut Console, file: &Path) -> Result<Exit, Failure> {
    let (key, public) = evidence::keygen(file).map_err(|error| evidence_failure(&error))?;
    console.line(format!("private key: {}", file.display()));
    console.line(format!("public key: {}", public.display()));
    console.line(format!("key id: {}", evidence::key_id(&key.verifying_key())));
    Ok(Exit::Done)
}

fn print_public(console: &mut Console, file: Option<&Path>) -> Result<Exit, Failure> {
    let key = private_key(file, "name its file")?.verifying_key();
    console.note(format!("key id: {}", evidence::key_id(&key)));
    console.text(&evidence::public_pem(&key).map_err(|error| evidence_failure(&error))?);
    Ok(Exit::Done)
}

/// The private key in a file, or in the environment; `how` says how its file is named.
fn private_key(file: Option<&Path>, how: &str) -> Result<SecretKey, Failure> {
    let key = match file {
        Some(file) => evidence::private_key(file).map(Some),
        None => evidence::private_key_of_environment(),
    };
    key.map_err(|error| evidence_failure(&error))?.ok_or_else(|| {
        Failure::bad_arguments(format!("no private key: {how}, or set {} to its PEM", evidence::KEY_VARIABLE))
    })
}

fn seal(console: &mut Console, dir: &Path, key: Option<&Path>) -> Result<Exit, Failure> {
    let key = private_key(key, "name its file with `--key`")?;
    let full = dir
        .canonicalize()
        .map_err(|error| Failure::could_not_run(format!("cannot read `{}`: {error}", dir.display())))?;
    let name = full.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let release = evidence::ReleaseId::new(name).map_err(|error| evidence_failure(&error))?;
    let _alone = held_alone(dir)?;
    let sealed = match dir.join(evidence::SEAL_NAME).symlink_metadata() {
        Ok(_) => evidence::seal_again(dir, now(), &key),
        Err(_) => {
            write_files(console, dir)?;
            evidence::seal_at(dir, release.as_str(), now(), &key)
        }
    };
    let sealed = sealed.map_err(|error| evidence_failure(&error))?;
    let public = evidence::key_beside(dir);
    evidence::write_public_key(&public, &key.verifying_key()).map_err(|error| evidence_failure(&error))?;
    console
        .line(format!("sealed: release {} ({} files, {} bytes)", sealed.release, sealed.files, sealed.bytes));
    console.line(format!("code: {}", sealed.code));
    Ok(Exit::Done)
}

/// The journal, locked against a runner for as long as it is kept: one that is on its way seals what it leaves itself.
fn held_alone(dir: &Path) -> Result<Option<std::fs::File>, Failure> {
    let path = dir.join(JOURNAL_NAME);
    // what is no file, or cannot be read, is for the seal to refuse
    if !path.symlink_metadata().is_ok_and(|metadata| metadata.is_file()) {
        return Ok(None);
    }
    let Ok(file) = std::fs::File::open(&path) else { return Ok(None) };
    match file.try_lock_shared() {
        Err(std::fs::TryLockError::WouldBlock) => Err(Failure::could_not_run(format!(
            "a runner has `{}`: it writes and seals its evidence itself when it ends",
            path.display()
        ))),
        _ => Ok(Some(file)),
    }
}

/// Writes what follows from the journal of a run that did not come to that.
fn write_files(console: &mut Console, dir: &Path) -> Result<(), Failure> {
    if dir.join(JOURNAL_NAME).symlink_metadata().is_err() {
        return Ok(());
    }
    match evidence::write_derived(dir, None) {
        Ok(derived) if derived.folded.ending.is_none() => {
            console.note("the rollout is not over: its files tell it as far as its journal goes");
        }
        Ok(_) => {}
        Err(ReleaseError::Evidence(error)) => return Err(evidence_failure(&error)),
        // what cannot be followed is sealed as it is, for whoever looks into it
        Err(error) => console.note(format!(
            "the journal cannot be followed, so nothing is written from it: {}",
            Failure::of(&error)
        )),
    }
    Ok(())
}

fn now() -> spark_core::Timestamp {
    use spark_runtime::runner::Clock as _;
    spark_runtime::runner::SystemClock::start().now()
}

fn evidence_failure(error: &EvidenceError) -> Failure {
    let failure = Failure::of(error);
    match error.is_untrue() {
        true => Failure { exit: Exit::BadEvidence, ..failure },
        false => failure,
    }
}
