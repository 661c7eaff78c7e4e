//! The folder of a release while it is being written.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use spark_core::{Report, State, Timestamp};

use super::seal::sync_folder;
use super::{EvidenceError, io_error};
use crate::harmless;

/// Longest release id: it is a folder's name, and those end at 255 bytes.
const RELEASE_BYTES_MAX: usize = 128;

/// Endings of what stands beside the folders: keys, tokens, sockets, reserves, the log of anchors, and a dot that Windows drops.
const TAKEN: [&str; 8] = [".pub", ".tsr", ".sock", ".reserve", ".json", ".jsonl", ".new", "."];

/// A release's name: it names a folder as well, so it cannot lead anywhere else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReleaseId {
    // INVARIANT: letters, digits, `.`, `_`, `-`; begins with a letter or a digit; not too long; no ending of TAKEN
    text: String,
}

impl ReleaseId {
    /// A release's name from text.
    ///
    /// # Errors
    /// The text could not be a folder's name everywhere.
    pub fn new(text: &str) -> Result<Self, EvidenceError> {
        let first = text.chars().next().is_some_and(|c| c.is_ascii_alphanumeric());
        let rest = text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'));
        let lower = text.to_ascii_lowercase();
        let taken = TAKEN.iter().any(|ending| lower.ends_with(ending));
        if first && rest && !taken && text.len() <= RELEASE_BYTES_MAX {
            return Ok(Self { text: text.to_owned() });
        }
        Err(EvidenceError::BadRelease(text.to_owned()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

/// What one signal showed in a stage, at the stage's last instant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignalSummary {
    /// The signal.
    pub signal: String,
    /// Its value, as rules write it.
    pub value: Option<String>,
    /// What it was held to.
    pub limit: Option<String>,
    /// Whether it met that; none when it was not known.
    pub met: Option<bool>,
    /// Why it was not known.
    pub cause: Option<String>,
}

impl SignalSummary {
    /// The summary of an expectation's report.
    pub fn of(report: &Report) -> Self {
        Self {
            signal: report.name.clone(),
            value: report.value.map(|value| value.to_string()),
            limit: report.threshold.map(|limit| limit.to_string()),
            met: match report.state {
                State::Ok => Some(true),
                State::Unknown => None,
                State::Pending | State::Warn | State::Hold | State::Rollback => Some(false),
            },
            cause: report.cause.clone(),
        }
    }
}

/// What a stage showed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StageSummary {
    /// Its place in the plan, from 0.
    pub stage: u32,
    /// Its share of traffic, as rules write it.
    pub share: String,
    /// When the canary got that share.
    pub entered: Timestamp,
    /// When it was left.
    pub left: Option<Timestamp>,
    /// How often was decided.
    pub evaluations: u64,
    /// How often the decision was hold.
    pub held: u64,
    /// The last instant at which was decided; the signals are as they were then.
    pub decided: Option<Timestamp>,
    /// Every signal with an expectation.
    pub signals: Vec<SignalSummary>,
}

/// An evidence folder that is being written.
#[derive(Debug, Clone)]
pub struct EvidenceFolder {
    path: PathBuf,
}

impl EvidenceFolder {
    /// The folder of a release below `root`, made where it is not there.
    ///
    /// A folder that holds anything but a release is left alone.
    ///
    /// # Errors
    /// There is something in it and no journal, or it cannot be made.
    pub fn open(root: &Path, release: &ReleaseId) -> Result<Self, EvidenceError> {
        fs::create_dir_all(root).map_err(io_error("write", root))?;
        let path = root.join(release.as_str());
        match fs::create_dir(&path) {
            Ok(()) => return Ok(Self { path }),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(io_error("write", &path)(error)),
        }
        let folder = Self { path };
        if !folder.has_begun() && !folder.holds_only_checks()? {
            return Err(EvidenceError::Exists(folder.path));
        }
        Ok(folder)
    }

    /// Whether its rollout began: it has a journal.
    pub fn has_begun(&self) -> bool {
        fs::symlink_metadata(self.path.join(crate::release::JOURNAL_NAME)).is_ok()
    }

    /// Whether there is nothing in it but what checks leave before a rollout.
    fn holds_only_checks(&self) -> Result<bool, EvidenceError> {
        for entry in fs::read_dir(&self.path).map_err(io_error("read", &self.path))? {
            let name = entry.map_err(io_error("read", &self.path))?.file_name();
            if name != super::layout::BEFORE_FOLDER && name != super::layout::SIGN_OFF_NAME {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Takes the seal away: what it sealed is about to go on. The other files are written anew when the run comes back.
    ///
    /// # Errors
    /// It cannot be taken away.
    pub fn unseal(&self) -> Result<(), EvidenceError> {
        let seal = self.path.join(super::SEAL_NAME);
        match fs::remove_file(&seal) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(io_error("write", &seal)(error))
            }
            _ => Ok(()),
        }
    }

    /// Whether it has a seal.
    pub fn is_sealed(&self) -> bool {
        self.path.join(super::SEAL_NAME).exists()
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes a value as JSON, `folder/name` below the evidence folder.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write_json(&self, folder: &str, name: &str, value: &impl Serialize) -> Result<(), EvidenceError> {
        let path = self.path.join(folder).join(name);
        let mut text = serde_json::to_string_pretty(value)
            .map_err(|error| io_error("write", &path)(std::io::Error::other(error)))?;
        text.push('\n');
        self.write(folder, name, harmless::json(text).as_bytes())
    }

    /// Writes bytes, `folder/name` below the evidence folder.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write(&self, folder: &str, name: &str, bytes: &[u8]) -> Result<(), EvidenceError> {
        let folder = self.path.join(folder);
        fs::create_dir_all(&folder).map_err(io_error("write", &folder))?;
        let path = folder.join(name);
        // on the disk before it is sealed: a seal over what a power cut takes away would not verify
        let mut file = fs::File::create(&path).map_err(io_error("write", &path))?;
        file.write_all(bytes).and_then(|()| file.sync_all()).map_err(io_error("write", &path))?;
        sync_folder(&folder).map_err(io_error("write", &folder))
    }
}
