//! `# allow W0304 until 2027-03-01 because …`: a comment that silences a warning or a piece of advice, for a time.
//!
//! At the end of a line it covers that line. On a line of its own it covers what begins on the next one: a block or a
//! clause with all of its lines, else that line. On top of a file, above its settings or with an empty line below, it
//! covers the file. It needs the last day on which it holds (UTC) and a reason. One that is malformed, past its end, or
//! that silences nothing is told of itself.

use spark_core::{SourceSpan as Span, TimeSpan, Timestamp};

use crate::ast::{Clause, File, Item};
use crate::check::Problems;
use crate::codes::{self, Code};
use crate::diagnostic::Diagnostic;
use crate::files::Files;
use crate::suggest::nearest;

const DAY: TimeSpan = TimeSpan::from_seconds(86_400);

/// What is shown as a right one.
const EXAMPLE: &str = "write it as in `# allow W0304 until 2027-03-01 because the stage is a test`";

/// An allow.
#[derive(Debug, Clone)]
struct Allow {
    codes: Vec<Code>,
    /// The last day, as it was written.
    day: String,
    /// The first instant at which it no longer holds.
    ends: Timestamp,
    /// What it covers: diagnostics that begin there.
    cover: Span,
    /// The comment.
    span: Span,
}

/// All of a policy.
#[derive(Debug, Clone, Default)]
pub(crate) struct Allows(Vec<Allow>);

/// Reads the allows of all files, and tells of those that are malformed.
pub(crate) fn read(files: &Files, trees: &[File], problems: &mut Problems) -> Allows {
    let mut allows = Vec::new();
    for tree in trees {
        let text = files.source(tree.number);
        for comment in &tree.comments {
            let words = files.text(*comment);
            let Some(rest) = directive(words) else { continue };
            let span = Span { end: comment.start.saturating_add(length(words.trim_end())), ..*comment };
            match parsed(rest) {
                Ok((codes, day, ends)) => {
                    let cover = Place { text, tree }.cover(span);
                    allows.push(Allow { codes, day, ends, cover, span });
                }
                Err((message, help)) => {
                    problems.tell(Diagnostic::warning(codes::W0321, span, message).help(help));
                }
            }
        }
    }
    Allows(allows)
}

/// The allows of a text that are whole, in order: the comment, and what it covers.
pub(crate) fn covers<'t>(text: &'t str, tree: &'t File) -> impl Iterator<Item = (Span, Span)> + 't {
    tree.comments.iter().filter_map(move |comment| {
        let words = text.get(comment.start as usize..comment.end as usize)?;
        parsed(directive(words)?).ok()?;
        Some((*comment, Place { text, tree }.cover(*comment)))
    })
}

impl Allows {
    /// Takes away what is silenced at an instant, and tells of allows past their end. Of allows that silence nothing it
    /// tells where all that there is to silence was looked for.
    pub(crate) fn silence(self, found: &mut [&mut Vec<Diagnostic>], now: Timestamp, complete: bool) {
        let mut told = Vec::new();
        for Allow { codes, day, ends, cover, span } in self.0 {
            if now >= ends {
                let message = format!("this allow held until {day}: {} is told again", named(&codes));
                told.push(
                    *Diagnostic::warning(codes::W0322, span, message)
                        .help("mend what it allows, or say until when it is allowed now"),
                );
                continue;
            }
            let mut idle = codes.clone();
            for diagnostics in &mut *found {
                diagnostics.retain(|diagnostic| {
                    let place = diagnostic.span;
                    let covered = place.file == cover.file
                        && (cover.start..cover.end.max(cover.start.saturating_add(1))).contains(&place.start)
                        && codes.contains(&diagnostic.code);
                    idle.retain(|code| !covered || *code != diagnostic.code);
                    !covered
                });
            }
            if !idle.is_empty() && complete {
                let (names, whole) = (named(&idle), idle.len() == codes.len());
                let (what, help) = match whole {
                    true => (format!("nothing: there is no {names} where it stands"), "take it away"),
                    false => (format!("no {names}: there is none where it stands"), "take that code away"),
                };
                told.push(*Diagnostic::warning(codes::W0323, span, format!("this allow silences {what}")).help(
                    format!(
                        "{help}; it covers its line, or what begins on the line below it, or on top of a file all of it"
                    ),
                ));
            }
        }
        if let Some(diagnostics) = found.first_mut() {
            diagnostics.extend(told);
            diagnostics.sort_by_key(|d| (d.span.file, d.span.start, d.span.end, d.code));
        }
    }
}

fn named(codes: &[Code]) -> String {
    codes.iter().map(|code| format!("`{}`", code.id)).collect::<Vec<_>>().join(", ")
}

/// What follows `allow` in a comment that is one; prose that begins with that word is none.
fn directive(comment: &str) -> Option<&str> {
    let rest = comment.trim_start_matches('#').trim_start();
    let word = rest.get(..5).filter(|word| word.eq_ignore_ascii_case("allow"))?;
    let rest = rest.get(word.len()..)?.trim_start_matches(':').strip_prefix([' ', '\t'])?.trim();
    let first = rest.split([' ', '\t', ',']).next()?;
    let mut letters = first.chars();
    let code = letters.next().is_some_and(|c| c.is_ascii_alphabetic())
        && letters.clone().count() >= 2
        && letters.all(|c| c.is_ascii_digit());
    (code || matches!(first, "until" | "because")).then_some(rest)
}

type Parsed = (Vec<Code>, String, Timestamp);
type Refused = (String, String);

fn parsed(text: &str) -> Result<Parsed, Refused> {
    let refused = |message: String| (message, EXAMPLE.to_owned());
    let (names, rest) = split_word(text, "until").ok_or_else(|| {
        refused("an allow says until when it holds: it silences nothing without its last day".to_owned())
    })?;
    let (day, reason) = split_word(rest, "because")
        .ok_or_else(|| refused("an allow says why: it silences nothing without its reason".to_owned()))?;
    let found = names.split([',', ' ', '\t']).filter(|name| !name.is_empty() && *name != "and");
    let found: Vec<Code> = found.map(code_named).collect::<Result<_, _>>()?;
    if found.is_empty() {
        return Err(refused("an allow names what it allows".to_owned()));
    }
    let day = day.trim();
    let midnight =
        Some(day).filter(|day| is_day(day)).and_then(|day| Timestamp::parse(&format!("{day}T00:00:00Z")));
    let Some(midnight) = midnight else {
        return Err(refused(format!("`{day}` is no day: an allow holds until a day, as in `2027-03-01`")));
    };
    if reason.trim().chars().filter(|c| c.is_alphanumeric()).count() < 2 {
        return Err(refused("an allow says why: there is nothing after `because`".to_owned()));
    }
    Ok((found, day.to_owned(), midnight.plus(DAY)))
}

/// Four digits, two, and two.
fn is_day(text: &str) -> bool {
    text.len() == 10
        && text.bytes().enumerate().all(|(place, byte)| match place {
            4 | 7 => byte == b'-',
            _ => byte.is_ascii_digit(),
        })
}

fn code_named(name: &str) -> Result<Code, Refused> {
    let Some(code) = codes::find(name) else {
        let near = nearest(&name.to_uppercase(), codes::all().iter().map(|code| code.id));
        let near = near.into_iter().find(|id| !id.starts_with('E'));
        let help = near.map_or(EXAMPLE.to_owned(), |id| format!("did you mean `{id}`?"));
        return Err((format!("`{name}` is no code"), help));
    };
    if code.id.starts_with('E') {
        let message = format!("`{}` is a mistake, which cannot be allowed", code.id);
        return Err((message, "mend it: rules with a mistake do not run".to_owned()));
    }
    Ok(code)
}

/// What stands before and after a word.
fn split_word<'t>(text: &'t str, word: &str) -> Option<(&'t str, &'t str)> {
    text.match_indices(word).find_map(|(start, _)| {
        let end = start.saturating_add(word.len());
        let (before, after) = (text.get(..start)?, text.get(end..)?);
        let apart = |c: Option<char>| c.is_none_or(char::is_whitespace);
        (apart(before.chars().next_back()) && apart(after.chars().next())).then_some((before, after))
    })
}

fn length(text: &str) -> u32 {
    u32::try_from(text.len()).unwrap_or(u32::MAX)
}

/// Where comments stand.
struct Place<'t> {
    text: &'t str,
    tree: &'t File,
}

impl Place<'_> {
    /// What an allow covers.
    fn cover(&self, comment: Span) -> Span {
        let (start, end) = self.line(comment.start);
        let before = self.text.get(start as usize..comment.start as usize).unwrap_or("");
        if !before.trim_matches(['\u{FEFF}', ' ', '\t']).is_empty() {
            return Span { start, end, ..comment };
        }
        let mut next = end;
        let mut gap = false;
        loop {
            let (from, to) = self.line(next);
            let line = self.text.get(from as usize..to as usize).unwrap_or("").trim();
            let over = to as usize >= self.text.len();
            if !line.is_empty() && !line.starts_with('#') {
                return self.below(comment, (from, to), gap);
            }
            gap |= line.is_empty();
            if over || to <= next {
                // nothing stands below it
                return self.below(comment, (to, to), true);
            }
            next = to;
        }
    }

    /// The first and one past the last byte of the line that a byte stands in, its end of line included.
    fn line(&self, at: u32) -> (u32, u32) {
        let before = self.text.get(..at as usize).unwrap_or("");
        let start = before.rfind('\n').map_or(0, |place| length(before.get(..=place).unwrap_or("")));
        let rest = self.text.get(at as usize..).unwrap_or("");
        let end = rest
            .find('\n')
            .map_or(length(self.text), |place| at.saturating_add(length(rest.get(..=place).unwrap_or(""))));
        (start, end)
    }

    fn below(&self, comment: Span, (from, to): (u32, u32), gap: bool) -> Span {
        let first = self.tree.items.first().map(|item| span(item).0);
        let above_all = first.is_none_or(|first| comment.start < first.start);
        let settings = self.tree.items.first().is_some_and(|item| {
            !matches!(
                item,
                Item::Signal(_) | Item::Trigger(_) | Item::Plan(_) | Item::Check(_) | Item::Test(_)
            )
        });
        if above_all && (gap || settings) {
            return Span { start: 0, end: length(self.text), ..comment };
        }
        if gap {
            return Span { start: comment.start, end: comment.start, ..comment };
        }
        let items = &self.tree.items;
        let begins = |span: &Span| (from..to).contains(&span.start);
        // items stand in the order of the text
        let place = items.partition_point(|item| span(item).0.start < from);
        let opened = items.get(place..).unwrap_or(&[]).iter().map(|item| span(item).0);
        let whole = opened.take_while(begins).map(|span| span.end).max();
        let around = place.checked_sub(1).and_then(|before| items.get(before)).map(span);
        let clauses = around.into_iter().flat_map(|(_, clauses)| clauses);
        let clause = clauses.filter(begins).map(|clause| clause.end).max();
        Span { start: from, end: whole.or(clause).unwrap_or(to).max(to), ..comment }
    }
}

/// Where an item stands, and its clauses.
pub(crate) fn span(item: &Item) -> (Span, Vec<Span>) {
    fn clauses<T>(clauses: &[Clause<T>]) -> Vec<Span> {
        clauses.iter().map(|clause| clause.span).collect()
    }
    match item {
        Item::Edition { span, .. } | Item::Evaluate { span, .. } => (*span, Vec::new()),
        Item::Use { path } => (path.span, Vec::new()),
        Item::Signal(signal) => (signal.span, clauses(&signal.clauses)),
        Item::Trigger(trigger) => (trigger.span, clauses(&trigger.clauses)),
        Item::Plan(plan) => (plan.span, clauses(&plan.clauses)),
        Item::Check(check) => (check.span, clauses(&check.clauses)),
        Item::Test(test) => (test.span, clauses(&test.clauses)),
    }
}
