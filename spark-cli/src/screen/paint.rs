//! The painted lines at the end of standard error: drawn again in place, with all that is said above them.
//!
//! The terminal's modes and its other screen are left alone, so that nothing has to be put right after a kill: the last frame stays where
//! it is, and whatever was said before it too.

use std::io::Write as _;
use std::sync::{Mutex, PoisonError};

use super::line::width;

/// What stands on the terminal now; none while nothing is painted.
static PAINTED: Mutex<Option<Painted>> = Mutex::new(None);

#[derive(Debug, Default)]
struct Painted {
    /// As they were written.
    lines: Vec<String>,
    /// How wide the terminal was then.
    columns: usize,
}

impl Painted {
    /// The rows that it takes now: terminals wrap anew what became too long for a narrower window.
    fn rows(&self, columns: usize) -> usize {
        let columns = columns.max(1);
        if columns >= self.columns {
            return self.lines.len();
        }
        self.lines.iter().map(|line| width(line).div_ceil(columns).max(1)).sum()
    }

    /// What takes the cursor to the first painted row.
    fn up(&self, columns: usize) -> String {
        match self.rows(columns) {
            0 => String::new(),
            rows => format!("\x1b[{rows}A\r"),
        }
    }

    fn draw(&self) -> String {
        let mut out: String = self.lines.iter().map(|line| format!("{line}\x1b[K\n")).collect();
        // what was typed in between, and rows of a longer frame
        out.push_str("\r\x1b[J");
        out
    }
}

/// Paints lines in the place of those before them. Nothing is written where the same ones stand there already.
pub(super) fn paint(lines: Vec<String>, columns: usize) {
    let mut painted = PAINTED.lock().unwrap_or_else(PoisonError::into_inner);
    let before = painted.take().unwrap_or_default();
    let now = Painted { lines, columns };
    if now.lines != before.lines || now.columns != before.columns {
        write(&format!("{}{}", before.up(columns), now.draw()));
    }
    *painted = Some(now);
}

/// Says a line above what is painted; false where nothing is.
pub(crate) fn say_above(text: &str) -> bool {
    let Ok(painted) = PAINTED.lock() else { return false };
    let Some(painted) = &*painted else { return false };
    // a line that is longer than the terminal is wide wraps, and is not counted: it is above
    write(&format!("{}\x1b[J{text}\n{}", painted.up(columns_now(painted.columns)), painted.draw()));
    true
}

/// Leaves what is painted where it is: what comes next, comes below.
pub(super) fn leave() {
    // a panic in here must still be able to say so
    if let Ok(mut painted) = PAINTED.try_lock() {
        *painted = None;
    }
}

fn columns_now(before: usize) -> usize {
    super::size().map_or(before, |(_, columns)| columns)
}

fn write(text: &str) {
    let mut stderr = std::io::stderr().lock();
    // there is nobody left to tell when that fails
    let _ = stderr.write_all(text.as_bytes()).and_then(|()| stderr.flush());
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A narrower window has wrapped what stood there; a wider one has not.
    #[test]
    fn rows() {
        let painted = Painted { lines: vec!["x".repeat(79), "short".to_owned(), String::new()], columns: 80 };
        for (columns, rows) in [(120, 3), (80, 3), (79, 3), (78, 4), (40, 4), (20, 6), (0, 85)] {
            assert_eq!(painted.rows(columns), rows, "{columns}");
        }
    }
}
