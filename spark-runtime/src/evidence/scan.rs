//! What is in an evidence folder: every file with its size and SHA-256, sorted, nothing else tolerated.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::Read;
use std::path::Path;

use sha2::{Digest, Sha256};

use super::chain::{self, Journal};
use super::layout::{self, JOURNAL_NAME};
use super::{EvidenceError, io_error};

/// Most files of a release. The longest rollouts leave some hundreds.
const FILES_MAX: usize = 100_000;
/// Most bytes of a release's files together; reading them takes minutes then.
const BYTES_MAX: u64 = 64 * 1024 * 1024 * 1024;
/// Deepest folder; the ones that are written have a depth of one.
const DEPTH_MAX: usize = 16;

/// A file's fingerprint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FileHash {
    /// SHA-256 in hexadecimal.
    pub(super) sha256: String,
    /// How long it is.
    pub(super) bytes: u64,
}

/// How far the reading of a folder has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// How many files were begun.
    pub files: u64,
    /// How many bytes were read.
    pub bytes: u64,
    /// How many bytes the seal says there are; nothing is known of it while a folder is being sealed.
    pub expected: Option<u64>,
}

/// Everything in a folder, the seal aside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Content {
    pub(super) files: BTreeMap<String, FileHash>,
    /// The journal, where there is one.
    pub(super) journal: Option<Journal>,
}

impl Content {
    /// How many bytes the files have together.
    pub(super) fn bytes(&self) -> u64 {
        self.files.values().fold(0, |sum, hash| sum.saturating_add(hash.bytes))
    }
}

/// All files below a folder by their path with `/`, apart from `except` at the root.
///
/// # Errors
/// Something is neither a file nor a folder with files, or cannot be read, or is too much.
pub(super) fn scan(
    root: &Path,
    except: &str,
    expected: Option<u64>,
    told: &mut dyn FnMut(Progress),
) -> Result<Content, EvidenceError> {
    let mut found = Content { files: BTreeMap::new(), journal: None };
    let mut folded: BTreeMap<String, String> = BTreeMap::new();
    let mut progress = Progress { files: 0, bytes: 0, expected };
    walk(root, "", 0, &mut |path, relative| {
        if relative == except {
            return Ok(());
        }
        // on file systems that do not tell large from small letters, one of the two would be lost
        if let Some(other) = folded.insert(relative.to_lowercase(), relative.to_owned()) {
            return Err(refuse(relative, &format!("it is `{other}` in other letters")));
        }
        if found.files.len() >= FILES_MAX {
            return Err(refuse(relative, "there are too many files"));
        }
        progress.files = progress.files.saturating_add(1);
        told(progress);
        let mut file = open(path, relative)?;
        let mut read = |bytes: u64| {
            progress.bytes = progress.bytes.saturating_add(bytes);
            told(progress);
        };
        let hash = if relative == JOURNAL_NAME {
            let journal = chain::read(file, &mut read).map_err(io_error("read", path))?;
            found.journal.insert(journal).hash.clone()
        } else {
            hash(&mut file, &mut read).map_err(io_error("read", path))?
        };
        if progress.bytes > BYTES_MAX {
            return Err(refuse(relative, "the files are too long together to be checked"));
        }
        found.files.insert(relative.to_owned(), hash);
        Ok(())
    })?;
    Ok(found)
}

fn refuse(path: &str, reason: &str) -> EvidenceError {
    EvidenceError::NotEvidence { path: path.to_owned(), reason: reason.to_owned() }
}

fn walk(
    folder: &Path,
    relative: &str,
    depth: usize,
    visit: &mut dyn FnMut(&Path, &str) -> Result<(), EvidenceError>,
) -> Result<(), EvidenceError> {
    if depth > DEPTH_MAX {
        return Err(refuse(relative, "its folders are nested too deeply"));
    }
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).map_err(io_error("read", folder))? {
        names.push(entry.map_err(io_error("read", folder))?.file_name());
        if names.len() > FILES_MAX {
            return Err(refuse(relative, "there are too many files"));
        }
    }
    // in one order everywhere, so that the first bad one is the same everywhere
    names.sort();
    for name in &names {
        let path = folder.join(name);
        let below =
            |name: &str| if relative.is_empty() { name.to_owned() } else { format!("{relative}/{name}") };
        let Some(name) = name.to_str() else {
            return Err(refuse(&below(&name.to_string_lossy()), "its name is not UTF-8"));
        };
        let below = below(name);
        if !layout::is_portable(name) {
            return Err(refuse(
                &below.escape_debug().to_string(),
                "its name is not the same on every file system",
            ));
        }
        // of the entry itself: a link is never followed
        let kind = fs::symlink_metadata(&path).map_err(io_error("read", &path))?.file_type();
        if kind.is_dir() {
            walk(&path, &below, depth.saturating_add(1), visit)?;
        } else if kind.is_file() {
            visit(&path, &below)?;
        } else if kind.is_symlink() {
            return Err(refuse(&below, "it is a symbolic link"));
        } else {
            return Err(refuse(&below, "it is neither a file nor a folder"));
        }
    }
    if names.is_empty() && depth > 0 {
        return Err(refuse(relative, "it is an empty folder"));
    }
    Ok(())
}

/// Opens a file that was one a moment ago: what took its place since is neither followed nor waited for.
pub(super) fn open(path: &Path, relative: &str) -> Result<File, EvidenceError> {
    let mut options = OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    {
        use rustix::fs::OFlags;
        let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits();
        std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, i32::try_from(flags).unwrap_or(0));
    }
    let file = options.open(path).map_err(io_error("read", path))?;
    match file.metadata().map_err(io_error("read", path))?.is_file() {
        true => Ok(file),
        false => Err(refuse(relative, "it is neither a file nor a folder")),
    }
}

fn hash(file: &mut File, told: &mut dyn FnMut(u64)) -> std::io::Result<FileHash> {
    let mut hasher = Sha256::new();
    let mut buffer = vec![0u8; 64 * 1024];
    let mut bytes: u64 = 0;
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            break;
        }
        hasher.update(buffer.get(..read).unwrap_or_default());
        let read = u64::try_from(read).unwrap_or(u64::MAX);
        told(read);
        bytes = bytes.saturating_add(read);
        if bytes > BYTES_MAX {
            break;
        }
    }
    Ok(FileHash { sha256: hex(&hasher.finalize()), bytes })
}

/// Bytes in hexadecimal.
pub(super) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |value: u8| DIGITS.get(usize::from(value)).map_or('0', |digit| char::from(*digit));
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}
