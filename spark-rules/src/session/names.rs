//! Names: where they are declared, where they are used, and how they are changed.

use std::ops::Range;

use spark_core::SourceSpan as Span;

use super::document::{Document, Part};
use super::walk::{Means, Met, walk};
use super::{Encoding, Place, Session};
use crate::ast::Item;
use crate::check::line_name;
use crate::limits::NAME_BYTES_MAX;
use crate::parser::{CHECK_WORDS, Kind, Token, is_reserved, split};

/// Why a name cannot be changed, in words for the reader.
pub type Refusal = String;

/// A change to files: which bytes are replaced by what.
pub type Changes = Vec<(Place, String)>;

/// A kind of names: what is called alike within one is the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kin {
    /// Of signals and triggers, which never share one.
    Common,
    Plan,
    Check,
    /// Of the measures of the check with that name.
    Measure(String),
}

impl Kin {
    fn of(means: Means<'_>) -> Self {
        match means {
            Means::Signal | Means::Trigger | Means::Either => Self::Common,
            Means::Plan => Self::Plan,
            Means::Check => Self::Check,
            Means::Measure(check) => Self::Measure(check.to_owned()),
        }
    }
}

/// A name at a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Named {
    pub(super) kin: Kin,
    pub(super) name: String,
    pub(super) range: Range<usize>,
}

/// A place where a name stands.
struct Mention {
    place: Place,
    declares: bool,
}

impl Session {
    /// Where the name at a byte is declared, or the file that is used there.
    pub fn definition(&self, path: &str, byte: usize) -> Option<Place> {
        if let Some(target) = self.used_file(path, byte) {
            return Some(Place { path: target, range: 0..0 });
        }
        let named = self.named_at(path, byte)?;
        let found = self.mentions(path, &named).into_iter().find(|mention| mention.declares);
        found.map(|mention| mention.place).or_else(|| self.one_line(path, &named.name))
    }

    /// Where the name at a byte stands in all files of the policy; with `declared`, where it is declared too.
    pub fn references(&self, path: &str, byte: usize, declared: bool) -> Vec<Place> {
        let Some(named) = self.named_at(path, byte) else { return Vec::new() };
        let found = self.mentions(path, &named).into_iter();
        found.filter(|mention| declared || !mention.declares).map(|mention| mention.place).collect()
    }

    /// Where the name at a byte stands in its file, and whether it is declared there.
    pub fn highlights(&self, path: &str, byte: usize) -> Vec<(Range<usize>, bool)> {
        let Some(named) = self.named_at(path, byte) else { return Vec::new() };
        let found = self.mentions(path, &named).into_iter().filter(|mention| mention.place.path == path);
        found.map(|mention| (mention.place.range, mention.declares)).collect()
    }

    /// The name at a byte, if it can be changed.
    ///
    /// # Errors
    /// No name stands there, or one that is made from its place.
    pub fn renameable(&self, path: &str, byte: usize) -> Result<(Range<usize>, String), Refusal> {
        let named = self
            .named_at(path, byte)
            .ok_or("no name of a signal, trigger, plan, check or measure stands here")?;
        let declared = self.mentions(path, &named).iter().any(|mention| mention.declares);
        match (declared, self.one_line(path, &named.name)) {
            (true, _) => Ok((named.range, named.name)),
            (false, Some(_)) => Err(format!(
                "`{}` is named by its line: give it a name of its own, as in `trigger {} {{ … }}`",
                named.name, named.name
            )),
            (false, None) => Err(format!("`{}` is declared nowhere", named.name)),
        }
    }

    /// Changes the name at a byte in all files of the policy.
    ///
    /// # Errors
    /// The name cannot be changed, or the new one cannot be one or is taken.
    pub fn rename(&self, path: &str, byte: usize, new: &str) -> Result<Changes, Refusal> {
        let (_, old) = self.renameable(path, byte)?;
        let named = self.named_at(path, byte).ok_or("no name stands here")?;
        let mut letters = new.chars();
        let starts = letters.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_');
        if !starts || !letters.all(|c| c.is_ascii_alphanumeric() || c == '_') {
            return Err(format!(
                "`{new}` is no name: names have ASCII letters, digits and `_`, and start with no digit"
            ));
        }
        if new.len() > NAME_BYTES_MAX {
            return Err(format!("a name has at most {NAME_BYTES_MAX} bytes"));
        }
        if matches!(named.kin, Kin::Measure(_)) && CHECK_WORDS.contains(&new) {
            return Err(format!("`{new}` opens a clause of a check"));
        }
        if is_reserved(new) {
            return Err(format!("`{new}` is a reserved word"));
        }
        if new == old {
            return Ok(Vec::new());
        }
        let taken = Named { name: new.to_owned(), ..named.clone() };
        let by_line = named.kin == Kin::Common && self.one_line(path, new).is_some();
        if by_line || self.mentions(path, &taken).iter().any(|mention| mention.declares) {
            return Err(format!("`{new}` is taken"));
        }
        let found = self.mentions(path, &named).into_iter();
        Ok(found.map(|mention| (mention.place, new.to_owned())).collect())
    }

    /// The name at a byte, also where its block is broken.
    pub(super) fn named_at(&self, path: &str, byte: usize) -> Option<Named> {
        let document = self.documents.get(path)?;
        let part = document.part_at(byte)?;
        let mut found = None;
        each_name(document, part, &mut |means, name, range, _| {
            if found.is_none() && range.start <= byte && byte <= range.end {
                found = Some(Named { kin: Kin::of(means), name: name.to_owned(), range });
            }
        });
        found
    }

    fn mentions(&self, path: &str, named: &Named) -> Vec<Mention> {
        let mut found = Vec::new();
        for path in self.policy_files(path) {
            let Some(document) = self.documents.get(&path) else { continue };
            for part in &document.parts {
                // most parts do not have the word at all
                if !document.text_of(part).contains(&named.name) {
                    continue;
                }
                each_name(document, part, &mut |means, name, range, declares| {
                    if name == named.name && Kin::of(means) == named.kin {
                        found.push(Mention { place: Place { path: path.clone(), range }, declares });
                    }
                });
            }
        }
        found
    }

    /// The one-line trigger with a name.
    fn one_line(&self, path: &str, name: &str) -> Option<Place> {
        let (_, line) = name.rsplit_once("line_")?;
        let line: u32 = line.parse().ok()?;
        let root = self.root_of(path);
        self.policy_files(path).into_iter().find_map(|path| {
            let document = self.documents.get(&path)?;
            let included = (path != root).then_some(path.as_str());
            if line_name(included, line) != name {
                return None;
            }
            let spans = one_liners(document).find(|(at, _)| *at == line)?;
            Some(Place { path: path.clone(), range: spans.1 })
        })
    }

    /// The file that is used at a byte.
    pub(super) fn used_file(&self, path: &str, byte: usize) -> Option<String> {
        let document = self.documents.get(path)?;
        let part = document.part_at(byte)?;
        let mut used = None;
        walk(&part.tree, &mut |met| {
            if let Met::Path(text) = met {
                let range = document.range(part, text.span);
                if range.start <= byte && byte <= range.end {
                    used = Some(text.value.clone());
                }
            }
        });
        let root = self.root_of(path);
        let target = super::policy::target(&root, path, &used?)?;
        self.documents.contains_key(&target).then_some(target)
    }
}

/// One-line triggers of a file: their lines, from 1, and places.
pub(super) fn one_liners(document: &Document) -> impl Iterator<Item = (u32, Range<usize>)> {
    document.parts.iter().flat_map(move |part| {
        part.tree.items.iter().filter_map(move |item| match item {
            Item::Trigger(trigger) if trigger.name.is_none() => {
                let range = document.range(part, trigger.span);
                let line = document.position(range.start, Encoding::Utf8).line;
                Some((line.saturating_add(1), range))
            }
            _ => None,
        })
    })
}

/// Is shown a name: what it stands for, where, and whether it is declared there.
type SeeName<'a> = dyn FnMut(Means<'_>, &str, Range<usize>, bool) + 'a;

/// Shows every name of a part with its place. Where a clause could not be read, words that may be names are shown too.
fn each_name(document: &Document, part: &Part, see: &mut SeeName<'_>) {
    let mut known: Vec<Span> = Vec::new();
    walk(&part.tree, &mut |met| {
        let (means, name, span, declares) = match met {
            Met::Declared(means, name) => (means, name.text.as_str(), name.span, true),
            Met::Used(means, name, span) => (means, name, span, false),
            _ => return,
        };
        let range = document.range(part, span);
        // a name that is taken from other words than it is written with is not there to be changed
        if document.text.get(range.clone()) == Some(name) {
            known.push(span);
            see(means, name, range, declares);
        }
    });
    if !part.read.iter().any(super::remark::Remark::is_error) {
        return;
    }
    let text = document.text_of(part);
    let tokens = split(text).0;
    // in a check, nothing but its own measures can be read
    let check = part.tree.items.iter().find_map(|item| match item {
        Item::Check(check) => Some(check.name.text.as_str()),
        _ => None,
    });
    let word_of = |token: Option<&Token>| {
        token.and_then(|token| text.get(token.start as usize..token.end as usize)).unwrap_or("")
    };
    for (place, token) in tokens.iter().enumerate() {
        let word = word_of(Some(token));
        let before = |count| word_of(place.checked_sub(count).and_then(|place| tokens.get(place)));
        let next = word_of(tokens.get(place.saturating_add(1)));
        let called = next == "(";
        let means = match check {
            Some(check) => Means::Measure(check),
            None if before(1) == "." => Means::Measure(before(2)),
            None if next == "." || before(1) == "check" && before(2) == "expect" => Means::Check,
            None => Means::Either,
        };
        let met = known.iter().any(|span| span.start <= token.start && token.end <= span.end);
        if token.kind == Kind::Word && !called && !met && !is_reserved(word) {
            let span = Span { file: part.id, start: token.start, end: token.end };
            see(means, word, document.range(part, span), false);
        }
    }
}
