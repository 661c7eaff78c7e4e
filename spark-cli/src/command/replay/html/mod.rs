//! A backtest as a page: one file, nothing fetched, the same bytes for the same samples.
//!
//! Drawn by hand: lines, rectangles and text are all that it needs, and a page that opens in ten years needs no library.

mod axis;
mod bands;
mod chart;
mod data;
mod escape;
mod limits;
mod text;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};
use spark_core::{Severity, State, Verdict};
use spark_runtime::replay::{Backtest, Picture, Story, TriggerStory};

use self::axis::Time;
pub(super) use self::escape::text as escaped;
use super::report;
use super::variants;
use super::what_if::WhatIf;
use crate::rules::Rules;

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("script.js");

/// Most triggers whose bands are drawn: those that moved come first.
const BANDS_MAX: usize = 60;
/// Most charts.
const CHARTS_MAX: usize = 60;

/// Most triggers that the page's first sentence names, one more aside: two lines of it.
const NAMES_MAX: usize = 4;

/// The page.
pub(super) fn page(rules: &Rules, what_if: Option<&WhatIf>, backtest: &Backtest) -> String {
    let story = &backtest.story;
    let time = Time::over(story.axis);
    let triggers = drawn(story);
    let name = escape::text(rules.files.name(0));
    let mut body = String::new();
    body.push_str(&format!(
        "<h1>{name} · replayed from {} to {}</h1>\n<p class=\"lead\">{}</p>\n<p class=\"facts\">{}</p>\n{}",
        story.axis.from(),
        story.axis.to(),
        escape::text(&sentence(story)),
        escape::text(&report::told(&backtest.summary)),
        shares(story)
    ));
    body.push_str(&section("Decisions and states", "", &states(rules, story, &triggers, time)));
    body.push_str(&section("What fired, and what nearly did", "", &tables(rules, story)));
    if let Some(what_if) = what_if {
        body.push_str(&section("What if", "", &tried(what_if, backtest, time)));
    }
    body.push_str(&section("Signals", "", &charts(rules, backtest, time)));
    body.push_str(&section("Rules", "", &text::files(rules, story)));
    let data = data::json(rules, backtest, &triggers, time);
    document(&name, &body, &data)
}

fn document(name: &str, body: &str, data: &str) -> String {
    let hash = |text: &str| format!("'sha256-{}'", STANDARD.encode(Sha256::digest(text.as_bytes())));
    let policy = format!(
        "default-src 'none'; style-src {}; script-src {}; base-uri 'none'; form-action 'none'",
        hash(STYLE),
        hash(SCRIPT)
    );
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{policy}\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<title>Backtest of {name}</title>\n\
         <style>{STYLE}</style>\n</head>\n<body>\n\
         <svg class=\"defs\" width=\"0\" height=\"0\" aria-hidden=\"true\"><defs><pattern id=\"hatch\" width=\"6\" height=\"6\" patternUnits=\"userSpaceOnUse\" patternTransform=\"rotate(45)\"><line class=\"hatch\" x1=\"0\" x2=\"0\" y1=\"0\" y2=\"6\"/></pattern></defs></svg>\n\
         <main>\n{body}</main>\n<div id=\"at\" role=\"status\" hidden></div>\n\
         <script type=\"application/json\" id=\"data\">{data}</script>\n<script>{SCRIPT}</script>\n</body>\n</html>\n"
    )
}

fn section(title: &str, hint: &str, body: &str) -> String {
    let hint = if hint.is_empty() { String::new() } else { format!("<p class=\"hint\">{hint}</p>\n") };
    format!("<section>\n<h2>{title}</h2>\n{hint}{body}</section>\n")
}

/// The triggers whose bands are drawn, by place: in the order of their declaration, those that moved before others where
/// not all can be.
fn drawn(story: &Story) -> Vec<usize> {
    let moved =
        |trigger: &TriggerStory| trigger.band.cells().iter().flatten().any(|state| *state != State::Ok);
    let mut places: Vec<usize> = (0..story.triggers.len()).collect();
    if places.len() > BANDS_MAX {
        places.sort_by_key(|place| !story.triggers.get(*place).is_some_and(moved));
        places.truncate(BANDS_MAX);
        places.sort_unstable();
    }
    places
}

/// All of it in one sentence.
fn sentence(story: &Story) -> String {
    let decision = &story.decision;
    let share = |verdict| report::percent(decision.share(verdict));
    let rest = format!(
        "{} of the time it would have proceeded, {} held",
        share(Verdict::Proceed),
        share(Verdict::Hold)
    );
    match decision.first_rollback {
        Some(at) => {
            let first = |trigger: &&TriggerStory| {
                let level = trigger.levels.iter().find(|level| level.severity == Severity::Rollback);
                level.is_some_and(|level| level.first() == Some(at))
            };
            let names: Vec<&str> =
                story.triggers.iter().filter(first).map(|trigger| trigger.name.as_str()).collect();
            let because = match names.is_empty() {
                true => "because evidence was missing for too long".to_owned(),
                false => format!("because of {}", all(&names)),
            };
            format!("The release would have been rolled back at {at}, {because}; {rest}.")
        }
        None if decision.share(Verdict::Proceed) == 10_000 => {
            "The release would have proceeded throughout.".to_owned()
        }
        None => format!("The release would not have been rolled back; {rest}."),
    }
}

/// Names in a sentence, no more of them than anybody reads there.
fn all(names: &[&str]) -> String {
    match names.split_at_checked(NAMES_MAX) {
        Some((first, more)) if more.len() > 1 => format!("{} and {} more", first.join(", "), more.len()),
        _ => names.join(" and "),
    }
}

fn shares(story: &Story) -> String {
    let decision = &story.decision;
    let entry = |verdict: Verdict| {
        format!(
            "<li>{}<span>{verdict} <b>{}</b> · {}</span></li>",
            bands::swatch(verdict),
            escape::text(&report::percent(decision.share(verdict))),
            decision.time(verdict)
        )
    };
    let entries = [Verdict::Proceed, Verdict::Hold, Verdict::Rollback].map(entry).concat();
    format!("<ul class=\"shares\">{entries}</ul>\n")
}

fn states(rules: &Rules, story: &Story, triggers: &[usize], time: Time) -> String {
    let axis = story.axis;
    let mut out = "<div class=\"card\">\n".to_owned();
    for trigger in triggers.iter().filter_map(|place| story.triggers.get(*place)) {
        let declared = rules.policy.triggers().get(trigger.id.index());
        let title = declared.and_then(|trigger| trigger.title.as_deref()).unwrap_or("");
        let name = format!("{}<small>{}</small>", escape::text(&trigger.name), escape::text(title));
        out.push_str(&bands::row(
            "",
            &name,
            &format!("states of {}", trigger.name),
            &trigger.band,
            axis,
            time,
        ));
    }
    out.push_str(&bands::row("decision", "decision", "decisions", &story.decision.band, axis, time));
    out.push_str(&bands::marks(time));
    out.push_str(&bands::key());
    out.push_str("</div>\n");
    if let Some(more) = story.triggers.len().checked_sub(triggers.len()).filter(|more| *more > 0) {
        out.push_str(&format!("<p class=\"plain\">{more} more triggers are not drawn</p>"));
    }
    out
}

fn tables(rules: &Rules, story: &Story) -> String {
    let (fired, left_out) = report::fired(story, report::SPELLS_IN_PAGE);
    let mut out = String::new();
    match fired.is_empty() {
        true => out.push_str("<div class=\"card\">Nothing would have fired.</div>\n"),
        false => out.push_str(&fired.html(None)),
    }
    for words in left_out {
        out.push_str(&format!("<p class=\"plain\">{}</p>", escape::text(&words)));
    }
    for grid in [report::missed(story), report::unknown(story), report::expected(rules, story)] {
        if !grid.is_empty() {
            out.push_str(&grid.html(None));
        }
    }
    out
}

fn tried(what_if: &WhatIf, backtest: &Backtest, time: Time) -> String {
    let (grid, notes) = variants::table(what_if, backtest);
    let present = what_if.variants.iter().position(|(variant, _)| variant.present);
    let mut out = grid.html(present);
    if !notes.is_empty() {
        let notes: String = notes.iter().map(|words| format!("<li>{}</li>", escape::text(words))).collect();
        out.push_str(&format!("<ul class=\"plain\">{notes}</ul>\n"));
    }
    out.push_str("<div class=\"card\">\n");
    for (variant, place) in &what_if.variants {
        let Some(told) = variants::story(backtest, *place) else { continue };
        let name = variant.values.join(", ");
        let mark = if variant.present { "<small>present</small>" } else { "" };
        let class = if variant.present { "decision" } else { "" };
        let label = format!("decisions with {name}");
        let band = &told.story.decision.band;
        let name = format!("{}{mark}", escape::text(&name));
        out.push_str(&bands::row(class, &name, &label, band, backtest.story.axis, time));
    }
    out.push_str(&bands::marks(time));
    out.push_str("</div>\n");
    out
}

fn charts(rules: &Rules, backtest: &Backtest, time: Time) -> String {
    let mut out = "<div class=\"card\">\n".to_owned();
    let mut count = 0usize;
    for (place, signal) in rules.policy.signals().iter().enumerate() {
        let own = |picture: &&Picture| picture.signal.index() == place;
        let pictures: Vec<&Picture> = backtest.pictures.iter().filter(own).collect();
        if pictures.is_empty() || count >= CHARTS_MAX {
            continue;
        }
        count = count.saturating_add(1);
        out.push_str(&chart::row(rules, signal, &pictures, time));
    }
    let bare = |(place, _): &(usize, &spark_core::Signal)| {
        !backtest.pictures.iter().any(|picture| picture.signal.index() == *place)
    };
    let missing: Vec<String> = rules
        .policy
        .signals()
        .iter()
        .enumerate()
        .filter(bare)
        .map(|(_, signal)| escape::text(&signal.name))
        .collect();
    if !missing.is_empty() {
        out.push_str(&format!("<p class=\"plain\">without a sample: {}</p>", missing.join(", ")));
    }
    out.push_str("</div>\n");
    out
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::STYLE;

    /// The colours of a scheme: those of the first block that names them, with those of `over` in their place.
    fn colours(over: &str) -> BTreeMap<String, String> {
        let mut colours = BTreeMap::new();
        for block in [STYLE.split('}').next().unwrap(), over] {
            for (name, value) in block.split(';').filter_map(|part| part.split_once("--")?.1.split_once(": "))
            {
                colours.insert(name.to_owned(), value.trim().to_owned());
            }
        }
        colours
    }

    /// How bright WCAG 2 takes a colour for.
    fn luminance(colour: &str) -> f64 {
        let long = if colour.len() == 4 {
            colour.chars().skip(1).flat_map(|digit| [digit, digit]).collect()
        } else {
            colour[1..].to_owned()
        };
        let part = |at: usize| {
            let part = f64::from(u8::from_str_radix(&long[at..at.saturating_add(2)], 16).unwrap()) / 255.0;
            if part <= 0.039_28 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * part(0) + 0.7152 * part(2) + 0.0722 * part(4)
    }

    fn contrast(a: &str, b: &str) -> f64 {
        let (a, b) = (luminance(a), luminance(b));
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    /// Words and shades stand out as WCAG AA asks: words 4.5 to 1, pieces of a picture 3 to 1, in light, in dark and on
    /// paper.
    #[test]
    fn colours_stand_out() {
        let block = |media: &str| STYLE.split_once(media).unwrap().1.split('}').next().unwrap();
        let schemes = ["", block("@media (prefers-color-scheme: dark)"), block("@media print")];
        for (scheme, over) in schemes.into_iter().enumerate() {
            let colours = colours(over);
            let check = |name: &str, ground: &str, least: f64| {
                let found = contrast(&colours[name], &colours[ground]);
                assert!(found >= least, "{name} on {ground} in scheme {scheme}: {found:.2}");
            };
            for words in ["ink", "soft", "hold-words", "rollback", "warn"] {
                check(words, "card", 4.5);
            }
            for words in ["ink", "soft"] {
                check(words, "page", 4.5);
                check(words, "mark", 4.5);
            }
            for shade in ["ok", "pending", "warn", "hold", "rollback", "unknown"] {
                check(shade, "card", 3.0);
                check(shade, "grid", 3.0);
            }
            check("line", "card", 3.0);
            check("base", "card", 3.0);
        }
    }
}
