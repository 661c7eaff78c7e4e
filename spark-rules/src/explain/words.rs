//! The words that sentences have for the signs of the rule language, for the writer and the reader alike.

use spark_core::{Operator, Relation};

/// Types, and how a sentence calls them.
pub(super) const TYPES: &[(&str, &str)] = &[
    ("duration", "a duration"),
    ("ratio", "a ratio"),
    ("counter", "a counter"),
    ("count", "a count"),
    ("rate", "a rate"),
    ("bytes", "an amount of bytes"),
    ("money", "an amount of money"),
    ("number", "a number"),
    ("flag", "true or false"),
];

/// Relations behind `is`.
pub(super) const RELATIONS: &[(&str, Relation)] = &[
    ("above", Relation::Above),
    ("at least", Relation::AtLeast),
    ("below", Relation::Below),
    ("at most", Relation::AtMost),
    ("exactly", Relation::Equal),
    ("other than", Relation::NotEqual),
];

/// Signs of calculation.
pub(super) const OPERATORS: &[(&str, Operator)] = &[
    ("plus", Operator::Add),
    ("minus", Operator::Subtract),
    ("times", Operator::Multiply),
    ("divided by", Operator::Divide),
];

/// Functions of windows, quantiles aside, and what stands before their signal.
pub(super) const FUNCTIONS: &[(&str, &str)] = &[
    ("avg", "the average of"),
    ("min", "the smallest"),
    ("max", "the largest"),
    ("sum", "the sum of"),
    ("count", "the number of samples of"),
    ("stddev", "the standard deviation of"),
    ("increase", "the increase of"),
    ("rate", "the growth rate of"),
    ("delta", "the change of"),
    ("slope", "the slope of"),
    ("correlation", "the correlation of"),
];

/// Behind a stage before which a person has to approve.
pub(super) const APPROVED: &str = " once a person has approved";

/// Round the warm-up of a plan.
pub(super) const WARMUP: (&str, &str) = ("; the first ", " after each step do not count");

/// Between what a check must show and what it says where it does not.
pub(super) const OTHERWISE: &str = "; else, or while that is unknown, says ";

/// Before the time that a release is watched in the end.
pub(super) const WATCH: &str = "; once the last one is left, the release is watched for ";

/// What stands behind the number of a quantile: `the 95th percentile of`.
pub(super) const PERCENTILE: &str = " percentile of";

pub(super) fn a_type(word: &str) -> &str {
    TYPES.iter().find(|(own, _)| *own == word).map_or(word, |(_, said)| said)
}

pub(super) fn relation(relation: Relation) -> &'static str {
    RELATIONS.iter().find(|(_, own)| *own == relation).map_or("", |(word, _)| word)
}

pub(super) fn operator(operator: Operator) -> &'static str {
    OPERATORS.iter().find(|(_, own)| *own == operator).map_or("", |(word, _)| word)
}

/// What stands before the signal of a function of a window.
pub(super) fn function(name: &str) -> String {
    if let Some((_, words)) = FUNCTIONS.iter().find(|(own, _)| *own == name) {
        return (*words).to_owned();
    }
    let percent = name.strip_prefix('p').unwrap_or(name);
    let ending = match percent {
        _ if percent.ends_with("11") || percent.ends_with("12") || percent.ends_with("13") => "th",
        _ if percent.ends_with('1') => "st",
        _ if percent.ends_with('2') => "nd",
        _ if percent.ends_with('3') => "rd",
        _ => "th",
    };
    format!("the {percent}{ending}{PERCENTILE}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check;
    use crate::parser::{RESERVED, WINDOW_FUNCTIONS};

    /// Every type and every function of a window has its words.
    #[test]
    fn every_type_and_function_is_told() {
        for word in check::TYPES {
            assert!(TYPES.iter().any(|(own, _)| own == word), "{word}");
        }
        for word in WINDOW_FUNCTIONS {
            assert!(FUNCTIONS.iter().any(|(own, _)| own == word) || *word == "p95", "{word}");
        }
    }

    /// Every word that the parser knows stands in the manual: a word that is added there is added here.
    #[test]
    fn the_manual_has_every_word() {
        let manual = include_str!("../../../docs/language.md");
        let words: Vec<&str> = manual.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).collect();
        let functions = FUNCTIONS.iter().map(|(word, _)| *word);
        let types = TYPES.iter().map(|(word, _)| *word);
        // words with a meaning in one place alone, where no list of the parser has them
        let placed = [
            "ok",
            "pending",
            "every",
            "after",
            "meets",
            "its",
            "expectation",
            "previous",
            "x",
            "in",
            "by",
            "on",
            "canary",
            "at",
            "stage",
            "of",
            "decision",
            "because",
            "noise",
            "to",
            "rises",
            "falls",
            "nothing",
            "NaN",
            "Inf",
            "once",
            "restart",
            "error",
            "needs",
            "approval",
            "warmup",
            "watch",
            "check",
            "preflight",
            "redteam",
            "blast",
            "probe",
            "measure",
            "pass",
            "else",
            "no-go",
            "within",
            "evidence",
            "true",
            "false",
            "metrics",
            "prometheus",
            "sql",
            "push",
            "age",
            "avg_over_time",
            "min_over_time",
            "max_over_time",
        ];
        let all = RESERVED.iter().copied().chain(functions).chain(types).chain(placed);
        for word in all {
            assert!(
                words.contains(&word) || manual.contains(&format!("`{word}`")),
                "the manual does not have `{word}`"
            );
        }
    }
}
