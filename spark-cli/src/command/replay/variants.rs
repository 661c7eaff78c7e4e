//! What came of other values: a table for people, a line each for programs.

use serde::Serialize;
use spark_core::{Quantity, TimeSpan, Timestamp, Verdict};
use spark_rules::sweep::Variant;
use spark_runtime::replay::{Backtest, TargetStory, VariantStory};

use super::grid::Grid;
use super::report::{NONE, beyond, held, near, span};
use super::strip;
use super::what_if::WhatIf;
use crate::console::{Console, faint};

/// A variant as a line of JSON.
#[derive(Serialize)]
struct Line<'a> {
    r#type: &'static str,
    values: Vec<Value<'a>>,
    present: bool,
    asked: bool,
    targets: Vec<TargetLine<'a>>,
    proceed: Option<TimeSpan>,
    hold: Option<TimeSpan>,
    rollback: Option<TimeSpan>,
    change: Option<ChangeLine>,
    decision: Option<Verdict>,
    warnings: &'a [String],
    error: Option<&'a str>,
}

#[derive(Serialize)]
struct Value<'a> {
    path: &'a str,
    value: &'a str,
}

#[derive(Serialize)]
struct TargetLine<'a> {
    path: &'a str,
    fires: u64,
    first: Option<Timestamp>,
    time: TimeSpan,
    value: Option<String>,
    threshold: Option<String>,
    margin: Option<String>,
    held: Option<TimeSpan>,
    needed: Option<TimeSpan>,
}

#[derive(Serialize)]
struct ChangeLine {
    at: Timestamp,
    present: Verdict,
    decision: Verdict,
}

/// Every variant as a line of JSON, in their order.
pub(super) fn lines(what_if: &WhatIf, backtest: &Backtest) -> Vec<String> {
    what_if.variants.iter().map(|(variant, place)| line(what_if, variant, story(backtest, *place))).collect()
}

/// The story of the variant with that place.
pub(super) fn story(backtest: &Backtest, place: Option<usize>) -> Option<&VariantStory> {
    place.and_then(|place| backtest.variants.get(place))
}

fn line(what_if: &WhatIf, variant: &Variant, told: Option<&VariantStory>) -> String {
    let paths = what_if.sweeps.iter().map(|sweep| sweep.knob.path.as_str());
    let time = |verdict| told.map(|told| told.story.decision.time(verdict));
    let text = |quantity: Quantity| quantity.to_string();
    let targets = told.into_iter().flat_map(|told| {
        what_if.tried().into_iter().filter_map(move |tried| {
            let target = tried.of(&told.story)?;
            let measured = target.closest.map(|close| close.measured);
            Some(TargetLine {
                path: what_if.path(tried),
                fires: target.fires,
                first: target.first,
                time: target.time,
                value: measured.map(|measured| text(measured.value)),
                threshold: measured.map(|measured| text(measured.threshold)),
                margin: measured.map(|measured| text(measured.margin)),
                held: target.longest.map(|longest| longest.held),
                needed: target.longest.map(|longest| longest.needed),
            })
        })
    });
    let line = Line {
        r#type: "variant",
        values: paths.zip(&variant.values).map(|(path, value)| Value { path, value }).collect(),
        present: variant.present,
        asked: variant.asked,
        targets: targets.collect(),
        proceed: time(Verdict::Proceed),
        hold: time(Verdict::Hold),
        rollback: time(Verdict::Rollback),
        change: told.and_then(|told| told.change).map(|change| ChangeLine {
            at: change.at,
            present: change.present,
            decision: change.variant,
        }),
        decision: told.and_then(|told| told.story.decision.last),
        warnings: &variant.warnings,
        error: variant.policy.as_ref().err().map(String::as_str),
    };
    // nothing in it can fail to serialize: no map, no float
    serde_json::to_string(&line).unwrap_or_default()
}

/// Prints the variants below each other.
pub(super) fn print(console: &mut Console, what_if: &WhatIf, backtest: &Backtest) {
    let (grid, notes) = table(what_if, backtest);
    console.line("");
    grid.print(console);
    notes.iter().for_each(|words| console.line(format!("  {words}")));
    strips(console, what_if, backtest);
}

/// A row for each variant, and what is to be said of them beside it.
pub(super) fn table(what_if: &WhatIf, backtest: &Backtest) -> (Grid, Vec<String>) {
    let paths: Vec<&str> = what_if.sweeps.iter().map(|sweep| sweep.knob.path.as_str()).collect();
    let head = paths.iter().map(|path| format!(">{path}"));
    let rest =
        ["", ">fires", "first", ">time there", ">hold", ">rollback", "first other decision", "closest"];
    let head: Vec<String> = head.chain(rest.iter().map(|text| (*text).to_owned())).collect();
    let mut grid = Grid::new(head.iter().map(String::as_str));
    let mut notes = Vec::new();
    for (variant, place) in &what_if.variants {
        let mark = if variant.present { "(present)" } else { "" };
        let values = variant.values.iter().cloned().chain([mark.to_owned()]);
        match story(backtest, *place) {
            Some(told) => grid.row(values.chain(cells(what_if, told))),
            None => grid.row(values.chain(["no rules".to_owned()])),
        }
        let name = variant.values.join(", ");
        notes.extend(variant.policy.as_ref().err().map(|words| format!("{name}: {words}")));
        notes.extend(variant.warnings.iter().map(|words| format!("{name}: {words}")));
    }
    (grid, notes)
}

fn strips(console: &mut Console, what_if: &WhatIf, backtest: &Backtest) {
    let name = |variant: &Variant| variant.values.join(", ");
    let names = what_if.variants.iter().map(|(variant, _)| name(variant).chars().count());
    let width = names.max().unwrap_or(0);
    console.line("");
    console.line(faint("decisions"));
    for (variant, place) in &what_if.variants {
        let Some(told) = story(backtest, *place) else { continue };
        let mark = if variant.present { '>' } else { ' ' };
        let indent = width.saturating_add(4);
        console.line(format!(
            "{mark} {:>width$}  {}",
            name(variant),
            strip::text(&told.story.decision.band, indent)
        ));
    }
}

/// The cells of a row behind its values.
fn cells(what_if: &WhatIf, told: &VariantStory) -> Vec<String> {
    let targets: Vec<TargetStory> =
        what_if.tried().into_iter().filter_map(|tried| tried.of(&told.story)).collect();
    let fires = targets.iter().fold(0u64, |sum, target| sum.saturating_add(target.fires));
    let time = targets.iter().fold(TimeSpan::ZERO, |sum, target| sum.plus(target.time));
    let first = targets.iter().filter_map(|target| target.first).min();
    let decision = &told.story.decision;
    let change = told.change.map_or("none".to_owned(), |change| {
        format!("{} at {}, not {}", change.variant, change.at, change.present)
    });
    let closest = targets.iter().find(|target| (target.fires > 0) == (fires > 0)).map(closest);
    vec![
        fires.to_string(),
        first.map_or(NONE.to_owned(), |at| at.to_string()),
        span(time),
        span(decision.time(Verdict::Hold)),
        span(decision.time(Verdict::Rollback)),
        change,
        closest.unwrap_or_else(|| NONE.to_owned()),
    ]
}

/// How far beyond its threshold it was, or how near it came.
fn closest(target: &TargetStory) -> String {
    match (target.fires, target.longest, target.closest) {
        (0, Some(longest), _) => held(longest),
        (0, None, Some(close)) => near(close),
        (_, _, Some(close)) => format!("{} beyond", beyond(Some(close))),
        _ => NONE.to_owned(),
    }
}
