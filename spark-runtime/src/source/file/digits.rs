//! Plain times and numbers, eight digits at a time. What is not plain is left to the exact readings.

use spark_core::{Timestamp, decimal};

/// Most digits of a plain number: they fit 64 bits.
const DIGITS_MAX: u32 = 18;

/// Unix seconds up to here fit a time with nanoseconds.
const SECONDS_MAX: u64 = 9_000_000_000;

const NANOS: i64 = 1_000_000_000;

/// A power of ten that plain numbers have: at most as many places as they have digits.
fn ten_to(places: u32) -> u64 {
    decimal::ten_to(places).and_then(|power| u64::try_from(power).ok()).unwrap_or(u64::MAX)
}

/// The digits from a place on: their number and how many they are; `None` where they are too many.
fn digits(bytes: &[u8], start: usize) -> Option<(u64, u32)> {
    let (mut number, mut count) = (0u64, 0u32);
    let mut place = start;
    loop {
        let (part, found) = eight(bytes, place);
        count = count.saturating_add(found);
        if count > DIGITS_MAX {
            return None;
        }
        // at most 18 digits: no part overflows
        number = number.wrapping_mul(ten_to(found)).wrapping_add(part);
        if found < 8 {
            return Some((number, count));
        }
        place = place.saturating_add(8);
    }
}

/// Up to eight digits at a place.
fn eight(bytes: &[u8], place: usize) -> (u64, u32) {
    let Some(chunk) = bytes.get(place..).and_then(|rest| rest.first_chunk::<8>()) else {
        // the file's last bytes, one by one
        let rest = bytes.get(place..).unwrap_or_default();
        return rest.iter().take_while(|byte| byte.is_ascii_digit()).fold((0, 0), |(number, count), byte| {
            (number.wrapping_mul(10).wrapping_add(u64::from(byte & 0xf)), count.saturating_add(1))
        });
    };
    // each byte less `0`: a digit is at most nine, and anything else has a high bit once 0x76 is added
    let values = u64::from_le_bytes(*chunk) ^ 0x3030_3030_3030_3030;
    let other = (values.wrapping_add(0x7676_7676_7676_7676) | values) & 0x8080_8080_8080_8080;
    let count = other.trailing_zeros() / 8;
    if count == 0 {
        return (0, 0);
    }
    (joined(values, count.saturating_mul(8)), count)
}

/// The number of the digits in so many low bits, at least eight of them; each byte is its digit's value.
pub(super) const fn joined(digits: u64, bits: u32) -> u64 {
    // the digits at the top, zeros before them; then pairs, fours, and all
    let digits = digits.wrapping_shl(64u32.saturating_sub(bits));
    let pairs = digits.wrapping_mul(10).wrapping_add(digits >> 8) & 0x00ff_00ff_00ff_00ff;
    let fours = pairs.wrapping_mul(100).wrapping_add(pairs >> 16) & 0x0000_ffff_0000_ffff;
    fours.wrapping_mul(10_000).wrapping_add(fours >> 32) & 0xffff_ffff
}

/// A plain number, `-12.50` as (-1250, 2), and where it ends.
pub(super) fn number(bytes: &[u8], start: usize) -> Option<((i64, u32), usize)> {
    let negative = *bytes.get(start)? == b'-';
    let start = start.saturating_add(usize::from(negative));
    let (whole, count) = digits(bytes, start)?;
    let mut end = start.saturating_add(count as usize);
    if count == 0 {
        return None;
    }
    let (mut number, mut scale) = (whole, 0);
    if bytes.get(end) == Some(&b'.') {
        let (fraction, places) = digits(bytes, end.saturating_add(1))?;
        if places == 0 || count.saturating_add(places) > DIGITS_MAX {
            return None;
        }
        number = whole.wrapping_mul(ten_to(places)).wrapping_add(fraction);
        scale = places;
        end = end.saturating_add(1).saturating_add(places as usize);
    }
    let number = i64::try_from(number).ok()?;
    Some(((if negative { number.wrapping_neg() } else { number }, scale), end))
}

/// The day of the row before, since rows share it.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Date {
    text: [u8; 11],
    /// Its first instant.
    start: i64,
}

/// Unix seconds, or RFC 3339 in UTC, and where it ends.
pub(super) fn time(bytes: &[u8], start: usize, date: &mut Date) -> Option<(Timestamp, usize)> {
    if bytes.get(start.saturating_add(4)) == Some(&b'-') {
        return date_time(bytes, start, date);
    }
    let (whole, count) = digits(bytes, start)?;
    if count == 0 || whole > SECONDS_MAX {
        return None;
    }
    let (nanos, end) = fraction(bytes, start.saturating_add(count as usize))?;
    let seconds = i64::try_from(whole).ok()?;
    Some((Timestamp::from_nanos(seconds.saturating_mul(NANOS).saturating_add(nanos)), end))
}

/// `.25` as nanoseconds; none is zero.
fn fraction(bytes: &[u8], start: usize) -> Option<(i64, usize)> {
    if bytes.get(start) != Some(&b'.') {
        return Some((0, start));
    }
    let (fraction, places) = digits(bytes, start.saturating_add(1))?;
    let missing = 9u32.checked_sub(places).filter(|missing| *missing < 9)?;
    let nanos = i64::try_from(fraction.wrapping_mul(ten_to(missing))).ok()?;
    Some((nanos, start.saturating_add(1).saturating_add(places as usize)))
}

fn date_time(bytes: &[u8], start: usize, date: &mut Date) -> Option<(Timestamp, usize)> {
    let rest = bytes.get(start..)?;
    let day = rest.first_chunk::<11>()?;
    if *day != date.text {
        // `2026-01-01T`: once a day, by the exact reading
        let text = std::str::from_utf8(day).ok().filter(|text| text.ends_with('T'))?;
        let start = Timestamp::parse(&format!("{text}00:00:00Z"))?;
        *date = Date { text: *day, start: start.nanos() };
    }
    let [h1, h2, c1, m1, m2, c2, s1, s2] = *rest.get(11..)?.first_chunk::<8>()?;
    let two = |tens: u8, ones: u8| {
        let both = tens.is_ascii_digit() && ones.is_ascii_digit();
        both.then(|| i64::from(tens & 0xf).wrapping_mul(10).wrapping_add(i64::from(ones & 0xf)))
    };
    let (hours, minutes, seconds) = (two(h1, h2)?, two(m1, m2)?, two(s1, s2)?);
    if c1 != b':' || c2 != b':' || hours > 23 || minutes > 59 || seconds > 59 {
        return None;
    }
    let (nanos, end) = fraction(bytes, start.saturating_add(19))?;
    if bytes.get(end) != Some(&b'Z') {
        return None;
    }
    let seconds = hours.wrapping_mul(3_600).wrapping_add(minutes.wrapping_mul(60)).wrapping_add(seconds);
    let nanos = date.start.checked_add(seconds.wrapping_mul(NANOS))?.checked_add(nanos)?;
    Some((Timestamp::from_nanos(nanos), end.saturating_add(1)))
}
