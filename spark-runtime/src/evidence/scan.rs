//! What is in an evidence folder: every file with its size and SHA-256, sorted, nothing else tolerated.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

use sha2::{Digest, Sha256};

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

/// All files below a folder by their path with `/`, apart from `except` at the root.
///
/// # Errors
/// Something is neither a file nor a folder with files, or cannot be read, or is too much.
pub(super) fn scan(root: &Path, except: &str) -> Result<BTreeMap<String, FileHash>, EvidenceError> {
    let mut found = BTreeMap::new();
    let mut total: u64 = 0;
    walk(root, "", 0, &mut |path, relative| {
        if relative == except {
            return Ok(());
        }
        let refuse = |reason: &str| EvidenceError::NotEvidence {
            path: relative.to_owned(),
            reason: reason.to_owned(),
        };
        let hash = hash(path)?;
        total = total
            .checked_add(hash.bytes)
            .filter(|t| *t <= BYTES_MAX)
            .ok_or_else(|| refuse("the files are too long together to be checked"))?;
        if found.len() >= FILES_MAX {
            return Err(refuse("there are too many files"));
        }
        found.insert(relative.to_owned(), hash);
        Ok(())
    })?;
    Ok(found)
}

fn walk(
    folder: &Path,
    relative: &str,
    depth: usize,
    visit: &mut dyn FnMut(&Path, &str) -> Result<(), EvidenceError>,
) -> Result<(), EvidenceError> {
    let refuse = |path: &str, reason: &str| EvidenceError::NotEvidence {
        path: path.to_owned(),
        reason: reason.to_owned(),
    };
    if depth > DEPTH_MAX {
        return Err(refuse(relative, "its folders are nested too deeply"));
    }
    let mut empty = true;
    for entry in fs::read_dir(folder).map_err(io_error("read", folder))? {
        let entry = entry.map_err(io_error("read", folder))?;
        empty = false;
        let path = entry.path();
        let Ok(name) = entry.file_name().into_string() else {
            return Err(refuse(&entry.file_name().to_string_lossy(), "its name is not UTF-8"));
        };
        let below = if relative.is_empty() { name } else { format!("{relative}/{name}") };
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
    if empty && depth > 0 {
        return Err(refuse(relative, "it is an empty folder"));
    }
    Ok(())
}

fn hash(path: &Path) -> Result<FileHash, EvidenceError> {
    let mut file = File::open(path).map_err(io_error("read", path))?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0u8; 64 * 1024];
    let mut bytes: u64 = 0;
    loop {
        let read = file.read(&mut buffer).map_err(io_error("read", path))?;
        if read == 0 {
            break;
        }
        hasher.update(buffer.get(..read).unwrap_or_default());
        bytes = bytes.saturating_add(u64::try_from(read).unwrap_or(u64::MAX));
        if bytes > BYTES_MAX {
            break;
        }
    }
    Ok(FileHash { sha256: hex(&hasher.finalize()), bytes })
}

/// Bytes in hexadecimal.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
