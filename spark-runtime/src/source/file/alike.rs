//! What rows have in common with those before them: a field as it was met, compared at once; and a short number, read at once.

use super::digits::joined;

/// Most bytes that are compared at once, the comma included: a time of RFC 3339 has 21, one in nanoseconds 31.
pub(super) const BYTES: usize = 32;

/// A field and the comma after it, as they were met in a file.
#[derive(Debug, Clone, Copy)]
pub(super) struct Met {
    halves: [u128; 2],
    /// Which bits are the field's.
    masks: [u128; 2],
    length: usize,
}

impl Met {
    /// `None` where it is longer than is compared at once.
    pub(super) fn new(field: &[u8]) -> Option<Self> {
        let (mut bytes, mut mask) = ([0u8; BYTES], [0u8; BYTES]);
        let length = field.len().saturating_add(1);
        let (text, comma) = bytes.get_mut(..length)?.split_at_mut(field.len());
        text.copy_from_slice(field);
        comma.fill(b',');
        mask.get_mut(..length)?.fill(u8::MAX);
        Some(Self { halves: halves(bytes), masks: halves(mask), length })
    }

    /// How long it is, where some bytes begin with it.
    pub(super) fn begins(&self, bytes: &[u8; BYTES]) -> Option<usize> {
        let ([a, b], [c, d], [e, f]) = (halves(*bytes), self.halves, self.masks);
        (((a ^ c) & e) | ((b ^ d) & f) == 0).then_some(self.length)
    }
}

fn halves(bytes: [u8; BYTES]) -> [u128; 2] {
    let ([half, ..], []) = bytes.as_chunks::<16>() else { return [0; 2] };
    let (_, other) = bytes.split_at(16);
    [u128::from_le_bytes(*half), other.first_chunk().map_or(0, |other| u128::from_le_bytes(*other))]
}

/// A number of at most seven characters that a line's end follows, `12.5` as (125, 1), and how long it is; the same as
/// [`number`](super::digits::number) reads.
pub(super) fn short_number(bytes: [u8; 8]) -> Option<((i64, u32), usize)> {
    const POINT: u64 = (b'.' ^ b'0') as u64;
    const END: u64 = (b'\n' ^ b'0') as u64;
    // each byte less `0`: a digit is at most nine, and anything else has a high bit once 0x76 is added
    let values = u64::from_le_bytes(bytes) ^ 0x3030_3030_3030_3030;
    let others = (values.wrapping_add(0x7676_7676_7676_7676) | values) & 0x8080_8080_8080_8080;
    let first = others.trailing_zeros() & !7;
    if first == 0 || first == 64 {
        return None;
    }
    let byte = |bits: u32| values.wrapping_shr(bits) & 0xff;
    if byte(first) == END {
        return Some(((joined(values, first).cast_signed(), 0), usize::try_from(first / 8).ok()?));
    }
    let end = (others & others.wrapping_sub(1)).trailing_zeros() & !7;
    let places = end.wrapping_sub(first) / 8;
    if byte(first) != POINT || end == 64 || places < 2 || byte(end) != END {
        return None;
    }
    // the point falls out: what is behind it moves by a byte
    let before = 1u64.wrapping_shl(first).wrapping_sub(1);
    let digits = (values & before) | ((values >> 8) & !before);
    let number = joined(digits, end.wrapping_sub(8)).cast_signed();
    Some(((number, places.wrapping_sub(1)), usize::try_from(end / 8).ok()?))
}

#[cfg(test)]
mod tests {
    use super::super::digits::number;
    use super::*;

    /// A field is met again where it stands with its comma, and nowhere else.
    #[test]
    fn met_again() {
        for (field, bytes, expected) in [
            ("1767225600", "1767225600,s0,164\n", Some(11)),
            ("1767225600", "1767225601,s0,164\n", None),
            ("1767225600", "1767225600.5,s0,164\n", None),
            ("s1", "s1,164\n", Some(3)),
            ("s1", "s11,164\n", None),
            ("2026-01-01T00:00:00.000000001Z", "2026-01-01T00:00:00.000000001Z,s0,1\n", Some(31)),
            ("a_name_of_one_and_thirty_letters", "a_name_of_one_and_thirty_letters,1", None),
        ] {
            let mut window = [b'x'; BYTES];
            for (slot, byte) in window.iter_mut().zip(bytes.bytes()) {
                *slot = byte;
            }
            let met = Met::new(field.as_bytes()).and_then(|met| met.begins(&window));
            assert_eq!(met, expected, "{field} {bytes}");
        }
    }

    /// A short number is read as every number is, or not at all.
    #[test]
    fn as_numbers_are_read() {
        let letters = b"0123456789.\n-,e";
        let mut seed = 1u64;
        let mut found = 0u32;
        for _ in 0..300_000 {
            let bytes: [u8; 8] = std::array::from_fn(|_| {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                let place = (seed >> 33) as usize % (letters.len() * 2);
                *letters.get(place).unwrap_or(&b'0')
            });
            let Some((value, end)) = short_number(bytes) else { continue };
            found += 1;
            assert_eq!(bytes[end], b'\n', "{bytes:?}");
            assert_eq!(number(&bytes, 0), Some((value, end)), "{bytes:?}");
        }
        assert!(found > 10_000, "{found}");
        for text in ["164\n2345", "1.5\n2345", "1234567\n", "0.12345\n", "12345.6\n"] {
            assert!(short_number(*text.as_bytes().first_chunk().unwrap()).is_some(), "{text:?}");
        }
    }
}
