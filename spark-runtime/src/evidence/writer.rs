//! Whose half-written files are whose.
//!
//! Files are written beside the folder and moved in when they are whole. A folder that is locked has one writer; where a lease keeps the
//! others away, one that was stopped past its own may go on at any line, so each has names of its own, and the newer one
//! takes the older one's files away.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use super::{EvidenceError, beside, io_error};

/// Who writes a folder's files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Writer {
    /// Whoever has the folder to itself.
    Alone,
    /// A runner with this fencing token; the rollout may be another's by now.
    Fenced(u64),
}

impl Writer {
    /// Where its files for an ending stand until they are whole: `RELEASE.files.new`, or `RELEASE.files.7.new`.
    pub(crate) fn beside(self, folder: &Path, ending: &str) -> PathBuf {
        match self {
            Self::Alone => beside(folder, &format!("{ending}.new")),
            Self::Fenced(fence) => beside(folder, &format!("{ending}.{fence}.new")),
        }
    }

    /// Takes away what it wrote itself and may not move in any more: the rollout is another's, who took older files away before
    /// these were there. What cannot be taken away hinders nobody.
    pub(crate) fn take_back(self, folder: &Path, ending: &str) {
        let _ = remove(&self.beside(folder, ending));
    }

    /// Takes away what runners before this one left half written.
    ///
    /// # Errors
    /// It cannot be taken away.
    pub(crate) fn clear_older(self, folder: &Path) -> Result<(), EvidenceError> {
        let Self::Fenced(own) = self else { return Ok(()) };
        let whole = beside(folder, "");
        let (Some(root), Some(release)) = (whole.parent(), whole.file_name().and_then(OsStr::to_str)) else {
            return Ok(());
        };
        for entry in std::fs::read_dir(root).map_err(io_error("read", root))? {
            let entry = entry.map_err(io_error("read", root))?;
            let older = entry
                .file_name()
                .to_str()
                .and_then(|name| fence_of(name, release))
                .is_some_and(|fence| fence < own);
            if older {
                remove(&entry.path())?;
            }
        }
        Ok(())
    }
}

/// The fence in the name of a half-written file of this release.
fn fence_of(name: &str, release: &str) -> Option<u64> {
    let rest = name.strip_prefix(release)?.strip_suffix(".new")?;
    let (kind, fence) = rest.rsplit_once('.')?;
    let known = matches!(kind, ".journal" | ".files" | ".seal");
    fence.parse().ok().filter(|_| known)
}

/// Takes a file or a folder away; one that is not there is no error.
///
/// # Errors
/// It cannot be taken away.
pub(super) fn remove(path: &Path) -> Result<(), EvidenceError> {
    let removed = match std::fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_dir() => std::fs::remove_dir_all(path),
        Ok(_) => std::fs::remove_file(path),
        Err(error) => Err(error),
    };
    match removed {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(io_error("write", path)(error)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A runner takes away what older ones of its own release left half written, and nothing else.
    #[test]
    fn only_older_ones() {
        let dir = tempfile::tempdir().unwrap();
        let stay = [
            "1.2",
            "1.2.7.new",
            "1.2.files.8.new",
            "1.2.files.9.new",
            "1.2.files.new",
            "1.2.files.files.7.new",
            "1.2.pub",
            "1.2.3.files.1.new",
            "1.files.2.new",
        ];
        let go = ["1.2.journal.7.new", "1.2.files.7.new", "1.2.seal.2.new"];
        for name in stay.iter().chain(&go) {
            std::fs::create_dir(dir.path().join(name)).unwrap();
        }
        std::fs::write(dir.path().join("1.2.files.7.new/result.json"), "{}").unwrap();
        Writer::Fenced(8).clear_older(&dir.path().join("1.2")).unwrap();
        let mut left: Vec<String> = std::fs::read_dir(dir.path())
            .unwrap()
            .map(|e| e.unwrap().file_name().into_string().unwrap())
            .collect();
        left.sort();
        let mut stay = stay.map(str::to_owned);
        stay.sort();
        assert_eq!(left, stay);
    }

    /// A runner takes back what it wrote itself, a file or a folder, and what is not there without a word; nothing of another's.
    #[test]
    fn only_its_own() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("1.2");
        for name in ["1.2.seal.7.new", "1.2.seal.8.new", "1.2.files.7.new"] {
            std::fs::write(dir.path().join(name), "").unwrap();
        }
        for ending in [".seal", ".journal"] {
            Writer::Fenced(7).take_back(&folder, ending);
        }
        let left = ["1.2.seal.7.new", "1.2.seal.8.new", "1.2.files.7.new"]
            .map(|name| dir.path().join(name).exists());
        assert_eq!(left, [false, true, true]);
    }
}
