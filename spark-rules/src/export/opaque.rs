//! Queries of `from prometheus "…"`: how old what they read may be.
//!
//! Prometheus carries an instant selector's sample on for five minutes; Spark asks it for no more than `stale after`.
//! A rule cannot say so for a whole query, so each of its instant selectors gets a guard of its own. What cannot be guarded
//! is refused with its reason.

use spark_core::TimeSpan;

use super::text::{LOOK_BACK, MILLISECOND, duration, seconds};
use crate::promql::{AGGREGATIONS, Lexeme, Token, tokens};

/// What a query is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Opaque {
    /// One selector alone: its samples have times of their own.
    Bare {
        /// With the matchers of a track.
        selector: String,
    },
    /// Anything else, guarded; `alone` where it has one series without labels.
    Guarded { query: String, alone: bool },
}

/// Words of PromQL that are no metric.
const WORDS: [&str; 16] = [
    "and",
    "or",
    "unless",
    "atan2",
    "bool",
    "on",
    "ignoring",
    "group_left",
    "group_right",
    "by",
    "without",
    "offset",
    "inf",
    "nan",
    "start",
    "end",
];

/// Words before a list of labels.
const BEFORE_LABELS: [&str; 6] = ["by", "without", "on", "ignoring", "group_left", "group_right"];

/// Functions that read something else of a selector than its value.
const OF_SELECTORS: [&str; 3] = ["timestamp", "absent", "info"];

/// Reads a query; `matchers` are those of the track, as in `track!="baseline"`.
///
/// # Errors
/// Something in it cannot be guarded; the reason is for the reader.
pub(super) fn read(query: &str, stale_after: TimeSpan, matchers: &str) -> Result<Opaque, String> {
    let tokens = tokens(query)?;
    if tokens.iter().any(|token| token.kind == Lexeme::Comment) {
        return Err("it has a comment, which would end the rule's expression".to_owned());
    }
    if !is_closed(&tokens) {
        return Err("its parentheses do not match".to_owned());
    }
    match tokens.as_slice() {
        [name] if name.kind == Lexeme::Name && !WORDS.contains(&name.word.to_ascii_lowercase().as_str()) => {
            return Ok(Opaque::Bare { selector: with_matchers(&name.word, "", matchers) });
        }
        [name, braces] if name.kind == Lexeme::Name && braces.kind == Lexeme::Matchers => {
            return Ok(Opaque::Bare { selector: with_matchers(&name.word, &braces.word, matchers) });
        }
        [braces] if braces.kind == Lexeme::Matchers => {
            return Ok(Opaque::Bare { selector: with_matchers("", &braces.word, matchers) });
        }
        _ => {}
    }
    let alone = is_aggregate(&tokens);
    if stale_after >= LOOK_BACK {
        return Ok(Opaque::Guarded { query: query.trim().to_owned(), alone });
    }
    guarded(query, &tokens, stale_after).map(|query| Opaque::Guarded { query, alone })
}

/// Whether each parenthesis has its other half: else what is written round a query would be a part of it.
fn is_closed(tokens: &[Token]) -> bool {
    let depth = tokens.iter().try_fold(0_usize, |depth, token| match token {
        open if open.is_sign("(") => Some(depth.saturating_add(1)),
        close if close.is_sign(")") => depth.checked_sub(1),
        _ => Some(depth),
    });
    depth == Some(0)
}

fn with_matchers(name: &str, braces: &str, matchers: &str) -> String {
    let inside = braces.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')).unwrap_or("");
    let inside = inside.trim().trim_end_matches(',');
    match (inside.is_empty(), matchers.is_empty()) {
        (true, true) => name.to_owned(),
        (false, true) => format!("{name}{{{inside}}}"),
        (true, false) => format!("{name}{{{matchers}}}"),
        (false, false) => format!("{name}{{{inside},{matchers}}}"),
    }
}

/// Whether the whole query is one aggregation without labels left.
fn is_aggregate(tokens: &[Token]) -> bool {
    let ([name, open, ..], Some(last)) = (tokens, tokens.last()) else { return false };
    let function = name.word.to_ascii_lowercase();
    if !AGGREGATIONS.contains(&function.as_str()) || !open.is_sign("(") || !last.is_sign(")") {
        return false;
    }
    let mut depth = 0_usize;
    for (place, token) in tokens.iter().enumerate() {
        if token.is_sign("(") {
            depth = depth.saturating_add(1);
        } else if token.is_sign(")") {
            depth = depth.saturating_sub(1);
            if depth == 0 {
                return place.saturating_add(1) == tokens.len();
            }
        }
    }
    false
}

/// The query with a guard round each instant selector.
fn guarded(query: &str, tokens: &[Token], stale_after: TimeSpan) -> Result<String, String> {
    let is_sign = |place: usize, sign: &str| tokens.get(place).is_some_and(|token| token.is_sign(sign));
    let mut out = String::new();
    let (mut written, mut place) = (0_usize, 0_usize);
    while let Some(token) = tokens.get(place) {
        let word = token.word.to_ascii_lowercase();
        let word = word.as_str();
        place = place.saturating_add(1);
        match token.kind {
            Lexeme::Name if BEFORE_LABELS.contains(&word) => {
                if is_sign(place, "(") {
                    while place < tokens.len() && !is_sign(place, ")") {
                        place = place.saturating_add(1);
                    }
                } else if word.starts_with("group_") {
                    // without its own, it would take the guard's parentheses for a list of labels
                    out.push_str(query.get(written..token.span.end).unwrap_or(""));
                    out.push_str("()");
                    written = token.span.end;
                }
                continue;
            }
            Lexeme::Name if WORDS.contains(&word) => continue,
            Lexeme::Name if is_sign(place, "(") => {
                if OF_SELECTORS.contains(&word) {
                    return Err(format!(
                        "`{word}()` reads more of a series than its value, and `stale after` cannot be said inside of it"
                    ));
                }
                continue;
            }
            // an aggregation may have its labels first, and nothing else has labels there
            Lexeme::Name
                if tokens.get(place).is_some_and(|next| {
                    ["by", "without"].iter().any(|word| next.word.eq_ignore_ascii_case(word))
                }) =>
            {
                continue;
            }
            Lexeme::Name | Lexeme::Matchers => {}
            Lexeme::Range | Lexeme::Number | Lexeme::Text | Lexeme::Comment | Lexeme::Sign => continue,
        }
        let mut end = token.span.end;
        let braces = tokens.get(place).filter(|next| next.kind == Lexeme::Matchers);
        if let (Lexeme::Name, Some(braces)) = (token.kind, braces) {
            end = braces.span.end;
            place = place.saturating_add(1);
        }
        let after = tokens.get(place);
        // a subquery asks for an instant at each of its steps
        if after.is_some_and(|next| next.kind == Lexeme::Range && !next.word.contains(':')) {
            continue;
        }
        if after.is_some_and(|next| next.word.eq_ignore_ascii_case("offset") || next.is_sign("@")) {
            return Err(
                "`offset` and `@` read another instant, at which nothing says how old a sample was".into()
            );
        }
        let selector = query.get(token.span.start..end).unwrap_or("");
        out.push_str(query.get(written..token.span.start).unwrap_or(""));
        out.push_str(&format!(
            "({selector} and (time() - timestamp({selector}) <= {}))",
            seconds(stale_after)
        ));
        written = end;
    }
    out.push_str(query.get(written..).unwrap_or(""));
    Ok(out.trim().to_owned())
}

/// A selector's newest sample, if it is not older than `stale after`.
pub(super) fn fresh(selector: &str, stale_after: TimeSpan) -> String {
    if stale_after >= LOOK_BACK {
        // Prometheus 3 leaves the window's start out
        return format!("last_over_time({selector}[{}])", duration(stale_after.plus(MILLISECOND)));
    }
    format!("{selector} and (time() - timestamp({selector}) <= {})", seconds(stale_after))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(query: &str, expected: &str) {
        let shown = match read(query, TimeSpan::from_seconds(45), "t!=\"b\"") {
            Ok(Opaque::Bare { selector }) => format!("bare {selector}"),
            Ok(Opaque::Guarded { query, alone }) => format!("{}{query}", if alone { "alone " } else { "" }),
            Err(reason) => format!("refused: {reason}"),
        };
        assert_eq!(shown, expected, "{query}");
    }

    /// Selectors are told from functions, words and labels, and each that reads an instant gets its guard.
    #[test]
    fn queries() {
        let x = "(x and (time() - timestamp(x) <= 45))";
        check("x", "bare x{t!=\"b\"}");
        check(" x{a=\"}\", b=~\"c\"} ", "bare x{a=\"}\", b=~\"c\",t!=\"b\"}");
        check("{__name__=\"x.y\"}", "bare {__name__=\"x.y\",t!=\"b\"}");
        check("sum(rate(x{a=\"1\"}[1m]))", "alone sum(rate(x{a=\"1\"}[1m]))");
        check("sum by (x) (x)", &format!("sum by (x) ({x})"));
        check("sum(x) by (x)", &format!("sum({x}) by (x)"));
        check("x / on(x) group_left(x) rate(y[5m])", &format!("{x} / on(x) group_left(x) rate(y[5m])"));
        check("x > on(y) group_left x", &format!("{x} > on(y) group_left() {x}"));
        check("x > on(y) GROUP_RIGHT (x)", &format!("{x} > on(y) GROUP_RIGHT (x)"));
        check("topk by (y) (3, x)", &format!("topk by (y) (3, {x})"));
        check("SUM BY (y) (x)", &format!("SUM BY (y) ({x})"));
        check("SUM(x)", &format!("alone SUM({x})"));
        check("topk(3, x)", &format!("topk(3, {x})"));
        check("x > 1e-3", &format!("{x} > 1e-3"));
        check("1e3 * x + 5", &format!("1e3 * {x} + 5"));
        check("sum(x) / sum(x)", &format!("sum({x}) / sum({x})"));
        check("max_over_time(x[5m:1m])", &format!("max_over_time({x}[5m:1m])"));
        check(
            "x offset 5m",
            "refused: `offset` and `@` read another instant, at which nothing says how old a sample was",
        );
        check(
            "time() - timestamp(x)",
            "refused: `timestamp()` reads more of a series than its value, and `stale after` cannot be said inside of it",
        );
        check("x # y", "refused: it has a comment, which would end the rule's expression");
        for open in ["sum(", "x) or vector(1", "sum(x))", ")("] {
            check(open, "refused: its parentheses do not match");
        }
        check("x{a=\"", "refused: a text in it is not closed");
        check(
            "label_replace(x, \"a\", \"x\", \"\", \"\")",
            &format!("label_replace({x}, \"a\", \"x\", \"\", \"\")"),
        );
    }
}
