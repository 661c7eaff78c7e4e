//! From nodes to values: every kind of value says what was found, what was expected, and goes on with the next.

use std::path::{Path, PathBuf};

use spark_core::TimeSpan;
use spark_core::quantity::parse_duration;

use super::document::{Kind, Node, Place, Problem};
use super::environment::{self, Lookup};
use super::need::{Need, Needed};
use super::plain::Plain;
use super::shape::Shape;

/// Longest time of anything here: what is longer than a day is a slip of the unit.
pub const SPAN_MAX: TimeSpan = TimeSpan::from_seconds(86_400);

/// Characters of the user's words that an error repeats.
const SHOWN_CHARS_MAX: usize = 80;

/// Reads values, and keeps what is wrong with them.
pub(super) struct Reader<'a> {
    /// The folder that paths are relative to.
    pub(super) base: &'a Path,
    lookup: Lookup<'a>,
    pub(super) problems: Vec<Problem>,
    pub(super) needs: Vec<Need>,
}

/// A map whose keys are known.
pub(super) struct Fields<'n> {
    pub(super) place: Place,
    shape: &'static Shape,
    pairs: &'n [(Node, Node)],
    /// Keys that are not there, and were meant by others that are.
    meant: Vec<&'static str>,
}

impl<'n> Fields<'n> {
    pub(super) fn get(&self, key: &str) -> Option<&'n Node> {
        debug_assert!(self.shape.keys.iter().any(|known| known.name == key), "{key} is not in the tables");
        self.pairs.iter().find(|(name, _)| name.word() == Some(key)).map(|(_, value)| value)
    }

    /// The place of a key, or of the map where it is not there.
    pub(super) fn place_of(&self, key: &str) -> Place {
        let found = self.pairs.iter().find(|(name, _)| name.word() == Some(key));
        found.map_or(self.place, |(name, _)| name.place)
    }
}

impl Node {
    fn word(&self) -> Option<&str> {
        match &self.kind {
            Kind::Scalar { text, .. } => Some(text),
            _ => None,
        }
    }
}

impl<'a> Reader<'a> {
    pub(super) fn new(base: &'a Path, lookup: Lookup<'a>, problems: Vec<Problem>) -> Self {
        Self { base, lookup, problems, needs: Vec::new() }
    }

    pub(super) fn wrong(&mut self, place: Place, words: impl Into<String>) {
        self.problems.push(Problem::new(place, words));
    }

    pub(super) fn need(&mut self, place: Place, needed: Needed) {
        self.needs.push(Need { place, needed });
    }

    /// Something else than `expected` stands here; it is told of once.
    pub(super) fn unexpected(&mut self, node: &Node, expected: &str) {
        if !matches!(node.kind, Kind::Refused) {
            self.wrong(node.place, format!("{}: expected {expected}", found(node)));
        }
    }

    /// A map with these keys: unknown ones, and those that are needed and not there, are told of.
    pub(super) fn fields<'n>(&mut self, node: &'n Node, shape: &'static Shape) -> Option<Fields<'n>> {
        let Kind::Map(pairs) = &node.kind else {
            let names: Vec<String> = shape.keys.iter().map(|key| format!("`{}`", key.name)).collect();
            self.unexpected(node, &format!("keys and values under {}: {}", shape.called, names.join(", ")));
            return None;
        };
        let mut meant = Vec::new();
        for (key, _) in pairs {
            let name = key.word().unwrap_or_default();
            if !shape.keys.iter().any(|known| known.name == name) {
                let near = nearest(name, shape.keys.iter().map(|key| key.name));
                meant.extend(near);
                self.wrong(key.place, unknown(name, shape, near));
            }
        }
        for key in shape.keys {
            let there = pairs.iter().any(|(name, _)| name.word() == Some(key.name));
            // a slip of the pen was told of above
            if let (Some(why), false) = (key.needed, there || meant.contains(&key.name)) {
                self.wrong(node.place, format!("{} has no `{}`: {why}", shape.called, key.name));
            }
        }
        Some(Fields { place: node.place, shape, pairs, meant })
    }

    /// The one of these keys that is there.
    pub(super) fn one_of<'n>(
        &mut self,
        fields: &Fields<'n>,
        keys: &[&'static str],
        why: &str,
    ) -> Option<(&'static str, &'n Node)> {
        let there: Vec<_> = keys.iter().filter_map(|key| Some((*key, fields.get(key)?))).collect();
        match there.as_slice() {
            [one] => Some(*one),
            [] if keys.iter().any(|key| fields.meant.contains(key)) => None,
            [] => {
                let names: Vec<String> = keys.iter().map(|key| format!("`{key}`")).collect();
                self.wrong(fields.place, format!("expected one of {}", names.join(", ")));
                None
            }
            [(first, _), (second, _), ..] => {
                let words = format!("both `{first}` and `{second}`: {why}, so keep one");
                self.wrong(fields.place_of(second), words);
                None
            }
        }
    }

    /// The values of a list.
    pub(super) fn list<'n>(&mut self, node: &'n Node, expected: &str) -> &'n [Node] {
        match &node.kind {
            Kind::List(items) => items,
            _ => {
                self.unexpected(node, expected);
                &[]
            }
        }
    }

    /// Keys and values of any names.
    pub(super) fn pairs<'n>(&mut self, node: &'n Node, expected: &str) -> &'n [(Node, Node)] {
        match &node.kind {
            Kind::Map(pairs) => pairs,
            _ => {
                self.unexpected(node, expected);
                &[]
            }
        }
    }

    /// A text as it is written: what other readers of YAML take for something else has to stand in quotes.
    fn raw<'n>(&mut self, node: &'n Node, expected: &str) -> Option<&'n str> {
        let Kind::Scalar { text, quoted } = &node.kind else {
            self.unexpected(node, expected);
            return None;
        };
        let plain = if *quoted { Plain::Text } else { Plain::of(text) };
        match plain.to_others() {
            None => return Some(text),
            Some(_) if plain == Plain::Null => self.unexpected(node, expected),
            Some(what) => self.wrong(
                node.place,
                format!(
                    "`{0}` without quotes is {what} to some readers of YAML: expected {expected}; if the text is \
                     meant, write \"{0}\"",
                    shown(text)
                ),
            ),
        }
        None
    }

    /// A text in which nothing is replaced, on one line.
    pub(super) fn text(&mut self, node: &Node, expected: &str) -> Option<String> {
        let text = self.unreplaced(node, expected)?;
        if text.chars().any(char::is_control) {
            self.wrong(
                node.place,
                format!("it goes over several lines or has control characters: expected {expected}"),
            );
            return None;
        }
        if text.trim().is_empty() {
            self.unexpected(node, expected);
            return None;
        }
        Some(text)
    }

    /// A text in which nothing is replaced: `$${` stands for `${`.
    pub(super) fn unreplaced(&mut self, node: &Node, expected: &str) -> Option<String> {
        let text = self.raw(node, expected)?;
        match environment::replaced(text, &|_| None) {
            Ok(text) => Some(text),
            Err(error) => {
                self.wrong(
                    node.place,
                    format!("{} is replaced only in addresses and paths; to mean these very characters, write `$${{`", error.what()),
                );
                None
            }
        }
    }

    /// A scalar as it is written.
    #[cfg(feature = "postgres")]
    pub(super) fn scalar(&mut self, node: &Node) -> Option<String> {
        match &node.kind {
            Kind::Scalar { text, .. } => Some(text.clone()),
            _ => None,
        }
    }

    /// A whole number from 1 to `most`.
    #[cfg(feature = "postgres")]
    pub(super) fn whole(&mut self, node: &Node, most: u32) -> Option<u32> {
        let found = match &node.kind {
            Kind::Scalar { text, quoted: false } => match Plain::of(text) {
                Plain::Whole(number) => u32::try_from(number).ok(),
                _ => None,
            },
            _ => None,
        };
        let found = found.filter(|number| (1..=most).contains(number));
        if found.is_none() {
            self.unexpected(node, &format!("a whole number from 1 to {most}"));
        }
        found
    }

    /// A text in which `${NAME}` is replaced; whether it was.
    fn filled(&mut self, node: &Node, expected: &str) -> Option<(String, bool)> {
        let text = self.raw(node, expected)?;
        match environment::replaced(text, self.lookup) {
            Ok(filled) if filled.trim().is_empty() => {
                self.unexpected(node, expected);
                None
            }
            Ok(filled) if filled.chars().any(char::is_control) => {
                self.wrong(
                    node.place,
                    format!("it goes over several lines or has control characters: expected {expected}"),
                );
                None
            }
            Ok(filled) => {
                let whether = filled != text;
                Some((filled, whether))
            }
            Err(error) => {
                self.wrong(node.place, error.to_string());
                None
            }
        }
    }

    /// A text in which `${NAME}` is replaced.
    pub(super) fn replaced(&mut self, node: &Node, expected: &str) -> Option<String> {
        self.filled(node, expected).map(|(text, _)| text)
    }

    /// A file of certificates.
    pub(super) fn certificates(&mut self, node: &Node) -> Option<PathBuf> {
        let path = self.path(node)?;
        self.need(node.place, Needed::Certificates(path.clone()));
        Some(path)
    }

    /// A path, relative to the configuration's folder.
    pub(super) fn path(&mut self, node: &Node) -> Option<PathBuf> {
        let (text, _) = self.filled(node, "a path")?;
        Some(match self.base == Path::new(".") {
            true => PathBuf::from(text),
            false => self.base.join(text),
        })
    }

    /// An address of `http` or `https`. What is wrong with one may be a password: such a one is not repeated.
    pub(super) fn address(&mut self, node: &Node, queries: bool) -> Option<String> {
        const EXPECTED: &str = "an address such as http://host:9090";
        let (text, filled) = self.filled(node, EXPECTED)?;
        match super::address::check(&text, queries) {
            Ok(()) => Some(text),
            Err(words) => {
                let whole = if filled || text.contains(['@', '?']) {
                    "this".to_owned()
                } else {
                    format!("`{}`", shown(&text))
                };
                self.wrong(node.place, format!("{whole} {words}"));
                None
            }
        }
    }

    /// A length of time that is not zero, and at most a day.
    pub(super) fn span(&mut self, node: &Node) -> Option<TimeSpan> {
        const EXPECTED: &str = "a duration such as 5s or 1m30s";
        let Kind::Scalar { text, .. } = &node.kind else {
            self.unexpected(node, EXPECTED);
            return None;
        };
        let text = text.as_str();
        let words = match (Plain::of(text), parse_duration(text)) {
            (Plain::Text, Some(span)) if span.is_zero() => {
                "no time at all: nothing could ever end within it".to_owned()
            }
            (Plain::Text, Some(span)) if span > SPAN_MAX => {
                format!("`{}` is longer than a day: expected {EXPECTED}", shown(text))
            }
            (Plain::Text, Some(_))
                if text.starts_with('0')
                    && text.starts_with(|c: char| c.is_ascii_digit())
                    && text.as_bytes().get(1).is_some_and(u8::is_ascii_digit) =>
            {
                format!("`{0}` begins with a zero: expected {1}", shown(text), text.trim_start_matches('0'))
            }
            (Plain::Text, Some(span)) => return Some(span),
            (Plain::Whole(number), _) if number > 0 => {
                format!("`{number}` has no unit: expected a duration such as {number}s")
            }
            (Plain::Sexagesimal, _) => {
                format!("`{}` may be minutes or hours: expected {EXPECTED}", shown(text))
            }
            (Plain::Null, _) => {
                self.unexpected(node, EXPECTED);
                return None;
            }
            _ => format!("`{}` is no duration: expected one such as 5s or 1m30s", shown(text)),
        };
        self.wrong(node.place, words);
        None
    }

    /// A name made of these characters.
    pub(super) fn name(&mut self, node: &Node, expected: &str, allowed: fn(&str) -> bool) -> Option<String> {
        let text = self.text(node, expected)?;
        if allowed(&text) {
            return Some(text);
        }
        self.wrong(node.place, format!("`{}` is none: expected {expected}", shown(&text)));
        None
    }

    /// The names of a list that is not empty, each once.
    pub(super) fn names(&mut self, node: &Node, expected: &str, allowed: fn(&str) -> bool) -> Vec<String> {
        let items = self.list(node, &format!("a list, each {expected}"));
        if items.is_empty() && matches!(node.kind, Kind::List(_)) {
            self.wrong(node.place, format!("an empty list: expected {expected}"));
        }
        let mut names: Vec<String> = Vec::new();
        for item in items {
            let Some(name) = self.name(item, expected, allowed) else { continue };
            match names.contains(&name) {
                true => self.wrong(item.place, format!("`{name}` stands twice")),
                false => names.push(name),
            }
        }
        names
    }
}

/// What stands here, for an error.
fn found(node: &Node) -> String {
    match &node.kind {
        Kind::Scalar { text, quoted: false } if Plain::of(text) == Plain::Null => "nothing".to_owned(),
        Kind::Scalar { text, .. } if text.trim().is_empty() => "an empty text".to_owned(),
        Kind::Scalar { text, quoted: true } => format!("the text \"{}\"", shown(text)),
        Kind::Scalar { text, .. } => format!("`{}`", shown(text)),
        Kind::List(_) => "a list".to_owned(),
        Kind::Map(_) => "keys and values".to_owned(),
        Kind::Refused => "what was refused".to_owned(),
    }
}

fn unknown(name: &str, shape: &Shape, near: Option<&str>) -> String {
    let words = format!("{} has no key `{}`", shape.called, shown(name));
    match near {
        Some(near) => format!("{words}: did you mean `{near}`?"),
        None => {
            let all: Vec<String> = shape.keys.iter().map(|key| format!("`{}`", key.name)).collect();
            format!("{words}: expected {}", all.join(", "))
        }
    }
}

/// The name that was most likely meant: within a third of the length.
pub(super) fn nearest<'k>(word: &str, names: impl Iterator<Item = &'k str>) -> Option<&'k str> {
    let lower = word.to_lowercase().replace('_', "-");
    let allowed = lower.chars().count().checked_div(3).unwrap_or(0).max(1);
    // a long word is near to none, and would cost its length times theirs
    names
        .filter(|name| name.len().abs_diff(lower.len()) <= allowed)
        .map(|name| (strsim::osa_distance(&lower, &name.to_lowercase()), name))
        .filter(|(distance, name)| *distance <= allowed && *distance < name.len())
        .min()
        .map(|(_, name)| name)
}

/// The user's words as an error repeats them: one line, not too long.
pub(super) fn shown(text: &str) -> String {
    let mut out: String = text.chars().take(SHOWN_CHARS_MAX).flat_map(char::escape_debug).collect();
    if text.chars().nth(SHOWN_CHARS_MAX).is_some() {
        out.push('…');
    }
    out.replace("\\\"", "\"").replace("\\'", "'")
}
