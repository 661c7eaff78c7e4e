//! What YAML readers take a scalar without quotes for: the same word is a text to one and a number to another.

/// What a plain scalar may be to some reader, of YAML 1.1 or 1.2.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Plain {
    /// The same text to all.
    Text,
    /// Nothing at all.
    Null,
    /// `no`, `on`, `y`, `true` …
    Boolean,
    /// A whole number in the one way to write it.
    Whole(i64),
    /// A number that readers disagree about, or that is not whole: `1e3`, `007`, `0x1f`, `1_000`, `1.50`.
    Number,
    /// `09:55`: a number to base sixty in YAML 1.1, 595.
    Sexagesimal,
    /// A date, which some readers turn into an instant.
    Date,
}

impl Plain {
    /// What `text` is without quotes.
    pub(super) fn of(text: &str) -> Self {
        let digits = text.trim_start_matches(['+', '-']);
        match text {
            "" | "~" | "null" | "Null" | "NULL" => Self::Null,
            ".inf" | ".Inf" | ".INF" | ".nan" | ".NaN" | ".NAN" => Self::Number,
            _ if is_boolean(text) => Self::Boolean,
            _ if is_sexagesimal(digits) => Self::Sexagesimal,
            _ if is_date(text) => Self::Date,
            _ if is_number(digits) => match text.parse::<i64>() {
                Ok(number) if number.to_string() == text => Self::Whole(number),
                _ => Self::Number,
            },
            _ => Self::Text,
        }
    }

    /// What other readers may make of it, for an error; nothing for what is text to all.
    pub(super) const fn to_others(self) -> Option<&'static str> {
        match self {
            Self::Text => None,
            Self::Null => Some("nothing"),
            Self::Boolean => Some("true or false"),
            Self::Whole(_) | Self::Number => Some("a number"),
            Self::Sexagesimal => Some("a number to base sixty"),
            Self::Date => Some("a date"),
        }
    }
}

fn is_boolean(text: &str) -> bool {
    ["y", "yes", "n", "no", "true", "false", "on", "off"].iter().any(|word| {
        // YAML 1.1 knows `no`, `No` and `NO`; `nO` is kept with them, since nobody means it
        text.eq_ignore_ascii_case(word)
    })
}

fn is_sexagesimal(digits: &str) -> bool {
    let mut parts = digits.split(':');
    let first = parts.next().unwrap_or_default();
    let rest: Vec<&str> = parts.collect();
    let whole = |part: &str| part.bytes().all(|b| b.is_ascii_digit() || b == b'_');
    // the last may have a fraction; a port has more digits, or a host before it
    let sixtieth = |part: &str| {
        let number = part.split('.').next().unwrap_or_default();
        matches!(number.len(), 1 | 2) && part.bytes().all(|b| b.is_ascii_digit() || b == b'.')
    };
    first.starts_with(|c: char| c.is_ascii_digit())
        && whole(first)
        && !rest.is_empty()
        && rest.iter().all(|part| sixtieth(part))
}

fn is_date(text: &str) -> bool {
    let bytes = text.as_bytes();
    let shape = |at: usize, digit: bool| {
        bytes.get(at).is_some_and(|b| if digit { b.is_ascii_digit() } else { *b == b'-' })
    };
    (0..10).all(|at| shape(at, !matches!(at, 4 | 7)))
}

fn is_number(digits: &str) -> bool {
    let based = |prefix: &str, radix: u32| {
        digits
            .strip_prefix(prefix)
            .is_some_and(|rest| !rest.is_empty() && rest.chars().all(|c| c == '_' || c.is_digit(radix)))
    };
    let starts = digits.strip_prefix('.').unwrap_or(digits).starts_with(|c: char| c.is_ascii_digit());
    based("0x", 16)
        || based("0o", 8)
        || based("0b", 2)
        || (starts && digits.replace('_', "").parse::<f64>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whatever a reader of YAML 1.1 or 1.2 takes for something else than text is known as that.
    #[test]
    fn plain_scalars() {
        for (text, expected) in [
            ("no", Plain::Boolean),
            ("NO", Plain::Boolean),
            ("on", Plain::Boolean),
            ("y", Plain::Boolean),
            ("norway", Plain::Text),
            ("~", Plain::Null),
            ("", Plain::Null),
            ("1", Plain::Whole(1)),
            ("-7", Plain::Whole(-7)),
            ("+7", Plain::Number),
            ("007", Plain::Number),
            ("0o17", Plain::Number),
            ("0x1f", Plain::Number),
            ("1_000", Plain::Number),
            ("1e3", Plain::Number),
            ("1.50", Plain::Number),
            (".5", Plain::Number),
            (".inf", Plain::Number),
            ("99999999999999999999", Plain::Number),
            ("09:55", Plain::Sexagesimal),
            ("1:30:00", Plain::Sexagesimal),
            ("190:20:30.15", Plain::Sexagesimal),
            ("2026-01-05", Plain::Date),
            ("2026-01-05 10:00", Plain::Date),
            ("2026-01", Plain::Text),
            ("10.0.0.2", Plain::Text),
            ("1.2.3", Plain::Text),
            ("prom:9090", Plain::Text),
            ("10.0.0.2:9090", Plain::Text),
            ("10.0.0.2:80", Plain::Text),
            ("5s", Plain::Text),
            ("inf", Plain::Text),
            ("nan", Plain::Text),
            ("0x", Plain::Text),
            ("-", Plain::Text),
        ] {
            assert_eq!(Plain::of(text), expected, "{text}");
        }
    }
}
