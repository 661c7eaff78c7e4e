//! Files: their names in the protocol and in the session, and their text on the disk.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use gen_lsp_types::Uri;
use spark_rules::limits::{FILES_MAX, TEXT_BYTES_MAX};
use spark_rules::session::Session;
use url::Url;

/// Most rule files that are read when a folder is opened: a folder with more is no folder of rules.
const FOLDER_FILES_MAX: usize = 1_000;

/// Most bytes of them together.
const FOLDER_BYTES_MAX: usize = 4 * TEXT_BYTES_MAX;

/// Deepest folder that is searched.
const FOLDER_DEPTH_MAX: usize = 16;

/// Most entries of folders that are looked at, so that a whole disk that is opened as a folder is not searched.
const FOLDER_ENTRIES_MAX: usize = 50_000;

/// The session's name of a file: its path with `/`, or the address itself where it is no file on this machine.
pub(crate) fn path_of(uri: &Uri) -> String {
    let file =
        Url::parse(&uri.0).ok().filter(|url| url.scheme() == "file").and_then(|url| url.to_file_path().ok());
    match file.as_deref().and_then(Path::to_str) {
        Some(path) => path.replace(std::path::MAIN_SEPARATOR, "/"),
        None => uri.0.clone(),
    }
}

/// The address of a file by its name in the session.
pub(crate) fn uri_of(path: &str) -> Uri {
    let url = Path::new(path).is_absolute().then(|| Url::from_file_path(path).ok()).flatten();
    Uri(url.map_or_else(|| path.to_owned(), |url| url.to_string()))
}

/// Reads the files that a policy uses and that are not known yet.
pub(crate) fn complete(session: &mut Session, path: &str) {
    // each round reads what the last one's files use
    for _ in 0..FILES_MAX {
        let missing = session.missing(path);
        if missing.is_empty() {
            return;
        }
        let root = session.root_of(path);
        let folder = root.rfind('/').map_or("", |slash| root.get(..slash).unwrap_or(""));
        for used in missing {
            match below(Path::new(folder), Path::new(&used)) {
                Ok(text) => session.provide(&used, &text),
                Err(words) => session.refuse(&used, &words),
            }
        }
    }
}

/// The text of a file that stays below a folder whatever links stand there.
fn below(folder: &Path, file: &Path) -> Result<String, String> {
    let real = |path: &Path| path.canonicalize().map_err(|error| format!("`{}`: {error}", path.display()));
    let (folder, file) = (real(folder)?, real(file)?);
    match file.starts_with(&folder) {
        true => text(&file),
        false => Err(format!("`{}` leads out of the folder of the rules", file.display())),
    }
}

/// The text of a file, within the limit and one byte more: the check says what is too long.
pub(crate) fn text(file: &Path) -> Result<String, String> {
    let failed = |error: std::io::Error| format!("`{}`: {error}", file.display());
    let most = u64::try_from(TEXT_BYTES_MAX).unwrap_or(u64::MAX).saturating_add(1);
    let mut bytes = Vec::new();
    if !file.is_file() {
        return Err(format!("`{}` is no file", file.display()));
    }
    File::open(file).and_then(|file| file.take(most).read_to_end(&mut bytes)).map_err(failed)?;
    String::from_utf8(bytes).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        let before = error.as_bytes().get(..valid).unwrap_or(&[]);
        let line = before.iter().filter(|byte| **byte == b'\n').count().saturating_add(1);
        format!("`{}`: it is not UTF-8 at line {line}", file.display())
    })
}

/// Reads the rule files below a folder, so that it is known which file is a part of which.
pub(crate) fn open_folder(session: &mut Session, folder: &Path) {
    let mut ahead: Vec<(PathBuf, usize)> = vec![(folder.to_owned(), 0)];
    let (mut files, mut bytes, mut entries) = (0usize, 0usize, 0usize);
    while let Some((folder, depth)) = ahead.pop() {
        let Ok(listed) = std::fs::read_dir(&folder) else { continue };
        let mut paths: Vec<PathBuf> = listed.filter_map(Result::ok).map(|entry| entry.path()).collect();
        paths.sort();
        for path in paths {
            entries = entries.saturating_add(1);
            if files >= FOLDER_FILES_MAX || bytes >= FOLDER_BYTES_MAX || entries >= FOLDER_ENTRIES_MAX {
                return;
            }
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or("");
            let skipped = name.starts_with('.') || matches!(name, "node_modules" | "target");
            if path.is_dir() && !path.is_symlink() && !skipped && depth < FOLDER_DEPTH_MAX {
                ahead.push((path, depth.saturating_add(1)));
            } else if path.extension().is_some_and(|extension| extension == "rules")
                && let Ok(text) = text(&path)
            {
                files = files.saturating_add(1);
                bytes = bytes.saturating_add(text.len());
                session.provide(&path_of(&uri_of(&path.to_string_lossy())), &text);
            }
        }
    }
}
