//! YAML as a tree with places, within limits, and without what makes a file mean other than it shows.
//!
//! Anchors, aliases, `<<` and tags are refused: they let one line change another far away, they differ between readers
//! of YAML (merge keys were never in YAML 1.2), and nested ten deep they are a gigabyte. A configuration of a release is read
//! by people under stress, top to bottom, and repeats itself rather than that.

use std::borrow::Cow;

use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, Tag};

/// Longest configuration: a hundred scrape targets are 5 KiB.
pub const CONFIG_BYTES_MAX: usize = 256 << 10;

/// Deepest nesting: the shape itself is five deep.
pub const DEPTH_MAX: usize = 16;

/// Most values: a hundred windows of freeze with everything said are two thousand.
pub const NODES_MAX: usize = 20_000;

/// Longest text of one value: a longer argument of a command belongs into a file.
pub const TEXT_BYTES_MAX: usize = 16 << 10;

/// Where something stands: line and column in characters, both from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) line: usize,
    pub(super) column: usize,
}

impl Place {
    pub(super) const START: Self = Self { line: 1, column: 1 };
}

/// What is wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Problem {
    pub(super) place: Place,
    pub(super) words: String,
}

impl Problem {
    pub(super) fn new(place: Place, words: impl Into<String>) -> Self {
        Self { place, words: words.into() }
    }
}

/// A value and where it stands.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) place: Place,
    pub(super) kind: Kind,
}

#[derive(Debug, Clone)]
pub(super) enum Kind {
    /// A scalar, as it is written; whether it stands in quotes or in a block, and so is text and nothing else.
    Scalar {
        text: String,
        quoted: bool,
    },
    List(Vec<Node>),
    /// Keys and values, in the order in which they stand; no key twice.
    Map(Vec<(Node, Node)>),
    /// Something that was refused, and told of, already.
    Refused,
}

/// A document, and what of it was refused.
pub(super) struct Document {
    pub(super) root: Node,
    pub(super) problems: Vec<Problem>,
}

/// Reads bytes as one document.
pub(super) fn read(bytes: &[u8]) -> Result<Document, Vec<Problem>> {
    if bytes.len() > CONFIG_BYTES_MAX {
        let words = format!("it is longer than {CONFIG_BYTES_MAX} bytes");
        return Err(vec![Problem::new(Place::START, words)]);
    }
    let text = utf8(bytes).map_err(|problem| vec![problem])?;
    if let Some(place) = directive(text) {
        let words = "a directive (`%`) is refused: it can turn the file into another version of YAML";
        return Err(vec![Problem::new(place, words)]);
    }
    let mut builder = Builder::default();
    for event in Parser::new_from_str(text) {
        let (event, span) = match event {
            Ok(event) => event,
            Err(error) => {
                builder.problems.push(syntax(&error));
                return Err(builder.problems);
            }
        };
        let place = Place { line: span.start.line(), column: span.start.col().saturating_add(1) };
        if let Err(problem) = builder.take(event, place) {
            builder.problems.push(problem);
            return Err(builder.problems);
        }
    }
    match builder.root {
        Some(root) => Ok(Document { root, problems: builder.problems }),
        None => Err(vec![Problem::new(
            Place::START,
            "it is empty: expected `spark: 1`, `sources` and `actions`; `spark config schema` has all keys",
        )]),
    }
}

/// The text, without a byte order mark.
fn utf8(bytes: &[u8]) -> Result<&str, Problem> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let good = bytes.get(..error.valid_up_to()).unwrap_or_default();
        Problem::new(place_after(&String::from_utf8_lossy(good)), "it is not UTF-8 here")
    })?;
    match text.find('\0') {
        Some(at) => {
            Err(Problem::new(place_after(text.get(..at).unwrap_or_default()), "a zero byte is no text"))
        }
        None => Ok(text),
    }
}

/// Where the file begins with a directive.
fn directive(text: &str) -> Option<Place> {
    let is_content = |line: &str| !line.trim().is_empty() && !line.starts_with('#');
    let (place, line) = text.lines().enumerate().find(|(_, line)| is_content(line))?;
    line.starts_with('%').then_some(Place { line: place.saturating_add(1), column: 1 })
}

fn place_after(before: &str) -> Place {
    let line = before.matches('\n').count().saturating_add(1);
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count().saturating_add(1);
    Place { line, column }
}

fn syntax(error: &ScanError) -> Problem {
    let place = Place { line: error.marker().line(), column: error.marker().col().saturating_add(1) };
    let info = error.info();
    let hint = if info.contains("tab") { "; indent with spaces" } else { "" };
    Problem::new(place, format!("it is no YAML: {info}{hint}"))
}

/// A list or a map that is not closed yet.
struct Open {
    place: Place,
    is_map: bool,
    items: Vec<Node>,
}

#[derive(Default)]
struct Builder {
    open: Vec<Open>,
    root: Option<Node>,
    problems: Vec<Problem>,
    nodes: usize,
}

impl Builder {
    /// Takes one event; an error ends the reading.
    fn take(&mut self, event: Event<'_>, place: Place) -> Result<(), Problem> {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                self.unadorned(place, anchor, tag);
                if text.len() > TEXT_BYTES_MAX {
                    return Err(Problem::new(
                        place,
                        format!("this text is longer than {TEXT_BYTES_MAX} bytes"),
                    ));
                }
                let quoted = style != ScalarStyle::Plain;
                self.close(Node { place, kind: Kind::Scalar { text: text.into_owned(), quoted } })
            }
            Event::SequenceStart(anchor, tag) => self.start(place, anchor, tag, false),
            Event::MappingStart(anchor, tag) => self.start(place, anchor, tag, true),
            Event::SequenceEnd | Event::MappingEnd => {
                let Some(open) = self.open.pop() else { return Ok(()) };
                let kind = match open.is_map {
                    true => Kind::Map(self.pairs(open.items)),
                    false => Kind::List(open.items),
                };
                self.close(Node { place: open.place, kind })
            }
            Event::Alias(_) => {
                self.refuse(place, "an alias (`*`) is refused, as anchors are: write the value out");
                self.close(Node { place, kind: Kind::Refused })
            }
            Event::DocumentStart(_) if self.root.is_some() => {
                Err(Problem::new(place, "a second document (`---`): expected one for each file"))
            }
            Event::DocumentStart(_)
            | Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentEnd => Ok(()),
        }
    }

    fn refuse(&mut self, place: Place, words: &str) {
        self.problems.push(Problem::new(place, words));
    }

    fn unadorned(&mut self, place: Place, anchor: usize, tag: Option<Cow<'_, Tag>>) {
        if anchor > 0 {
            self.refuse(place, "an anchor (`&`) is refused: nothing here means more than it shows");
        }
        if tag.is_some() {
            self.refuse(place, "a tag (`!`) is refused: what a value is follows from its key");
        }
    }

    fn start(
        &mut self,
        place: Place,
        anchor: usize,
        tag: Option<Cow<'_, Tag>>,
        is_map: bool,
    ) -> Result<(), Problem> {
        self.unadorned(place, anchor, tag);
        if self.open.len() >= DEPTH_MAX {
            return Err(Problem::new(place, format!("it is nested more than {DEPTH_MAX} deep")));
        }
        self.open.push(Open { place, is_map, items: Vec::new() });
        Ok(())
    }

    fn close(&mut self, node: Node) -> Result<(), Problem> {
        self.nodes = self.nodes.saturating_add(1);
        if self.nodes > NODES_MAX {
            return Err(Problem::new(node.place, format!("it has more than {NODES_MAX} values")));
        }
        match self.open.last_mut() {
            Some(open) => open.items.push(node),
            None => self.root = Some(node),
        }
        Ok(())
    }

    /// Keys and values, which come one after the other. Of a key that stands twice the first counts.
    fn pairs(&mut self, items: Vec<Node>) -> Vec<(Node, Node)> {
        let mut pairs: Vec<(Node, Node)> = Vec::new();
        let mut first = std::collections::BTreeMap::new();
        let mut items = items.into_iter();
        while let (Some(key), Some(value)) = (items.next(), items.next()) {
            let Kind::Scalar { text, quoted } = &key.kind else {
                self.refuse(key.place, "a key is a word: found a list or a map");
                continue;
            };
            if text == "<<" && !quoted {
                self.refuse(key.place, "a merge (`<<`) is refused, as anchors are: write the keys out");
                continue;
            }
            match first.insert(text.clone(), key.place.line) {
                Some(line) => {
                    let words =
                        format!("`{}` stands twice: it is in line {line} already", super::read::shown(text));
                    self.refuse(key.place, &words);
                }
                None => pairs.push((key, value)),
            }
        }
        pairs
    }
}
