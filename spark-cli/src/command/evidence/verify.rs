//! `spark evidence verify`: whether a folder is exactly what was sealed, and the newest of its release.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::{Args, ValueEnum};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;
use spark_runtime::evidence::timestamp::{self, Stamp};
use spark_runtime::evidence::{self, Anchor, Difference, EvidenceError, Progress, Sealed};
use spark_runtime::journal::postgres::PostgresConfig;
use spark_runtime::release::JournalPlace;

use super::anchors::read_authority;
use super::evidence_failure;
use crate::command::shared;
use crate::console::{Console, some};
use crate::exit::{Exit, Failure};

/// How long a check may take before it is shown how far it has come.
const PATIENCE: Duration = Duration::from_millis(500);

/// How much is read between two looks at the clock.
const LOOK_BYTES: u64 = 8 << 20;

#[derive(Debug, Args)]
#[command(
    after_help = "A seal cannot tell that it is the newest one of its release: --head, --anchors, --config and --timestamp
check that against what was kept elsewhere.

Exit codes: 0 the folder is what was sealed; 13 it is not; 1 it cannot be read.

Examples:
  spark evidence verify evidence/demo --key demo.pub
  spark evidence verify evidence/1.4.2 --head k7m2-p9qx-4c1d-z0te
  spark evidence verify evidence/1.4.2 --anchors /mnt/audit/anchors.jsonl
  spark evidence verify evidence/1.4.2 --config spark.yaml
  spark evidence verify evidence/1.4.2 --timestamp 1.4.2.tsr --tsa-ca tsa-ca.pem"
)]
pub(super) struct VerifyArgs {
    /// The release's folder
    #[arg(value_name = "DIR")]
    pub(super) dir: PathBuf,
    /// The public key [default: RELEASE.pub beside the folder]
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// The code of its newest seal, or a line of its journal as SEQ:SUM; may be given more than once
    #[arg(long, value_name = "CODE")]
    head: Vec<Anchor>,
    /// A log of anchors in which the seal must be the newest one of its release
    #[arg(long, value_name = "FILE")]
    anchors: Option<PathBuf>,
    /// The configuration of the run; with `journal: postgres`, its journal must be the one in the database, to the last line
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// A time stamp that must be of its seal
    #[arg(long, value_name = "FILE", requires = "tsa_ca")]
    timestamp: Option<PathBuf>,
    /// The certificates of the time stamp's authority, in PEM
    #[arg(long, value_name = "FILE", requires = "timestamp")]
    tsa_ca: Option<PathBuf>,
    /// How the result is written
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t)]
    format: Format,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people
    #[default]
    Text,
    /// For programs: docs/schemas/evidence-verify.schema.json
    Json,
}

/// What was found: docs/schemas/evidence-verify.schema.json.
#[derive(Debug, Serialize)]
struct Verified<'a> {
    verified: bool,
    sealed: Option<&'a Sealed>,
    anchored: &'a [String],
    timestamp: Option<&'a Stamp>,
    first_bad: Option<Difference>,
    differences: &'a [Difference],
    error: Option<String>,
}

pub(super) fn run(console: &mut Console, args: &VerifyArgs) -> Result<Exit, Failure> {
    let authority = args.tsa_ca.as_deref().map(read_authority).transpose()?;
    let config =
        args.config.as_deref().map(|file| crate::command::config::load(console, file)).transpose()?;
    let place = config.as_ref().map(crate::command::run::place).transpose()?;
    let mut found = Found::default();
    let checked = check(console, args, (authority.as_deref(), place.as_ref()), &mut found);
    match (args.format, checked) {
        (Format::Text, Ok(())) => {
            found.tell(console);
            Ok(Exit::Done)
        }
        (Format::Json, Ok(())) => {
            json(console, &found, None)?;
            Ok(Exit::Done)
        }
        (Format::Json, Err(Refused::Untrue(error))) => {
            json(console, &found, Some(&error))?;
            Ok(Exit::BadEvidence)
        }
        (Format::Text, Err(Refused::Untrue(error))) => Err(evidence_failure(&error)),
        (_, Err(Refused::Failure(failure))) => Err(failure),
    }
}

/// What was found so far.
#[derive(Debug, Default)]
struct Found {
    sealed: Option<Sealed>,
    anchored: Vec<String>,
    stamp: Option<Stamp>,
}

enum Refused {
    Untrue(EvidenceError),
    Failure(Failure),
}

impl From<EvidenceError> for Refused {
    fn from(error: EvidenceError) -> Self {
        match error.is_untrue() {
            true => Self::Untrue(error),
            false => Self::Failure(evidence_failure(&error)),
        }
    }
}

fn check(
    console: &Console,
    args: &VerifyArgs,
    (authority, place): (Option<&[u8]>, Option<&JournalPlace>),
    found: &mut Found,
) -> Result<(), Refused> {
    let dir = &args.dir;
    if dir.join(evidence::SEAL_NAME).symlink_metadata().is_err() {
        return Err(EvidenceError::NotSealed(dir.clone()).into());
    }
    let key = public_key(dir, args.key.as_deref()).map_err(Refused::Failure)?;
    let mut bar = Bar::new(console.shows_progress());
    let sealed = evidence::verify_with(dir, &key, &mut |progress| bar.at(progress));
    bar.end();
    let sealed = found.sealed.insert(sealed?);
    for anchor in &args.head {
        anchor.check(dir, sealed)?;
        found.anchored.push(anchor.to_string());
    }
    if let Some(log) = &args.anchors {
        evidence::check_anchors(log, sealed)?;
        found.anchored.push(log.display().to_string());
    }
    if let Some(JournalPlace::Postgres(database)) = place {
        found.anchored.push(in_database(dir, sealed, database)?);
    }
    if let (Some(path), Some(authority)) = (&args.timestamp, authority) {
        found.stamp = Some(timestamp::verify_stamp(dir, path, authority)?);
    }
    Ok(())
}

/// Checks that a folder's journal is the one in the database, no line older and none newer.
fn in_database(dir: &Path, sealed: &Sealed, database: &PostgresConfig) -> Result<String, Refused> {
    let standing = shared::standing(database, &sealed.release).map_err(Refused::Failure)?;
    let not_it = |anchor: String, why: String| Refused::from(EvidenceError::NotTheNewest { anchor, why });
    let Some(standing) = standing else {
        return Err(not_it(
            "the database".to_owned(),
            format!("it does not know release {}", sealed.release),
        ));
    };
    let head = standing.head;
    Anchor::Line { seq: head.seq, sum: head.sum.to_string() }.check(dir, sealed)?;
    match &sealed.journal {
        Some(ours) if ours.seq > head.seq => {
            let why = format!(
                "the folder's journal goes on to line {}, which the database does not have",
                ours.seq
            );
            Err(not_it(head.to_string(), why))
        }
        _ => Ok(format!("the database, at line {}", head.seq)),
    }
}

/// The public key in a file, or beside the folder.
pub(super) fn public_key(dir: &Path, key: Option<&Path>) -> Result<evidence::VerifyingKey, Failure> {
    let path = key.map_or_else(|| evidence::key_beside(dir), Path::to_owned);
    evidence::public_key(&path).map_err(|error| match (&error, key) {
        // what stands beside the folder belongs to the evidence
        (EvidenceError::BadKey { .. }, None) => {
            Failure { exit: Exit::BadEvidence, ..evidence_failure(&error) }
        }
        (EvidenceError::Io { .. }, None) => {
            let failure = evidence_failure(&error);
            Failure { words: format!("{}; name the public key with `--key`", failure.words), ..failure }
        }
        _ => evidence_failure(&error),
    })
}

impl Found {
    fn tell(&self, console: &mut Console) {
        let Some(sealed) = &self.sealed else { return };
        console.line(format!(
            "verified: release {} is exactly what was sealed ({}, {} bytes, key {})",
            sealed.release,
            some(sealed.files, "file"),
            sealed.bytes,
            sealed.key
        ));
        let which = match sealed.seal {
            1 => String::new(),
            again => format!(", seal {again} of the release"),
        };
        console
            .line(format!("sealed at {} by Spark {}{which}, code {}", sealed.at, sealed.spark, sealed.code));
        if let Some(head) = &sealed.journal {
            console.line(format!("journal: whole, {} lines, head {head}", head.seq));
        }
        if let Some(bad) = &sealed.broken {
            console.line(format!(
                "warning: line {} of the journal was bad already when it was sealed: {}",
                bad.line, bad.why
            ));
        }
        for anchor in &self.anchored {
            console.line(format!("the newest by `{anchor}`"));
        }
        if let Some(stamp) = &self.stamp {
            console.line(format!("time stamp: an authority saw this seal at {}", stamp.at));
        }
    }
}

fn json(console: &mut Console, found: &Found, error: Option<&EvidenceError>) -> Result<(), Failure> {
    let differences = match error {
        Some(EvidenceError::Differs(all)) => all.as_slice(),
        _ => &[],
    };
    let verified = Verified {
        verified: error.is_none(),
        sealed: found.sealed.as_ref(),
        anchored: &found.anchored,
        timestamp: found.stamp.as_ref(),
        first_bad: error.and_then(EvidenceError::first_bad),
        differences,
        error: error.map(|error| Failure::of(error).words),
    };
    let text = serde_json::to_string(&verified).map_err(|error| Failure::of(&error))?;
    console.line(text);
    Ok(())
}

/// How far a long check has come, on a terminal.
struct Bar {
    shown: bool,
    began: Instant,
    looked: u64,
    bar: Option<ProgressBar>,
}

impl Bar {
    fn new(shown: bool) -> Self {
        Self { shown, began: Instant::now(), looked: 0, bar: None }
    }

    fn at(&mut self, progress: Progress) {
        if !self.shown || progress.bytes < self.looked.saturating_add(LOOK_BYTES) {
            return;
        }
        self.looked = progress.bytes;
        if self.bar.is_none() && self.began.elapsed() > PATIENCE {
            let bar = ProgressBar::with_draw_target(progress.expected, ProgressDrawTarget::stderr());
            let style = "{wide_bar} {bytes} of {total_bytes}, {eta} left";
            self.bar = Some(match ProgressStyle::with_template(style) {
                Ok(style) => bar.with_style(style),
                Err(_) => bar,
            });
        }
        if let Some(bar) = &self.bar {
            bar.set_position(progress.bytes);
        }
    }

    fn end(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
