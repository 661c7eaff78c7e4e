//! The formatter: one canonical layout of a file.
//!
//! What it changes is space alone. Words, literals, text in quotes, comments and the order of everything stay as they
//! are written; so does at most one blank line where blank lines stood.
//!
//! - Two spaces of indent, a clause on each line, at most [`WIDTH`] columns where the text can be broken.
//! - What a clause says stands in one column for all blocks of a kind (behind `rollback` in a trigger, behind `expect` in
//!   a signal or a test), whichever clauses a block has: a clause that is added moves no other.
//! - A signal of at most three clauses or a trigger of one level and at most one clause more stands on one line, if it
//!   has no title and no comment inside, and fits. Neighbours of one kind, without a blank line or a comment between
//!   them, share the columns of their braces and of what opens them; one that this makes too long does not.
//! - A condition that is too long is broken before `then`, else before each `or`, else before each `and`, else in its
//!   parentheses; a series or a list between its parts. Sources and quoted text are never broken.
//! - A blank line stands on both sides of what takes several lines; a comment right above an item stays with it.
//! - A comment stays on its own line, or behind what it stood behind, two spaces away. One behind a line that becomes
//!   several goes above them, for it speaks of all.
//! - A comment that allows a warning covers what it covered: where its line becomes several, it goes on a line of its own
//!   above the clause that it spoke of, or above the block if it spoke of more than one of its clauses. What it covers
//!   besides is told, as is one that spoke of several blocks on one line.
//! - Lines end as the file's first one does, the last one too; a byte order mark goes.
//!
//! A one-line trigger is named by its line (`line_12`). Where it moves, references to it in the same file follow, and the
//! new name is told; other files are not read, so that a reference there has to be mended by hand, or by a name of its own.
//!
//! ```
//! let text = "edition 2026\nsignal p95 { is duration\n  from push in ms }\n";
//! let formatted = spark_rules::format::format("r.rules", text).unwrap();
//! assert_eq!(formatted.text, "edition 2026\nsignal p95 { is duration  from push in ms }\n");
//! ```

mod blocks;
mod covers;
mod flow;
mod names;
mod pieces;
mod proof;
mod shape;
mod sheet;

use spark_core::SourceSpan;

use crate::ast::File;
use crate::diagnostic::{Diagnostic, apply};
use crate::limits::TEXT_BYTES_MAX;
use crate::{Failed, Files, codes, parser};
pub use covers::Strayed;
pub use names::Renamed;

/// The columns that a line has where it can be broken: two files side by side fit on a wide screen.
pub const WIDTH: usize = 100;

/// Most layouts that are tried until references to one-line triggers name the lines that these come to: the first
/// decides the lines, the second shows that a longer number moved none of them, and each further one is for a line
/// that it did break.
const ROUNDS_MAX: usize = 4;

/// A file in its layout.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Formatted {
    /// The text.
    pub text: String,
    /// One-line triggers that are called otherwise now, as the file's own tests call them.
    pub renamed: Vec<Renamed>,
    /// Comments that allow a warning, and cover more or something else now.
    pub strayed: Vec<Strayed>,
}

/// Why a text was not formatted.
#[derive(Debug)]
pub enum FormatError {
    /// It has mistakes of writing, so that nobody can say what belongs together.
    Mistakes(Box<Failed>),
    /// The result would not have said the same. That is a defect of the formatter, and nothing was changed; the words are
    /// where it shows.
    Unproven(String),
}

impl std::fmt::Display for FormatError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Mistakes(failed) => failed.fmt(f),
            Self::Unproven(place) => {
                write!(
                    f,
                    "the formatter would have changed what the rules say (at `{place}`), and left them as they are"
                )
            }
        }
    }
}

impl std::error::Error for FormatError {}

/// Lays out a file. Files that it includes are not read, and names and units are not checked.
///
/// # Errors
/// The text has mistakes of writing; or the result does not say the same, which no text is known to bring about.
pub fn format(name: &str, text: &str) -> Result<Formatted, FormatError> {
    let tree = parsed(name, text)?;
    let before = names::lines(&tree, text);
    let mut result = layout(name, text, &tree, &before)?;
    if let Some(settled) = covers::settled(text, &tree, &result.text, &result.tree) {
        let settled_tree =
            parsed(name, &settled).map_err(|error| FormatError::Unproven(error.to_string()))?;
        if let Some(place) = proof::more_than_comments_moved(text, &tree, &settled, &settled_tree) {
            return Err(FormatError::Unproven(place));
        }
        result = layout(name, &settled, &settled_tree, &before)?;
    }
    let strayed = covers::strayed(text, &tree, &result.text, &result.tree);
    let renamed = names::renamed(&before, &result.lines);
    Ok(Formatted { text: ended(text, result.text), renamed, strayed })
}

/// A layout, proven.
struct Layout {
    text: String,
    tree: File,
    /// The lines of its one-line triggers.
    lines: Vec<u32>,
}

/// Lays out a text whose references to one-line triggers name the lines `before`.
fn layout(name: &str, text: &str, tree: &File, before: &[u32]) -> Result<Layout, FormatError> {
    let mut after = before.to_vec();
    for _ in 0..ROUNDS_MAX {
        let edits = names::edits(tree, name, before, &after);
        let changed = if edits.is_empty() { None } else { Some(apply(text, &edits)) };
        let changed_tree = changed.as_ref().map(|changed| parsed(name, changed)).transpose()?;
        let (meant, meant_tree) = (changed.as_deref().unwrap_or(text), changed_tree.as_ref().unwrap_or(tree));
        let laid = laid(meant, meant_tree);
        let laid_tree = parsed(name, &laid).map_err(|error| FormatError::Unproven(error.to_string()))?;
        let lines = names::lines(&laid_tree, &laid);
        if lines == after || edits == names::edits(tree, name, before, &lines) {
            return match proof::difference(meant, meant_tree, &laid, &laid_tree) {
                Some(place) => Err(FormatError::Unproven(place)),
                None => Ok(Layout { text: laid, tree: laid_tree, lines }),
            };
        }
        after = lines;
    }
    Err(FormatError::Unproven("the names of one-line triggers".to_owned()))
}

/// As [`format()`], from the bytes of a file.
///
/// # Errors
/// As [`format()`], and for text that is not UTF-8.
pub fn format_bytes(name: &str, bytes: &[u8]) -> Result<Formatted, FormatError> {
    match crate::utf8(name, bytes) {
        Ok(text) => format(name, text),
        Err(failed) => Err(FormatError::Mistakes(failed)),
    }
}

/// The tree of a text that has no mistake.
fn parsed(name: &str, text: &str) -> Result<File, FormatError> {
    let failed = |diagnostics, shown| {
        let mut files = Files::default();
        files.add(name, shown);
        Err(FormatError::Mistakes(Box::new(Failed::unread(diagnostics, files))))
    };
    if text.len() > TEXT_BYTES_MAX {
        let message = format!("the rules have more than {} MiB", TEXT_BYTES_MAX / (1024 * 1024));
        let span = SourceSpan { file: 0, start: 0, end: 0 };
        return failed(vec![*Diagnostic::error(codes::E0111, span, message)], "");
    }
    let (tree, mut diagnostics, _) = parser::parse(0, text);
    diagnostics.retain(Diagnostic::is_error);
    diagnostics.sort_by_key(|diagnostic| (diagnostic.span.start, diagnostic.span.end));
    if diagnostics.is_empty() { Ok(tree) } else { failed(diagnostics, text) }
}

fn laid(text: &str, tree: &File) -> String {
    let mut pieces = pieces::Pieces::of(text);
    let shapes = shape::shapes(&mut pieces, tree);
    sheet::print(&blocks::entries(&pieces, &shapes))
}

/// A layout with the line ends of the text that it is of.
fn ended(text: &str, laid: String) -> String {
    let carriage = text.split_once('\n').is_some_and(|(first, _)| first.ends_with('\r'));
    if carriage { laid.replace('\n', "\r\n") } else { laid }
}
