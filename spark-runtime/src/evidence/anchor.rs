//! Second anchors: what is known of a release's seal from elsewhere than its folder.
//!
//! A seal proves that nothing in a folder changed since it was sealed. It cannot prove that it is the newest one: who puts
//! back yesterday's copy of the whole folder puts back its seal with it. That is found by what was kept elsewhere: the
//! seal's code, the journal's head, a line of a log, or the token of a time stamping authority.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use spark_core::Timestamp;

use super::chain::{self, BadLine, Head};
use super::code::SealCode;
use super::layout::JOURNAL_NAME;
use super::scan::open;
use super::seal::Sealed;
use super::{EvidenceError, io_error};

/// Fewest digits of a sum that are taken for it: 64 bits.
const SUM_DIGITS_MIN: usize = 16;

/// Longest log of anchors: 100,000 seals of 400 bytes.
const LOG_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// What was written down of a release's seal, or of its journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Anchor {
    /// The seal's code, as `verify` and the end of a run print it.
    Seal(SealCode),
    /// A line of the journal, `SEQ:SUM`: what the database keeps of a rollout. The journal may have gone on since.
    Line {
        /// The line's number, from 1.
        seq: u64,
        /// Its sum, or the first 16 digits of it or more.
        sum: String,
    },
}

impl FromStr for Anchor {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let Some((seq, sum)) = text.split_once(':') else { return text.parse().map(Self::Seal) };
        let sum = sum.to_ascii_lowercase();
        let is_sum = (SUM_DIGITS_MIN..=64).contains(&sum.len()) && sum.bytes().all(|b| b.is_ascii_hexdigit());
        match (seq.parse(), is_sum) {
            (Ok(seq), true) => Ok(Self::Line { seq, sum }),
            _ => Err(format!(
                "`{text}` is no head of a journal: expected a line's number, a colon, and 16 to 64 hexadecimal digits"
            )),
        }
    }
}

impl fmt::Display for Anchor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Seal(code) => write!(f, "{code}"),
            Self::Line { seq, sum } => write!(f, "{seq}:{sum}"),
        }
    }
}

impl Anchor {
    /// Checks a folder that was verified to be `sealed` against this anchor.
    ///
    /// # Errors
    /// The folder is another or an older one than the anchor was made of, or its journal cannot be read.
    pub fn check(&self, dir: &Path, sealed: &Sealed) -> Result<(), EvidenceError> {
        let refused = |why: String| EvidenceError::NotTheNewest { anchor: self.to_string(), why };
        match self {
            Self::Seal(code) if *code == sealed.code => Ok(()),
            Self::Seal(_) => Err(refused(format!("the folder's code is {}", sealed.code))),
            Self::Line { seq, sum } => {
                let Some(head) = &sealed.journal else {
                    return Err(refused("the folder has no journal with a chain".to_owned()));
                };
                if head.seq < *seq {
                    return Err(refused(format!("the journal ends at line {}", head.seq)));
                }
                let path = dir.join(JOURNAL_NAME);
                let found = open(&path, JOURNAL_NAME)
                    .and_then(|file| chain::sum_at(file, *seq).map_err(io_error("read", &path)))?;
                match found.is_some_and(|found| found.starts_with(sum)) {
                    true => Ok(()),
                    false => Err(refused(format!("line {seq} of the journal is another one"))),
                }
            }
        }
    }
}

/// A line of a log of anchors.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Anchored {
    /// The release.
    pub release: String,
    /// When it was sealed.
    pub at: Timestamp,
    /// The how many-eth seal of the release.
    pub seal: u32,
    /// The SHA-256 of its `seal.json`.
    pub digest: String,
    /// Its code.
    pub code: String,
    /// Where its journal ended.
    pub journal: Option<Head>,
}

impl Anchored {
    /// What is written of a seal.
    pub fn of(sealed: &Sealed) -> Self {
        Self {
            release: sealed.release.clone(),
            at: sealed.at,
            seal: sealed.seal,
            digest: sealed.digest.clone(),
            code: sealed.code.to_string(),
            journal: sealed.journal.clone(),
        }
    }
}

/// Writes a seal down in a log that is only appended to, and brings it to the disk; a log that is not there is begun.
///
/// A seal that stands there as the newest one of its release is not written twice. The log's lines are those of a
/// journal: each carries on the one before, and so one line kept elsewhere stands for all before it.
///
/// # Errors
/// The log cannot be read or written, or is damaged.
pub fn append_anchor(log: &Path, sealed: &Sealed) -> Result<Head, EvidenceError> {
    let failed = |error| io_error("write", log)(error);
    let mut file =
        OpenOptions::new().read(true).write(true).create(true).truncate(false).open(log).map_err(failed)?;
    // two releases that end at once
    file.lock().map_err(failed)?;
    let (entries, end) = read_log(&mut file, log)?;
    let entry = Anchored::of(sealed);
    let newest = entries.iter().rev().find(|(_, known)| known.release == entry.release);
    if let Some((head, _)) = newest.filter(|(_, known)| *known == entry) {
        return Ok(head.clone());
    }
    let record = serde_json::to_string(&entry).map_err(|error| failed(std::io::Error::other(error)))?;
    let (line, head) = chain::line(entries.last().map(|(head, _)| head), &record);
    let append = |file: &mut File| -> std::io::Result<()> {
        // what a crash left of a line was never acknowledged
        file.set_len(end)?;
        file.seek(SeekFrom::Start(end))?;
        file.write_all(line.as_bytes())?;
        file.sync_all()
    };
    append(&mut file).map_err(failed)?;
    Ok(head)
}

/// Checks that a folder that was verified to be `sealed` is the newest one that a log knows of its release.
///
/// # Errors
/// It is not, the log does not know the release, is damaged, or cannot be read.
pub fn check_anchors(log: &Path, sealed: &Sealed) -> Result<Anchored, EvidenceError> {
    let mut file = File::open(log).map_err(io_error("read", log))?;
    let (entries, _) = read_log(&mut file, log)?;
    let refused = |why: String| EvidenceError::NotTheNewest { anchor: log.display().to_string(), why };
    let newest = entries.into_iter().map(|(_, entry)| entry).rfind(|entry| entry.release == sealed.release);
    match newest {
        None => Err(refused(format!("it does not know release {}", sealed.release))),
        Some(newest) if newest.digest == sealed.digest => Ok(newest),
        Some(newest) => Err(refused(format!(
            "its newest seal of release {} is {} of {}, and the folder's is {} of {}",
            sealed.release, newest.code, newest.at, sealed.code, sealed.at
        ))),
    }
}

/// All lines of a log, and where the last whole one ends.
fn read_log(file: &mut File, path: &Path) -> Result<(Vec<(Head, Anchored)>, u64), EvidenceError> {
    let mut text = Vec::new();
    file.take(LOG_BYTES_MAX).read_to_end(&mut text).map_err(io_error("read", path))?;
    let damaged =
        |bad: BadLine| EvidenceError::BadLog { path: path.to_owned(), line: bad.line, why: bad.why };
    let mut entries: Vec<(Head, Anchored)> = Vec::new();
    let mut end = 0_u64;
    for (line, bytes) in (1_u64..).zip(text.split_inclusive(|byte| *byte == b'\n')) {
        if !bytes.ends_with(b"\n") {
            break;
        }
        let parsed = chain::record(bytes, entries.last().map(|(head, _)| head));
        let parsed = parsed.and_then(|(head, record)| {
            serde_json::from_str(record).map(|entry| (head, entry)).map_err(|error| error.to_string())
        });
        entries.push(parsed.map_err(|why| damaged(BadLine { line, why }))?);
        end = end.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
    }
    Ok((entries, end))
}
