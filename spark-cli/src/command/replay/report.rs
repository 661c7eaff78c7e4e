//! A backtest for people: what would have fired, how far it was from firing, what was unknown and why, and the time at
//! each decision.

use rust_decimal::Decimal;
use spark_core::quantity::ByteUnits;
use spark_core::{Measured, Quantity, Severity, State, TimeSpan, Verdict};
use spark_runtime::replay::{Backtest, Close, LevelStory, Progress, Story, Summary};

use super::grid::Grid;
use super::strip;
use crate::console::{Console, strong, verdict};
use crate::rules::Rules;
use crate::table::{headline, people};

/// Times at one level that are shown without `-v`.
const SPELLS_SHOWN: usize = 10;
/// Times at one level that are shown in a page.
pub(super) const SPELLS_IN_PAGE: usize = 50;
/// Strips of triggers that are shown without `-v`.
const STRIPS_SHOWN: usize = 12;
/// What stands where there is nothing.
pub(super) const NONE: &str = "-";

pub(super) fn print(console: &mut Console, rules: &Rules, backtest: &Backtest) {
    let story = &backtest.story;
    console.line("");
    console.line(told(&backtest.summary));
    console.line(headline(&backtest.last));
    console.line("");
    console.line(shares(story));
    strips(console, story);
    let most = if console.verbose() { usize::MAX } else { SPELLS_SHOWN };
    let (fired, left_out) = fired(story, most);
    console.line("");
    match fired.is_empty() {
        true => console.line(strong("nothing would have fired")),
        false => fired.print(console),
    }
    left_out.iter().for_each(|words| console.line(words));
    for grid in [missed(story), unknown(story), expected(rules, story)] {
        if !grid.is_empty() {
            console.line("");
            grid.print(console);
        }
    }
}

/// What a replay was made of.
pub(super) fn told(summary: &Summary) -> String {
    let count = |count: u64, word: &str| format!("{count} {word}{}", if count == 1 { "" } else { "s" });
    format!(
        "{} from {} to {}, {} ({} late and dropped, {} in conflict)",
        count(summary.evaluations, "evaluation"),
        summary.from,
        summary.to,
        count(summary.samples, "sample"),
        summary.dropped,
        summary.conflicts
    )
}

fn shares(story: &Story) -> String {
    let decision = &story.decision;
    let share = |of: Verdict| {
        format!("{} {} ({})", verdict(of), percent(decision.share(of)), span(decision.time(of)))
    };
    let times = [Verdict::Proceed, Verdict::Hold, Verdict::Rollback].map(share).join(", ");
    let changes = decision.changes;
    let word = if changes == 1 { "change" } else { "changes" };
    format!("{times}; {changes} {word} of the decision")
}

/// Hundredths of a percent as a percentage with at most one place; what is there never reads as nothing.
pub(super) fn percent(share: u64) -> String {
    match share {
        1..=9 => "<0.1%".to_owned(),
        _ => format!(
            "{}%",
            Decimal::from(share)
                .checked_div(Decimal::ONE_HUNDRED)
                .unwrap_or_default()
                .round_dp(1)
                .normalize()
        ),
    }
}

/// A length of time in words that stay short.
pub(super) fn span(span: TimeSpan) -> String {
    span.to_string()
}

fn strips(console: &mut Console, story: &Story) {
    let shown = |name: &str| name.chars().count();
    let moved: Vec<_> = story
        .triggers
        .iter()
        .filter(|trigger| trigger.band.cells().iter().flatten().any(|state| *state != State::Ok))
        .collect();
    let most = if console.verbose() { usize::MAX } else { STRIPS_SHOWN };
    let names = moved.iter().take(most).map(|trigger| shown(&trigger.name));
    let indent = names.max().unwrap_or(0).max("decision".len()).saturating_add(2);
    let mut strips = vec![("decision".to_owned(), strip::text(&story.decision.band, indent))];
    strips.extend(
        moved.iter().take(most).map(|trigger| (trigger.name.clone(), strip::text(&trigger.band, indent))),
    );
    console.line("");
    strip::print(console, &strips);
    if let Some(more) = moved.len().checked_sub(most).filter(|more| *more > 0) {
        console.line(format!("… and {more} more triggers that were not ok throughout: `-v` shows them"));
    }
}

/// What fired, at most so many times of each level; and what is left out, in words.
pub(super) fn fired(story: &Story, most: usize) -> (Grid, Vec<String>) {
    let mut grid = Grid::new([
        "fired",
        "level",
        "from",
        "to",
        ">lasted",
        ">peak",
        ">threshold",
        ">beyond by",
        ">down to",
    ]);
    let mut left_out = Vec::new();
    let mut more = |name: &str, what: String, fires: u64, shown: usize, time: TimeSpan| {
        if fires > u64::try_from(shown).unwrap_or(u64::MAX) {
            left_out.push(format!(
                "{name} was {what} {fires} times, {} all together; the first {shown} are shown",
                span(time)
            ));
        }
    };
    for trigger in &story.triggers {
        for level in &trigger.levels {
            for spell in level.spells.iter().take(most) {
                grid.row([
                    trigger.name.clone(),
                    level.severity.as_str().to_owned(),
                    spell.from.to_string(),
                    spell.to.map_or("the end".to_owned(), |to| to.to_string()),
                    span(spell.lasted),
                    spell.peak.map_or(NONE.to_owned(), |peak| people(peak.measured.value, peak.bytes)),
                    spell.peak.map_or(NONE.to_owned(), |peak| people(peak.measured.threshold, peak.bytes)),
                    beyond(spell.peak),
                    beyond(spell.least),
                ]);
            }
            let at = format!("at {}", level.severity.as_str());
            more(&trigger.name, at, level.fires, level.spells.len().min(most), level.time);
        }
        let Some(given_up) = &trigger.given_up else { continue };
        for spell in given_up.spells.iter().take(most) {
            grid.row([
                trigger.name.clone(),
                Severity::Rollback.as_str().to_owned(),
                spell.from.to_string(),
                spell.to.map_or("the end".to_owned(), |to| to.to_string()),
                span(spell.lasted),
                NONE.to_owned(),
                unknown_for(given_up.after),
                NONE.to_owned(),
                NONE.to_owned(),
            ]);
        }
        let too_long = format!("{} and longer", unknown_for(given_up.after));
        more(&trigger.name, too_long, given_up.fires, given_up.spells.len().min(most), given_up.time);
    }
    (grid, left_out)
}

/// What missing data alone is rolled back for.
pub(super) fn unknown_for(after: TimeSpan) -> String {
    format!("unknown for {}", span(after))
}

/// How near each level came that never was reached.
pub(super) fn missed(story: &Story) -> Grid {
    let mut grid = Grid::new(["did not fire", "level", "nearest miss"]);
    for trigger in &story.triggers {
        for level in trigger.levels.iter().filter(|level| level.fires == 0) {
            grid.row([trigger.name.clone(), level.severity.as_str().to_owned(), miss(level)]);
        }
    }
    grid
}

/// How near a level came, in words.
pub(super) fn miss(level: &LevelStory) -> String {
    if let Some(longest) = level.longest {
        let peak =
            longest.peak.map(|close| format!(", at most {}", people(close.measured.value, close.bytes)));
        return format!("{} at {}{}", held(longest), longest.at, peak.unwrap_or_default());
    }
    match level.nearest {
        Some(close) => near(close),
        None => "it was never known".to_owned(),
    }
}

/// How long a condition was true that was not for long enough.
pub(super) fn held(longest: Progress) -> String {
    match longest.held.is_zero() {
        true => format!("true at one instant, and not for {}", span(longest.needed)),
        false => format!("true for {} of {}", span(longest.held), span(longest.needed)),
    }
}

/// How near a comparison came.
pub(super) fn near(close: Close) -> String {
    let Measured { value, threshold, margin, .. } = close.measured;
    format!(
        "{} away: {} against {} at {}",
        distance(margin, threshold, close.bytes),
        people(value, close.bytes),
        people(threshold, close.bytes),
        close.at
    )
}

/// Why triggers were unknown, and for how long.
pub(super) fn unknown(story: &Story) -> Grid {
    let mut grid = Grid::new(["unknown", ">time", ">evaluations", "because"]);
    for trigger in &story.triggers {
        for unknown in &trigger.unknown {
            grid.row([
                trigger.name.clone(),
                span(unknown.time),
                format!("{} of {}", unknown.instants, story.evaluations),
                unknown.cause.clone(),
            ]);
        }
    }
    grid
}

/// How expectations were met.
pub(super) fn expected(rules: &Rules, story: &Story) -> Grid {
    let mut grid = Grid::new([
        "expected",
        ">unmet",
        "first",
        ">time unmet",
        ">time unknown",
        ">worst",
        ">limit",
        "rule",
    ]);
    for expectation in &story.expectations {
        let worst = expectation.worst.map(|close| close.measured);
        let shown = |quantity_of: fn(Measured) -> Quantity| {
            expectation
                .worst
                .map_or(NONE.to_owned(), |worst| people(quantity_of(worst.measured), worst.bytes))
        };
        let rule = worst.map_or(NONE.to_owned(), |measured| rules.quote(measured.span));
        grid.row([
            expectation.name.clone(),
            format!("{}x", expectation.unmet),
            expectation.first.map_or(NONE.to_owned(), |at| at.to_string()),
            span(expectation.time),
            span(expectation.unknown),
            shown(|measured| measured.value),
            shown(|measured| measured.threshold),
            rule,
        ]);
    }
    grid
}

/// How far beyond its threshold something was.
pub(super) fn beyond(close: Option<Close>) -> String {
    close.map_or(NONE.to_owned(), |close| {
        let Measured { threshold, margin, .. } = close.measured;
        let beyond = Decimal::ZERO.checked_sub(margin.value).unwrap_or(margin.value);
        distance(Quantity { value: beyond, ..margin }, threshold, close.bytes)
    })
}

/// A distance with its part of the threshold.
fn distance(distance: Quantity, threshold: Quantity, bytes: Option<ByteUnits>) -> String {
    let percent = distance
        .value
        .checked_div(threshold.value.abs())
        .and_then(|part| part.checked_mul(Decimal::ONE_HUNDRED))
        .map(|percent| format!(" ({}%)", percent.round_dp(1).normalize()));
    format!("{}{}", people(distance, bytes), percent.unwrap_or_default())
}
