//! A sample's reading in eight bytes: what nearly all of a history is kept as.

use rust_decimal::Decimal;

use crate::decimal::ten_to;
use crate::signal::Reading;

/// Bits of what a word is: a value's places, or one of the readings that are none.
const TAG_BITS: u32 = 8;
/// Values of so many bits stand in a word: 16 digits, more than a binary float surely holds.
const MANTISSA_BITS: u32 = 63 - TAG_BITS;

const NOT_A_NUMBER: i64 = 0x40;
const INFINITE: i64 = 0x41;
const NEGATIVE_INFINITE: i64 = 0x42;
const OUT_OF_RANGE: i64 = 0x43;
const ELSEWHERE: i64 = 0x80;

/// A reading that is kept: a mantissa over the number of its places, so that each digit is given back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Word(i64);

/// What a word says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Said {
    Reading(Reading),
    /// A value that is kept elsewhere, under that number.
    Elsewhere(u64),
}

impl Word {
    /// A reading in a word; none for a value with more digits, a zero below zero, and a failure.
    #[inline]
    pub(super) fn of(reading: &Reading) -> Option<Self> {
        match reading {
            Reading::Value(value) => {
                let parts = value.unpack();
                let mantissa = i64::from(parts.mid) << 32 | i64::from(parts.lo);
                let fits = parts.hi == 0 && parts.mid >> (MANTISSA_BITS - 32) == 0;
                if !fits || (parts.negative && mantissa == 0) {
                    return None;
                }
                let mantissa = if parts.negative { mantissa.wrapping_neg() } else { mantissa };
                Some(Self(mantissa << TAG_BITS | i64::from(parts.scale)))
            }
            Reading::NotANumber => Some(Self(NOT_A_NUMBER)),
            Reading::Infinite { negative: false } => Some(Self(INFINITE)),
            Reading::Infinite { negative: true } => Some(Self(NEGATIVE_INFINITE)),
            Reading::OutOfRange => Some(Self(OUT_OF_RANGE)),
            Reading::Failed(_) => None,
        }
    }

    /// A value that is kept under a number; the numbers of 2^55 values differ, of which far fewer are kept at once.
    pub(super) const fn elsewhere(number: u64) -> Self {
        Self(number.cast_signed() << TAG_BITS | ELSEWHERE)
    }

    /// Whether it is a value that is kept elsewhere.
    pub(super) const fn is_elsewhere(self) -> bool {
        self.tag() == ELSEWHERE
    }

    /// What it says.
    pub(super) fn said(self) -> Said {
        let mantissa = self.mantissa();
        Said::Reading(match self.tag() {
            NOT_A_NUMBER => Reading::NotANumber,
            INFINITE => Reading::Infinite { negative: false },
            NEGATIVE_INFINITE => Reading::Infinite { negative: true },
            OUT_OF_RANGE => Reading::OutOfRange,
            ELSEWHERE => return Said::Elsewhere(mantissa.cast_unsigned()),
            places => {
                let size = mantissa.unsigned_abs();
                let (low, middle) = (size as u32, (size >> 32) as u32);
                Reading::Value(Decimal::from_parts(low, middle, 0, mantissa < 0, places as u32))
            }
        })
    }

    /// Its value in units of `10^-scale`; none where it is no value, has more places, or is too large.
    #[inline]
    pub(super) fn scaled(self, scale: u32) -> Option<i64> {
        // no reading that is no value has so few places
        let missing = u64::from(scale).checked_sub(self.tag().cast_unsigned())?;
        self.mantissa().checked_mul(i64::try_from(ten_to(u32::try_from(missing).ok()?)?).ok()?)
    }

    const fn tag(self) -> i64 {
        self.0 & ((1 << TAG_BITS) - 1)
    }

    const fn mantissa(self) -> i64 {
        self.0 >> TAG_BITS
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixed::scaled;
    use super::*;

    /// What stands in a word is given back with every digit and every place, and counts in a scale as its decimal does; what
    /// does not is refused.
    #[test]
    fn words_are_what_they_were() {
        let size = 1_i64 << MANTISSA_BITS;
        let mantissas =
            [0, 1, -1, 10, 820, -5_000_000_000, size - 1, 1 - size, size, -size, i64::MAX, i64::MIN];
        for (mantissa, places) in mantissas.into_iter().flat_map(|m| (0..29).map(move |places| (m, places))) {
            let value = Decimal::new(mantissa, places);
            let word = Word::of(&Reading::Value(value));
            assert_eq!(word.is_some(), mantissa.unsigned_abs() < size.unsigned_abs(), "{mantissa}");
            let Some(word) = word else { continue };
            let Said::Reading(Reading::Value(back)) = word.said() else { panic!("{word:?}") };
            assert_eq!(back.unpack(), value.unpack());
            for scale in 0..19 {
                assert_eq!(word.scaled(scale), scaled(value, scale), "{value} in {scale}");
            }
        }
        for strange in [
            Reading::NotANumber,
            Reading::Infinite { negative: false },
            Reading::Infinite { negative: true },
            Reading::OutOfRange,
        ] {
            let word = Word::of(&strange).unwrap();
            assert_eq!((word.said(), word.scaled(18)), (Said::Reading(strange), None));
        }
        let mut below = Decimal::ZERO;
        below.set_sign_negative(true);
        for refused in [Reading::Value(below), Reading::Value(Decimal::MAX), Reading::Failed("x".to_owned())]
        {
            assert_eq!(Word::of(&refused), None);
        }
        for number in [0, 1, 1 << 54] {
            assert_eq!(Word::elsewhere(number).said(), Said::Elsewhere(number));
            assert_eq!(Word::elsewhere(number).scaled(18), None);
        }
    }
}
