//! `use "file.rules"`: files that belong to one policy. No file is opened here: the caller brings the text.

use std::collections::HashSet;

use spark_core::SourceSpan as Span;

use crate::ast::{File, Item, Text};
use crate::check::Problems;
use crate::codes;
use crate::diagnostic::{Diagnostic, Edit};
use crate::files::Files;
use crate::limits::{FILES_MAX, TEXT_BYTES_MAX};
use crate::parser;

/// Brings the bytes of a file by its path relative to the root file's folder.
pub(crate) type Read<'r> = dyn FnMut(&str) -> Result<Vec<u8>, String> + 'r;

/// All files that a root leads to, read and parsed once each, in the order in which they were met.
pub(crate) struct Inclusion<'r> {
    files: Files,
    trees: Vec<File>,
    bytes: usize,
    /// The folder of the root file as the reader knows it, with its slash.
    folder: String,
    /// Paths relative to that folder.
    met: HashSet<String>,
    /// The paths on the way to the file that is being read.
    way: Vec<String>,
    read: &'r mut Read<'r>,
}

impl<'r> Inclusion<'r> {
    /// Reads the root and everything that it leads to.
    pub(crate) fn gather(
        root: &str,
        bytes: &[u8],
        read: &'r mut Read<'r>,
        problems: &mut Problems,
    ) -> (Files, Vec<File>) {
        let (folder, name) = root.rsplit_once('/').map_or(("", root), |(folder, name)| (folder, name));
        let folder = if root.contains('/') { format!("{folder}/") } else { String::new() };
        let mut inclusion = Inclusion {
            files: Files::default(),
            trees: Vec::new(),
            bytes: 0,
            folder,
            met: HashSet::from([name.to_owned()]),
            way: vec![name.to_owned()],
            read,
        };
        inclusion.add(root, bytes, None, problems);
        (inclusion.files, inclusion.trees)
    }

    fn add(&mut self, shown: &str, bytes: &[u8], from: Option<Span>, problems: &mut Problems) {
        self.bytes = self.bytes.saturating_add(bytes.len());
        if self.bytes > TEXT_BYTES_MAX {
            let number = if from.is_none() { self.files.add(shown, "") } else { 0 };
            let span = from.unwrap_or(Span { file: number, start: 0, end: 0 });
            let message = format!("the rules have more than {} MiB", TEXT_BYTES_MAX / (1024 * 1024));
            problems.tell(
                Diagnostic::error(codes::E0111, span, message).help("split them into policies of their own"),
            );
            return;
        }
        let text = match std::str::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => return self.tell_bytes(shown, bytes, error.valid_up_to(), from, problems),
        };
        let number = self.files.add(shown, text);
        let (tree, found, untold) = parser::parse(number, text);
        problems.extend(found);
        problems.omit(untold);
        let place = self.trees.len();
        self.trees.push(tree);
        let uses: Vec<Text> =
            self.trees.get(place).into_iter().flat_map(|tree| &tree.items).filter_map(path_of).collect();
        for path in uses {
            self.include(&path, problems);
        }
    }

    /// Tells of a byte that is not UTF-8, in the file that it stands in; of that file nothing else is known.
    fn tell_bytes(
        &mut self,
        shown: &str,
        bytes: &[u8],
        at: usize,
        from: Option<Span>,
        problems: &mut Problems,
    ) {
        let file = self.files.add(shown, &String::from_utf8_lossy(bytes));
        let problem = not_utf8(file, bytes, at);
        problems.tell(match from {
            Some(span) => problem.also(span, "included here"),
            None => problem,
        });
        for tree in &mut self.trees {
            tree.blind = true;
        }
    }

    fn include(&mut self, path: &Text, problems: &mut Problems) {
        let here = self.way.last().and_then(|here| here.rsplit_once('/')).map_or("", |(folder, _)| folder);
        let target = match resolve(here, &path.value) {
            Ok(target) => target,
            Err(refused) => {
                self.blind(path);
                return problems.tell(refused.diagnostic(path));
            }
        };
        if let Some(start) = self.way.iter().position(|on_way| *on_way == target) {
            let circle: Vec<String> =
                self.way.iter().skip(start).chain([&target]).map(|step| format!("`{step}`")).collect();
            let message = format!("files include each other in a circle: {}", circle.join(" → "));
            return problems.tell(
                Diagnostic::error(codes::E0115, path.span, message)
                    .help("move what both need into a third file that both include"),
            );
        }
        if !self.met.insert(target.clone()) {
            return;
        }
        if self.files.len() >= FILES_MAX {
            self.blind(path);
            let message = format!("a policy is read from at most {FILES_MAX} files");
            return problems.tell(
                Diagnostic::error(codes::E0111, path.span, message).help("put several blocks into one file"),
            );
        }
        match (self.read)(&target) {
            Ok(bytes) => {
                let shown = format!("{}{target}", self.folder);
                self.way.push(target);
                self.add(&shown, &bytes, Some(path.span), problems);
                self.way.pop();
            }
            Err(words) => {
                self.blind(path);
                problems.tell(
                    Diagnostic::error(
                        codes::E0114,
                        path.span,
                        format!("`{}` cannot be read: {words}", path.value),
                    )
                    .help("the path is relative to this file"),
                );
            }
        }
    }

    /// Remembers that a file is not known which the one with `path` in it includes.
    fn blind(&mut self, path: &Text) {
        if let Some(tree) = self.trees.iter_mut().find(|tree| tree.number == path.span.file) {
            tree.blind = true;
        }
    }
}

/// A byte that is not UTF-8, in a file whose shown text has replacement characters.
pub(crate) fn not_utf8(file: u32, bytes: &[u8], at: usize) -> Box<Diagnostic> {
    let start = u32::try_from(at).unwrap_or(u32::MAX);
    let end = start.saturating_add(u32::try_from(char::REPLACEMENT_CHARACTER.len_utf8()).unwrap_or(0));
    let byte = bytes.get(at).copied().unwrap_or(0);
    let message = format!("the file is not UTF-8: the byte 0x{byte:02x} cannot stand here");
    Diagnostic::error(codes::E0110, Span { file, start, end }, message).help("save the file as UTF-8")
}

fn path_of(item: &Item) -> Option<Text> {
    match item {
        Item::Use { path, .. } => Some(path.clone()),
        _ => None,
    }
}

/// Why a path is refused.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    Absolute,
    Outside,
    Backslash,
    Network,
    Empty,
}

impl Refused {
    fn diagnostic(&self, path: &Text) -> Box<Diagnostic> {
        let value = &path.value;
        let error = |message: String| Diagnostic::error(codes::E0116, path.span, message);
        match self {
            Self::Absolute => error(format!("`{value}` is an absolute path"))
                .help("write the path relative to this file, without a `/` at its start"),
            Self::Outside => error(format!("`{value}` leads out of the rules' folder"))
                .help("files are included from the folder of the file that was named first, or below it"),
            Self::Network => error(format!("`{value}` is not a file: nothing is fetched over the network"))
                .help("keep a copy of the file beside this one"),
            Self::Backslash => error(format!("`{value}` has a backslash"))
                .help("folders are separated by `/`")
                .machine(vec![Edit::replace(path.span, format!("\"{}\"", value.replace('\\', "/")))]),
            Self::Empty => {
                error(format!("`{value}` names no file")).help("write it as in `use \"latency.rules\"`")
            }
        }
    }
}

/// The path relative to the root's folder, from a path relative to `here`.
pub(crate) fn resolve(here: &str, path: &str) -> Result<String, Refused> {
    let mut letters = path.chars();
    let drive = letters.next().is_some_and(|c| c.is_ascii_alphabetic()) && letters.next() == Some(':');
    if path.contains("://") {
        return Err(Refused::Network);
    }
    if path.starts_with('/') || path.starts_with("\\\\") || path.starts_with('~') || drive {
        return Err(Refused::Absolute);
    }
    if path.contains('\\') {
        return Err(Refused::Backslash);
    }
    let mut parts: Vec<&str> = here.split('/').filter(|part| !part.is_empty()).collect();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                if parts.pop().is_none() {
                    return Err(Refused::Outside);
                }
            }
            name if name.contains('\0') => return Err(Refused::Empty),
            name => parts.push(name),
        }
    }
    if parts.is_empty() || path.ends_with('/') || path.trim().is_empty() {
        return Err(Refused::Empty);
    }
    Ok(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A path stays within the root's folder, and one file has one path however it is written.
    #[test]
    fn paths() {
        for (here, path, expected) in [
            ("", "a.rules", Ok("a.rules")),
            ("", "./sub/../a.rules", Ok("a.rules")),
            ("sub", "b.rules", Ok("sub/b.rules")),
            ("sub", "../a.rules", Ok("a.rules")),
            ("sub", "../../a.rules", Err(Refused::Outside)),
            ("", "../a.rules", Err(Refused::Outside)),
            ("", "/etc/passwd", Err(Refused::Absolute)),
            ("", "~/a.rules", Err(Refused::Absolute)),
            ("", "C:/a.rules", Err(Refused::Absolute)),
            ("", "a\\b.rules", Err(Refused::Backslash)),
            ("", "https://example.org/a.rules", Err(Refused::Network)),
            ("", "", Err(Refused::Empty)),
            ("sub", "..", Err(Refused::Empty)),
        ] {
            assert_eq!(resolve(here, path), expected.map(str::to_owned), "{here} + {path}");
        }
    }
}
