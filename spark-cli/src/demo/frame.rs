//! Drawing: a view becomes lines of styled text, of a given width. Pure; every word is readable without colour.

use std::time::Duration;

use anstyle::{AnsiColor, Style};
use rust_decimal::prelude::ToPrimitive;
use spark_core::{Quantity, State, TimeSpan, Timestamp, Verdict};

use super::view::{Place, SignalRow, TriggerRow, View};

/// Lines of a frame: a screen needs one more, for the cursor.
pub(crate) const FRAME_LINES: usize = 21;

/// The narrowest screen that a frame is drawn on; below that, plain lines are better.
pub(crate) const FRAME_COLUMNS: usize = 78;

/// Cells of the bar that shows how much of the limit is used.
const BAR_CELLS: usize = 10;

/// Significant digits of a shown value: what a person reads at a glance.
const GLANCE_DIGITS: u32 = 3;

/// Reasons that are named one by one; all of them stand in the evidence.
const REASONS_SHOWN: usize = 4;

const PLAIN: Style = Style::new();
const BOLD: Style = Style::new().bold();
const FAINT: Style = Style::new().dimmed();
const GOOD: Style = AnsiColor::Green.on_default();
const WAIT: Style = AnsiColor::Yellow.on_default();
const BAD: Style = AnsiColor::Red.on_default().bold();

/// The characters that bars are drawn with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Glyphs {
    full: char,
    empty: char,
    done: &'static str,
    here: &'static str,
    ahead: &'static str,
    back: &'static str,
    road: &'static str,
}

impl Glyphs {
    /// For terminals that show Unicode.
    pub(crate) const UNICODE: Self =
        Self {
            full: '█', empty: '░', done: "●", here: "◉", ahead: "○", back: "✗", road: "───"
        };
    /// For all others.
    pub(crate) const ASCII: Self =
        Self { full: '#', empty: '.', done: "*", here: "@", ahead: "o", back: "x", road: "---" };
}

/// A line of styled pieces.
#[derive(Debug, Clone, Default)]
pub(crate) struct Line(Vec<(Style, String)>);

impl Line {
    fn with(mut self, style: Style, text: impl Into<String>) -> Self {
        self.0.push((style, text.into()));
        self
    }

    /// The line, cut to `columns`; with escape codes where `colour` is wanted.
    pub(crate) fn render(&self, columns: usize, colour: bool) -> String {
        let mut left = columns;
        let mut text = String::new();
        for (style, piece) in &self.0 {
            let cut: String = piece.chars().take(left).collect();
            left = left.saturating_sub(cut.chars().count());
            match colour {
                true => text.push_str(&format!("{style}{cut}{style:#}")),
                false => text.push_str(&cut),
            }
        }
        text
    }
}

/// The whole frame: [`FRAME_LINES`] lines.
pub(crate) fn frame(view: &View, glyphs: Glyphs) -> Vec<Line> {
    let mut lines = vec![stage_bar(view, glyphs), stage_words(view), Line::default()];
    lines.push(Line::default().with(
        FAINT,
        format!(" {:<29}{:>8}{:>9}  {:<9}{:<12}{:>8}", "signal", "new", "stable", "limit", "used", "margin"),
    ));
    lines.extend(view.signals.iter().map(|row| signal_line(row, glyphs)));
    lines.push(Line::default());
    lines.push(Line::default().with(FAINT, format!(" {:<26}{:<15}{}", "trigger", "state", "nearest first")));
    lines.extend(view.triggers.iter().map(trigger_line));
    lines.push(verdict_line(view));
    lines
}

fn stage_bar(view: &View, glyphs: Glyphs) -> Line {
    let mut line = Line::default().with(PLAIN, " users on the new version  ");
    for (place, share) in view.stages.iter().enumerate() {
        if place > 0 {
            line = line.with(FAINT, format!(" {} ", glyphs.road));
        }
        let here = |at: u32| usize::try_from(at).is_ok_and(|at| at == place);
        let before = |at: u32| usize::try_from(at).is_ok_and(|at| place < at);
        let (glyph, style) = match view.rollout {
            Place::Completed => (glyphs.done, GOOD),
            Place::RolledBack(at) if here(at) => (glyphs.back, BAD),
            Place::Stage(at) if here(at) => (glyphs.here, BOLD),
            Place::Stage(at) | Place::RolledBack(at) if before(at) => (glyphs.done, GOOD),
            Place::Stage(_) | Place::RolledBack(_) => (glyphs.ahead, FAINT),
        };
        line = line.with(style, format!("{glyph} {share}"));
    }
    line.with(FAINT, format!("   {}", clock(view.elapsed)))
}

fn stage_words(view: &View) -> Line {
    let users = match view.users {
        Some(users) => format!("users' p95 now {}", shown_millis(users.p95)),
        None => "no user was answered yet".to_owned(),
    };
    let place = match view.rollout {
        Place::Stage(place) => {
            let (served, needs) = view.served;
            let number = place.saturating_add(1);
            let of = view.stages.len();
            format!("stage {number} of {of}, {} of {} served", tenths(served), tenths(needs))
        }
        Place::RolledBack(_) => "rolled back: all users are on the stable version".to_owned(),
        Place::Completed => "completed: all users are on the new version".to_owned(),
    };
    Line::default().with(PLAIN, format!(" {place}; {users}"))
}

fn signal_line(row: &SignalRow, glyphs: Glyphs) -> Line {
    let (word, style) = match row.state {
        State::Ok => ("ok", GOOD),
        State::Unknown => ("??", WAIT),
        _ => ("NO", BAD),
    };
    let text = |quantity: Option<Quantity>| quantity.map_or_else(|| "-".to_owned(), glance);
    let limit = match row.limit {
        Some(limit) => format!("{} {}", row.relation, glance(limit)),
        None => "-".to_owned(),
    };
    Line::default()
        .with(style, format!(" {word} "))
        .with(PLAIN, format!("{:<26}", cut(&row.title, 26)))
        .with(style, format!("{:>8}", text(row.value)))
        .with(FAINT, format!("{:>9}", text(row.baseline)))
        .with(PLAIN, format!("  {limit:<9}"))
        .with(style, format!("{:<12}", bar(row, glyphs)))
        .with(PLAIN, format!("{:>8}", row.margin.map_or_else(|| "-".to_owned(), glance_signed)))
}

/// How much of the limit is used: full at the limit and beyond.
fn bar(row: &SignalRow, glyphs: Glyphs) -> String {
    let share = row.value.zip(row.limit).and_then(|(value, limit)| value.value.checked_div(limit.value));
    let cells = rust_decimal::Decimal::from(BAR_CELLS);
    let filled = share.and_then(|share| share.checked_mul(cells)).and_then(|cells| cells.round().to_usize());
    let filled = filled.unwrap_or(0).min(BAR_CELLS);
    let empty = BAR_CELLS.saturating_sub(filled);
    let repeat = |glyph: char, times| std::iter::repeat_n(glyph, times);
    repeat(glyphs.full, filled).chain(repeat(glyphs.empty, empty)).collect()
}

fn trigger_line(row: &TriggerRow) -> Line {
    let report = &row.report;
    let style = match report.state {
        State::Ok => GOOD,
        State::Rollback => BAD,
        State::Unknown | State::Pending | State::Warn | State::Hold => WAIT,
    };
    let state = match report.state {
        State::Ok => "ok".to_owned(),
        other => format!("{other} {}", tenths(row.since)),
    };
    let words = match (report.state, &report.cause, &report.would_change) {
        (State::Unknown, Some(cause), _) => cause.clone(),
        (State::Pending | State::Hold | State::Warn, _, Some(words)) => relative(words, row.at),
        _ => match (report.value, report.margin) {
            (Some(value), Some(margin)) => format!("{}, margin {}", glance(value), glance_signed(margin)),
            (Some(value), None) => glance(value),
            _ => String::new(),
        },
    };
    Line::default()
        .with(PLAIN, format!(" {:<26}", cut(&row.title, 25)))
        .with(style, format!("{state:<14} "))
        .with(PLAIN, words)
}

fn verdict_line(view: &View) -> Line {
    let style = match view.verdict {
        Verdict::Proceed => GOOD,
        Verdict::Hold => WAIT,
        Verdict::Rollback => BAD,
    };
    let line = Line::default()
        .with(BOLD, " verdict  ")
        .with(style.bold(), format!("{:<9}", view.verdict.as_str().to_uppercase()));
    match view.because.is_empty() {
        true => line.with(PLAIN, "every trigger is quiet, every signal is as expected"),
        false => line.with(PLAIN, format!("because {}", reasons(&view.because))),
    }
}

/// The first reasons, and how many more there are.
fn reasons(because: &[String]) -> String {
    let shown: Vec<_> = because.iter().take(REASONS_SHOWN).map(String::as_str).collect();
    let more = because.len().saturating_sub(REASONS_SHOWN);
    match more {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

/// The view in one line, for pipes and logs.
pub(crate) fn compact(view: &View) -> String {
    let (met, of) = view.met();
    let unknown = view.signals.iter().filter(|row| row.state == State::Unknown).count();
    let unknown = if unknown > 0 { format!(" ({unknown} not known yet)") } else { String::new() };
    let value = |name: &str| {
        let row = view.signals.iter().find(|row| row.name == name);
        row.and_then(|row| row.value).map_or_else(|| "?".to_owned(), glance)
    };
    let place = match view.rollout {
        Place::Stage(place) => {
            let share = usize::try_from(place).ok().and_then(|place| view.stages.get(place));
            share.cloned().unwrap_or_default()
        }
        Place::RolledBack(_) => "back".to_owned(),
        Place::Completed => "done".to_owned(),
    };
    let mut line = format!(
        "{}  {place:>4}  {:<8}  {met}/{of} signals ok{unknown}  p95 {}  errors {}",
        clock(view.elapsed),
        view.verdict.as_str(),
        value("p95"),
        value("errors"),
    );
    for row in view.triggers.iter().filter(|row| !matches!(row.report.state, State::Ok | State::Unknown)) {
        line.push_str(&format!("  {} {} for {}", row.report.name, row.report.state, tenths(row.since)));
    }
    if !view.because.is_empty() {
        line.push_str(&format!("  because {}", reasons(&view.because)));
    }
    line
}

/// Words in which `at 2026-01-01T00:15:00Z` becomes `in 2.5s`: here, what is near matters.
fn relative(words: &str, now: Timestamp) -> String {
    let mut told: Vec<String> = Vec::new();
    for word in words.split(' ') {
        let bare = word.trim_end_matches([',', ';', '.']);
        match Timestamp::parse(bare).filter(|_| bare.contains('T')) {
            Some(at) if told.last().is_some_and(|before| before == "at") => {
                told.pop();
                told.push(format!("in {}{}", tenths(at.since(now)), word.get(bare.len()..).unwrap_or("")));
            }
            _ => told.push(word.to_owned()),
        }
    }
    told.join(" ")
}

/// Minutes and seconds: `0:23`.
pub(crate) fn clock(elapsed: Duration) -> String {
    let seconds = elapsed.as_secs();
    format!("{}:{:02}", seconds / 60, seconds % 60)
}

/// A length of time in seconds with one place: `4.5s`.
pub(crate) fn tenths(span: TimeSpan) -> String {
    format!("{:.1}s", span.to_std().as_secs_f64())
}

/// Whole milliseconds: `68ms`.
pub(crate) fn shown_millis(took: Duration) -> String {
    format!("{}ms", took.as_millis())
}

/// A value as a person reads it at a glance: three significant digits, in its unit.
pub(crate) fn glance(quantity: Quantity) -> String {
    let value = quantity.value.round_sf(GLANCE_DIGITS).unwrap_or(quantity.value).normalize();
    Quantity { value, ..quantity }.to_string()
}

fn glance_signed(quantity: Quantity) -> String {
    let text = glance(quantity);
    if quantity.value.is_sign_negative() || quantity.value.is_zero() { text } else { format!("+{text}") }
}

fn cut(text: &str, columns: usize) -> String {
    text.chars().take(columns).collect()
}

#[cfg(test)]
mod tests {
    use rust_decimal::Decimal;
    use spark_core::{Evidence, Report, SourceSpan};

    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    fn quantity(text: &str) -> Option<Quantity> {
        Some(Quantity::parse(text).unwrap())
    }

    fn trigger(title: &str, state: State) -> TriggerRow {
        let report = Report {
            name: "api_latency".to_owned(),
            state,
            since: at("2026-01-01T00:00:00Z"),
            value: quantity("612ms"),
            threshold: quantity("400ms"),
            margin: quantity("-212ms"),
            margin_percent: Some(Decimal::new(-53, 0)),
            evidence: Evidence::default(),
            span: SourceSpan::default(),
            cause: None,
            would_change: Some("goes to rollback at 2026-01-01T00:00:04Z if it stays".to_owned()),
            overridden_until: None,
        };
        let at = at("2026-01-01T00:00:01.5Z");
        TriggerRow { title: title.to_owned(), at, since: TimeSpan::from_seconds(1), report }
    }

    fn view() -> View {
        let signal = |state| SignalRow {
            title: "G5 idempotency conflicts, a title that is too long".to_owned(),
            name: "p95".to_owned(),
            state,
            value: quantity("612.345ms"),
            baseline: quantity("70.1234ms"),
            relation: "<=",
            limit: quantity("200ms"),
            margin: quantity("-412.345ms"),
        };
        View {
            elapsed: Duration::from_secs(83),
            stages: ["1%", "5%", "25%", "50%", "100%"].map(str::to_owned).to_vec(),
            rollout: Place::Stage(2),
            served: (TimeSpan::from_seconds(3), TimeSpan::from_seconds(8)),
            users: None,
            signals: [[State::Ok; 6].as_slice(), &[State::Hold, State::Unknown]]
                .concat()
                .iter()
                .copied()
                .map(signal)
                .collect(),
            triggers: vec![trigger("T1 API latency", State::Hold); 6],
            verdict: Verdict::Hold,
            because: ["a", "b", "c", "d", "e", "f"].map(str::to_owned).to_vec(),
        }
    }

    /// A frame has its promised height, no line is wider than the screen, and without colour it is plain text.
    #[test]
    fn fits() {
        let lines = frame(&view(), Glyphs::ASCII);
        assert_eq!(lines.len(), FRAME_LINES);
        for line in lines {
            let text = line.render(FRAME_COLUMNS, false);
            assert!(
                text.chars().count() <= FRAME_COLUMNS && text.is_ascii() && !text.contains('\x1b'),
                "{text}"
            );
            let coloured = line.render(FRAME_COLUMNS, true);
            assert_eq!(console::strip_ansi_codes(&coloured), text, "colour adds nothing but colour");
        }
    }

    /// What stands on the lines that a reader looks at first.
    #[test]
    fn reads_well() {
        let text: Vec<_> = frame(&view(), Glyphs::ASCII).iter().map(|line| line.render(78, false)).collect();
        for (line, expected) in [
            (0, " users on the new version  * 1% --- * 5% --- @ 25% --- o 50% --- o 100%   1:23"),
            (1, " stage 3 of 5, 3.0s of 8.0s served; no user was answered yet"),
            (4, " ok G5 idempotency conflicts,    612ms   70.1ms  <= 200ms ##########    -412ms"),
            (14, " T1 API latency            hold 1.0s      goes to rollback in 2.5s if it stays"),
            (20, " verdict  HOLD     because a, b, c, d and 2 more"),
        ] {
            assert_eq!(text[line], expected);
        }
        assert_eq!(
            compact(&view()).split("  api_latency").next().unwrap(),
            "1:23   25%  hold      6/8 signals ok (1 not known yet)  p95 612ms  errors ?"
        );
    }
}
