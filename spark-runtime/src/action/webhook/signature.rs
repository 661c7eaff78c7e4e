//! Signatures as Standard Webhooks has them: HMAC-SHA256 over `ID.TIMESTAMP.BODY`, in `webhook-signature: v1,BASE64`.
//!
//! The timestamp is signed, so whoever refuses old ones cannot be told the same twice by somebody who listened; the ID
//! is the same for every attempt at the same step, so a repeated one is told from a new one.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

use crate::action::Secret;

/// How a key begins that stands in Base64, as Standard Webhooks writes it.
const KEY_PREFIX: &str = "whsec_";

/// Shortest key. Standard Webhooks asks for 24 bytes; a shorter one can be guessed from one message that was heard.
pub const KEY_BYTES_MIN: usize = 24;

/// What signs messages.
#[derive(Clone)]
pub(crate) struct Signer(Hmac<Sha256>);

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Signer(..)")
    }
}

impl Signer {
    /// A signer with a key: `whsec_` and Base64, or any other text, whose bytes are the key.
    pub(crate) fn new(secret: &Secret) -> Result<Self, String> {
        let text = secret.expose();
        let key = match text.strip_prefix(KEY_PREFIX) {
            Some(encoded) => STANDARD.decode(encoded).map_err(|_| {
                format!("the webhook's key begins with `{KEY_PREFIX}`, and what follows is no Base64")
            })?,
            None => text.as_bytes().to_vec(),
        };
        if key.len() < KEY_BYTES_MIN {
            return Err(format!(
                "the webhook's key has {} bytes; expected at least {KEY_BYTES_MIN}: make one with `openssl rand -base64 32`",
                key.len()
            ));
        }
        let signer = Hmac::new_from_slice(&key).map_err(|_| "the webhook's key cannot be used".to_owned())?;
        Ok(Self(signer))
    }

    /// The value of `webhook-signature`.
    pub(crate) fn sign(&self, id: &str, timestamp: i64, body: &[u8]) -> String {
        let mut signer = self.0.clone();
        signer.update(format!("{id}.{timestamp}.").as_bytes());
        signer.update(body);
        format!("v1,{}", STANDARD.encode(signer.finalize().into_bytes()))
    }
}

/// The ID of a message about these things, without a dot, as the scheme wants it: the same for the same things.
pub(crate) fn message_id(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        hash.update(part.as_bytes());
    }
    let hash = hash.finalize();
    let hex: String = hash.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    format!("msg_{hex}")
}

/// Seconds since 1970.
pub(crate) fn unix_seconds() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The signature is the one that Standard Webhooks' own libraries make, after their published example.
    #[test]
    fn known_signature() {
        let signer = Signer::new(&Secret::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")).unwrap();
        let signature =
            signer.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, br#"{"test": 2432232314}"#);
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
        assert_eq!(format!("{signer:?}"), "Signer(..)");
    }

    /// A key that is too short or broken is refused, and not repeated.
    #[test]
    fn bad_keys() {
        for (key, expected) in [
            ("whsec_%%%", "the webhook's key begins with `whsec_`, and what follows is no Base64"),
            (
                "hunter2",
                "the webhook's key has 7 bytes; expected at least 24: make one with `openssl rand -base64 32`",
            ),
        ] {
            assert_eq!(Signer::new(&Secret::new(key)).unwrap_err(), expected);
        }
    }

    /// Each step has its ID, and no two steps share one however their parts are cut.
    #[test]
    fn ids() {
        let id = message_id(&["1.4/3.7", "set-share"]);
        assert_eq!(id, message_id(&["1.4/3.7", "set-share"]));
        assert_ne!(id, message_id(&["1.4/3.7s", "et-share"]));
        assert!(id.len() == 36 && !id.contains('.'), "{id}");
    }
}
