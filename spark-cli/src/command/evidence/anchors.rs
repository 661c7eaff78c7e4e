//! `spark evidence anchor` and `timestamp`: what is kept of a seal elsewhere than in its folder.

use std::path::{Path, PathBuf};

use clap::Args;
use spark_runtime::evidence::{self, timestamp};

use super::evidence_failure;
use super::verify::public_key;
use crate::console::Console;
use crate::exit::{Exit, Failure};
use crate::samples::block_on;

/// Longest file of an authority's certificates: all public authorities together are about 220 KiB.
const AUTHORITY_BYTES_MAX: u64 = 4 << 20;

#[derive(Debug, Args)]
#[command(
    after_help = "The log is only appended to, and each line carries on the one before. Keep it where whoever
can write the evidence cannot.

Example:
  spark evidence anchor evidence/1.4.2 --log /mnt/audit/anchors.jsonl"
)]
pub(super) struct AnchorArgs {
    /// The release's folder; it is verified first
    #[arg(value_name = "DIR")]
    pub(super) dir: PathBuf,
    /// The log; it is begun where it is not there
    #[arg(long, value_name = "FILE")]
    log: PathBuf,
    /// The public key [default: RELEASE.pub beside the folder]
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
}

#[derive(Debug, Args)]
#[command(after_help = "The token is what `openssl ts -verify -data DIR/seal.json` takes.

Example:
  spark evidence timestamp evidence/1.4.2 --tsa http://timestamp.example/ --tsa-ca tsa-ca.pem")]
pub(super) struct TimestampArgs {
    /// The release's folder; it is verified first
    #[arg(value_name = "DIR")]
    pub(super) dir: PathBuf,
    /// The address of the authority
    #[arg(long, value_name = "URL")]
    tsa: String,
    /// The authority's certificates, in PEM
    #[arg(long, value_name = "FILE")]
    tsa_ca: PathBuf,
    /// Where the token goes [default: RELEASE.tsr beside the folder]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// The public key [default: RELEASE.pub beside the folder]
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
}

pub(super) fn anchor(console: &mut Console, args: &AnchorArgs) -> Result<Exit, Failure> {
    let key = public_key(&args.dir, args.key.as_deref())?;
    let sealed = evidence::verify(&args.dir, &key).map_err(|error| evidence_failure(&error))?;
    let head = evidence::append_anchor(&args.log, &sealed).map_err(|error| evidence_failure(&error))?;
    console.line(format!(
        "anchored: release {}, code {}, line {} of the log",
        sealed.release, sealed.code, head.seq
    ));
    console.line(format!("the log's head: {head}"));
    Ok(Exit::Done)
}

pub(super) fn timestamp(console: &mut Console, args: &TimestampArgs) -> Result<Exit, Failure> {
    spark_runtime::http::check_address(&args.tsa).map_err(Failure::bad_arguments)?;
    let authority = read_authority(&args.tsa_ca)?;
    let key = public_key(&args.dir, args.key.as_deref())?;
    let sealed = evidence::verify(&args.dir, &key).map_err(|error| evidence_failure(&error))?;
    let path = args.out.clone().unwrap_or_else(|| timestamp::stamp_beside(&args.dir));
    let stamp = block_on(timestamp::stamp(&args.dir, &args.tsa, &authority, &path))?
        .map_err(|error| evidence_failure(&error))?;
    console.line(format!("stamped: an authority saw seal {} at {}", sealed.code, stamp.at));
    console.line(format!("token: {}", path.display()));
    Ok(Exit::Done)
}

/// The certificates that an authority's must be under.
pub(super) fn read_authority(path: &Path) -> Result<Vec<u8>, Failure> {
    use std::io::Read;
    let mut bytes = Vec::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(AUTHORITY_BYTES_MAX).read_to_end(&mut bytes))
        .map_err(|error| Failure::could_not_run(format!("cannot read `{}`: {error}", path.display())))?;
    Ok(bytes)
}
