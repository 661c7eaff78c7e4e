//! The files that a policy was read from: spans back to text, lines and columns.

use std::sync::Arc;

use spark_core::SourceSpan;

/// One file.
#[derive(Debug, Clone)]
struct SourceFile {
    name: String,
    text: Arc<str>,
    /// Byte offsets of the first byte of each line.
    lines: Vec<u32>,
}

/// A place in a text: line and column from 1, the column in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The line, from 1.
    pub line: u32,
    /// The column in characters, from 1.
    pub column: u32,
}

/// The files that a policy was read from, in the order in which they were read; 0 is the one that was named.
#[derive(Debug, Clone, Default)]
pub struct Files {
    files: Vec<SourceFile>,
}

impl Files {
    /// Adds a file, and gives its number.
    pub(crate) fn add(&mut self, name: &str, text: &str) -> u32 {
        let number = u32::try_from(self.files.len()).unwrap_or(u32::MAX);
        let starts = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        let starts = starts.filter_map(|(at, _)| u32::try_from(at.saturating_add(1)).ok());
        let lines = std::iter::once(0).chain(starts).collect();
        self.files.push(SourceFile { name: name.to_owned(), text: Arc::from(text), lines });
        number
    }

    /// How many files there are.
    pub fn len(&self) -> usize {
        self.files.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// The name of a file, as the reader knows it; empty for an unknown number.
    pub fn name(&self, file: u32) -> &str {
        self.file(file).map_or("", |file| &file.name)
    }

    /// The whole text of a file; empty for an unknown number.
    pub fn source(&self, file: u32) -> &str {
        self.file(file).map_or("", |file| &file.text)
    }

    /// The text of a span; empty where it lies outside.
    pub fn text(&self, span: SourceSpan) -> &str {
        self.source(span.file).get(span.start as usize..span.end as usize).unwrap_or("")
    }

    /// The line and column of the span's first byte.
    pub fn position(&self, span: SourceSpan) -> Position {
        self.position_at(span.file, span.start)
    }

    /// The line and column just after the span's last byte.
    pub fn end_position(&self, span: SourceSpan) -> Position {
        self.position_at(span.file, span.end)
    }

    /// The line and column of a byte of a file.
    pub fn position_at(&self, file: u32, byte: u32) -> Position {
        let Some(file) = self.file(file) else { return Position { line: 1, column: 1 } };
        let line = file.lines.partition_point(|start| *start <= byte).max(1);
        let start = file.lines.get(line.saturating_sub(1)).copied().unwrap_or(0);
        let before = file.text.get(start as usize..byte as usize).unwrap_or("");
        let column = before.chars().filter(|c| *c != '\u{FEFF}').count().saturating_add(1);
        Position {
            line: u32::try_from(line).unwrap_or(u32::MAX),
            column: u32::try_from(column).unwrap_or(u32::MAX),
        }
    }

    /// The bytes of the lines that a span touches, without the last line's end.
    pub(crate) fn lines_around(&self, span: SourceSpan) -> (u32, u32) {
        let Some(file) = self.file(span.file) else { return (0, 0) };
        let first = file.lines.partition_point(|start| *start <= span.start).saturating_sub(1);
        let start = file.lines.get(first).copied().unwrap_or(0);
        let last = file.lines.partition_point(|start| *start <= span.end.saturating_sub(1).max(span.start));
        let length = u32::try_from(file.text.len()).unwrap_or(u32::MAX);
        let end = file.lines.get(last).map_or(length, |next| next.saturating_sub(1));
        let lines = file.text.get(start as usize..end as usize).unwrap_or("");
        let end = end.saturating_sub(u32::from(lines.ends_with('\r')));
        (start, end.max(start))
    }

    fn file(&self, file: u32) -> Option<&SourceFile> {
        self.files.get(file as usize)
    }
}
