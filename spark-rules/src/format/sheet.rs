//! The whole file: blank lines, and columns that neighbours share.

use super::WIDTH;
use super::pieces::columns;
use super::shape::Nature;

/// A comment of its own, or an item.
pub(super) struct Entry {
    /// Whether a blank line stood before it.
    pub(super) blank: bool,
    /// The comment behind it.
    pub(super) trailing: Option<String>,
    pub(super) written: Written,
}

/// What an entry is written as.
pub(super) enum Written {
    Comment(String),
    Text(String),
    /// A block in one line, whose columns are those of its neighbours.
    Row(Nature, Cells),
}

/// The columns of a block in one line: `signal rss {`, `is bytes`, `from push }`.
pub(super) struct Cells {
    pub(super) head: String,
    pub(super) key: String,
    pub(super) tail: String,
    /// The space between `key` and `tail`.
    pub(super) gap: usize,
}

impl Cells {
    /// The row by itself.
    pub(super) fn plain(&self) -> String {
        self.aligned(0, 0)
    }

    fn fits(&self, head: usize, key: usize) -> bool {
        columns(&self.aligned(head, key)) <= WIDTH
    }

    fn aligned(&self, head: usize, key: usize) -> String {
        let Self { head: name, key: word, tail, gap } = self;
        match (word.is_empty(), tail.is_empty()) {
            (true, _) => format!("{name:head$} {{}}"),
            (false, true) => format!("{name:head$} {{ {word} }}"),
            (false, false) => format!("{name:head$} {{ {word:key$}{:gap$}{tail} }}", ""),
        }
    }
}

/// The text of a file.
pub(super) fn print(entries: &[Entry]) -> String {
    let blanks = blanks(entries);
    let mut text = String::new();
    let mut place = 0;
    while place < entries.len() {
        let end = group_end(entries, &blanks, place);
        let group = entries.get(place..end).unwrap_or(&[]);
        let (head, key) = widths(group);
        for (entry, blank) in group.iter().zip(blanks.iter().skip(place)) {
            if *blank {
                text.push('\n');
            }
            match &entry.written {
                Written::Comment(line) | Written::Text(line) => text.push_str(line),
                Written::Row(_, cells) if cells.fits(head, key) => text.push_str(&cells.aligned(head, key)),
                Written::Row(_, cells) => text.push_str(&cells.plain()),
            }
            if let Some(comment) = &entry.trailing {
                text.push_str("  ");
                text.push_str(comment);
            }
            text.push('\n');
        }
        place = end;
    }
    text
}

/// Before which entries a blank line stands: where one stood, and round what takes several lines.
fn blanks(entries: &[Entry]) -> Vec<bool> {
    let mut blanks: Vec<bool> = entries.iter().map(|entry| entry.blank).collect();
    let mut before: Option<usize> = None;
    for (place, entry) in entries.iter().enumerate() {
        if matches!(entry.written, Written::Comment(_)) {
            continue;
        }
        if let Some(before) = before.replace(place)
            && (several(entry) || entries.get(before).is_some_and(several))
        {
            let first = before.saturating_add(1);
            let none = blanks.get(first..=place).is_some_and(|gap| gap.iter().all(|blank| !blank));
            if let Some(blank) = blanks.get_mut(first).filter(|_| none) {
                *blank = true;
            }
        }
    }
    if let Some(first) = blanks.first_mut() {
        *first = false;
    }
    blanks
}

fn several(entry: &Entry) -> bool {
    matches!(&entry.written, Written::Text(text) if text.contains('\n'))
}

/// The end of the run of rows of one nature that begins at a place.
fn group_end(entries: &[Entry], blanks: &[bool], place: usize) -> usize {
    let nature = |place: usize| match entries.get(place).map(|entry| &entry.written) {
        Some(Written::Row(nature, _)) => Some(*nature),
        _ => None,
    };
    let mut end = place.saturating_add(1);
    while nature(place).is_some() && nature(end) == nature(place) && blanks.get(end) == Some(&false) {
        end = end.saturating_add(1);
    }
    end
}

/// The widths of the columns that rows share. A row that they make too long has its own, and the others are as if it
/// were not there.
fn widths(group: &[Entry]) -> (usize, usize) {
    let mut rows: Vec<&Cells> = group
        .iter()
        .filter_map(|entry| match &entry.written {
            Written::Row(_, cells) => Some(cells),
            _ => None,
        })
        .collect();
    loop {
        let head = rows.iter().map(|cells| columns(&cells.head)).max().unwrap_or(0);
        let with_tail = rows.iter().filter(|cells| !cells.tail.is_empty());
        let key = with_tail.map(|cells| columns(&cells.key)).max().unwrap_or(0);
        let before = rows.len();
        rows.retain(|cells| cells.fits(head, key));
        if rows.len() == before {
            return (head, key);
        }
    }
}
