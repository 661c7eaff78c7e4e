//! The pack's rules in compressed time: a rehearsal decides by the rules of the real release, in minutes instead of hours.
//!
//! Every length of time in them (`over`, `for`, `after`, `within`) is a twentieth of what it is, and what is measured per
//! minute along such a window (`slope`) is twenty times of it, and what has to be counted in one (`increase`) a twentieth.
//! Thresholds stay what they are, and so do conditions, names and titles. The plan's stages have a time of their own, and the night is 24 hours of a second each.

use std::path::Path;

use rust_decimal::Decimal;
use spark_core::TimeSpan;
use spark_core::quantity::parse_duration;

use super::Failure;

/// How many times faster than the pack a rehearsal is. A window of a minute has three seconds then, in which even a canary at 1 %
/// of some hundred orders a second is asked; with less, its 95th percentile would be one of nothing.
const FASTER: u32 = 20;

/// How often is decided: often enough for a window of three seconds to hold several samples.
const EVERY: &str = "500ms";

/// The length of an hour of the night.
pub(super) const HOUR: &str = "1s";

/// The files that a release decides by.
const FILES: [&str; 6] =
    ["signals.rules", "triggers.rules", "resources.rules", "enhanced.rules", "guards.rules", "canary.rules"];

/// Words behind which a length of time stands that passes; behind all others it is a measurement.
const TIMES: [&str; 4] = ["over", "for", "after", "within"];

/// How long the plan's parts are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Dwell {
    /// Each stage.
    pub(super) stage: TimeSpan,
    /// How long every signal has to meet its expectation: a third of a stage, as in the pack.
    pub(super) met: TimeSpan,
}

impl Dwell {
    /// A stage of so many seconds.
    pub(super) const fn of(seconds: u32) -> Self {
        Self { stage: TimeSpan::from_seconds(seconds), met: TimeSpan::from_seconds(seconds.div_ceil(3)) }
    }
}

/// Writes the pack's rules to a folder, faster.
///
/// # Errors
/// A file of the pack cannot be read, or one not be written.
pub(super) fn write(pack: &Path, to: &Path, dwell: Dwell) -> Result<(), Failure> {
    std::fs::create_dir_all(to)?;
    for name in FILES {
        let path = pack.join(name);
        let text = std::fs::read_to_string(&path).map_err(|error| {
            format!("`{}` cannot be read: {error}; it belongs to the pack", path.display())
        })?;
        std::fs::write(to.join(name), faster(&text, dwell))?;
    }
    Ok(())
}

/// A file's rules, faster; tests and comments speak of the real time and are left out.
fn faster(text: &str, dwell: Dwell) -> String {
    let mut rules = format!("# Made from the pack for a rehearsal: time passes {FASTER} times as fast.\n");
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if line.starts_with("test ") {
            let _ = lines.find(|line| *line == "}");
            continue;
        }
        let line = line.split_once('#').map_or(line, |(rule, _)| rule.trim_end());
        let plan = line.trim_start();
        if plan.starts_with("evaluate every ") {
            rules.push_str(&format!("evaluate every {EVERY}"));
        } else if let Some((stage, _)) = line.split_once(" for ").filter(|_| plan.starts_with("stage ")) {
            rules.push_str(&format!("{stage} for {}", dwell.stage));
        } else if let Some((met, _)) = line.split_once(" for ").filter(|_| plan.starts_with("proceed when "))
        {
            let watch = parse_duration(HOUR).unwrap_or_default().times(24);
            rules.push_str(&format!("{met} for {}\n  watch {watch}", dwell.met));
        } else {
            rules.push_str(&words(line));
        }
        rules.push('\n');
    }
    rules
}

/// A line with its times and slopes changed, and every other character as it was.
fn words(line: &str) -> String {
    let (slope, count) = (line.contains("slope("), line.contains("increase("));
    let mut before = "";
    let mut changed = Vec::new();
    for word in line.split(' ') {
        let bare = word.trim_end_matches([')', ',']);
        let behind = word.get(bare.len()..).unwrap_or_default();
        let new = match parse_duration(bare) {
            Some(time) if TIMES.contains(&before) => shorter(time),
            _ if slope => steeper(bare),
            _ if count && before == ">=" => fewer(bare),
            _ => None,
        };
        changed.push(new.map_or_else(|| word.to_owned(), |new| format!("{new}{behind}")));
        if !word.is_empty() {
            before = word;
        }
    }
    changed.join(" ")
}

fn shorter(time: TimeSpan) -> Option<String> {
    let nanos = time.nanos().checked_div(i64::from(FASTER))?;
    Some(TimeSpan::from_nanos(nanos).to_string())
}

/// `4MiB/min` is `80MiB/min`.
fn steeper(word: &str) -> Option<String> {
    let amount = word.strip_suffix("/min")?;
    let unit = amount.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(amount.len());
    let (number, unit) = amount.split_at_checked(unit)?;
    let number = number.parse::<Decimal>().ok()?.checked_mul(Decimal::from(FASTER))?;
    Some(format!("{}{unit}/min", number.normalize()))
}

/// `200` is `10`.
fn fewer(word: &str) -> Option<String> {
    Some(word.parse::<Decimal>().ok()?.checked_div(Decimal::from(FASTER))?.normalize().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Times that pass are shorter and slopes steeper; what is measured stays.
    #[test]
    fn lines() {
        for (line, expected) in [
            ("  hold     when p95 > 300ms for 3m", "  hold     when p95 > 300ms for 9s"),
            ("  unknown  hold, then rollback after 10m", "  unknown  hold, then rollback after 30s"),
            ("  given    increase(requests over 5m) >= 200", "  given    increase(requests over 15s) >= 10"),
            ("  from    metrics p95(x) over 1m", "  from    metrics p95(x) over 3s"),
            ("  expect  <= 200ms", "  expect  <= 200ms"),
            ("  expect  < 0.5/min", "  expect  < 0.5/min"),
            (
                "rollback when (slope(rss over 5m) > 4MiB/min and slope(rss over 5m) > 2x baseline) for 8m",
                "rollback when (slope(rss over 15s) > 80MiB/min and slope(rss over 15s) > 2x baseline) for 24s",
            ),
            ("and slope(p95 over 5m) > -10ms/min", "and slope(p95 over 15s) > -200ms/min"),
            (
                "and slope(connections over 3m) > 1.5x previous stage",
                "and slope(connections over 9s) > 1.5x previous stage",
            ),
        ] {
            assert_eq!(words(line), expected);
        }
    }

    /// The pack in compressed time is the pack: the same signals, triggers and shares, with the same thresholds, in less time.
    #[test]
    fn the_same_rules() {
        let pack = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../rules");
        let fast = tempfile::tempdir().unwrap();
        write(&pack, fast.path(), Dwell::of(6)).unwrap();
        let load = |folder: &Path| {
            let read =
                |name: &str| std::fs::read_to_string(folder.join(name)).map_err(|error| error.to_string());
            let text = read("canary.rules").unwrap();
            match spark_rules::load("canary.rules", &text, &mut |name: &str| read(name)) {
                Ok(loaded) => loaded.policy,
                Err(failed) => panic!("{:?}", failed.diagnostics),
            }
        };
        let (slow, fast) = (load(&pack), load(fast.path()));
        assert_eq!(fast.every(), parse_duration(EVERY).unwrap());
        let signals = |policy: &spark_core::Policy| -> Vec<_> {
            policy.signals().iter().map(|one| (one.name.clone(), one.title.clone(), one.unit)).collect()
        };
        assert_eq!(signals(&fast), signals(&slow));
        let triggers = |policy: &spark_core::Policy| -> Vec<_> {
            policy
                .triggers()
                .iter()
                .map(|one| (one.name.clone(), one.title.clone(), one.levels.len()))
                .collect()
        };
        assert_eq!(triggers(&fast), triggers(&slow));
        assert_eq!(triggers(&fast).len(), 20);
        let (fast, slow) = (&fast.plans()[0], &slow.plans()[0]);
        let shares =
            |plan: &spark_core::Plan| -> Vec<_> { plan.stages.iter().map(|one| one.share_bp).collect() };
        assert_eq!(shares(fast), shares(slow));
        assert!(fast.stages.iter().all(|stage| stage.duration == TimeSpan::from_seconds(6)));
        assert_eq!(fast.watch, TimeSpan::from_seconds(24));
    }
}
