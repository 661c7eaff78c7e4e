//! Where derived files go: onto the disk, or beside those that are there, to be compared.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, OpenOptions};
use std::io::{BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::super::layout::{self, JOURNAL_NAME};
use super::super::scan::open;
use super::super::seal::{SEAL_NAME, sync_folder};
use super::super::statement::Difference;
use super::super::writer::{Writer, remove};
use super::super::{EvidenceError, io_error};
use crate::harmless;

/// Files that are kept open at a time: a plan may have more stages than a process may have files.
const OPEN_MAX: usize = 32;

/// What the folder is called in which files stand until all of them are whole.
const STAGED: &str = ".files";

/// Takes derived files piece by piece.
pub(super) trait Shelf: Send {
    /// Adds to a file's end; the first piece begins it.
    fn append(&mut self, path: &str, bytes: &[u8]) -> Result<(), EvidenceError>;
}

/// Adds a value as one line of JSON.
pub(super) fn append_line(
    shelf: &mut dyn Shelf,
    path: &str,
    value: &impl Serialize,
) -> Result<(), EvidenceError> {
    let mut text = harmless::json(serde_json::to_string(value).map_err(no_json(path))?);
    text.push('\n');
    shelf.append(path, text.as_bytes())
}

/// A whole file with one value as JSON, laid out to be read.
pub(super) fn put_json(
    shelf: &mut dyn Shelf,
    path: &str,
    value: &impl Serialize,
) -> Result<(), EvidenceError> {
    let mut text = harmless::json(serde_json::to_string_pretty(value).map_err(no_json(path))?);
    text.push('\n');
    shelf.append(path, text.as_bytes())
}

fn no_json(path: &str) -> impl FnOnce(serde_json::Error) -> EvidenceError + '_ {
    move |error| io_error("write", Path::new(path))(std::io::Error::other(error))
}

/// Writes files beside the folder, and moves them in once all of them are on the disk.
pub(super) struct Writing {
    folder: PathBuf,
    staged: PathBuf,
    open: BTreeMap<String, BufWriter<File>>,
    begun: BTreeSet<String>,
}

impl Writing {
    /// Will write the files of `folder`.
    pub(super) fn new(folder: &Path, writer: Writer) -> Result<Self, EvidenceError> {
        writer.clear_older(folder)?;
        let staged = writer.beside(folder, STAGED);
        remove(&staged)?;
        fs::create_dir(&staged).map_err(io_error("write", &staged))?;
        Ok(Self { folder: folder.to_owned(), staged, open: BTreeMap::new(), begun: BTreeSet::new() })
    }

    /// Brings all that was written to the disk.
    pub(super) fn close_all(&mut self) -> Result<(), EvidenceError> {
        for (path, file) in std::mem::take(&mut self.open) {
            let close = || {
                let file = file.into_inner().map_err(std::io::IntoInnerError::into_error)?;
                file.sync_all()
            };
            close().map_err(io_error("write", &self.folder.join(path)))?;
        }
        Ok(())
    }

    /// Brings all to the disk, then into the folder; what stood there of an earlier time is taken away.
    pub(super) fn finish(mut self) -> Result<(), EvidenceError> {
        self.close_all()?;
        let mut folders = BTreeSet::from([self.folder.clone()]);
        // what stands in the way is found before anything is moved
        for (folder, _) in self.begun.iter().filter_map(|path| path.split_once('/')) {
            let below = self.folder.join(folder);
            real_folder(&below, folder)?;
            folders.insert(below);
        }
        // whoever has the rollout by now has taken them away
        fs::read_dir(&self.staged).map_err(io_error("read", &self.staged))?;
        for stale in unexpected(&self.folder, &self.begun)? {
            let path = self.folder.join(&stale);
            fs::remove_file(&path).map_err(io_error("write", &path))?;
        }
        for path in &self.begun {
            let to = self.folder.join(path);
            fs::rename(self.staged.join(path), &to).map_err(io_error("write", &to))?;
        }
        folders.extend(layout::DERIVED_FOLDERS.iter().map(|name| self.folder.join(name)));
        for folder in folders.iter().filter(|folder| folder.is_dir()) {
            // taking the last stale file away leaves a folder that a seal refuses
            if fs::read_dir(folder).map_err(io_error("read", folder))?.next().is_none() {
                fs::remove_dir(folder).map_err(io_error("write", folder))?;
            } else {
                sync_folder(folder).map_err(io_error("write", folder))?;
            }
        }
        Ok(())
    }
}

impl Drop for Writing {
    fn drop(&mut self) {
        // a full disk needs the room, and nothing of it counts; what cannot be taken away now is taken away next time
        self.open.clear();
        let _ = remove(&self.staged);
    }
}

impl Shelf for Writing {
    fn append(&mut self, path: &str, bytes: &[u8]) -> Result<(), EvidenceError> {
        let full = self.staged.join(path);
        if !self.open.contains_key(path) {
            if self.open.len() >= OPEN_MAX {
                self.close_all()?;
            }
            if let Some(folder) = full.parent() {
                fs::create_dir_all(folder).map_err(io_error("write", folder))?;
            }
            let first = self.begun.insert(path.to_owned());
            let mut options = OpenOptions::new();
            let file = match first {
                true => options.write(true).create_new(true).open(&full),
                false => options.append(true).open(&full),
            };
            self.open.insert(path.to_owned(), BufWriter::new(file.map_err(io_error("write", &full))?));
        }
        match self.open.get_mut(path) {
            Some(file) => file.write_all(bytes).map_err(io_error("write", &full)),
            None => Ok(()),
        }
    }
}

/// Holds files against those of a folder.
pub(super) struct Comparing {
    folder: PathBuf,
    open: BTreeMap<String, Compared>,
    begun: BTreeSet<String>,
    differences: Vec<Difference>,
}

struct Compared {
    file: Option<BufReader<File>>,
    /// Lines that were the same.
    lines: u64,
}

impl Comparing {
    /// Will compare with the files of `folder`.
    pub(super) fn new(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
            open: BTreeMap::new(),
            begun: BTreeSet::new(),
            differences: Vec::new(),
        }
    }

    fn begin(&mut self, path: &str) -> Compared {
        self.begun.insert(path.to_owned());
        let differs = |what: &str| Difference { path: path.to_owned(), line: None, what: what.to_owned() };
        let full = self.folder.join(path);
        let file = match fs::symlink_metadata(&full) {
            Err(_) => {
                self.differences.push(differs("is missing"));
                None
            }
            Ok(_) => match open(&full, path) {
                Ok(file) => Some(BufReader::new(file)),
                Err(error) => {
                    self.differences.push(differs(&format!("cannot be read: {error}")));
                    None
                }
            },
        };
        Compared { file, lines: 0 }
    }

    /// How many files were compared, and what differs, by path.
    pub(super) fn finish(mut self) -> Result<(u64, Vec<Difference>), EvidenceError> {
        for (path, compared) in std::mem::take(&mut self.open) {
            let Some(mut file) = compared.file else { continue };
            let mut byte = [0];
            let more = file.read(&mut byte).map_err(io_error("read", &self.folder.join(&path)))?;
            if more > 0 {
                let line = Some(compared.lines.saturating_add(1));
                let what = "says more than the journal gives".to_owned();
                self.differences.push(Difference { path, line, what });
            }
        }
        for path in unexpected(&self.folder, &self.begun)? {
            let what = "does not follow from the journal".to_owned();
            self.differences.push(Difference { path, line: None, what });
        }
        self.differences.sort_by(|a, b| (&a.path, a.line).cmp(&(&b.path, b.line)));
        Ok((u64::try_from(self.begun.len()).unwrap_or(u64::MAX), self.differences))
    }
}

impl Shelf for Comparing {
    fn append(&mut self, path: &str, bytes: &[u8]) -> Result<(), EvidenceError> {
        if !self.open.contains_key(path) {
            let begun = self.begin(path);
            self.open.insert(path.to_owned(), begun);
        }
        let Some(compared) = self.open.get_mut(path) else { return Ok(()) };
        let Some(file) = &mut compared.file else { return Ok(()) };
        let mut found = Vec::with_capacity(bytes.len());
        let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        file.take(length).read_to_end(&mut found).map_err(io_error("read", &self.folder.join(path)))?;
        let same = found.iter().zip(bytes).take_while(|(a, b)| a == b).count();
        let ended = |bytes: &[u8]| {
            u64::try_from(bytes.iter().filter(|byte| **byte == b'\n').count()).unwrap_or(u64::MAX)
        };
        if found == bytes {
            compared.lines = compared.lines.saturating_add(ended(bytes));
            return Ok(());
        }
        let line = compared.lines.saturating_add(ended(bytes.get(..same).unwrap_or_default()));
        let what = match found.len() == same {
            true => "ends where the journal gives more",
            false => "is not what the journal gives",
        };
        compared.file = None;
        let (path, line) = (path.to_owned(), Some(line.saturating_add(1)));
        self.differences.push(Difference { path, line, what: what.to_owned() });
        Ok(())
    }
}

/// Whether a folder has any file of a kind that is derived.
pub(super) fn is_written(folder: &Path) -> Result<bool, EvidenceError> {
    Ok(!unexpected(folder, &BTreeSet::new())?.is_empty())
}

/// The files of a folder that are of a kind that is derived, and are none of `expected`.
fn unexpected(folder: &Path, expected: &BTreeSet<String>) -> Result<Vec<String>, EvidenceError> {
    let mut found = Vec::new();
    let mut look = |folder: &Path, below: &str| -> Result<(), EvidenceError> {
        for entry in fs::read_dir(folder).map_err(io_error("read", folder))? {
            let entry = entry.map_err(io_error("read", folder))?;
            let Ok(name) = entry.file_name().into_string() else { continue };
            let path = if below.is_empty() { name } else { format!("{below}/{name}") };
            let is_folder = fs::symlink_metadata(entry.path()).is_ok_and(|metadata| metadata.is_dir());
            if !is_folder && layout::is_derived(&path) && !expected.contains(&path) {
                found.push(path);
            }
        }
        Ok(())
    };
    look(folder, "")?;
    for name in layout::DERIVED_FOLDERS {
        let below = folder.join(name);
        if fs::symlink_metadata(&below).is_ok_and(|metadata| metadata.is_dir()) {
            look(&below, name)?;
        }
    }
    found.retain(|path| path != SEAL_NAME && path != JOURNAL_NAME);
    found.sort();
    Ok(found)
}

/// Makes a folder where it is not there; what else stands in its place is not followed.
fn real_folder(path: &Path, name: &str) -> Result<(), EvidenceError> {
    match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_dir() => Ok(()),
        Ok(_) => Err(EvidenceError::NotEvidence {
            path: name.to_owned(),
            reason: "it stands where a folder is to be".to_owned(),
        }),
        Err(_) => match fs::create_dir(path) {
            // whoever had the rollout before may have got this far as well
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
            made => made.map_err(io_error("write", path)),
        },
    }
}
