//! The input: series from a fixed seed, rules over them, and the reference that says what must come out.

#![expect(clippy::arithmetic_side_effects, reason = "sizes that were checked; an overflow would end the run")]

use std::fmt::Write as _;

use crate::options;

/// The instant of the first sample.
pub(crate) const START: u64 = 1_767_225_600;
/// Every rule's `for`, in seconds.
pub(crate) const HOLD: u64 = 300;
/// Most rows that are made: a day of a thousand series at 15 s, and its files fit a disk.
const ROWS_MAX: u64 = 10_000_000;

/// What is asked for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Size {
    pub(crate) series: u64,
    pub(crate) hours: u64,
    pub(crate) step: u64,
    pub(crate) rules: u64,
    pub(crate) pairs: u64,
}

impl Size {
    pub(crate) fn asked() -> Result<Self, String> {
        let size = Self {
            series: options::number("series", 10)?,
            hours: options::number("hours", 6)?,
            step: options::number("step", 15)?,
            rules: options::number("rules", 20)?,
            pairs: options::number("pairs", 5)?,
        };
        let rows = size.hours.checked_mul(3_600).and_then(|time| time.checked_mul(size.series));
        if rows.is_none_or(|rows| rows / size.step > ROWS_MAX) {
            return Err(format!("--series, --hours, --step: more than {ROWS_MAX} samples; ask for fewer"));
        }
        if !HOLD.is_multiple_of(size.step) || !(size.hours * 3_600).is_multiple_of(size.step) {
            return Err(format!("--step {}: 5 minutes must be a multiple of it", size.step));
        }
        Ok(size)
    }

    /// Samples of each series: its first and its last instant are both in it.
    pub(crate) const fn samples(self) -> u64 {
        self.hours * 3_600 / self.step + 1
    }

    /// Rules looking at samples.
    pub(crate) const fn work(self) -> u64 {
        self.samples() * self.series * self.rules
    }

    /// Thresholds from 250 to 820, as many as there are rules.
    pub(crate) const fn threshold(self, rule: u64) -> u64 {
        match self.rules {
            1 => 250,
            rules => 250 + 570 * rule / (rules - 1),
        }
    }
}

/// One signal: 160 to 240, with bursts of 10 to 20 minutes between 300 and 899.
pub(crate) fn values(size: Size, series: u64) -> Vec<u64> {
    let mut seed = 0x5eed_0000_0000_0000 + series;
    let mut random = move |below: u64| {
        // SplitMix64
        seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (seed ^ (seed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % below
    };
    let (mut left, mut centre) = (0, 0);
    (0..size.samples())
        .map(|_| {
            // a burst every two hours or so
            if left == 0 && random(7_200) < size.step {
                left = (600 + random(600)) / size.step;
                centre = 350 + random(500);
            }
            match left {
                0 => 160 + random(81),
                _ => {
                    left -= 1;
                    centre - 50 + random(100)
                }
            }
        })
        .collect()
}

/// What a rule did on a series: every change, and what Prometheus' own series of it must add up to.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Story {
    /// The sample's number and the state from then on.
    pub(crate) changes: Vec<(u64, &'static str)>,
    /// Samples at which it fires.
    pub(crate) firing: u64,
    /// The start of its run of truth (seconds from the first sample), added up over all samples of such runs.
    pub(crate) starts: u64,
}

/// The reference state machine: `signal > threshold for 5m`, written down without any of either side's code.
pub(crate) fn story(size: Size, values: &[u64], threshold: u64) -> Story {
    let mut story = Story::default();
    let (mut state, mut run) = ("", None);
    for (n, value) in (0..).zip(values) {
        run = match *value > threshold {
            true => run.or(Some(n)),
            false => None,
        };
        let now = match run {
            None => "ok",
            Some(start) => {
                story.starts += start * size.step;
                match (n - start) * size.step >= HOLD {
                    true => "rollback",
                    false => "pending",
                }
            }
        };
        story.firing += u64::from(now == "rollback");
        if now != state {
            story.changes.push((n, now));
            state = now;
        }
    }
    story
}

/// The rules as Prometheus has them.
pub(crate) fn prometheus_rules(size: Size) -> String {
    let mut text = format!("groups:\n- name: g\n  interval: {}s\n  rules:\n", size.step);
    for rule in 0..size.rules {
        // writing to a string cannot fail
        let _ = writeln!(text, "  - alert: r{rule}\n    expr: sig > {}\n    for: 5m", size.threshold(rule));
    }
    text
}

/// The rules as Spark has them: each for each series, since a signal is one series.
pub(crate) fn spark_rules(size: Size) -> String {
    let mut text = format!("edition 2026\nevaluate every {}s\n\n", size.step);
    for series in 0..size.series {
        let _ = writeln!(text, "signal s{series} {{ is number  from push }}");
    }
    for series in 0..size.series {
        for rule in 0..size.rules {
            let threshold = size.threshold(rule);
            let _ = writeln!(
                text,
                "trigger r{rule}_s{series} {{ rollback when s{series} > {threshold} for 5m }}"
            );
        }
    }
    text
}

/// A recording in the order of time, as a recorder writes it.
pub(crate) fn csv(size: Size, all: &[Vec<u64>]) -> String {
    let mut text = String::from("time,signal,value\n");
    let mut columns: Vec<_> = all.iter().map(|values| values.iter()).collect();
    for n in 0..size.samples() {
        let at = START + n * size.step;
        for (series, column) in columns.iter_mut().enumerate() {
            if let Some(value) = column.next() {
                let _ = writeln!(text, "{at},s{series},{value}");
            }
        }
    }
    text
}

/// The same values and expectations as `promtool test rules` reads them. It passes when, for every rule and series, it
/// counted as many firing samples as the reference, and the starts of the runs add up to the same.
pub(crate) fn promtool_test(size: Size, all: &[Vec<u64>], stories: &[Vec<Story>]) -> String {
    let (step, end) = (size.step, size.hours * 3_600);
    let mut text = format!(
        "rule_files: [rules.yml]\nevaluation_interval: {step}s\ntests:\n- interval: {step}s\n  input_series:\n"
    );
    for (series, values) in all.iter().enumerate() {
        let _ = write!(text, "  - series: sig{{s=\"s{series}\"}}\n    values: '");
        for value in values {
            let _ = write!(text, "{value} ");
        }
        text.push_str("'\n");
    }
    text.push_str("  promql_expr_test:\n");
    for (query, of_firing) in
        [("count_over_time(ALERTS{alertstate=\"firing\"}", true), ("sum_over_time(ALERTS_FOR_STATE", false)]
    {
        let _ =
            write!(text, "  - expr: '{query}[{}s])'\n    eval_time: {end}s\n    exp_samples:\n", end + step);
        for (series, stories) in stories.iter().enumerate() {
            for (rule, story) in stories.iter().enumerate() {
                // a rule that never was in that state leaves no series
                let wanted =
                    |(_, state): &(u64, &str)| *state == "rollback" || (!of_firing && *state == "pending");
                if !story.changes.iter().any(wanted) {
                    continue;
                }
                let (state, sum) = match of_firing {
                    true => ("alertstate=\"firing\",", story.firing),
                    false => ("", story.starts),
                };
                let _ = writeln!(
                    text,
                    "    - labels: '{{alertname=\"r{rule}\",{state}s=\"s{series}\"}}'\n      value: {sum}"
                );
            }
        }
    }
    text
}
