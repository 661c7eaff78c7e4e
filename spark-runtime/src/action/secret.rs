//! Secrets that actions hold.

use secrecy::{ExposeSecret, SecretString};

/// Longest secret that is searched for in outputs: a PEM key with its chain is some 10 KiB.
pub(crate) const SECRET_BYTES_MAX: usize = 64 << 10;

/// A secret text. It is neither shown nor serialised, and is overwritten when it is dropped.
#[derive(Debug, Clone)]
pub struct Secret(SecretString);

impl Secret {
    /// A secret.
    pub fn new(text: impl Into<SecretString>) -> Self {
        Self(text.into())
    }

    /// The secret's text, for the one place that needs it.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A secret never shows by itself.
    #[test]
    fn secrets() {
        let secret = Secret::new("s3cr3t");
        assert_eq!(secret.expose(), "s3cr3t");
        assert!(!format!("{secret:?}").contains("s3cr3t"));
    }
}
