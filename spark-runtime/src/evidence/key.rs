//! Keys: Ed25519, in the PEM that OpenSSL reads and writes.
//!
//! A private key cannot be printed, serialised or copied, and its bytes are wiped when it goes. It is kept in a file
//! for its owner alone, or comes in the environment from whoever keeps secrets. There are no keys under a passphrase:
//! a runner that starts at night would have to find the passphrase beside the key.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;
use ed25519_dalek::pkcs8::{
    DecodePrivateKey, DecodePublicKey, EncodePrivateKey, EncodePublicKey, KeypairBytes,
};
use ed25519_dalek::{SECRET_KEY_LENGTH, Signature, Signer, SigningKey, VerifyingKey};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::scan::hex;
use super::{EvidenceError, io_error};

/// The variable that may hold a private key in PEM, in place of a file.
pub const KEY_VARIABLE: &str = "SPARK_SIGNING_KEY";

/// Most bytes of a key file: a PEM key has about 120.
const KEY_BYTES_MAX: usize = 16 * 1024;

/// A private key. It has no text form but the PEM that [`keygen`] writes.
pub struct SecretKey {
    // wiped when dropped: ed25519-dalek's feature `zeroize`
    key: SigningKey,
}

impl SecretKey {
    /// A new key that is nowhere kept.
    ///
    /// # Errors
    /// The system gives no random numbers.
    pub fn throw_away() -> Result<Self, EvidenceError> {
        let mut seed = Zeroizing::new([0u8; SECRET_KEY_LENGTH]);
        getrandom::fill(&mut *seed).map_err(|error| EvidenceError::NoRandomness(error.to_string()))?;
        Ok(Self { key: SigningKey::from_bytes(&seed) })
    }

    /// A key from PEM; `origin` names where it came from in errors.
    fn from_pem(pem: &str, origin: &str) -> Result<Self, EvidenceError> {
        let bad = |what: &'static str| EvidenceError::BadKey { origin: origin.to_owned(), what };
        if pem.contains("BEGIN ENCRYPTED PRIVATE KEY") {
            return Err(bad(
                "it is under a passphrase: take that off with `openssl pkey -in FILE -out FILE`",
            ));
        }
        if pem.contains("BEGIN PUBLIC KEY") {
            return Err(bad("it is the public half: a seal is made with the private one"));
        }
        match SigningKey::from_pkcs8_pem(pem) {
            Ok(key) => Ok(Self { key }),
            Err(_) => Err(bad("expected an Ed25519 private key in PEM")),
        }
    }

    /// Its public half.
    pub fn verifying_key(&self) -> VerifyingKey {
        self.key.verifying_key()
    }

    pub(crate) fn sign(&self, bytes: &[u8]) -> Signature {
        self.key.sign(bytes)
    }

    fn to_pem(&self) -> Result<Zeroizing<String>, EvidenceError> {
        // without the public half: OpenSSL reads no other
        let private = KeypairBytes { secret_key: self.key.to_bytes(), public_key: None };
        private
            .to_pkcs8_pem(LineEnding::LF)
            .map_err(|_| EvidenceError::NoRandomness("a key has no PEM".to_owned()))
    }
}

/// A key's name: the SHA-256 of its 32 public bytes, in hexadecimal.
pub fn key_id(key: &VerifyingKey) -> String {
    hex(&Sha256::digest(key.as_bytes()))
}

/// A new key that is nowhere kept.
///
/// # Errors
/// The system gives no random numbers.
pub fn throw_away_key() -> Result<SecretKey, EvidenceError> {
    SecretKey::throw_away()
}

/// Makes a key pair: the private half in `path`, readable by its owner alone; the public half in `path.pub`.
///
/// # Errors
/// A file is there already or cannot be written, or the system gives no random numbers.
pub fn keygen(path: &Path) -> Result<(SecretKey, PathBuf), EvidenceError> {
    let key = SecretKey::throw_away()?;
    let public = with_ending(path, ".pub");
    if public.symlink_metadata().is_ok() {
        return Err(EvidenceError::KeyExists(public));
    }
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => EvidenceError::KeyExists(path.to_owned()),
        _ => io_error("write", path)(error),
    })?;
    file.write_all(key.to_pem()?.as_bytes())
        .and_then(|()| file.sync_all())
        .map_err(io_error("write", path))?;
    write_public_key(&public, &key.verifying_key())?;
    Ok((key, public))
}

/// A public key in PEM.
///
/// # Errors
/// Never for a key that was read or made here.
pub fn public_pem(key: &VerifyingKey) -> Result<String, EvidenceError> {
    key.to_public_key_pem(LineEnding::LF)
        .map_err(|_| EvidenceError::NoRandomness("a key has no PEM".to_owned()))
}

/// Writes a public key, in place of what stood there.
///
/// # Errors
/// The file cannot be written.
pub fn write_public_key(path: &Path, key: &VerifyingKey) -> Result<(), EvidenceError> {
    std::fs::write(path, public_pem(key)?).map_err(io_error("write", path))
}

/// Reads a private key from a file that others cannot read.
///
/// # Errors
/// The file cannot be read, can be read by others, or is no such key.
pub fn private_key(path: &Path) -> Result<SecretKey, EvidenceError> {
    let file = File::open(path).map_err(io_error("read", path))?;
    // of the file that was opened, not of what may stand there by now
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        let metadata = file.metadata().map_err(io_error("read", path))?;
        let mode = metadata.mode() & 0o777;
        // root may give a group leave to read, as the keys of servers are often kept
        let too_open = if metadata.uid() == 0 { 0o037 } else { 0o077 };
        if mode & too_open != 0 {
            return Err(EvidenceError::OpenKey { path: path.to_owned(), mode });
        }
    }
    SecretKey::from_pem(&read(file, path)?, &path.display().to_string())
}

/// A private key from its PEM; `origin` names where it came from in errors.
///
/// # Errors
/// It is no such key.
pub fn private_key_of(pem: &str, origin: &str) -> Result<SecretKey, EvidenceError> {
    SecretKey::from_pem(pem, origin)
}

/// Reads a private key from [`KEY_VARIABLE`]; `None` where it is not set.
///
/// # Errors
/// What it holds is no such key.
pub fn private_key_of_environment() -> Result<Option<SecretKey>, EvidenceError> {
    let Some(pem) = std::env::var_os(KEY_VARIABLE).filter(|pem| !pem.is_empty()) else { return Ok(None) };
    let origin = format!("${KEY_VARIABLE}");
    match pem.into_string() {
        Ok(pem) => SecretKey::from_pem(&Zeroizing::new(pem), &origin).map(Some),
        Err(_) => Err(EvidenceError::BadKey { origin, what: "it is not UTF-8" }),
    }
}

/// Reads a public key.
///
/// # Errors
/// The file cannot be read or is no such key.
pub fn public_key(path: &Path) -> Result<VerifyingKey, EvidenceError> {
    let pem = read(File::open(path).map_err(io_error("read", path))?, path)?;
    let origin = path.display().to_string();
    if pem.contains("PRIVATE KEY") {
        let what = "it is a private key: keep it from others, and verify with the public half";
        return Err(EvidenceError::BadKey { origin, what });
    }
    let bad = EvidenceError::BadKey { origin, what: "expected an Ed25519 public key in PEM" };
    match VerifyingKey::from_public_key_pem(&pem) {
        // a weak key has signatures that are good for every content
        Ok(key) if !key.is_weak() => Ok(key),
        _ => Err(bad),
    }
}

/// Where the public key of an evidence folder stands when nobody says otherwise: `RELEASE.pub` beside it.
pub fn key_beside(folder: &Path) -> PathBuf {
    beside(folder, ".pub")
}

/// What stands beside an evidence folder: `RELEASE` and an ending.
pub(crate) fn beside(folder: &Path, ending: &str) -> PathBuf {
    // `evidence/demo/` and `.` have names too
    let full = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
    with_ending(&full, ending)
}

/// `path` with an ending after its whole name: a release is called `1.2` as well.
fn with_ending(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}

fn read(file: File, path: &Path) -> Result<Zeroizing<String>, EvidenceError> {
    // with room for all of it: a text that grows leaves copies behind
    let mut text = Zeroizing::new(String::with_capacity(KEY_BYTES_MAX));
    let limit = u64::try_from(KEY_BYTES_MAX).unwrap_or(u64::MAX);
    file.take(limit).read_to_string(&mut text).map_err(io_error("read", path))?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A private key is wiped when it goes: what it is made of is, too.
    #[test]
    fn wiped() {
        const fn wipes<T: zeroize::ZeroizeOnDrop>() {}
        wipes::<SigningKey>();
    }

    /// A key of which every signature is good, and the halves in each other's place, are refused.
    #[test]
    fn bad_keys() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("k");
        let weak = VerifyingKey::from_bytes(&[
            1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
        ])
        .unwrap();
        write_public_key(&path, &weak).unwrap();
        assert!(matches!(public_key(&path), Err(EvidenceError::BadKey { .. })));
        std::fs::remove_file(&path).unwrap();
        let (_, public) = keygen(&path).unwrap();
        let told = public_key(&path).unwrap_err().to_string();
        assert!(told.contains("it is a private key"), "{told}");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            std::fs::set_permissions(&public, std::fs::Permissions::from_mode(0o600)).unwrap();
            for (mode, good) in [(0o600, true), (0o400, true), (0o644, false), (0o604, false), (0o620, false)]
            {
                std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
                let read = private_key(&path);
                assert_eq!(read.is_ok(), good, "{mode:o}");
                if let Err(error) = read {
                    let told = error.to_string();
                    assert!(told.contains(&format!("{mode:04o}")) && told.contains("chmod 600"), "{told}");
                }
            }
        }
        let told = private_key(&public).err().unwrap().to_string();
        assert!(told.contains("public half"), "{told}");
    }
}
