//! The chain of a journal: whether each line carries on the one before, and which line is the first that does not.
//!
//! It is read here by the letter of the format, without the reader that a run uses to go on after a crash: that
//! one cuts a torn end, and what is sealed has none but by an accident that the seal tells of.

use std::io::{BufRead, BufReader, Read};

use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::scan::{FileHash, hex};

/// The version of the lines that are chained; those of version 1 were not.
const CHAINED: &str = "{\"v\":2,";
const UNCHAINED: &str = "{\"v\":1,";

/// Longest line that is read: the start carries the rules' text and the policy, and rule files are held to far less.
const LINE_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// Most marks in a seal: 5,000 lines, a rollout of 75 minutes, have one in 32, and the seal grows by 5 KiB.
const MARKS_MAX: usize = 256;

/// Length of a mark. It only tells where to look; what counts is the file's whole digest beside it.
const MARK_HEX: usize = 16;

/// What the first line names as the one before it.
const NO_SUM: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// Where a journal's chain ends: its number and sum stand for all that was recorded until then.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Head {
    /// The last line's number.
    pub seq: u64,
    /// The last line's SHA-256 over its content and, through `prev`, over all before it; in hexadecimal.
    pub sum: String,
}

/// A line of the journal that does not belong where it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BadLine {
    /// Which line, from 1.
    pub line: u64,
    /// Why, in words.
    pub why: String,
}

/// What a seal says of the journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Chain {
    /// How many lines carry on the ones before them, from the first one.
    pub lines: u64,
    /// The last of them.
    pub head: Option<Head>,
    /// The line after them, where there is one: a run whose disk was full leaves one that is cut off.
    pub broken: Option<BadLine>,
    /// Every how many lines there is a mark.
    pub every: u64,
    /// The first digits of those lines' sums: they tell where a journal that was written anew parts from this one.
    pub marks: Vec<String>,
}

impl std::fmt::Display for Head {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.seq, self.sum)
    }
}

impl Chain {
    fn new() -> Self {
        Self { lines: 0, head: None, broken: None, every: 1, marks: Vec::new() }
    }

    /// Whether nothing but a cut last line is wrong with it.
    pub(super) fn is_whole_but_for_its_end(&self, journal_lines: u64) -> bool {
        self.broken.as_ref().is_none_or(|bad| bad.line >= journal_lines && bad.why == CUT_OFF)
    }

    fn take(&mut self, line: &Line<'_>) {
        if self.lines.checked_rem(self.every) == Some(0) {
            if self.marks.len() >= MARKS_MAX {
                let mut place = 0_u32;
                self.marks.retain(|_| {
                    place = place.wrapping_add(1);
                    place % 2 == 1
                });
                self.every = self.every.saturating_mul(2);
            }
            if self.lines.checked_rem(self.every) == Some(0) {
                self.marks.push(line.sum.get(..MARK_HEX).unwrap_or_default().to_owned());
            }
        }
        self.lines = self.lines.saturating_add(1);
        self.head = Some(Head { seq: line.seq, sum: line.sum.to_owned() });
    }

    /// How many lines there are from one common mark to the next, how many of those are the same from the first one on,
    /// and whether all are that both have.
    fn common(&self, found: &Self) -> (u64, u64, bool) {
        let step = self.every.max(found.every);
        let pick = |chain: &Self| -> Vec<String> {
            let skip = step.checked_div(chain.every).and_then(|skip| usize::try_from(skip).ok()).unwrap_or(1);
            chain.marks.iter().step_by(skip.max(1)).cloned().collect()
        };
        let (ours, theirs) = (pick(self), pick(found));
        let same = ours.iter().zip(&theirs).take_while(|(a, b)| a == b).count();
        (step, u64::try_from(same).unwrap_or(u64::MAX), same == ours.len().min(theirs.len()))
    }

    /// Whether `found`, as far as it hangs together, is the beginning of this chain by all marks.
    pub(super) fn begins_with(&self, found: &Self) -> bool {
        found.lines <= self.lines && self.common(found).2
    }

    /// The first line of `found` that is not this chain's, in words; asked where they are not the same.
    pub(super) fn parts_from(&self, found: &Self) -> BadLine {
        let (step, same, all_same) = self.common(found);
        if all_same && self.lines != found.lines {
            let (line, why) = match found.lines < self.lines {
                true => (found.lines, format!("it ends after {} of {} lines", found.lines, self.lines)),
                false => (self.lines, format!("it goes on after the {} sealed lines", self.lines)),
            };
            return BadLine { line: line.saturating_add(1), why };
        }
        // up to the last mark that is the same, every line is: the sums hang together
        let first = match same.checked_sub(1) {
            None => 1,
            Some(before) => before.saturating_mul(step).saturating_add(2),
        };
        let last = same.saturating_mul(step).saturating_add(1).min(self.lines);
        let place = match first < last {
            true => format!("one of the lines {first} to {last}"),
            false => format!("line {first}"),
        };
        BadLine { line: first, why: format!("from {place} on it was written anew") }
    }
}

/// Why a line that has no end is bad.
const CUT_OFF: &str = "it is cut off";

/// A journal as it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Journal {
    pub(super) hash: FileHash,
    /// None of a journal whose lines are not chained.
    pub(super) chain: Option<Chain>,
    /// How many lines there are, chained or not.
    pub(super) lines: u64,
}

/// Reads a journal once: its digest and its chain.
///
/// # Errors
/// The file cannot be read.
pub(super) fn read(file: impl Read, told: &mut dyn FnMut(u64)) -> std::io::Result<Journal> {
    let mut reader = BufReader::with_capacity(64 * 1024, file);
    let mut whole = Sha256::new();
    let (mut bytes, mut lines) = (0_u64, 0_u64);
    let mut chain = Some(Chain::new());
    let mut line = Vec::new();
    loop {
        line.clear();
        if reader.by_ref().take(LINE_BYTES_MAX).read_until(b'\n', &mut line)? == 0 {
            break;
        }
        whole.update(&line);
        let length = u64::try_from(line.len()).unwrap_or(u64::MAX);
        bytes = bytes.saturating_add(length);
        told(length);
        if lines == 0 && line.starts_with(UNCHAINED.as_bytes()) {
            chain = None;
        }
        lines = lines.saturating_add(1);
        let Some(chain) = chain.as_mut().filter(|chain| chain.broken.is_none()) else { continue };
        match Line::parse(&line).and_then(|parsed| parsed.follows(chain.head.as_ref()).map(|()| parsed)) {
            Ok(parsed) => chain.take(&parsed),
            Err(why) => chain.broken = Some(BadLine { line: lines, why }),
        }
    }
    Ok(Journal { hash: FileHash { sha256: hex(&whole.finalize()), bytes }, chain, lines })
}

/// A line after `before` with this record, and where the chain ends with it.
pub(super) fn line(before: Option<&Head>, record: &str) -> (String, Head) {
    let ack = before.map_or(0, |head| head.seq);
    let seq = ack.saturating_add(1);
    let prev = before.map_or(NO_SUM, |head| head.sum.as_str());
    let content =
        format!("{CHAINED}\"seq\":{seq},\"fence\":1,\"ack\":{ack},\"prev\":\"{prev}\",\"record\":{record}");
    let sum = hex(&Sha256::digest(content.as_bytes()));
    (format!("{content},\"sum\":\"{sum}\"}}\n"), Head { seq, sum })
}

/// The record of a line that carries on `before`, and where the chain ends with it.
///
/// # Errors
/// It is no line, or does not carry on; in words.
pub(super) fn record<'a>(line: &'a [u8], before: Option<&Head>) -> Result<(Head, &'a str), String> {
    let parsed = Line::parse(line)?;
    parsed.follows(before)?;
    Ok((Head { seq: parsed.seq, sum: parsed.sum.to_owned() }, parsed.record))
}

/// The sum of the line with this number, as it says itself; its chain is checked by [`read`].
///
/// # Errors
/// The file cannot be read.
pub(super) fn sum_at(file: impl Read, seq: u64) -> std::io::Result<Option<String>> {
    let mut reader = BufReader::with_capacity(64 * 1024, file);
    let mut line = Vec::new();
    loop {
        line.clear();
        if reader.by_ref().take(LINE_BYTES_MAX).read_until(b'\n', &mut line)? == 0 {
            return Ok(None);
        }
        if let Some(parsed) = Line::parse(&line).ok().filter(|parsed| parsed.seq == seq) {
            return Ok(Some(parsed.sum.to_owned()));
        }
    }
}

/// The parts of a line that hold the chain together.
struct Line<'a> {
    seq: u64,
    prev: &'a str,
    record: &'a str,
    sum: &'a str,
}

impl<'a> Line<'a> {
    fn parse(bytes: &'a [u8]) -> Result<Self, String> {
        let Some(bytes) = bytes.strip_suffix(b"\n") else { return Err(CUT_OFF.to_owned()) };
        let text = std::str::from_utf8(bytes).map_err(|_| "it is not UTF-8".to_owned())?;
        let shape = |expected: &str| format!("it is not a line of a journal: expected `{expected}`");
        let (content, tail) = text.rsplit_once(",\"sum\":\"").ok_or_else(|| shape(",\"sum\":\"…\"}"))?;
        let sum =
            tail.strip_suffix("\"}").filter(|sum| is_sum(sum)).ok_or_else(|| shape("\"sum\":\"…\"}"))?;
        if hex(&Sha256::digest(content.as_bytes())) != sum {
            return Err("its sum is not that of its content".to_owned());
        }
        let rest = content.strip_prefix(CHAINED).ok_or_else(|| shape(CHAINED))?;
        let (seq, rest) = number(rest, "\"seq\":").ok_or_else(|| shape("\"seq\":"))?;
        let (_, rest) = number(rest, ",\"fence\":").ok_or_else(|| shape("\"fence\":"))?;
        let (ack, rest) = number(rest, ",\"ack\":").ok_or_else(|| shape("\"ack\":"))?;
        let rest = rest.strip_prefix(",\"prev\":\"").ok_or_else(|| shape("\"prev\":\""))?;
        let (prev, record) = rest.split_once("\",\"record\":").ok_or_else(|| shape("\"record\":"))?;
        if !is_sum(prev) {
            return Err(shape("\"prev\":\"…\""));
        }
        // one value and nothing behind it, so that `sum` is the only thing that follows
        if !record.starts_with('{') || serde_json::from_str::<IgnoredAny>(record).is_err() {
            return Err("its record is not one JSON object".to_owned());
        }
        if ack > seq {
            return Err(format!("it knows of line {ack} on the disk, and is itself number {seq}"));
        }
        Ok(Self { seq, prev, record, sum })
    }

    /// Whether it carries on the line before.
    fn follows(&self, head: Option<&Head>) -> Result<(), String> {
        let prev = head.map_or(NO_SUM, |head| head.sum.as_str());
        if let Some(head) = head
            && head.seq.checked_add(1) != Some(self.seq)
        {
            return Err(format!("its number is {}, and the one before has {}", self.seq, head.seq));
        }
        if head.is_none() && self.seq != 1 {
            return Err(format!("its number is {}, and a journal begins with 1", self.seq));
        }
        if self.prev != prev {
            return Err(match head {
                None => "it is not the first line of a journal".to_owned(),
                Some(_) => "it does not carry on the line before".to_owned(),
            });
        }
        Ok(())
    }
}

fn is_sum(text: &str) -> bool {
    text.len() == NO_SUM.len() && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

/// A number after `name`, written in the one way there is, and what follows it.
fn number<'a>(text: &'a str, name: &str) -> Option<(u64, &'a str)> {
    let text = text.strip_prefix(name)?;
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, rest) = text.split_at_checked(end)?;
    if digits.len() > 1 && digits.starts_with('0') {
        return None;
    }
    Some((digits.parse().ok()?, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn journal(lines: u64, word: &str, from: u64) -> String {
        let (mut text, mut head) = (String::new(), None);
        for seq in 1..=lines {
            let word = if seq >= from { word } else { "" };
            let (next, end) = line(head.as_ref(), &format!("{{\"fact\":\"noted\",\"word\":\"{word}\"}}"));
            text.push_str(&next);
            head = Some(end);
        }
        text
    }

    fn chain(text: &str) -> Chain {
        read(text.as_bytes(), &mut |_| {}).unwrap().chain.unwrap()
    }

    fn bad(text: &str) -> String {
        chain(text).broken.map_or_else(|| "none".to_owned(), |bad| format!("{}: {}", bad.line, bad.why))
    }

    /// A whole chain ends in its head; whatever is done to a line, that line or the one behind it is named.
    #[test]
    fn first_bad_line() {
        let good = journal(5, "", 9);
        let lines: Vec<String> = good.split_inclusive('\n').map(str::to_owned).collect();
        assert_eq!((chain(&good).lines, bad(&good).as_str()), (5, "none"));
        assert_eq!(chain(&good).head.unwrap().seq, 5);
        let other = journal(5, "other", 1);
        let with = |change: &dyn Fn(&mut Vec<String>)| {
            let mut lines = lines.clone();
            change(&mut lines);
            bad(&lines.concat())
        };
        assert_eq!(with(&|l| drop(l.remove(0))), "1: its number is 2, and a journal begins with 1");
        assert_eq!(with(&|l| drop(l.remove(2))), "3: its number is 4, and the one before has 2");
        assert_eq!(with(&|l| l.swap(1, 2)), "2: its number is 3, and the one before has 1");
        assert_eq!(with(&|l| l.insert(2, lines[1].clone())), "3: its number is 2, and the one before has 2");
        let theirs = other.split_inclusive('\n').nth(2).unwrap().to_owned();
        assert_eq!(with(&|l| l[2] = theirs.clone()), "3: it does not carry on the line before");
        assert_eq!(with(&|l| l[4] = l[4].trim_end().to_owned()), "5: it is cut off");
        assert_eq!(with(&|l| l.push("\n".to_owned())).get(..34), Some("6: it is not a line of a journal: "));
        assert_eq!(bad(&good.replacen("noted", "noteb", 2)), "1: its sum is not that of its content");
        let doubled = line(None, "{},\"record\":{}").0;
        assert_eq!(bad(&doubled), "1: its record is not one JSON object");
        assert_eq!(bad(&line(None, "{}").0.replace("\"seq\":1", "\"seq\":01")).get(..6), Some("1: its"));
    }

    /// Lines of before there was a chain are hashed, and no more is said of them.
    #[test]
    fn unchained() {
        let read = read(&b"{\"v\":1,\"seq\":0}\n{\"v\":1,\"seq\":1}\n"[..], &mut |_| {}).unwrap();
        assert_eq!((read.chain, read.lines), (None, 2));
    }

    /// A chain that was written anew is whole in itself: the marks tell where it parts from the sealed one.
    #[test]
    fn written_anew() {
        for (lines, from, expected) in [
            (40, 17, "17: from line 17 on it was written anew"),
            (40, 1, "1: from line 1 on it was written anew"),
            (5_000, 1_234, "1218: from one of the lines 1218 to 1249 on it was written anew"),
            (5_000, 5_000, "4994: from one of the lines 4994 to 5000 on it was written anew"),
        ] {
            let (sealed, found) = (chain(&journal(lines, "", 1)), chain(&journal(lines, "x", from)));
            assert!(sealed.marks.len() <= MARKS_MAX && found.broken.is_none());
            let told = sealed.parts_from(&found);
            assert_eq!(
                format!("{}: {}", told.line, told.why),
                expected,
                "{lines} lines, changed from {from}"
            );
        }
        let (sealed, short) = (chain(&journal(9, "", 1)), chain(&journal(7, "", 1)));
        assert_eq!(sealed.parts_from(&short).why, "it ends after 7 of 9 lines");
        assert_eq!(short.parts_from(&sealed).why, "it goes on after the 7 sealed lines");
    }
}
