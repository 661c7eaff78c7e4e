//! Where secrets are: a configuration names the place, and never holds the secret itself.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use secrecy::SecretString;
use secrecy::zeroize::{Zeroize, Zeroizing};

use super::document::{Kind, Node};
use super::environment::{Lookup, is_name};
use super::need::Needed;
use super::read::Reader;
use super::shape::SECRET;

/// Longest secret: a PEM key with its chain is some 10 KiB.
pub const SECRET_BYTES_MAX: usize = 64 << 10;

/// Where a secret is. Only this stands in a configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretSource {
    /// In a file; white space around it does not count.
    File(PathBuf),
    /// In an environment variable.
    Env(String),
}

/// Why there is no secret. The secret itself is never repeated.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SecretError {
    /// The file cannot be used.
    #[error("secret file `{path}`: {reason}")]
    File {
        /// The file.
        path: String,
        /// Why.
        reason: String,
    },
    /// The environment does not have it.
    #[error("the environment variable `{0}`, which is to hold a secret, is not set or empty")]
    Env(String),
}

impl SecretSource {
    /// The secret as it is now: not shown, not serialised, and wiped when it is dropped.
    ///
    /// # Errors
    /// It is not there, empty, too long or no text.
    pub fn read(&self, lookup: Lookup<'_>) -> Result<SecretString, SecretError> {
        match self {
            Self::Env(name) => {
                let mut value = lookup(name).unwrap_or_default();
                let secret = SecretString::from(value.trim());
                let there = !value.trim().is_empty();
                value.zeroize();
                if there { Ok(secret) } else { Err(SecretError::Env(name.clone())) }
            }
            Self::File(path) => read_file(path)
                .map_err(|reason| SecretError::File { path: path.display().to_string(), reason }),
        }
    }
}

fn read_file(path: &Path) -> Result<SecretString, String> {
    // a pipe would wait for ever, and a device never end
    if !std::fs::metadata(path).map_err(|error| error.to_string())?.is_file() {
        return Err("it is no file".to_owned());
    }
    let file = File::open(path).map_err(|error| error.to_string())?;
    // all the room at once: a buffer that grows leaves its earlier copies behind
    let room = SECRET_BYTES_MAX.saturating_add(1);
    let mut bytes = Zeroizing::new(Vec::with_capacity(room));
    let limit = u64::try_from(room).unwrap_or(u64::MAX);
    file.take(limit).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    if bytes.len() >= room {
        return Err(format!("longer than {SECRET_BYTES_MAX} bytes"));
    }
    let text = std::str::from_utf8(&bytes).map_err(|_| "it is no text".to_owned())?.trim();
    if text.is_empty() {
        return Err("it is empty".to_owned());
    }
    Ok(SecretString::from(text))
}

impl Reader<'_> {
    /// Where a secret is; one that stands here itself is refused, and not repeated.
    pub(super) fn secret(&mut self, node: &Node) -> Option<SecretSource> {
        if matches!(node.kind, Kind::Scalar { .. }) {
            self.wrong(
                node.place,
                "a secret must not stand in the configuration: expected where it is, { env: NAME } or { file: PATH }",
            );
            return None;
        }
        let fields = self.fields(node, &SECRET)?;
        match self.one_of(&fields, &["file", "env"], "a secret has one place")? {
            ("file", node) => {
                let path = self.path(node)?;
                self.need(node.place, Needed::SecretFile(path.clone()));
                Some(SecretSource::File(path))
            }
            (_, node) => {
                let name = self.variable(node)?;
                self.need(node.place, Needed::SecretVariable(name.clone()));
                Some(SecretSource::Env(name))
            }
        }
    }

    /// The name of an environment variable. What is none may be the secret itself, and is not repeated.
    pub(super) fn variable(&mut self, node: &Node) -> Option<String> {
        const EXPECTED: &str = "the name of an environment variable, such as SPARK_DATABASE_URL";
        if let Kind::Scalar { text, .. } = &node.kind {
            if is_name(text) {
                return Some(text.clone());
            }
            self.wrong(node.place, format!("this is no name: expected {EXPECTED}"));
            return None;
        }
        self.unexpected(node, EXPECTED);
        None
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    /// A secret is read whole and shown nowhere; what cannot be one is refused with its place.
    #[test]
    fn secrets() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        let read = |content: &[u8]| {
            std::fs::write(&path, content).unwrap();
            SecretSource::File(path.clone()).read(&|_| None).map_err(|error| error.to_string())
        };
        let secret = read(b"hunter2 \r\n").unwrap();
        assert_eq!(secret.expose_secret(), "hunter2");
        assert!(!format!("{secret:?}").contains("hunter2"));
        let long = vec![b'x'; SECRET_BYTES_MAX + 1];
        for (content, expected) in [
            (&b" \n"[..], "it is empty"),
            (&long, "longer than 65536 bytes"),
            (b"hunter2\xff", "it is no text"),
        ] {
            assert_eq!(read(content).unwrap_err(), format!("secret file `{}`: {expected}", path.display()));
        }
        let none = SecretSource::File(folder.path().to_owned()).read(&|_| None).unwrap_err().to_string();
        assert!(none.ends_with("it is no file"), "{none}");
        let lookup: Lookup<'_> = &|name| (name == "SET").then(|| "hunter2\n".to_owned());
        assert_eq!(SecretSource::Env("SET".to_owned()).read(lookup).unwrap().expose_secret(), "hunter2");
        let unset = SecretSource::Env("GONE".to_owned()).read(lookup).unwrap_err().to_string();
        assert_eq!(unset, "the environment variable `GONE`, which is to hold a secret, is not set or empty");
    }
}
