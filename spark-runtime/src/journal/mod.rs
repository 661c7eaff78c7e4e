//! The journal: every fact of a rollout, in order, durable before it counts.
//!
//! A journal knows lines, their chain, their numbers and who may write; what a record means is its caller's. Two keep
//! the same lines: [`FileJournal`], a file that is appended to, and [`postgres`], a table that many runners share.
//!
//! - [`Journal::commit`] is the only way in. Where it answers, its records survive a crash; where it fails, none of them
//!   may count.
//! - A journal that failed is never written again as if nothing had happened: open it anew, and see what it holds.
//! - Every opening has a higher [fence](Journal::fence) than all before it.

mod any;
mod chain;
mod disk;
mod error;
mod file;
mod line;
#[cfg(feature = "postgres")]
pub mod postgres;
mod reader;
mod scan;

use std::fmt;
use std::future::Future;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

pub use any::AnyJournal;
pub use disk::{Disk, LockError, RESERVE_BYTES, RealDisk};
pub use error::{Holder, JournalError};
pub use file::FileJournal;
pub use line::{LINE_BYTES_MAX, RECORDS_MAX};
pub use reader::read_only;
pub use scan::Scan;

/// The format of the lines; a reader refuses what it does not know.
pub const VERSION: u64 = 2;

/// A line's SHA-256.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Sum([u8; 32]);

impl Sum {
    /// What stands in the place of the line before the first one: 64 zeros.
    pub const NONE: Self = Self([0; 32]);

    /// A sum from its bytes.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Its bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for Sum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Sum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Sum {
    type Err = String;

    /// From 64 lower-case hexadecimal digits.
    fn from_str(text: &str) -> Result<Self, String> {
        let refused = || format!("`{text}` is no sum: expected 64 digits of `0` to `9` and `a` to `f`");
        let digits = text.as_bytes();
        let mut bytes = [0; 32];
        if digits.len() != 64 {
            return Err(refused());
        }
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            let [high, low] = pair else { return Err(refused()) };
            let (Some(high), Some(low)) = (nibble(*high), nibble(*low)) else { return Err(refused()) };
            *byte = (high << 4) | low;
        }
        Ok(Self(bytes))
    }
}

const fn nibble(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => digit.checked_sub(b'0'),
        b'a'..=b'f' => digit.checked_sub(b'a' - 10),
        _ => None,
    }
}

impl Serialize for Sum {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Sum {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// Where a journal ends: as short as it is, it stands for every line before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct Head {
    /// The number of the last line, from 1; 0 where there is none.
    pub seq: u64,
    /// Its sum; [`Sum::NONE`] where there is none.
    pub sum: Sum,
}

impl Head {
    /// The head of a journal without a line.
    pub const EMPTY: Self = Self { seq: 0, sum: Sum::NONE };
}

impl fmt::Display for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.seq, self.sum)
    }
}

/// A line's content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The line's number, from 1.
    pub seq: u64,
    /// The fence under which it was written.
    pub fence: u64,
    /// The line's sum.
    pub sum: Sum,
    /// What was committed, byte for byte: one JSON value.
    pub json: String,
}

impl Record {
    /// The journal's head when this was its last line.
    pub const fn head(&self) -> Head {
        Head { seq: self.seq, sum: self.sum }
    }
}

/// A torn end that was found, none of it ever acknowledged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Cut {
    /// The first line of it, from 1.
    pub line: u64,
    /// How many bytes it had.
    pub bytes: u64,
    /// Why it is taken for a torn end.
    pub why: String,
}

/// A journal, and all that was in it when it was opened.
#[derive(Debug)]
pub struct Opened<J> {
    /// To go on with.
    pub journal: J,
    /// What it holds, oldest first.
    pub records: Vec<Record>,
    /// The torn end that was cut off, if there was one.
    pub cut: Option<Cut>,
}

/// How a journal is left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leave {
    /// The rollout is over: nobody has to take it up again.
    Finished,
    /// It is not over, and whoever comes may take it up.
    Unfinished,
}

/// Where the facts of one rollout go.
pub trait Journal: Send {
    /// The number of this opening: higher than that of every opening whose lines are in the journal. Actions get it,
    /// so that they can refuse a runner of before.
    fn fence(&self) -> u64;

    /// The last line that is durable.
    fn head(&self) -> &Head;

    /// Appends records, each one JSON value without a line break, and brings them to the disk, all or none of them
    /// counting. The answer is the new head. No records are no commit.
    ///
    /// Dropping the future is a crash: whether the records are in the journal is known when it is opened again, and
    /// this one takes no more.
    ///
    /// # Errors
    /// [`JournalError::Broken`] and [`JournalError::Fenced`] for good; [`JournalError::NoRecord`] and
    /// [`JournalError::TooMuch`] before anything was written. None of the records counts.
    fn commit(&mut self, records: &[String]) -> impl Future<Output = Result<Head, JournalError>> + Send;

    /// Says that this runner is still there, during an action that takes long. Within a third of [`Self::lease`] of
    /// the last commit or renewal.
    ///
    /// # Errors
    /// As [`Self::commit`].
    fn renew(&mut self) -> impl Future<Output = Result<(), JournalError>> + Send {
        std::future::ready(Ok(()))
    }

    /// How long this runner has the rollout after a commit or a renewal; none where it has it until it ends.
    fn lease(&self) -> Option<std::time::Duration> {
        None
    }

    /// What an operator should know although commits succeed: that the disk is full, and the reserve in use.
    fn warning(&self) -> Option<&str> {
        None
    }

    /// Lets go of the rollout, so that another runner need not wait.
    ///
    /// # Errors
    /// As [`Self::commit`]; the records are safe all the same.
    fn close(self, leave: Leave) -> impl Future<Output = Result<(), JournalError>> + Send;
}
