//! Queries of `from prometheus "…"`: how old what they read may be.
//!
//! Prometheus carries an instant selector's sample on for five minutes; Spark asks it for no more than `stale after`.
//! A rule cannot say so for a whole query, so each of its instant selectors gets a guard of its own. What cannot be guarded
//! is refused with its reason.

use spark_core::TimeSpan;

use super::text::{LOOK_BACK, MILLISECOND, duration, seconds};

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

/// Aggregations, which leave one series without `by` and `without`.
const AGGREGATIONS: [&str; 9] =
    ["sum", "avg", "min", "max", "count", "group", "stddev", "stdvar", "quantile"];

/// Functions that read something else of a selector than its value.
const OF_SELECTORS: [&str; 3] = ["timestamp", "absent", "info"];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Name,
    /// `{…}` with all that is in it.
    Matchers,
    /// `[…]`
    Range,
    Other(char),
}

#[derive(Debug, Clone, Copy)]
struct Token {
    kind: Kind,
    start: usize,
    end: usize,
}

/// Reads a query; `matchers` are those of the track, as in `track!="baseline"`.
///
/// # Errors
/// Something in it cannot be guarded; the reason is for the reader.
pub(super) fn read(query: &str, stale_after: TimeSpan, matchers: &str) -> Result<Opaque, String> {
    let tokens = tokens(query)?;
    let text = |token: &Token| query.get(token.start..token.end).unwrap_or("");
    match tokens.as_slice() {
        [name] if name.kind == Kind::Name && !WORDS.contains(&text(name)) => {
            return Ok(Opaque::Bare { selector: with_matchers(text(name), "", matchers) });
        }
        [name, braces] if name.kind == Kind::Name && braces.kind == Kind::Matchers => {
            return Ok(Opaque::Bare { selector: with_matchers(text(name), text(braces), matchers) });
        }
        [braces] if braces.kind == Kind::Matchers => {
            return Ok(Opaque::Bare { selector: with_matchers("", text(braces), matchers) });
        }
        _ => {}
    }
    let alone = is_aggregate(query, &tokens);
    if stale_after >= LOOK_BACK {
        return Ok(Opaque::Guarded { query: query.trim().to_owned(), alone });
    }
    guarded(query, &tokens, stale_after).map(|query| Opaque::Guarded { query, alone })
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
fn is_aggregate(query: &str, tokens: &[Token]) -> bool {
    let text = |token: &Token| query.get(token.start..token.end).unwrap_or("");
    let ([name, open, ..], Some(last)) = (tokens, tokens.last()) else { return false };
    if !AGGREGATIONS.contains(&text(name)) || open.kind != Kind::Other('(') || last.kind != Kind::Other(')') {
        return false;
    }
    let mut depth = 0_usize;
    for (place, token) in tokens.iter().enumerate() {
        match token.kind {
            Kind::Other('(') => depth = depth.saturating_add(1),
            Kind::Other(')') => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return place.saturating_add(1) == tokens.len();
                }
            }
            _ => {}
        }
    }
    false
}

/// The query with a guard round each instant selector.
fn guarded(query: &str, tokens: &[Token], stale_after: TimeSpan) -> Result<String, String> {
    let text = |token: &Token| query.get(token.start..token.end).unwrap_or("");
    let kind = |place: usize| tokens.get(place).map(|token| token.kind);
    let mut out = String::new();
    let (mut written, mut place) = (0_usize, 0_usize);
    while let Some(token) = tokens.get(place) {
        let word = text(token);
        place = place.saturating_add(1);
        match token.kind {
            Kind::Name if BEFORE_LABELS.contains(&word.to_ascii_lowercase().as_str()) => {
                if kind(place) == Some(Kind::Other('(')) {
                    while !matches!(kind(place), None | Some(Kind::Other(')'))) {
                        place = place.saturating_add(1);
                    }
                } else if word.to_ascii_lowercase().starts_with("group_") {
                    // without its own, it would take the guard's parentheses for a list of labels
                    out.push_str(query.get(written..token.end).unwrap_or(""));
                    out.push_str("()");
                    written = token.end;
                }
                continue;
            }
            Kind::Name if WORDS.contains(&word.to_ascii_lowercase().as_str()) => continue,
            Kind::Name if kind(place) == Some(Kind::Other('(')) => {
                if OF_SELECTORS.contains(&word) {
                    return Err(format!(
                        "`{word}()` reads more of a series than its value, and `stale after` cannot be said inside of it"
                    ));
                }
                continue;
            }
            // an aggregation may have its labels first, and nothing else has labels there
            Kind::Name
                if tokens.get(place).is_some_and(|next| {
                    ["by", "without"].iter().any(|word| text(next).eq_ignore_ascii_case(word))
                }) =>
            {
                continue;
            }
            Kind::Name | Kind::Matchers => {}
            Kind::Range | Kind::Other(_) => continue,
        }
        let mut end = token.end;
        if token.kind == Kind::Name && kind(place) == Some(Kind::Matchers) {
            end = tokens.get(place).map_or(end, |braces| braces.end);
            place = place.saturating_add(1);
        }
        let after = tokens.get(place);
        // a subquery asks for an instant at each of its steps
        if after.is_some_and(|next| next.kind == Kind::Range && !text(next).contains(':')) {
            continue;
        }
        if after
            .is_some_and(|next| text(next).eq_ignore_ascii_case("offset") || next.kind == Kind::Other('@'))
        {
            return Err(
                "`offset` and `@` read another instant, at which nothing says how old a sample was".into()
            );
        }
        let selector = query.get(token.start..end).unwrap_or("");
        out.push_str(query.get(written..token.start).unwrap_or(""));
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

fn tokens(query: &str) -> Result<Vec<Token>, String> {
    let mut tokens = Vec::new();
    let mut chars = query.char_indices().peekable();
    while let Some((start, c)) = chars.next() {
        let mut end = start.saturating_add(c.len_utf8());
        let kind = match c {
            c if c.is_ascii_whitespace() => continue,
            '#' => {
                return Err("it has a comment, which would end the rule's expression".to_owned());
            }
            '"' | '\'' | '`' => {
                skip_text(&mut chars, c)?;
                continue;
            }
            '{' | '[' => {
                let close = if c == '{' { '}' } else { ']' };
                loop {
                    match chars.next() {
                        None => return Err(format!("`{c}` is not closed in it")),
                        Some((at, next)) if next == close => {
                            end = at.saturating_add(1);
                            break;
                        }
                        Some((_, next @ ('"' | '\'' | '`'))) => skip_text(&mut chars, next)?,
                        Some(_) => {}
                    }
                }
                if c == '{' { Kind::Matchers } else { Kind::Range }
            }
            c if c.is_ascii_alphabetic() || matches!(c, '_' | ':') => {
                while let Some((at, next)) = chars.peek().copied() {
                    if !(next.is_ascii_alphanumeric() || matches!(next, '_' | ':')) {
                        break;
                    }
                    end = at.saturating_add(1);
                    chars.next();
                }
                Kind::Name
            }
            // a number or a length of time, whose letters are no name
            c if c.is_ascii_digit() || c == '.' => {
                while chars
                    .next_if(|(_, next)| next.is_ascii_alphanumeric() || matches!(next, '.' | '_'))
                    .is_some()
                {}
                Kind::Other('0')
            }
            other => Kind::Other(other),
        };
        tokens.push(Token { kind, start, end });
    }
    Ok(tokens)
}

fn skip_text(chars: &mut impl Iterator<Item = (usize, char)>, quote: char) -> Result<(), String> {
    while let Some((_, c)) = chars.next() {
        if c == quote {
            return Ok(());
        }
        if c == '\\' && quote != '`' {
            chars.next();
        }
    }
    Err("a text in it is not closed".to_owned())
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
        check("x{a=\"", "refused: a text in it is not closed");
        check(
            "label_replace(x, \"a\", \"x\", \"\", \"\")",
            &format!("label_replace({x}, \"a\", \"x\", \"\", \"\")"),
        );
    }
}
