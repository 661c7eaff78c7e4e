//! Keys: Ed25519, in the PEM that OpenSSL reads and writes.

use std::fs::OpenOptions;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;
use ed25519_dalek::pkcs8::{
    DecodePrivateKey, DecodePublicKey, EncodePrivateKey, EncodePublicKey, KeypairBytes,
};
use ed25519_dalek::{SECRET_KEY_LENGTH, SigningKey, VerifyingKey};

use super::{EvidenceError, io_error};

/// Most bytes of a key file: a PEM key has about 120.
const KEY_BYTES_MAX: u64 = 16 * 1024;

/// A new key that is nowhere kept.
///
/// # Errors
/// The system gives no random numbers.
pub fn throw_away_key() -> Result<SigningKey, EvidenceError> {
    let mut seed = [0u8; SECRET_KEY_LENGTH];
    getrandom::fill(&mut seed).map_err(|error| EvidenceError::NoRandomness(error.to_string()))?;
    Ok(SigningKey::from_bytes(&seed))
}

/// Makes a key pair: the private half in `path`, readable by its owner alone; the public half in `path.pub`.
///
/// # Errors
/// A file is there already or cannot be written, or the system gives no random numbers.
pub fn keygen(path: &Path) -> Result<(SigningKey, PathBuf), EvidenceError> {
    let key = throw_away_key()?;
    let public = with_pub(path);
    if public.exists() {
        return Err(EvidenceError::KeyExists(public));
    }
    // without the public half: OpenSSL reads no other
    let private = KeypairBytes { secret_key: key.to_bytes(), public_key: None };
    let pem = private.to_pkcs8_pem(LineEnding::LF).map_err(|_| EvidenceError::BadKey(path.to_owned()))?;
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => EvidenceError::KeyExists(path.to_owned()),
        _ => io_error("write", path)(error),
    })?;
    file.write_all(pem.as_bytes()).map_err(io_error("write", path))?;
    write_public_key(&public, &key.verifying_key())?;
    Ok((key, public))
}

/// Writes a public key, in place of what stood there.
///
/// # Errors
/// The file cannot be written.
pub fn write_public_key(path: &Path, key: &VerifyingKey) -> Result<(), EvidenceError> {
    let pem = key.to_public_key_pem(LineEnding::LF).map_err(|_| EvidenceError::BadKey(path.to_owned()))?;
    std::fs::write(path, pem).map_err(io_error("write", path))
}

/// Reads a private key.
///
/// # Errors
/// The file cannot be read or is no such key.
pub fn private_key(path: &Path) -> Result<SigningKey, EvidenceError> {
    SigningKey::from_pkcs8_pem(&read(path)?).map_err(|_| EvidenceError::BadKey(path.to_owned()))
}

/// Reads a public key.
///
/// # Errors
/// The file cannot be read or is no such key.
pub fn public_key(path: &Path) -> Result<VerifyingKey, EvidenceError> {
    VerifyingKey::from_public_key_pem(&read(path)?).map_err(|_| EvidenceError::BadKey(path.to_owned()))
}

/// Where the public key of an evidence folder stands when nobody says otherwise: `RELEASE.pub` beside it.
pub fn key_beside(folder: &Path) -> PathBuf {
    // `evidence/demo/` and `.` have names too
    let full = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
    with_pub(&full)
}

/// `path` with `.pub` after its whole name: a release is called `1.2` as well.
fn with_pub(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".pub");
    PathBuf::from(name)
}

fn read(path: &Path) -> Result<String, EvidenceError> {
    let file = std::fs::File::open(path).map_err(io_error("read", path))?;
    let mut text = String::new();
    file.take(KEY_BYTES_MAX).read_to_string(&mut text).map_err(io_error("read", path))?;
    Ok(text)
}
