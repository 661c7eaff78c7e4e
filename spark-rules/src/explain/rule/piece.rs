//! Rule text that is put together from pieces, with as few parentheses as will do: the parser counts how deep they are.

/// What a condition's text is, as far as parentheses ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Joint {
    /// Needs none.
    Single,
    Not,
    Held,
    All,
    Any,
    Sequence,
}

/// The text of a condition.
#[derive(Debug, Clone)]
pub(in crate::explain) struct Truth {
    pub(in crate::explain) text: String,
    joint: Joint,
}

impl Truth {
    fn new(text: String, joint: Joint) -> Self {
        Self { text, joint }
    }

    /// `test` is what stands behind the left side: `> 400ms`.
    pub(in crate::explain) fn compare(left: &str, test: &str) -> Self {
        Self::new(format!("{left} {test}"), Joint::Single)
    }

    /// What is true or false by itself.
    pub(in crate::explain) fn flag(name: &str) -> Self {
        Self::new(name.to_owned(), Joint::Single)
    }

    pub(in crate::explain) fn every_expectation() -> Self {
        Self::new("every signal meets its expectation".to_owned(), Joint::Single)
    }

    pub(in crate::explain) fn all(parts: Vec<Self>) -> Self {
        Self::chain(parts, "and", Joint::All, &[Joint::All, Joint::Any, Joint::Sequence])
    }

    pub(in crate::explain) fn any(parts: Vec<Self>) -> Self {
        Self::chain(parts, "or", Joint::Any, &[Joint::Any, Joint::Sequence])
    }

    /// `a for 1m and b for 2m` is clear, `a and b for 2m` is not: a `for` behind a part without one is put in parentheses.
    fn chain(parts: Vec<Self>, word: &str, joint: Joint, looser: &[Joint]) -> Self {
        let mut all_held = true;
        let parts: Vec<String> = parts
            .into_iter()
            .map(|part| {
                let held = part.joint == Joint::Held;
                let doubtful = held && !all_held;
                all_held &= held;
                if doubtful || looser.contains(&part.joint) { part.grouped() } else { part.text }
            })
            .collect();
        Self::new(parts.join(&format!(" {word} ")), joint)
    }

    pub(in crate::explain) fn not(inner: Self) -> Self {
        let text = match inner.joint {
            Joint::Single | Joint::Not => inner.text,
            _ => inner.grouped(),
        };
        Self::new(format!("not {text}"), Joint::Not)
    }

    pub(in crate::explain) fn held(inner: Self, length: &str) -> Self {
        let text = match inner.joint {
            Joint::Single => inner.text,
            _ => inner.grouped(),
        };
        Self::new(format!("{text} for {length}"), Joint::Held)
    }

    pub(in crate::explain) fn sequence(first: Self, then: Self, within: &str) -> Self {
        let part = |part: Self| if part.joint == Joint::Sequence { part.grouped() } else { part.text };
        Self::new(format!("{} then {} within {within}", part(first), part(then)), Joint::Sequence)
    }

    fn grouped(self) -> String {
        format!("({})", self.text)
    }
}

/// What a value's text is, as far as parentheses ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// A name, a call.
    Single,
    /// `baseline`, `previous stage`.
    Reference,
    Literal,
    /// With a sign or a multiple before it.
    Prefixed,
    Product,
    Sum,
}

/// The text of a value.
#[derive(Debug, Clone)]
pub(in crate::explain) struct Value {
    pub(in crate::explain) text: String,
    kind: Kind,
    /// Whether it reads `baseline` or `previous stage`.
    refers: bool,
}

impl Value {
    /// A signal's name, or a function of a window.
    pub(in crate::explain) fn single(text: impl Into<String>) -> Self {
        Self { text: text.into(), kind: Kind::Single, refers: false }
    }

    pub(in crate::explain) fn literal(text: impl Into<String>) -> Self {
        Self { text: text.into(), kind: Kind::Literal, refers: false }
    }

    pub(in crate::explain) fn reference(text: &str) -> Self {
        Self { text: text.to_owned(), kind: Kind::Reference, refers: true }
    }

    pub(in crate::explain) fn negate(inner: Self) -> Self {
        let refers = inner.refers;
        let text = match inner.kind {
            Kind::Single | Kind::Reference => inner.text,
            _ => inner.grouped(),
        };
        Self { text: format!("-{text}"), kind: Kind::Prefixed, refers }
    }

    /// `3x baseline`
    pub(in crate::explain) fn times(number: &str, of: Self) -> Self {
        let refers = of.refers;
        let text = match of.kind {
            Kind::Reference => of.text,
            _ => of.grouped(),
        };
        Self { text: format!("{number}x {text}"), kind: Kind::Prefixed, refers }
    }

    /// `sign` is one of `+ - * /`.
    pub(in crate::explain) fn binary(sign: &str, left: Self, right: Self) -> Self {
        let sum = matches!(sign, "+" | "-");
        let refers = left.refers || right.refers;
        let left = if !sum && left.kind == Kind::Sum { left.grouped() } else { left.text };
        let right = match right.kind {
            Kind::Sum => right.grouped(),
            Kind::Product if !sum => right.grouped(),
            _ => right.text,
        };
        let kind = if sum { Kind::Sum } else { Kind::Product };
        Self { text: format!("{left} {sign} {right}"), kind, refers }
    }

    /// Whether a share that is added to it is relative to it: `baseline + 10%`.
    pub(in crate::explain) fn makes_relative(&self, sign: &str, share: &Self) -> bool {
        let added = matches!(sign, "+" | "-");
        added && self.refers && share.kind == Kind::Literal && share.text.ends_with('%')
    }

    fn grouped(self) -> String {
        format!("({})", self.text)
    }
}
