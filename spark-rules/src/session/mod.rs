//! Rules that are being edited: an open document and all that an editor asks of it, without any protocol.
//!
//! A file is cut into parts, a block each as a rule, that are read and checked alone; an edit reads again the parts that
//! it can have changed, and checks them against what the others declare. What only the whole policy shows is checked
//! as the batch check does it, on a [`Snapshot`] and away from the keystrokes, and then replaces what was known before.
//!
//! ```
//! use spark_rules::session::Session;
//! let mut session = Session::new();
//! let text = "edition 2026\nsignal p95 { is duration from push }\nrollback when p95 > 5%\n";
//! session.open("a.rules", text);
//! assert_eq!(session.diagnostics("a.rules")[0].code.id, "E0203");
//! let wrong = text.find("5%").unwrap();
//! session.edit("a.rules", wrong..wrong + 2, "400ms");
//! assert!(session.diagnostics("a.rules").is_empty());
//! ```

mod complete;
mod context;
mod declare;
mod document;
mod found;
mod hints;
mod hover;
mod lines;
mod looked;
mod names;
mod offer;
mod outline;
mod paint;
mod policy;
mod remark;
mod settle;
#[cfg(test)]
#[expect(clippy::arithmetic_side_effects, reason = "small numbers of a test")]
mod tests;
mod walk;

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::sync::Arc;

use spark_core::SourceSpan as Span;

use crate::check::{Surroundings, Texts};
pub use complete::{COMPLETIONS_MAX, Completion, CompletionKind, Completions};
use document::{Document, Numbers, Part};
pub use found::{Finding, Place, Repair};
pub use hints::Hint;
pub use hover::Hover;
pub use lines::{Encoding, LinePosition};
pub use names::{Changes, Refusal};
pub use outline::{Fold, Symbol, SymbolKind};
pub use paint::{Paint, Painted};
use policy::Members;
pub use settle::{Settled, Snapshot};

/// Most bytes of a policy that is checked as a whole at a keystroke that changes a declaration; the blocks that use it
/// in larger ones wait for the check of the whole. A full check of so much takes a few milliseconds.
const CHECK_ALL_BYTES: usize = 64 * 1024;

/// Files that are being edited, and those that they use. Files are known by their paths, with `/` between folders.
#[derive(Debug, Default)]
pub struct Session {
    documents: BTreeMap<String, Document>,
    numbers: Numbers,
    /// Where the part with a number is: its file, and its place among the parts.
    places: HashMap<u32, (Arc<str>, usize)>,
    /// The root of each file that another uses.
    roots: BTreeMap<String, String>,
    /// Why a file cannot be read.
    unreadable: BTreeMap<String, String>,
    good: BTreeMap<String, Arc<crate::Loaded>>,
    read: u64,
    checked: u64,
}

impl Session {
    /// A session without files.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes a file's text from an editor; from then on the disk does not count.
    pub fn open(&mut self, path: &str, text: &str) {
        self.put(path, text, true);
    }

    /// Takes a file's text from the disk. Where an editor has the file open, nothing happens.
    pub fn provide(&mut self, path: &str, text: &str) {
        let known = self.documents.get(path);
        if known.is_some_and(|document| document.open || document.text == text) {
            return;
        }
        self.put(path, text, false);
    }

    /// Notes why a file that is used cannot be read.
    pub fn refuse(&mut self, path: &str, words: &str) {
        self.remove(path);
        self.unreadable.insert(path.to_owned(), words.to_owned());
    }

    /// The editor has closed the file: its text stays as it is until the disk provides it.
    pub fn close(&mut self, path: &str) {
        if let Some(document) = self.documents.get_mut(path) {
            document.open = false;
        }
    }

    /// Forgets a file.
    pub fn remove(&mut self, path: &str) {
        self.unreadable.remove(path);
        let Some(document) = self.documents.remove(path) else { return };
        for part in &document.parts {
            self.places.remove(&part.id);
        }
        self.good.remove(path);
        self.find_roots();
        self.check_all();
    }

    /// Replaces bytes of an open file; false if it is not known. Bytes outside of the text are moved to its end.
    pub fn edit(&mut self, path: &str, range: Range<usize>, text: &str) -> bool {
        let Some(document) = self.documents.get_mut(path) else { return false };
        let uses = document.uses.clone();
        let again = document.edit(range, text, &mut self.numbers);
        self.read = self.read.saturating_add(again.parts.len() as u64);
        let parts = document.parts.get(again.parts.clone()).unwrap_or(&[]);
        let ids: Vec<u32> = parts.iter().map(|part| part.id).collect();
        let uses_others = uses != document.uses;
        if again.moved {
            self.index(path);
        } else {
            let file: Arc<str> = Arc::from(path);
            for (place, id) in again.parts.zip(&ids) {
                self.places.insert(*id, (file.clone(), place));
            }
        }
        if uses_others {
            self.find_roots();
        }
        let root = self.root_of(path);
        let members = self.members(&root);
        let bytes: usize = members.paths.iter().filter_map(|path| self.text(path)).map(str::len).sum();
        match again.declares && bytes <= CHECK_ALL_BYTES || uses_others {
            true => self.check_policy(&members, None),
            false => self.check_policy(&members, Some(&ids)),
        }
        true
    }

    fn put(&mut self, path: &str, text: &str, open: bool) {
        self.unreadable.remove(path);
        let before = self.documents.remove(path);
        for part in before.iter().flat_map(|document| &document.parts) {
            self.places.remove(&part.id);
        }
        let mut document = Document::new(text.to_owned(), &mut self.numbers);
        document.open = open;
        document.version = before.map_or(0, |before| before.version.saturating_add(1));
        self.read = self.read.saturating_add(document.parts.len() as u64);
        self.documents.insert(path.to_owned(), document);
        self.index(path);
        self.find_roots();
        let members = self.members(&self.root_of(path));
        self.check_policy(&members, None);
    }

    fn check_all(&mut self) {
        let mut roots: Vec<String> = self.documents.keys().map(|path| self.root_of(path)).collect();
        roots.sort();
        roots.dedup();
        for root in roots {
            let members = self.members(&root);
            self.check_policy(&members, None);
        }
    }

    /// Enters the parts of a file.
    fn index(&mut self, path: &str) {
        let file: Arc<str> = Arc::from(path);
        if let Some(document) = self.documents.get(path) {
            for (place, part) in document.parts.iter().enumerate() {
                self.places.insert(part.id, (file.clone(), place));
            }
        }
    }

    /// Checks parts of a policy against what all of them declare; all parts where none are named.
    fn check_policy(&mut self, members: &Members, ids: Option<&[u32]>) {
        let mut found: BTreeMap<u32, Vec<remark::Remark>> = BTreeMap::new();
        let documents = || members.paths.iter().filter_map(|path| self.documents.get(path));
        let all: Vec<u32> = match ids {
            Some(ids) => ids.to_vec(),
            None => documents().flat_map(|document| &document.parts).map(|part| part.id).collect(),
        };
        let mut around = Surroundings { blind: members.blind, ..Surroundings::default() };
        for part in documents().flat_map(|document| &document.parts) {
            around.trees.push(&part.tree);
            around.declared.push(&part.declared);
        }
        let within = Within { session: self, root: members.paths.first() };
        for remark in remark::Remark::mistakes(around.check(&within, &all)) {
            found.entry(remark.span.file).or_default().push(remark);
        }
        self.checked = self.checked.saturating_add(all.len() as u64);
        for id in all {
            let Some((path, place)) = self.places.get(&id) else { continue };
            let part = self.documents.get_mut(&**path).and_then(|document| document.parts.get_mut(*place));
            let Some(part) = part else { continue };
            part.checked = found.remove(&id).unwrap_or_default();
            if let Some(settled) = part.settled.take() {
                part.kept = settled.into_iter().filter(|remark| !remark.is_error()).collect();
            }
        }
    }

    /// The text of a file.
    pub fn text(&self, path: &str) -> Option<&str> {
        self.documents.get(path).map(|document| document.text.as_str())
    }

    /// Whether an editor has the file open.
    pub fn is_open(&self, path: &str) -> bool {
        self.documents.get(path).is_some_and(|document| document.open)
    }

    /// The files of the policy that a file belongs to, in the order in which they are read.
    pub fn policy_files(&self, path: &str) -> Vec<String> {
        self.members(&self.root_of(path)).paths
    }

    /// Files that the file's policy uses and that are neither known nor known as unreadable.
    pub fn missing(&self, path: &str) -> Vec<String> {
        let missing = self.members(&self.root_of(path)).missing.into_iter();
        missing.filter(|path| !self.unreadable.contains_key(path)).collect()
    }

    /// All files that are known.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.documents.keys().map(String::as_str)
    }

    /// The byte of a file at a place; the nearest one where there is no such place.
    pub fn offset(&self, path: &str, at: LinePosition, encoding: Encoding) -> usize {
        self.documents.get(path).map_or(0, |document| document.offset(at, encoding))
    }

    /// The place of a byte of a file.
    pub fn position(&self, path: &str, byte: usize, encoding: Encoding) -> LinePosition {
        self.documents.get(path).map(|document| document.position(byte, encoding)).unwrap_or_default()
    }

    /// How many parts of files have been read since the session began.
    pub fn parts_read(&self) -> u64 {
        self.read
    }

    /// How many parts of files have been checked alone since the session began.
    pub fn parts_checked(&self) -> u64 {
        self.checked
    }

    /// How many parts a file has.
    pub fn parts(&self, path: &str) -> usize {
        self.documents.get(path).map_or(0, |document| document.parts.len())
    }

    /// The part with a number, and its file.
    fn part(&self, id: u32) -> Option<(&str, &Document, &Part)> {
        let (path, place) = self.places.get(&id)?;
        let document = self.documents.get(&**path)?;
        Some((path, document, document.parts.get(*place)?))
    }

    /// A span as a place in a file.
    fn place(&self, span: Span) -> Option<Place> {
        let (path, document, part) = self.part(span.file)?;
        Some(Place { path: path.to_owned(), range: document.range(part, span) })
    }
}

/// The session's texts as the checker of one policy sees them.
struct Within<'s> {
    session: &'s Session,
    root: Option<&'s String>,
}

impl Texts for Within<'_> {
    fn text(&self, span: Span) -> &str {
        let Some((_, document, part)) = self.session.part(span.file) else { return "" };
        document.text.get(document.range(part, span)).unwrap_or("")
    }

    fn line(&self, span: Span) -> u32 {
        let Some((_, document, part)) = self.session.part(span.file) else { return 1 };
        document.position(document.range(part, span).start, Encoding::Utf8).line.saturating_add(1)
    }

    fn included(&self, number: u32) -> Option<&str> {
        let (path, ..) = self.session.part(number)?;
        (self.root.map(String::as_str) != Some(path)).then_some(path)
    }
}
