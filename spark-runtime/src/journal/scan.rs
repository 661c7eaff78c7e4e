//! Reading a journal's bytes: each line proved by its sum and by the one before it, and a torn end told from damage.
//!
//! A crash can only tear what no commit had answered for. A bad line is such a torn end when both hold:
//! - no line behind it is right by itself and says that the bad one was durable (its `ack`);
//! - it looks as an append does that did not get through: the file ends within the line, or there is a hole of zeros from
//!   the line on, where pages never reached the disk.
//!
//! All else is damage. A whole last line with a wrong sum is damage as well: no torn append leaves one, and what it said
//! may have been acknowledged.

use std::io::{self, BufRead, BufReader, Read};

use spark_core::planted::{self, Bug};

use super::chain::Chain;
use super::line::{self, LINE_BYTES_MAX, Line, Wrong};
use super::{Cut, Head, JournalError, Record};

/// Goes through a journal from its beginning, never changing it.
#[derive(Debug)]
pub struct Scan<R> {
    input: BufReader<R>,
    chain: Chain,
    /// Bytes of the lines that are right.
    good_bytes: u64,
    cut: Option<Cut>,
    over: bool,
    buffer: Vec<u8>,
}

impl<R: Read> Scan<R> {
    /// Will go through `input`.
    pub fn new(input: R) -> Self {
        Self {
            input: BufReader::with_capacity(64 * 1024, input),
            chain: Chain::default(),
            good_bytes: 0,
            cut: None,
            over: false,
            buffer: Vec::new(),
        }
    }

    /// The last line so far.
    pub const fn head(&self) -> Head {
        self.chain.head
    }

    /// The highest fence so far.
    pub const fn fence(&self) -> u64 {
        self.chain.fence
    }

    /// How many bytes the lines so far have.
    pub const fn good_bytes(&self) -> u64 {
        self.good_bytes
    }

    /// The torn end, known when there is no further line. In a journal that is being written, it is a line on its way.
    pub const fn cut(&self) -> Option<&Cut> {
        self.cut.as_ref()
    }

    /// The next line, or none at the end or before a torn one.
    fn step(&mut self) -> Result<Option<Record>, JournalError> {
        let mut bytes = std::mem::take(&mut self.buffer);
        let read = self.next_bytes(&mut bytes);
        let found = read.and_then(|ended| match (bytes.is_empty(), ended) {
            (true, _) => Ok(None),
            (false, true) => match line::read(trim(&bytes)) {
                Ok(line) => self.follow(line, &bytes),
                Err(wrong) => self.judge(&bytes, &wrong),
            },
            (false, false) => self.judge_unended(&bytes),
        });
        self.buffer = bytes;
        found
    }

    /// Reads to the next line's end; whether there was one.
    fn next_bytes(&mut self, bytes: &mut Vec<u8>) -> Result<bool, JournalError> {
        bytes.clear();
        (&mut self.input)
            .take(LINE_BYTES_MAX)
            .read_until(b'\n', bytes)
            .map_err(|error| JournalError::unreadable("read", &error))?;
        Ok(bytes.last() == Some(&b'\n'))
    }

    /// A line that is right by itself: whether it is the one that follows.
    fn follow(&mut self, line: Line, bytes: &[u8]) -> Result<Option<Record>, JournalError> {
        let record = self.chain.follow(line)?;
        self.good_bytes = self.good_bytes.saturating_add(length(bytes));
        Ok(Some(record))
    }

    /// A line with an end that is wrong: torn only where a hole is in it or behind it, and nothing vouches for it.
    fn judge(&mut self, bytes: &[u8], wrong: &Wrong) -> Result<Option<Record>, JournalError> {
        let line = self.chain.next();
        if let Wrong::Version(found) = *wrong {
            return Err(JournalError::Version { line, found });
        }
        let mut at = self.good_bytes.saturating_add(length(bytes));
        let mut hole = has_hole(bytes, true);
        let mut behind = Vec::new();
        loop {
            let ended = self.next_bytes(&mut behind)?;
            if behind.is_empty() {
                break;
            }
            hole |= has_hole(&behind, false);
            at = at.saturating_add(length(&behind));
            if !ended {
                continue;
            }
            if let Ok(witness) = line::read(trim(&behind))
                && vouches(&witness, line)
            {
                let (wrong, seq) = (wrong.text(), witness.record.seq);
                return Err(JournalError::Damaged {
                    line,
                    why: format!("{wrong}, and line {seq} says that it was durable"),
                });
            }
        }
        if hole || planted::is(Bug::CutAtFirstBad) {
            return Ok(self.torn(at, "pages of it never reached the disk"));
        }
        let why = format!("{}, and it is whole, as no torn line is", wrong.text());
        Err(JournalError::Damaged { line, why })
    }

    /// What the file ends with, without a line's end.
    fn judge_unended(&mut self, bytes: &[u8]) -> Result<Option<Record>, JournalError> {
        let line = self.chain.next();
        if length(bytes) >= LINE_BYTES_MAX {
            let why = format!("it is longer than {LINE_BYTES_MAX} bytes");
            return Err(JournalError::Damaged { line, why });
        }
        if bytes.split_last().is_some_and(|(_, whole)| line::read(whole).is_ok()) {
            let why = "another byte stands in the place of its end".to_owned();
            return Err(JournalError::Damaged { line, why });
        }
        let end = self.good_bytes.saturating_add(length(bytes));
        Ok(self.torn(end, "the file ends within it"))
    }

    fn torn(&mut self, end: u64, why: &str) -> Option<Record> {
        self.cut = Some(Cut {
            line: self.chain.next(),
            bytes: end.saturating_sub(self.good_bytes),
            why: why.to_owned(),
        });
        None
    }
}

/// The lines in order. After a failure or the end there is nothing more.
impl<R: Read> Iterator for Scan<R> {
    type Item = Result<Record, JournalError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.over {
            return None;
        }
        let found = self.step();
        self.over = !matches!(found, Ok(Some(_)));
        found.transpose()
    }
}

/// A line behind a bad one says that the bad one was durable.
fn vouches(witness: &Line, bad: u64) -> bool {
    witness.ack >= bad && !planted::is(Bug::AckNotChecked) && !planted::is(Bug::CutAtFirstBad)
}

/// Whether there are zeros as a page leaves that was never written. A single one is a flipped bit, unless it begins the
/// first bad line: an append that began with the last byte of a page.
fn has_hole(bytes: &[u8], first: bool) -> bool {
    (first && bytes.first() == Some(&0)) || bytes.windows(2).any(|pair| pair == [0, 0])
}

fn trim(bytes: &[u8]) -> &[u8] {
    bytes.strip_suffix(b"\n").unwrap_or(bytes)
}

fn length(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}

/// Reads what can only be read at places, from the beginning on.
pub(super) struct FromStart<F> {
    read: F,
    at: u64,
}

impl<F: FnMut(u64, &mut [u8]) -> io::Result<usize>> FromStart<F> {
    pub(super) const fn new(read: F) -> Self {
        Self { read, at: 0 }
    }
}

impl<F: FnMut(u64, &mut [u8]) -> io::Result<usize>> Read for FromStart<F> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = (self.read)(self.at, into)?;
        self.at = self.at.saturating_add(u64::try_from(count).unwrap_or(u64::MAX));
        Ok(count)
    }
}
