//! What a configuration needs of the machine, and what of it can be seen to be missing before anything moves.

use std::path::{Path, PathBuf};

use super::document::Place;
use super::environment::Lookup;
use super::secret::SecretSource;
use super::{ConfigFinding, FindingSeverity};
use crate::causes::in_one_line;
use crate::evidence;

/// Something that must be there at run time, and the place that says so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Need {
    pub(super) place: Place,
    pub(super) needed: Needed,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Needed {
    /// A program, as a command names it, and the folder of the configuration.
    Program(String, PathBuf),
    /// The private key that seals evidence.
    SigningKey(PathBuf),
    /// A file that nobody else should read.
    SecretFile(PathBuf),
    /// A file with a bearer token, which is read at each request.
    TokenFile(PathBuf),
    /// A file of certificates.
    Certificates(PathBuf),
    /// A variable that holds a secret.
    SecretVariable(String),
    /// A variable that a command is to have.
    Variable(String),
    /// A Unix socket.
    Socket(PathBuf),
    /// Signed requests that everybody on the way can read and hold back.
    Plain(String),
}

impl Need {
    /// What is wrong with it now.
    pub(super) fn look(&self, lookup: Lookup<'_>) -> Vec<ConfigFinding> {
        let finding = |severity, words: String| ConfigFinding {
            severity,
            line: self.place.line,
            column: self.place.column,
            words,
        };
        let error = |words: String| vec![finding(FindingSeverity::Error, words)];
        let warning = |words: String| vec![finding(FindingSeverity::Warning, words)];
        match &self.needed {
            Needed::Program(name, folder) => program(name, folder, lookup).map_or_else(Vec::new, error),
            Needed::SigningKey(path) => match evidence::private_key(path) {
                Err(failed) => error(in_one_line(&failed)),
                Ok(_) => Vec::new(),
            },
            Needed::SecretFile(path) => match SecretSource::File(path.clone()).read(lookup) {
                Err(failed) => error(failed.to_string()),
                Ok(_) => others_read(path).map_or_else(Vec::new, warning),
            },
            Needed::TokenFile(path) => match SecretSource::File(path.clone()).read(lookup) {
                // it is read at each request: what rotates it may come later
                Err(failed) => warning(failed.to_string()),
                Ok(_) => others_read(path).map_or_else(Vec::new, warning),
            },
            Needed::Certificates(path) => match std::fs::File::open(path) {
                Err(failed) => error(format!("file of certificates `{}`: {failed}", path.display())),
                Ok(_) => Vec::new(),
            },
            Needed::SecretVariable(name) => match SecretSource::Env(name.clone()).read(lookup) {
                Err(failed) => error(failed.to_string()),
                Ok(_) => Vec::new(),
            },
            Needed::Variable(name) if lookup(name).is_none() => warning(format!(
                "the environment variable `{name}` is not set, so the command will not have it"
            )),
            Needed::Variable(_) => Vec::new(),
            Needed::Socket(path) => socket(path).map_or_else(Vec::new, error),
            Needed::Plain(url) => warning(format!(
                "`{url}` is not encrypted: who is on the way can read and hold back what moves traffic; use https"
            )),
        }
    }
}

/// Why a program cannot be started; it is looked for as a command's start does.
fn program(name: &str, folder: &Path, lookup: Lookup<'_>) -> Option<String> {
    if name.contains('/') {
        let path = if folder == Path::new(".") {
            PathBuf::from(name)
        } else {
            folder.join(name.trim_start_matches("./"))
        };
        return match std::fs::metadata(&path) {
            Err(error) => Some(format!("the program `{}` cannot be used: {error}", path.display())),
            Ok(_) if is_program(&path) => None,
            Ok(data) if data.is_file() => {
                Some(format!("the program `{0}` is not executable: `chmod +x {0}`", path.display()))
            }
            Ok(_) => Some(format!("`{}` is no program", path.display())),
        };
    }
    let folders = lookup("PATH").unwrap_or_default();
    let there = std::env::split_paths(&folders).any(|folder| is_program(&folder.join(name)));
    (!there).then(|| {
        format!("there is no program `{name}` in any folder of PATH; one beside this file is `./{name}`")
    })
}

fn is_program(path: &Path) -> bool {
    let Ok(data) = std::fs::metadata(path) else { return false };
    #[cfg(unix)]
    let executable = std::os::unix::fs::PermissionsExt::mode(&data.permissions()) & 0o111 != 0;
    #[cfg(not(unix))]
    let executable = true;
    executable && data.is_file()
}

/// Whether others than its owner may read a secret.
fn others_read(path: &Path) -> Option<String> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(path).ok()?.permissions().mode();
        if mode & 0o044 != 0 {
            return Some(format!(
                "others than its owner can read `{0}` (mode {1:03o}): `chmod 600 {0}`",
                path.display(),
                mode & 0o777
            ));
        }
    }
    #[cfg(not(unix))]
    let _ = path;
    None
}

fn socket(path: &Path) -> Option<String> {
    let data = match std::fs::metadata(path) {
        Ok(data) => data,
        Err(error) => return Some(format!("socket `{}`: {error}", path.display())),
    };
    #[cfg(unix)]
    {
        use std::os::unix::fs::FileTypeExt;
        if !data.file_type().is_socket() {
            return Some(format!("`{}` is no socket", path.display()));
        }
    }
    let _ = data;
    None
}
