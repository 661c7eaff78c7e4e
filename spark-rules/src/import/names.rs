//! Names of other systems as names of rules.

use std::collections::BTreeSet;

/// Longest name, in characters: what does not fit on a line is not read.
const NAME_CHARS: usize = 60;

/// A name as rules have them: `HTTPErrorRate5xx` is `http_error_rate5xx`.
pub(super) fn snake(name: &str) -> String {
    let letters: Vec<char> = name.chars().collect();
    let mut out = String::new();
    for (place, c) in letters.iter().enumerate() {
        let before = place.checked_sub(1).and_then(|place| letters.get(place));
        let after = letters.get(place.saturating_add(1));
        if !c.is_ascii_alphanumeric() {
            out.push('_');
            continue;
        }
        let starts = c.is_ascii_uppercase()
            && before.is_some_and(|before| {
                before.is_ascii_lowercase()
                    || before.is_ascii_digit()
                    || (before.is_ascii_uppercase() && after.is_some_and(char::is_ascii_lowercase))
            });
        if starts {
            out.push('_');
        }
        out.push(c.to_ascii_lowercase());
    }
    let parts: Vec<&str> = out.split('_').filter(|part| !part.is_empty()).collect();
    let name: String = parts.join("_").chars().take(NAME_CHARS).collect();
    name.trim_end_matches('_').to_owned()
}

/// A name without the words that say how bad it is.
pub(super) fn without_severity(name: &str) -> String {
    let words =
        ["critical", "warning", "warn", "page", "ticket", "info", "rollback", "hold", "high", "very", "too"];
    let parts: Vec<&str> = name.split('_').filter(|part| !words.contains(part)).collect();
    parts.join("_")
}

/// A name that nobody has and that is no word of the language.
pub(super) fn unique(wished: &str, otherwise: &str, taken: &mut BTreeSet<String>) -> String {
    let mut stem = snake(wished);
    if stem.is_empty() || stem.starts_with(|c: char| c.is_ascii_digit()) {
        stem = format!("{otherwise}_{stem}").trim_end_matches('_').to_owned();
    }
    if crate::parser::RESERVED.contains(&stem.as_str()) {
        stem = format!("{stem}_{otherwise}");
    }
    let mut name = stem.clone();
    let mut number = 2_u32;
    while !taken.insert(name.clone()) {
        name = format!("{stem}_{number}");
        number = number.saturating_add(1);
    }
    name
}
