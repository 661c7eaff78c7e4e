//! Conditions.

use super::value::Operand;
use super::{Read, Reader};
use crate::explain::rule::Truth;
use crate::explain::words::RELATIONS;

impl Reader<'_> {
    /// A whole condition, as rule text.
    pub(super) fn condition(&mut self) -> Read<String> {
        self.truth().map(|truth| truth.text)
    }

    pub(super) fn truth(&mut self) -> Read<Truth> {
        match self.either()? {
            Operand::Truth(truth) => Ok(truth),
            Operand::Value(_) => self.wrong("what the value is compared with"),
        }
    }

    /// A condition or a value: in parentheses, only the inside says which.
    pub(super) fn either(&mut self) -> Read<Operand> {
        let first = match self.part()? {
            Operand::Truth(truth) => truth,
            value => return Ok(value),
        };
        if self.eat(", and then, within ") {
            let within = self.length()?;
            self.expect(", ")?;
            let then = self.truth_part()?;
            return Ok(Operand::Truth(Truth::sequence(first, then, within)));
        }
        for (word, all) in [("and", true), ("or", false)] {
            let join = |parts| if all { Truth::all(parts) } else { Truth::any(parts) };
            if self.eat(&format!(" {word} ")) {
                let second = self.truth_part()?;
                return Ok(Operand::Truth(join(vec![first, second])));
            }
        }
        if !self.eat(", ") {
            return Ok(Operand::Truth(first));
        }
        let mut parts = vec![first];
        loop {
            parts.push(self.truth_part()?);
            for (word, all) in [("and", true), ("or", false)] {
                if self.eat(&format!(", {word} ")) {
                    parts.push(self.truth_part()?);
                    let truth = if all { Truth::all(parts) } else { Truth::any(parts) };
                    return Ok(Operand::Truth(truth));
                }
            }
            self.expect(", ")?;
        }
    }

    fn truth_part(&mut self) -> Read<Truth> {
        match self.part()? {
            Operand::Truth(truth) => Ok(truth),
            Operand::Value(_) => self.wrong("what the value is compared with"),
        }
    }

    /// One condition of several, or a value.
    fn part(&mut self) -> Read<Operand> {
        if self.eat("it is not true that (") {
            let inner = self.inside(Self::truth)?;
            return Ok(Operand::Truth(Truth::not(inner)));
        }
        if self.eat("every signal meets its expectation") {
            return Ok(Operand::Truth(Truth::every_expectation()));
        }
        if self.eat("every signal has met its expectation") {
            return self.held(Truth::every_expectation()).map(Operand::Truth);
        }
        let left = match self.value()? {
            Operand::Truth(truth) => {
                let truth = if self.eat(" has held") { self.held(truth)? } else { truth };
                return Ok(Operand::Truth(truth));
            }
            Operand::Value(left) => left,
        };
        if self.eat(" is not true") {
            return Ok(Operand::Truth(Truth::not(Truth::flag(&left.text))));
        }
        if self.eat(" is true") {
            return Ok(Operand::Truth(Truth::flag(&left.text)));
        }
        if self.eat(" is not ") {
            let test = self.test()?;
            return Ok(Operand::Truth(Truth::not(Truth::compare(&left.text, &test))));
        }
        if self.eat(" is ") {
            let test = self.test()?;
            return Ok(Operand::Truth(Truth::compare(&left.text, &test)));
        }
        if self.eat(" has been ") {
            let test = self.test()?;
            return self.held(Truth::compare(&left.text, &test)).map(Operand::Truth);
        }
        Ok(Operand::Value(left))
    }

    fn held(&mut self, inner: Truth) -> Read<Truth> {
        self.expect(" for ")?;
        let length = self.length()?;
        self.expect(" of evidence")?;
        Ok(Truth::held(inner, length))
    }

    /// What stands between parentheses of which the first was read.
    pub(super) fn inside<T>(&mut self, read: impl FnOnce(&mut Self) -> Read<T>) -> Read<T> {
        self.deeper()?;
        let inner = read(self)?;
        self.expect(")")?;
        self.shallower();
        Ok(inner)
    }

    /// What stands behind `is`: `above 400ms`, `between 1ms and 5s`.
    pub(super) fn test(&mut self) -> Read<String> {
        if self.eat("between ") {
            let low = self.sum()?;
            self.expect(" and ")?;
            return Ok(format!("between {low} and {}", self.sum()?));
        }
        for (words, relation) in RELATIONS {
            if self.eat(&format!("{words} ")) {
                return Ok(format!("{} {}", relation.as_str(), self.sum()?));
            }
        }
        self.wrong("how the value is compared")
    }

    /// A value, as rule text.
    fn sum(&mut self) -> Read<String> {
        match self.value()? {
            Operand::Value(value) => Ok(value.text),
            Operand::Truth(_) => self.wrong("a value"),
        }
    }
}
