//! The peer of the checker: pest alone, cutting the same text by the same grammar.

use pest::Parser as _;

#[derive(pest_derive::Parser)]
#[grammar = "../../spark-rules/src/grammar.pest"]
struct Words;

/// How many words pest finds in a text.
pub(crate) fn count(text: &str) -> Result<usize, String> {
    Words::parse(Rule::text, text).map(Iterator::count).map_err(|error| error.to_string())
}
