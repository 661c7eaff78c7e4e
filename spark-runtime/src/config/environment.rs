//! `${NAME}` in addresses and paths, and nowhere else: what moves traffic, and by how much, stands in the file.

use std::fmt;

/// Gives a variable's value, where it is set.
pub type Lookup<'a> = &'a dyn Fn(&str) -> Option<String>;

/// A variable of this process.
pub fn of_process(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// Why something was not replaced. A variable's value is never repeated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Unreplaced {
    /// `${` without a name and `}`.
    Malformed(String),
    Unset(String),
    /// It has no characters, or some that no address and no path has.
    Unfit(String),
}

impl Unreplaced {
    /// The reference itself.
    pub(super) fn what(&self) -> String {
        match self {
            Self::Malformed(text) => format!("`{text}`"),
            Self::Unset(name) | Self::Unfit(name) => format!("`${{{name}}}`"),
        }
    }
}

impl fmt::Display for Unreplaced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(text) => {
                write!(
                    f,
                    "`{text}` names no variable: expected one such as ${{HOST}}; to mean these very characters, write `$${{`"
                )
            }
            Self::Unset(name) => write!(f, "the environment variable `{name}` is not set"),
            Self::Unfit(name) => {
                write!(f, "the environment variable `{name}` is empty or has control characters")
            }
        }
    }
}

/// Whether a variable can be called so.
pub(super) fn is_name(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

/// The text with its variables' values, which are not read again; `$${` stands for `${`.
pub(super) fn replaced(text: &str, lookup: Lookup<'_>) -> Result<String, Unreplaced> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        if let Some(before) = before.strip_suffix('$') {
            out.push_str(before);
            out.push_str("${");
            rest = after;
            continue;
        }
        out.push_str(before);
        let named = after.split_once('}').filter(|(name, _)| is_name(name));
        let Some((name, tail)) = named else {
            let begin: String = after.chars().take(20).flat_map(char::escape_debug).collect();
            return Err(Unreplaced::Malformed(format!("${{{begin}")));
        };
        let value = lookup(name).ok_or_else(|| Unreplaced::Unset(name.to_owned()))?;
        if value.is_empty() || value.chars().any(char::is_control) {
            return Err(Unreplaced::Unfit(name.to_owned()));
        }
        out.push_str(&value);
        rest = tail;
    }
    out.push_str(rest);
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A variable is replaced once, its value's own signs mean nothing, and what is not replaced is said.
    #[test]
    fn replacing() {
        let lookup: Lookup<'_> = &|name| match name {
            "HOST" => Some("prom".to_owned()),
            "TRICK" => Some("${HOST}".to_owned()),
            "EMPTY" => Some(String::new()),
            "LINES" => Some("a\nb".to_owned()),
            _ => None,
        };
        for (text, expected) in [
            ("http://${HOST}:9090/${HOST}", Ok("http://prom:9090/prom")),
            ("${TRICK}", Ok("${HOST}")),
            ("$${HOST} $HOST {HOST} $", Ok("${HOST} $HOST {HOST} $")),
            ("${GONE}", Err("the environment variable `GONE` is not set")),
            ("${EMPTY}", Err("the environment variable `EMPTY` is empty or has control characters")),
            ("${LINES}", Err("the environment variable `LINES` is empty or has control characters")),
            (
                "a ${HOST b",
                Err(
                    "`${HOST b` names no variable: expected one such as ${HOST}; to mean these very characters, write `$${`",
                ),
            ),
            (
                "${1}",
                Err(
                    "`${1}` names no variable: expected one such as ${HOST}; to mean these very characters, write `$${`",
                ),
            ),
        ] {
            let found = replaced(text, lookup).map_err(|error| error.to_string());
            assert_eq!(found.as_deref().map_err(String::as_str), expected, "{text}");
        }
    }
}
