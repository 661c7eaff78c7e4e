//! YAML with lines: what a rule file needs of it, within limits.

use saphyr_parser::{Event, Parser, ScalarStyle};

/// Deepest nesting: a rule file has eight levels, a list of Kubernetes objects twelve.
const DEPTH_MAX: usize = 64;

/// Most nodes of one file, those of repeated anchors counted each time: 10 MB of the shortest rules have a million.
const NODES_MAX: usize = 2_000_000;

/// A value and where it stands.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) line: usize,
    pub(super) kind: Kind,
    /// How many nodes it is made of, itself included.
    size: usize,
}

#[derive(Debug, Clone)]
pub(super) enum Kind {
    /// A scalar, as text; `true` where it was in quotes.
    Text(String, bool),
    List(Vec<Node>),
    /// In the order in which they stand.
    Map(Vec<(String, Node)>),
}

/// Why a text is no YAML.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct YamlError {
    pub(super) line: usize,
    pub(super) words: String,
}

impl Node {
    /// The value of a key of a map.
    pub(super) fn get(&self, key: &str) -> Option<&Self> {
        match &self.kind {
            Kind::Map(pairs) => pairs.iter().find(|(name, _)| name == key).map(|(_, node)| node),
            _ => None,
        }
    }

    /// A scalar's text; none for an absent one, `~` and `null`.
    pub(super) fn text(&self) -> Option<&str> {
        match &self.kind {
            Kind::Text(text, quoted) if *quoted || !matches!(text.as_str(), "" | "~" | "null") => Some(text),
            _ => None,
        }
    }

    pub(super) fn items(&self) -> &[Self] {
        match &self.kind {
            Kind::List(items) => items,
            _ => &[],
        }
    }

    pub(super) fn pairs(&self) -> &[(String, Self)] {
        match &self.kind {
            Kind::Map(pairs) => pairs,
            _ => &[],
        }
    }
}

/// A list or a map that is not closed yet.
struct Open {
    line: usize,
    anchor: usize,
    items: Vec<Node>,
    /// Of a map.
    is_map: bool,
}

/// The documents of a text.
pub(super) fn documents(text: &str) -> Result<Vec<Node>, YamlError> {
    let mut reader = Reader { open: Vec::new(), anchors: Vec::new(), documents: Vec::new(), nodes: 0 };
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| YamlError {
            line: error.marker().line(),
            words: format!("it is no YAML: {}", error.info()),
        })?;
        let line = span.start.line();
        reader.take(event, line).map_err(|words| YamlError { line, words })?;
    }
    Ok(reader.documents)
}

struct Reader {
    open: Vec<Open>,
    anchors: Vec<(usize, Node)>,
    documents: Vec<Node>,
    nodes: usize,
}

impl Reader {
    fn take(&mut self, event: Event<'_>, line: usize) -> Result<(), String> {
        match event {
            Event::Scalar(text, style, anchor, _) => {
                let quoted = style != ScalarStyle::Plain;
                self.close(Node { line, kind: Kind::Text(text.into_owned(), quoted), size: 1 }, anchor)
            }
            Event::SequenceStart(anchor, _) => self.start(line, anchor, false),
            Event::MappingStart(anchor, _) => self.start(line, anchor, true),
            Event::SequenceEnd | Event::MappingEnd => {
                let Some(open) = self.open.pop() else { return Ok(()) };
                let size = open.items.iter().fold(1_usize, |size, item| size.saturating_add(item.size));
                let kind = if open.is_map { Kind::Map(pairs(open.items)) } else { Kind::List(open.items) };
                self.close(Node { line: open.line, kind, size }, open.anchor)
            }
            Event::Alias(anchor) => {
                let known = self.anchors.iter().rev().find(|(number, _)| *number == anchor);
                let node =
                    known.map(|(_, node)| node.clone()).ok_or("an alias stands inside of what it repeats")?;
                self.count(node.size)?;
                self.close(node, 0)
            }
            Event::DocumentStart(_) => {
                self.open.clear();
                self.anchors.clear();
                Ok(())
            }
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => Ok(()),
        }
    }

    fn start(&mut self, line: usize, anchor: usize, is_map: bool) -> Result<(), String> {
        if self.open.len() >= DEPTH_MAX {
            return Err(format!("it is nested more than {DEPTH_MAX} deep"));
        }
        self.open.push(Open { line, anchor, items: Vec::new(), is_map });
        Ok(())
    }

    fn count(&mut self, size: usize) -> Result<(), String> {
        self.nodes = self.nodes.saturating_add(size);
        match self.nodes > NODES_MAX {
            true => Err(format!("it has more than {NODES_MAX} values, its anchors repeated")),
            false => Ok(()),
        }
    }

    fn close(&mut self, node: Node, anchor: usize) -> Result<(), String> {
        self.count(1)?;
        if anchor > 0 {
            self.count(node.size)?;
            self.anchors.push((anchor, node.clone()));
        }
        match self.open.last_mut() {
            Some(open) => open.items.push(node),
            None => self.documents.push(node),
        }
        Ok(())
    }
}

/// Keys and values, which come one after the other. `<<` brings another map's in, where they are not there yet.
fn pairs(items: Vec<Node>) -> Vec<(String, Node)> {
    let mut pairs = Vec::new();
    let mut merged = Vec::new();
    let mut items = items.into_iter();
    while let (Some(key), Some(value)) = (items.next(), items.next()) {
        let Kind::Text(key, _) = key.kind else { continue };
        if key == "<<" {
            merged.extend(value.pairs().to_vec());
        } else {
            pairs.push((key, value));
        }
    }
    for (key, value) in merged {
        if !pairs.iter().any(|(known, _)| *known == key) {
            pairs.push((key, value));
        }
    }
    pairs
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Anchors that repeat each other ten times ten times are an error, not a gigabyte.
    #[test]
    fn anchors_are_bounded() {
        let mut text = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
        for level in 1..12 {
            let before = level - 1;
            let all = vec![format!("*a{before}"); 10].join(", ");
            text.push_str(&format!("a{level}: &a{level} [{all}]\n"));
        }
        assert!(documents(&text).unwrap_err().words.contains("more than"));
        assert!(documents(&"[".repeat(100)).unwrap_err().words.contains("64 deep"));
        assert!(documents("a: [").is_err());
        assert_eq!(documents("a: 1\n---\nb: 2\n").unwrap().len(), 2);
    }
}
