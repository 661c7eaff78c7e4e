//! The rule files that a command is given: those that are named, and those below the directories that are named.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use spark_rules::Files;

use crate::exit::Failure;

/// Deepest folder that is searched for rules.
const DEPTH_MAX: usize = 64;

/// Most files and folders that are looked at for rules: a large repository with all that was built in it has fewer, and looking at
/// so many takes about a second. A whole disk is hardly meant.
const ENTRIES_MAX: usize = 300_000;

/// The files to be checked: those that are named, and every `.rules` below the directories that are named.
pub(crate) fn gather(paths: &[PathBuf]) -> Result<Vec<PathBuf>, Failure> {
    let mut found = Vec::new();
    let mut left = ENTRIES_MAX;
    for path in paths {
        if path.is_dir() {
            let before = found.len();
            below(path, 0, &mut left, &mut found)?;
            if found.len() == before {
                let words = format!("there is no `.rules` file below `{}`", path.display());
                return Err(Failure::could_not_run(words));
            }
        } else {
            found.push(path.clone());
        }
    }
    // once each, however it is spelled or linked to: a test that ran twice would count twice
    let mut seen = BTreeSet::new();
    found.retain(|path| seen.insert(whole(path)));
    Ok(found)
}

/// A file's one path; as it stands where there is none.
fn whole(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}

fn below(folder: &Path, depth: usize, left: &mut usize, found: &mut Vec<PathBuf>) -> Result<(), Failure> {
    let failed = |error: std::io::Error| {
        Failure::could_not_run(format!("cannot read `{}`: {error}", folder.display()))
    };
    if depth > DEPTH_MAX {
        let words = format!("`{}` is nested more than {DEPTH_MAX} folders deep", folder.display());
        return Err(Failure::could_not_run(words));
    }
    let mut entries = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        *left = left.checked_sub(1).ok_or_else(|| {
            Failure::could_not_run(format!(
                "there are more than {ENTRIES_MAX} files and folders to search for rules, `{}` among them; name the folders that have some",
                folder.display()
            ))
        })?;
        entries.push((entry.path(), entry.file_type().map_err(failed)?));
    }
    entries.sort_by(|a, b| a.0.cmp(&b.0));
    for (path, kind) in entries {
        if kind.is_dir() {
            below(&path, depth.saturating_add(1), left, found)?;
        } else if path.extension().is_some_and(|extension| extension == "rules") && path.is_file() {
            found.push(path);
        }
    }
    Ok(())
}

/// By file that was read: whether it stands for itself. `read` has each file with those that it uses, `named` is what the
/// command was given.
///
/// A file of a directory that another one uses is a part of that one: alone it may lack what that declares. Files that
/// use each other in a circle are no parts.
pub(crate) fn stand_alone(read: &[(&Path, &Files)], named: &[PathBuf]) -> Vec<bool> {
    let uses: Vec<(PathBuf, BTreeSet<PathBuf>)> = read
        .iter()
        .map(|(path, files)| {
            let others = 1..u32::try_from(files.len()).unwrap_or(u32::MAX);
            (whole(path), others.map(|file| whole(Path::new(files.name(file)))).collect())
        })
        .collect();
    let is_part = |path: &PathBuf, used: &BTreeSet<PathBuf>| {
        uses.iter().any(|(other, theirs)| theirs.contains(path) && !used.contains(other) && other != path)
    };
    let named: BTreeSet<PathBuf> = named.iter().map(|path| whole(path)).collect();
    uses.iter().map(|(path, used)| named.contains(path) || !is_part(path, used)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// No more files are looked at than the limit says, and what there is to do is told.
    #[test]
    fn a_whole_disk() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("a")).unwrap();
        for name in ["a/one.rules", "two.rules", "three.txt"] {
            fs::write(folder.path().join(name), "").unwrap();
        }
        let (mut found, mut left) = (Vec::new(), 4);
        assert!(below(folder.path(), 0, &mut left, &mut found).is_ok());
        assert_eq!((found.len(), left), (2, 0));
        let mut left = 3;
        let failure = below(folder.path(), 0, &mut left, &mut Vec::new()).err().unwrap();
        assert!(format!("{failure:?}").contains("name the folders that have some"));
    }
}
