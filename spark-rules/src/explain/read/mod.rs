//! English → rule: reads what `write` writes, phrase by phrase, and nothing else.

mod clause;
mod condition;
mod value;

use std::fmt;

use spark_core::{Currency, Dimension, Quantity, Unit};

/// Deepest nesting of parentheses in a sentence. Trees of rules are at most 100 high, and each of their nodes opens at most
/// one; a thread's stack holds far more than 128 of the reader's frames.
const DEPTH_MAX: u16 = 128;

/// Why a text is no sentence of [`sentences`](super::sentences).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Misread {
    /// The byte at which it goes wrong.
    pub at: usize,
    /// What was expected there.
    pub expected: String,
}

impl fmt::Display for Misread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "expected {} at byte {}", self.expected, self.at)
    }
}

impl std::error::Error for Misread {}

type Read<T> = Result<T, Misread>;

/// The rule text that a sentence stands for: one block, or one setting.
///
/// # Errors
/// The text is not a sentence as [`sentences`](super::sentences) writes them.
pub fn read(sentence: &str) -> Result<String, Misread> {
    let mut reader = Reader { text: sentence, at: 0, depth: 0 };
    let rule = reader.sentence()?;
    match reader.rest().is_empty() {
        true => Ok(rule),
        false => reader.wrong("the end of the sentence"),
    }
}

struct Reader<'a> {
    text: &'a str,
    /// INVARIANT: a character starts here, or the text ends.
    at: usize,
    depth: u16,
}

impl<'a> Reader<'a> {
    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or("")
    }

    fn wrong<T>(&self, expected: &str) -> Read<T> {
        Err(Misread { at: self.at, expected: expected.to_owned() })
    }

    fn ahead(&self, phrase: &str) -> bool {
        self.rest().starts_with(phrase)
    }

    fn eat(&mut self, phrase: &str) -> bool {
        let found = self.ahead(phrase);
        if found {
            self.at = self.at.saturating_add(phrase.len());
        }
        found
    }

    fn expect(&mut self, phrase: &str) -> Read<()> {
        if self.eat(phrase) { Ok(()) } else { self.wrong(&format!("`{phrase}`")) }
    }

    /// The text up to a place that `end` finds, which must not be empty.
    fn until(&mut self, what: &str, end: impl Fn(char) -> bool) -> Read<&'a str> {
        let rest = self.rest();
        let found = rest.find(end).map_or(rest, |end| rest.get(..end).unwrap_or(rest));
        if found.is_empty() {
            return self.wrong(what);
        }
        self.at = self.at.saturating_add(found.len());
        Ok(found)
    }

    fn deeper(&mut self) -> Read<()> {
        if self.depth >= DEPTH_MAX {
            return self.wrong(&format!("at most {DEPTH_MAX} parentheses inside of each other"));
        }
        self.depth = self.depth.saturating_add(1);
        Ok(())
    }

    fn shallower(&mut self) {
        self.depth = self.depth.saturating_sub(1);
    }

    /// `` `p95` ``, and the title behind it where there is one.
    fn named(&mut self) -> Read<(&'a str, Option<&'a str>)> {
        self.expect("`")?;
        let name = self.until("a name", |c| !(c.is_ascii_alphanumeric() || c == '_'))?;
        self.expect("`")?;
        if !self.ahead(" (\"") {
            return Ok((name, None));
        }
        self.expect(" (")?;
        let title = self.quoted()?;
        self.expect(")")?;
        Ok((name, Some(title)))
    }

    fn name(&mut self) -> Read<&'a str> {
        self.named().map(|(name, _)| name)
    }

    /// Text in quotes, with its quotes and escapes: rules write it in the same way.
    fn quoted(&mut self) -> Read<&'a str> {
        if !self.ahead("\"") {
            return self.wrong("text in quotes");
        }
        let mut escaped = false;
        for (place, c) in self.rest().char_indices().skip(1) {
            match c {
                _ if escaped => escaped = false,
                '\\' => escaped = true,
                '\n' => break,
                '"' => {
                    let text = self.rest().get(..=place).unwrap_or("");
                    self.at = self.at.saturating_add(text.len());
                    return Ok(text);
                }
                _ => {}
            }
        }
        self.wrong("text in closed quotes")
    }

    /// Text between as many backticks as open it.
    fn fenced(&mut self) -> Read<&'a str> {
        let rest = self.rest();
        let count = rest.len().saturating_sub(rest.trim_start_matches('`').len());
        let fence = rest.get(..count).unwrap_or("");
        let inner = rest.get(count..).unwrap_or("");
        let space = if count > 1 { " " } else { "" };
        let close = format!("{space}{fence}");
        let inner = inner.strip_prefix(space).unwrap_or(inner);
        let Some(end) = inner.find(&close).filter(|_| count > 0) else {
            return self.wrong("text between backticks");
        };
        let whole = count.saturating_mul(2).saturating_add(space.len().saturating_mul(2)).saturating_add(end);
        self.at = self.at.saturating_add(whole);
        Ok(inner.get(..end).unwrap_or(""))
    }

    /// A length of time, as rules write it.
    fn length(&mut self) -> Read<&'a str> {
        let start = self.at;
        let text = self.literal()?;
        if Quantity::parse(text).is_ok_and(|read| read.unit == Unit::of(Dimension::Duration)) {
            return Ok(text);
        }
        self.at = start;
        self.wrong("a length of time")
    }

    /// A value with its unit, as rules write it.
    fn literal(&mut self) -> Read<&'a str> {
        let start = self.at;
        let word = |c: char| c == ' ' || c == ',' || c == ';' || c == ')' || c == '(';
        self.until("a value with its unit", word)?;
        let behind = self.rest().strip_prefix(' ').unwrap_or("");
        let code = behind.find(word).map_or(behind, |end| behind.get(..end).unwrap_or(behind));
        let code = code.strip_suffix('.').unwrap_or(code);
        if Currency::new(code.split('/').next().unwrap_or("")).is_some() {
            self.at = self.at.saturating_add(1).saturating_add(code.len());
        }
        let text = self.text.get(start..self.at).unwrap_or("");
        // the sentence's full stop is none of the value's
        let text = match text.strip_suffix('.') {
            Some(shorter) => {
                self.at = self.at.saturating_sub(1);
                shorter
            }
            None => text,
        };
        if Quantity::parse(text).is_err() {
            self.at = start;
            return self.wrong("a value with its unit");
        }
        Ok(text)
    }
}
