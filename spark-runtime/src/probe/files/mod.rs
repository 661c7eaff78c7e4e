//! What is read of files: what was built, of what, by whom, and what is switched on.

mod flags;
mod identity;
mod provenance;
mod sbom;

use std::io::Read as _;
use std::path::Path;

use serde_json::Value as Json;
use sha2::{Digest as _, Sha256};

pub use self::flags::FlagsFile;
pub(super) use self::flags::compared;
pub use self::identity::Identity;
pub use self::provenance::Provenance;
pub use self::sbom::Sbom;
use super::ProbeError;

/// Longest document: a bill of materials of ten thousand components is some 20 MiB.
pub(super) const DOCUMENT_BYTES_MAX: usize = 64 << 20;

/// A file whole, up to a limit.
pub(super) fn read(path: &Path, most: usize) -> Result<Vec<u8>, ProbeError> {
    let failed = |why: String| ProbeError::File { path: path.display().to_string(), why };
    // a pipe would wait for ever, and a device never end
    if !std::fs::metadata(path).map_err(|error| failed(error.to_string()))?.is_file() {
        return Err(failed("it is no file".to_owned()));
    }
    let mut bytes = Vec::new();
    let limit = u64::try_from(most).unwrap_or(u64::MAX).saturating_add(1);
    let file = std::fs::File::open(path).map_err(|error| failed(error.to_string()))?;
    file.take(limit).read_to_end(&mut bytes).map_err(|error| failed(error.to_string()))?;
    if bytes.len() > most {
        return Err(failed(format!("longer than {most} bytes")));
    }
    Ok(bytes)
}

/// A file of JSON.
fn read_json(path: &Path) -> Result<Json, ProbeError> {
    let bytes = read(path, DOCUMENT_BYTES_MAX)?;
    serde_json::from_slice(&bytes).map_err(|error| ProbeError::File {
        path: path.display().to_string(),
        why: format!("no JSON: {error}"),
    })
}

/// The SHA-256 of a file of any size, in small letters.
fn sum_of(path: &Path) -> Result<String, ProbeError> {
    let failed =
        |error: std::io::Error| ProbeError::File { path: path.display().to_string(), why: error.to_string() };
    let mut file = std::fs::File::open(path).map_err(failed)?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0_u8; 1 << 16];
    loop {
        let length = file.read(&mut buffer).map_err(failed)?;
        match buffer.get(..length) {
            Some([]) | None => return Ok(hex(&hash.finalize())),
            Some(bytes) => hash.update(bytes),
        }
    }
}

/// Bytes in small hexadecimal letters.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
