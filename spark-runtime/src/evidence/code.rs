//! A seal in short: sixteen letters that a person can write down, read out and type.

use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};

/// Letters of a code: Crockford's base 32, in which none is taken for another when read out.
const LETTERS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// How many letters: 80 bits. Whoever has the key and seals other content until its code is the same tries 2^80 seals.
const LENGTH: usize = 16;

/// How many letters stand together.
const GROUP: usize = 4;

/// The first 80 bits of a seal's SHA-256: `k7m2-p9qx-4c1d-z0te`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SealCode {
    // INVARIANT: bytes of LETTERS
    letters: [u8; LENGTH],
}

impl SealCode {
    /// The code of a seal with this SHA-256.
    pub(super) fn of(digest: &[u8]) -> Self {
        let mut letters = [b'0'; LENGTH];
        let mut bits = digest.iter().flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1));
        for letter in &mut letters {
            let value = bits.by_ref().take(5).fold(0_usize, |value, bit| value << 1 | usize::from(bit));
            *letter = LETTERS.get(value).copied().unwrap_or(b'0');
        }
        Self { letters }
    }
}

impl fmt::Display for SealCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, group) in self.letters.chunks(GROUP).enumerate() {
            let dash = if place == 0 { "" } else { "-" };
            write!(f, "{dash}{}", String::from_utf8_lossy(group))?;
        }
        Ok(())
    }
}

impl FromStr for SealCode {
    type Err = String;

    /// From text as it was written down: dashes, spaces and large letters do not matter, nor does `o` for `0`, and `i`
    /// or `l` for `1`.
    fn from_str(text: &str) -> Result<Self, String> {
        let refused = || {
            format!(
                "`{text}` is no code of a seal: expected {LENGTH} letters and digits, as in `k7m2-p9qx-4c1d-z0te`"
            )
        };
        let mut letters = [0; LENGTH];
        let mut places = letters.iter_mut();
        for c in text.chars().filter(|c| !matches!(c, '-' | ' ')) {
            let letter = match c.to_ascii_lowercase() {
                'o' => '0',
                'i' | 'l' => '1',
                other => other,
            };
            let letter = u8::try_from(letter).ok().filter(|l| LETTERS.contains(l)).ok_or_else(refused)?;
            *places.next().ok_or_else(refused)? = letter;
        }
        match places.next() {
            Some(_) => Err(refused()),
            None => Ok(Self { letters }),
        }
    }
}

impl Serialize for SealCode {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A code says the first 80 bits, and is read however it was written down.
    #[test]
    fn codes() {
        let digest = [0xff, 0x00, 0x44, 0x32, 0x14, 0xc7, 0x42, 0x54, 0xb6, 0x35, 0xcf, 1, 2, 3];
        let code = SealCode::of(&digest);
        assert_eq!(code.to_string(), "zw04-8cgm-rx15-9dhn");
        for text in ["zw04-8cgm-rx15-9dhn", "ZWO48CGM RXl5 9DHN", " zwo4 8cgm-rxi5-9dhn"] {
            assert_eq!(text.parse(), Ok(code), "{text}");
        }
        for text in [
            "",
            "zw04-8cgm-rx15-9dh",
            "zw04-8cgm-rx15-9dhnn",
            "zw04-8cgm-rx15-9dhu",
            "zw04-8cgm-rx15-9dh\u{131}",
        ] {
            let told = text.parse::<SealCode>().unwrap_err();
            assert!(told.contains("expected 16 letters"), "{told}");
        }
    }
}
