//! "did you mean": the nearest names to one that is not there.

/// Most names that are offered.
const OFFERED_MAX: usize = 3;

/// The names that are nearest to `word`, the nearest first, at most three: those within a third of its length, at
/// least one, by Damerau and Levenshtein's distance.
pub fn nearest<'a>(word: &str, names: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let length = word.chars().count();
    // a name of one letter is as near to every other, which says nothing
    let allowed = length.checked_div(3).unwrap_or(0).max(1).min(length.saturating_sub(1));
    let lower = word.to_lowercase();
    let mut found: Vec<(usize, &str)> = names
        .into_iter()
        .filter(|name| name.len().abs_diff(word.len()) <= allowed)
        .map(|name| (strsim::osa_distance(&lower, &name.to_lowercase()), name))
        .filter(|(distance, name)| *distance <= allowed && *name != word)
        .collect();
    found.sort_unstable();
    found.dedup();
    found.into_iter().take(OFFERED_MAX).map(|(_, name)| name).collect()
}

/// Names for a sentence: `a`, `b` or `c`.
pub(crate) fn listed<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    joined(names, " or ")
}

/// Names for a sentence: `a`, `b` and `c`.
pub(crate) fn joined<'a>(names: impl IntoIterator<Item = &'a str>, last: &str) -> String {
    let quoted: Vec<String> = names.into_iter().map(|name| format!("`{name}`")).collect();
    match quoted.split_last() {
        None => String::new(),
        Some((only, [])) => only.clone(),
        Some((end, rest)) => format!("{}{last}{end}", rest.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Near names are offered, the nearest first; far ones are not, and a short word forgives one letter.
    #[test]
    fn near_and_far() {
        for (word, expected) in [
            ("eror", vec!["error"]),
            ("p59", vec!["p95"]),
            ("latency", vec![]),
            ("y", vec![]),
            ("Errors", vec!["errors", "error"]),
        ] {
            assert_eq!(nearest(word, ["errors", "error", "p95", "x"]), expected, "{word}");
        }
    }
}
