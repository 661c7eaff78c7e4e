//! A line of a journal, file and table alike:
//!
//! ```text
//! {"v":2,"seq":7,"fence":3,"ack":6,"prev":"<sum of line 6>","record":{…},"sum":"<SHA-256 of all before `,"sum"`>"}
//! ```
//!
//! Each line has one spelling, so that it is read byte by byte and not as JSON: no field can come twice, and none
//! unnoticed.

use serde::de::IgnoredAny;
use sha2::{Digest, Sha256};
use spark_core::planted::{self, Bug};

use super::{Head, JournalError, Record, Sum, VERSION};

/// Longest line, with its end. The longest one written is the start of a rollout, which carries the rules' text and the
/// policy made of it: rule files are held to one MiB each, a policy is some times its text.
pub const LINE_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// Most lines of a journal: a sample of each of 40 signals every 15 s takes two months to get there.
pub const RECORDS_MAX: u64 = 16 * 1024 * 1024;

/// Bytes of `,"sum":"…"}`.
const TAIL_BYTES: usize = 74;

/// A line that is right by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    /// Its content.
    pub(super) record: Record,
    /// The highest number that was durable when it was written.
    pub(super) ack: u64,
    /// The sum of the line before.
    pub(super) prev: Sum,
}

/// Where a line is to stand.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    /// The line before.
    pub(super) head: Head,
    /// Under which fence.
    pub(super) fence: u64,
    /// What is durable.
    pub(super) ack: u64,
}

/// Writes `json` as the line behind `place.head`, with its end, and gives the new head.
pub(super) fn write(into: &mut String, place: Place, json: &str) -> Head {
    let from = into.len();
    let seq = place.head.seq.saturating_add(1);
    let Place { head, fence, ack } = place;
    into.push_str(&format!(
        "{{\"v\":{VERSION},\"seq\":{seq},\"fence\":{fence},\"ack\":{ack},\"prev\":\"{}\",\"record\":{json}",
        head.sum
    ));
    let sum = sum(into.as_bytes().get(from..).unwrap_or_default());
    into.push_str(&format!(",\"sum\":\"{sum}\"}}\n"));
    Head { seq, sum }
}

/// That a record can stand in a line.
///
/// # Errors
/// It has a line break or is no JSON, or is too long.
pub(super) fn admit(place: usize, json: &str) -> Result<(), JournalError> {
    let refused = |why: String| JournalError::NoRecord { place, why };
    let bytes = u64::try_from(json.len()).unwrap_or(u64::MAX);
    // what stands around a record is below 1 KiB
    let found = bytes.saturating_add(1024);
    if found > LINE_BYTES_MAX {
        return Err(JournalError::TooMuch { what: "bytes in a line", found, most: LINE_BYTES_MAX });
    }
    if json.bytes().any(|byte| byte == b'\n' || byte == b'\r') {
        return Err(refused("it has a line break".to_owned()));
    }
    if json.starts_with([' ', '\t']) || json.ends_with([' ', '\t']) {
        return Err(refused("it has a space around it".to_owned()));
    }
    serde_json::from_str::<IgnoredAny>(json).map(drop).map_err(|error| refused(error.to_string()))
}

/// Why a line is not right by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Wrong {
    /// It is whole, of another version.
    Version(u64),
    /// It is not a line.
    Form(&'static str),
    /// It is a line with another sum than it says.
    Sum,
}

impl Wrong {
    pub(super) const fn text(&self) -> &'static str {
        match self {
            Self::Version(_) => "its version is not known",
            Self::Form(why) => why,
            Self::Sum => "its sum is not that of its bytes",
        }
    }
}

/// Reads a line without its end.
///
/// # Errors
/// It is not one; whether it follows another is not asked here.
pub(super) fn read(bytes: &[u8]) -> Result<Line, Wrong> {
    let text = std::str::from_utf8(bytes).map_err(|_| Wrong::Form("it is no UTF-8"))?;
    let rest = text.strip_prefix("{\"v\":").ok_or(Wrong::Form("it does not begin as a line does"))?;
    let (version, rest) = number(rest).ok_or(Wrong::Form("its version is no number"))?;
    if version != VERSION {
        return Err(Wrong::Version(version));
    }
    let (seq, rest) = field(rest, ",\"seq\":").ok_or(Wrong::Form("its `seq` is no number"))?;
    let (fence, rest) = field(rest, ",\"fence\":").ok_or(Wrong::Form("its `fence` is no number"))?;
    let (ack, rest) = field(rest, ",\"ack\":").ok_or(Wrong::Form("its `ack` is no number"))?;
    let (prev, rest) = sum_of(rest, ",\"prev\":\"").ok_or(Wrong::Form("its `prev` is no sum"))?;
    let rest = rest.strip_prefix("\",\"record\":").ok_or(Wrong::Form("its `record` is missing"))?;
    let cut = rest.len().checked_sub(TAIL_BYTES).ok_or(Wrong::Form("it ends early"))?;
    let (json, tail) = rest.split_at_checked(cut).ok_or(Wrong::Form("it ends early"))?;
    let (said, end) = sum_of(tail, ",\"sum\":\"").ok_or(Wrong::Form("its `sum` is no sum"))?;
    if end != "\"}" {
        return Err(Wrong::Form("it does not end as a line does"));
    }
    let covered = bytes.len().checked_sub(TAIL_BYTES).and_then(|to| bytes.get(..to)).unwrap_or_default();
    if !sum_holds(covered, said) {
        return Err(Wrong::Sum);
    }
    if serde_json::from_str::<IgnoredAny>(json).is_err() {
        return Err(Wrong::Form("its record is no JSON"));
    }
    Ok(Line { record: Record { seq, fence, sum: said, json: json.to_owned() }, ack, prev })
}

/// The sum of a line is that of its bytes.
fn sum_holds(covered: &[u8], said: Sum) -> bool {
    sum(covered) == said || planted::is(Bug::SumNotChecked)
}

fn sum(bytes: &[u8]) -> Sum {
    Sum::from_bytes(Sha256::digest(bytes).into())
}

fn field<'a>(text: &'a str, name: &str) -> Option<(u64, &'a str)> {
    text.strip_prefix(name).and_then(number)
}

/// A number in its only spelling, and what is behind it.
fn number(text: &str) -> Option<(u64, &str)> {
    let end = text.bytes().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len());
    let (digits, rest) = text.split_at_checked(end)?;
    if digits.len() > 1 && digits.starts_with('0') {
        return None;
    }
    Some((digits.parse().ok()?, rest))
}

fn sum_of<'a>(text: &'a str, name: &str) -> Option<(Sum, &'a str)> {
    let (digits, rest) = text.strip_prefix(name)?.split_at_checked(64)?;
    Some((digits.parse().ok()?, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(json: &str) -> String {
        let mut text = String::new();
        let head = Head { seq: 6, sum: Sum::from_bytes([7; 32]) };
        write(&mut text, Place { head, fence: 3, ack: 6 }, json);
        text.trim_end().to_owned()
    }

    /// A line says what the format's description says, and its sum can be had by anybody from its bytes.
    #[test]
    fn a_line_is_spelled_as_described() {
        let text = line("{\"fact\":\"noted\"}");
        let (covered, tail) = text.split_at(text.len() - TAIL_BYTES);
        let seven = "07".repeat(32);
        assert_eq!(
            covered,
            format!(r#"{{"v":2,"seq":7,"fence":3,"ack":6,"prev":"{seven}","record":{{"fact":"noted"}}"#)
        );
        let digest: [u8; 32] = Sha256::digest(covered.as_bytes()).into();
        assert_eq!(tail, format!(r#","sum":"{}"}}"#, Sum::from_bytes(digest)));
    }

    /// What is read is what was written, and no other spelling of it is a line.
    #[test]
    fn only_the_one_spelling_is_read() {
        for json in ["{}", "1", "\"ä\\n\"", r#"{"a":",\"sum\":\""}"#] {
            let found = read(line(json).as_bytes()).unwrap();
            assert_eq!((found.record.seq, found.record.fence, found.ack), (7, 3, 6), "{json}");
            assert_eq!(found.record.json, json);
        }
        let good = line("{}");
        for (from, to) in
            [("\"seq\":7", "\"seq\":07"), ("\"seq\":7", "\"seq\": 7"), ("{\"v\":2", "{ \"v\":2")]
        {
            assert!(read(good.replace(from, to).as_bytes()).is_err(), "{to}");
        }
        assert_eq!(read(good.replace("\"v\":2", "\"v\":3").as_bytes()), Err(Wrong::Version(3)));
        assert_eq!(read(good.replace("\"fence\":3", "\"fence\":4").as_bytes()), Err(Wrong::Sum));
        for end in 0..good.len() {
            assert!(read(&good.as_bytes()[..end]).is_err(), "the first {end} bytes");
        }
    }

    /// No bit of a line can be another one.
    #[test]
    fn every_flipped_bit_is_seen() {
        let good = line("{\"fact\":\"noted\",\"text\":\"x\"}").into_bytes();
        for (at, bit) in (0..good.len()).flat_map(|at| (0..8).map(move |bit| (at, bit))) {
            let mut bad = good.clone();
            bad[at] ^= 1 << bit;
            assert!(read(&bad).is_err(), "bit {bit} of byte {at}");
        }
    }

    /// What is no line of JSON, or too long for a line, is refused before anything is written.
    #[test]
    fn records_are_lines_of_json() {
        assert_eq!(admit(1, "{\"a\":1}"), Ok(()));
        for (json, why) in
            [("", "EOF"), ("{\n}", "line break"), ("{} ", "space"), ("{}{}", "trailing"), ("no", "expected")]
        {
            let text = admit(3, json).unwrap_err().to_string();
            assert!(
                text.starts_with("record 3 of a commit is no line of JSON: ") && text.contains(why),
                "{text}"
            );
        }
        let long = format!("\"{}\"", "x".repeat(64 * 1024 * 1024));
        assert!(matches!(admit(1, &long), Err(JournalError::TooMuch { .. })));
    }
}
