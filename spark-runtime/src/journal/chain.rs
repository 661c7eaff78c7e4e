//! How a line follows the one before it.

use spark_core::planted::{self, Bug};

use super::line::{Line, RECORDS_MAX};
use super::{Head, JournalError, Record};

/// The end of what was read so far.
#[derive(Debug, Clone, Default)]
pub(super) struct Chain {
    /// The last line.
    pub(super) head: Head,
    /// The highest fence.
    pub(super) fence: u64,
    ack: u64,
}

impl Chain {
    /// The number of the next line.
    pub(super) const fn next(&self) -> u64 {
        self.head.seq.saturating_add(1)
    }

    /// Takes a line that is right by itself, where it follows.
    pub(super) fn follow(&mut self, line: Line) -> Result<Record, JournalError> {
        let place = self.next();
        if place > RECORDS_MAX {
            return Err(JournalError::TooMuch { what: "lines", found: place, most: RECORDS_MAX });
        }
        let why = if line.record.seq != place {
            format!("it says that it is line {}", line.record.seq)
        } else if !chain_holds(&self.head, &line) {
            "it does not follow from the line before it: its `prev` is another sum".to_owned()
        } else if line.record.fence < self.fence {
            format!("its fence is {}, and {} was before it", line.record.fence, self.fence)
        } else if line.ack < self.ack || line.ack >= place {
            format!("its `ack` of {} cannot be", line.ack)
        } else {
            self.head = line.record.head();
            self.fence = line.record.fence;
            self.ack = line.ack;
            return Ok(line.record);
        };
        Err(JournalError::Damaged { line: place, why })
    }
}

/// A line names the sum of the one before it.
fn chain_holds(head: &Head, line: &Line) -> bool {
    line.prev == head.sum || planted::is(Bug::ChainNotChecked)
}
