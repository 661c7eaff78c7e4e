//! What the frame says in words: where the rollout is, what is wrong, what is next, what happened.

use spark_core::rollout::next_look;
use spark_core::{TimeSpan, Timestamp, Verdict};
use spark_runtime::control::{Standing, Status};

use super::frame::Look;
use super::line::{BAD, BOLD, FAINT, GOOD, Line, PLAIN, WAIT};
use super::rows::bar_of;

/// Cells of the bar of the stage's time.
const SERVED: usize = 12;

/// Reasons that are named one by one; all of them stand in the evidence.
const REASONS_SHOWN: usize = 4;

/// Measurements older than this are said to be old.
const OLD: TimeSpan = TimeSpan::from_seconds(120);

/// The release, its plan, and what time it is.
pub(super) fn head(status: &Status, look: &Look) -> Line {
    let line = Line::default()
        .with(BOLD, format!(" {}", status.release))
        .with(FAINT, format!("  on plan {}", status.plan));
    let day = status.show.as_ref().map_or(String::new(), |show| format!("{}  ", show.clock(look.now)));
    let clock = format!("{day}{}Z", time_of_day(look.now));
    let room = look.width().saturating_sub(line.width()).saturating_sub(clock.len());
    match room {
        0 | 1 => line,
        room => line.with(PLAIN, " ".repeat(room)).with(FAINT, clock),
    }
}

/// The stages: served, here, ahead; where a person has to approve, that stands with it.
pub(super) fn bar(status: &Status, look: &Look) -> Line {
    let glyphs = look.glyphs;
    let here = status.stage.and_then(|stage| usize::try_from(stage).ok()?.checked_sub(1));
    let mut line = Line::default().with(PLAIN, " ");
    for (place, stage) in status.stages.iter().enumerate() {
        if place > 0 {
            line = line.with(FAINT, format!(" {} ", glyphs.road));
        }
        let gone = here.is_some_and(|here| place < here);
        let back =
            matches!(status.state, Standing::RollingBack | Standing::RolledBack | Standing::Unverified);
        let (glyph, style) = match status.state {
            Standing::Completed | Standing::Watching => (glyphs.done, GOOD),
            _ if here == Some(place) && back => (glyphs.back, BAD),
            Standing::Waiting if here == Some(place) => (glyphs.done, GOOD),
            _ if here == Some(place) => (glyphs.here, BOLD),
            _ if gone => (glyphs.done, GOOD),
            _ => (glyphs.ahead, FAINT),
        };
        line = line.with(style, format!("{glyph} {}", stage.share));
        if stage.approval && glyph == glyphs.ahead {
            line = line.with(WAIT, " approval");
        }
    }
    line
}

/// Where it is.
pub(super) fn place(status: &Status, look: &Look) -> Line {
    let of = status.stages.len();
    let stage = status.stage.map_or_else(String::new, |stage| format!("stage {stage} of {of}"));
    let again = match status.attempt {
        Some(attempt) if attempt > 1 => format!(", attempt {attempt}"),
        _ => String::new(),
    };
    let line = Line::default().with(PLAIN, " ");
    let line = match status.state {
        Standing::Scheduled => {
            line.with(BOLD, format!("waits for T-0, in {}", span(status.opens.since(look.now))))
        }
        Standing::Waiting if stage.is_empty() => line.with(BOLD, "waits to enter stage 1"),
        Standing::Waiting => line.with(BOLD, format!("{stage} is served")),
        Standing::Entering => line.with(BOLD, format!("enters {stage}{again}")),
        Standing::Stage => return serving(status, look, line.with(BOLD, stage)),
        Standing::Watching => watching(status, look, line),
        Standing::RollingBack => {
            let since = status.back_since.map_or(TimeSpan::ZERO, |since| look.now.since(since));
            let words = format!("ROLLING BACK from {stage}{again}");
            line.with(BAD, words).with(PLAIN, format!("  {} of {}", span(since), status.back_within))
        }
        Standing::Completed => line.with(GOOD, "completed: every stage was served"),
        Standing::RolledBack => line.with(BAD, format!("rolled back from {stage}")),
        Standing::Unverified => line.with(BAD, format!("ROLLBACK UNVERIFIED from {stage}")),
        Standing::Aborted => line.with(WAIT, status.because.join(", ")),
    };
    line.with(PLAIN, format!("  {}", traffic(status, look.now)))
}

fn serving(status: &Status, look: &Look, line: Line) -> Line {
    let place = status.stage.and_then(|stage| usize::try_from(stage).ok()?.checked_sub(1));
    let needs = place.and_then(|place| status.stages.get(place)).map_or(TimeSpan::ZERO, |stage| stage.needs);
    let line = match status.warm_up_until.filter(|until| *until > look.now) {
        Some(until) => line.with(WAIT, format!("  warms up, {} more", span(until.since(look.now)))),
        None => {
            let bar = bar_of(status.served.seconds(), needs.seconds(), SERVED, look.glyphs);
            line.with(GOOD, format!("  {bar}"))
                .with(PLAIN, format!(" {} of {needs} served", span(status.served)))
        }
    };
    line.with(PLAIN, format!("  {}", traffic(status, look.now)))
}

fn watching(status: &Status, look: &Look, line: Line) -> Line {
    let since = status.watched_since.unwrap_or(look.now);
    let line = line.with(GOOD, "every stage is served");
    line.with(PLAIN, format!(", watched for {} of {}", span(look.now.since(since)), status.watch))
}

fn traffic(status: &Status, now: Timestamp) -> String {
    let Some(share) = &status.share else { return "traffic not measured".to_owned() };
    let old = status.share_at.map(|at| now.since(at)).filter(|age| *age > OLD && !status.is_over());
    let old = old.map_or_else(String::new, |age| format!(", {} ago", span(age)));
    format!("traffic {share}%{old}")
}

/// What was decided last, and why.
pub(super) fn verdict(status: &Status) -> Line {
    let Some(taken) = &status.decision else { return Line::default().with(FAINT, " nothing is decided yet") };
    let style = verdict_style(taken.decision);
    let line = Line::default().with(style.bold(), format!(" {}", taken.decision.as_str().to_uppercase()));
    match taken.because.is_empty() {
        true => line.with(PLAIN, "  every trigger is quiet"),
        false => line.with(PLAIN, format!("  because {}", reasons(&taken.because))),
    }
}

fn verdict_style(verdict: Verdict) -> anstyle::Style {
    match verdict {
        Verdict::Proceed => GOOD,
        Verdict::Hold => WAIT,
        Verdict::Rollback => BAD,
    }
}

/// What is wrong or in the way, the gravest first.
pub(super) fn warnings(status: &Status, now: Timestamp) -> Vec<Line> {
    let bad = |words: String| Line::default().with(BAD, format!(" {words}"));
    let wait = |words: String| Line::default().with(WAIT.bold(), format!(" {words}"));
    let mut lines = Vec::new();
    if status.state == Standing::Unverified {
        lines.push(bad(
            "the canary may still get traffic: look at the load balancer yourself, now".to_owned()
        ));
    }
    if let Some(reason) = &status.unrecorded {
        lines.push(bad(format!("UNRECORDED, nothing advances: {reason}")));
    }
    let drifts = status.share.as_ref().is_some_and(|share| *share != status.expected_share);
    if drifts && matches!(status.state, Standing::Stage | Standing::Watching | Standing::Waiting) {
        let share = status.share.as_deref().unwrap_or_default();
        lines.push(bad(format!(
            "DRIFT: the canary has {share}% of the traffic, and should have {}%",
            status.expected_share
        )));
    }
    if !status.running && !status.is_over() {
        lines.push(bad("NOBODY RUNS IT: the traffic stays where it is".to_owned()));
    }
    if status.needs_approval {
        lines.push(wait("waits for approval: `spark approve --because …`".to_owned()));
    }
    if let Some(held) = &status.held {
        let since = clock_time(held.at, now);
        lines.push(wait(format!("HELD by {} since {since}: {}", held.by, held.because)));
    }
    if let Some(frozen) = &status.frozen {
        lines.push(wait(format!("FROZEN until {}: {}", clock_time(frozen.until, now), frozen.because)));
    }
    lines
}

/// The clock of the run of show: what is on, and what is next.
pub(super) fn show(status: &Status, now: Timestamp) -> Vec<Line> {
    if status.is_over() {
        return Vec::new();
    }
    let look = status.watched_since.and_then(|since| next_look(since, now));
    let mut told = Vec::new();
    if let Some(show) = &status.show {
        let (on, next) = show.around(now);
        told.extend(on.map(|item| format!("{} {}", show.clock(item.at), item.title)));
        told.extend(next.map(|item| {
            let away = span(item.at.since(now));
            format!("next in {away}: {} {}", show.clock(item.at), item.title)
        }));
    }
    told.extend(look.map(|at| format!("next look in {}", span(at.since(now)))));
    match told.is_empty() {
        true => Vec::new(),
        false => vec![Line::default().with(FAINT, " by plan  ").with(PLAIN, told.join("; "))],
    }
}

/// The last decisions, operators' words and notes, in order of time.
pub(super) fn history(status: &Status, now: Timestamp, most: usize) -> Vec<Line> {
    let mut told: Vec<(Timestamp, Line)> = Vec::new();
    for taken in &status.decisions {
        let because = match taken.because.is_empty() {
            true => String::new(),
            false => format!(" because {}", reasons(&taken.because)),
        };
        let line = entry(taken.at, now).with(verdict_style(taken.decision), taken.decision.as_str());
        told.push((taken.at, line.with(PLAIN, because)));
    }
    for spoke in &status.words {
        let line = entry(spoke.said.at, now).with(BOLD, format!("{} says {}", spoke.said.by, spoke.word));
        told.push((spoke.said.at, line.with(PLAIN, format!(": {}", spoke.said.because))));
    }
    for note in &status.notes {
        told.push((note.at, entry(note.at, now).with(WAIT, &note.words)));
    }
    told.sort_by_key(|(at, _)| *at);
    let skipped = told.len().saturating_sub(most);
    told.into_iter().skip(skipped).map(|(_, line)| line).collect()
}

fn entry(at: Timestamp, now: Timestamp) -> Line {
    Line::default().with(FAINT, format!(" {}  ", clock_time(at, now)))
}

/// The first reasons, and how many more there are.
fn reasons(because: &[String]) -> String {
    let shown: Vec<_> = because.iter().take(REASONS_SHOWN).map(String::as_str).collect();
    match because.len().saturating_sub(REASONS_SHOWN) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

/// A length of time at a glance: its two largest units, whole seconds at most.
pub(super) fn span(span: TimeSpan) -> String {
    let seconds = span.to_std().as_secs();
    let (days, hours) = (seconds / 86_400, seconds / 3600 % 24);
    let (minutes, rest) = (seconds / 60 % 60, seconds % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{rest}s"),
        (0, 0, _) => format!("{minutes}m{rest:02}s"),
        (0, _, _) => format!("{hours}h{minutes:02}m"),
        _ => format!("{days}d{hours:02}h"),
    }
}

/// A time of day, with the day where it is another one than now's.
pub(super) fn clock_time(at: Timestamp, now: Timestamp) -> String {
    let day = |at: Timestamp| at.to_string().split('T').next().unwrap_or_default().to_owned();
    match day(at) == day(now) {
        true => time_of_day(at),
        false => format!("{} {}", day(at), time_of_day(at)),
    }
}

/// Hours, minutes and seconds, in UTC.
fn time_of_day(at: Timestamp) -> String {
    let text = at.to_string();
    let time = text.split('T').nth(1).unwrap_or_default();
    time.split(['.', 'Z']).next().unwrap_or_default().to_owned()
}

/// The question of Ctrl-C.
pub(crate) fn question(status: Option<&Status>) -> String {
    match status {
        Some(status) if status.state == Standing::RollingBack => {
            "stop, though the traffic is not seen to be back?  [s]top / [c]ontinue".to_owned()
        }
        Some(status) => match &status.share {
            Some(share) => {
                format!("leave the traffic at {share} % and stop?  [s]top / [r]oll back / [c]ontinue")
            }
            None => "leave the traffic, which is not measured, and stop?  [s]top / [r]oll back / [c]ontinue"
                .to_owned(),
        },
        None => "nothing was moved yet; stop?  [s]top / [c]ontinue".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Times read at a glance, and a day's end does not hide which day.
    #[test]
    fn times() {
        for (seconds, told) in [(0, "0s"), (59, "59s"), (61, "1m01s"), (3661, "1h01m"), (90_000, "1d01h")] {
            assert_eq!(span(TimeSpan::from_seconds(seconds)), told);
        }
        let at = |text: &str| Timestamp::parse(text).unwrap();
        let now = at("2026-01-05T10:00:00Z");
        assert_eq!(clock_time(at("2026-01-05T09:59:58.25Z"), now), "09:59:58");
        assert_eq!(clock_time(at("2026-01-06T00:00:00Z"), now), "2026-01-06 00:00:00");
        assert_eq!(super::super::line::width(&time_of_day(now)), 8);
    }
}
