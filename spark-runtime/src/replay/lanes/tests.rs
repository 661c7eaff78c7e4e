//! Lanes tell what one engine tells that is evaluated at each instant: the same events, byte for byte.

use std::fmt::Write as _;

use rust_decimal::Decimal;
use spark_core::{Reading, Sample, SignalId, Track};

use super::*;

/// Choices of a test, each from the same numbers every time.
struct Choices {
    seed: u64,
    /// Triggers of one level on one signal, and samples that are mostly even and complete.
    simple: bool,
}

impl Choices {
    fn below(&mut self, count: u64) -> u64 {
        self.seed = self.seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.seed >> 33).checked_rem(count).unwrap()
    }

    fn one_in(&mut self, count: u64) -> bool {
        self.below(count) == 0
    }

    fn of<'a>(&mut self, all: &[&'a str]) -> &'a str {
        let place = usize::try_from(self.below(u64::try_from(all.len()).unwrap())).unwrap();
        all.get(place).unwrap()
    }

    fn comparison(&mut self, signals: u64, plain: bool) -> String {
        let signal = self.below(signals);
        let threshold = self.below(12).saturating_mul(50);
        let relation = self.of(&[">", ">", ">", ">=", "<", "<=", "==", "!="]);
        if self.simple {
            return match self.below(8) {
                0 => format!("{threshold}.5ms {relation} s{signal}"),
                _ => format!("s{signal} {} {threshold}ms", self.of(&[">", ">=", "<", "<="])),
            };
        }
        match self.below(if plain { 8 } else { 14 }) {
            0..=5 => format!("s{signal} {relation} {threshold}ms"),
            6 => format!("s{signal} between 100ms and {}ms", threshold.saturating_add(100)),
            7 => format!("{threshold}ms < s{signal}"),
            8 => format!("s{signal} > {}", self.of(&["2x baseline", "baseline + 10%"])),
            9 => format!("avg(s{signal} over 1m) > {threshold}ms"),
            10 => format!("max(s{signal} over 2m) > {threshold}ms"),
            11 => format!("s{signal} > s{} + 100ms", self.below(signals)),
            _ => format!("count(s{signal} over 1m) >= 2"),
        }
    }

    fn condition(&mut self, signals: u64, plain: bool) -> String {
        let held = format!(" for {}", self.of(&["15s", "20s", "30s", "1m", "2m", "3m"]));
        let one = self.comparison(signals, plain);
        if self.simple && !self.one_in(9) {
            return if self.one_in(4) { one } else { one + &held };
        }
        match self.below(if plain { 9 } else { 11 }) {
            0 => one,
            1..=4 => one + &held,
            5 => format!("({one} and {}){held}", self.comparison(signals, plain)),
            6 => format!("({one} or {}){held}", self.comparison(signals, plain)),
            7 => format!("({one}{held}) or {}", self.comparison(signals, plain)),
            8 => format!("(not ({one})){held}"),
            _ => format!("{one} then {} within 1m", self.comparison(signals, plain)),
        }
    }

    /// Rules over `signals` signals; plain ones, or with all that there is.
    fn rules(&mut self, signals: u64) -> String {
        let every = self.of(&["15s", "15s", "10s", "1m"]);
        let mut text = format!("edition 2026\nevaluate every {every}\n");
        for n in 0..signals {
            let stale =
                self.of(if self.simple { &["2m", "2m", "45s"] } else { &["45s", "45s", "20s", "10s", "2m"] });
            let expect = if self.one_in(if self.simple { 12 } else { 4 }) { "expect <= 300ms" } else { "" };
            writeln!(text, "signal s{n} {{ is duration from push stale after {stale} {expect} }}").unwrap();
        }
        for n in 0..self.below(6).saturating_add(1) {
            let plain = !self.one_in(5);
            writeln!(text, "trigger t{n} {{").unwrap();
            let first = self.below(3);
            for level in ["warn", "hold", "rollback"].into_iter().skip(usize::try_from(first).unwrap()) {
                if level == "rollback" || self.one_in(2) {
                    writeln!(text, "  {level} when {}", self.condition(signals, plain)).unwrap();
                    if self.simple && !self.one_in(8) {
                        break;
                    }
                }
            }
            // what has another clause is not followed by its threshold alone
            if self.simple && !self.one_in(6) {
                writeln!(text, "}}").unwrap();
                continue;
            }
            // few triggers come here where most are simple
            let rare = if self.simple { 2 } else { 4 };
            if self.one_in(rare) {
                writeln!(text, "  clear when {}", self.condition(signals, plain)).unwrap();
            }
            if self.one_in(rare.saturating_add(1)) {
                writeln!(text, "  given {}", self.comparison(signals, plain)).unwrap();
            }
            if self.one_in(rare) {
                writeln!(text, "  unknown hold, then rollback after {}", self.of(&["30s", "1m", "2m"]))
                    .unwrap();
            }
            if n > 0 && self.one_in(rare) {
                writeln!(text, "  unless t{}", self.below(n)).unwrap();
            }
            writeln!(text, "}}").unwrap();
        }
        text
    }

    /// Samples that stay a while and move, with all that makes them missing.
    fn recording(&mut self, signals: u64) -> Recording {
        let mut recorder = crate::replay::Recorder::default();
        for signal in (0..).map(SignalId).take(usize::try_from(signals).unwrap()) {
            for track in Track::ALL {
                if (track == Track::Baseline && self.one_in(2)) || self.one_in(12) {
                    continue;
                }
                let step: i64 = self.of(&["15", "15", "15", "10", "5", "20", "60"]).parse().unwrap();
                let even = !self.one_in(4);
                // some begin when what is unknown has had its time
                let late = if self.one_in(8) { 150 } else { 0 };
                let mut at = i64::try_from(self.below(3).saturating_mul(7)).unwrap().saturating_add(late);
                let mut value = 200i64;
                let jumpy = self.below(8).saturating_add(1);
                // mostly all series end at about the same time
                let long = 3_000u64.checked_div(step.unsigned_abs()).unwrap();
                let count = if self.simple && even { long } else { self.below(400) };
                for _ in 0..count {
                    if self.one_in(jumpy) {
                        value = i64::try_from(self.below(13).saturating_mul(50)).unwrap();
                    }
                    let reading = match self.below(if self.simple && even { 1 << 20 } else { 60 }) {
                        0 => Reading::NotANumber,
                        1 => Reading::Failed("down".to_owned()),
                        2 => Reading::Value(Decimal::MAX),
                        _ => Reading::Value(Decimal::new(value, 3)),
                    };
                    let at_nanos = Timestamp::from_millis(at.saturating_mul(1_000));
                    recorder.take(crate::source::file::Record::Sample(Sample {
                        signal,
                        track,
                        at: at_nanos,
                        reading,
                    }));
                    at =
                        at.saturating_add(match self.below(if self.simple && even { 1 << 20 } else { 40 }) {
                            0 => step.saturating_mul(i64::try_from(self.below(14)).unwrap()),
                            1 => 1,
                            _ => step,
                        });
                }
            }
        }
        recorder.finish()
    }
}

fn each_instant(policy: &Arc<Policy>, recording: &Recording, instants: Instants) -> Vec<String> {
    let mut lines = Vec::new();
    crate::replay::replay(policy, recording, instants, |event| lines.push(event.to_json()));
    lines
}

fn lanes(policy: &Policy, recording: &Recording, instants: Instants, spread: Spread) -> Option<Found> {
    let lanes = Lanes::new(policy, recording, instants)?;
    let thresholds = lanes.all.iter().filter(|lane| matches!(lane, Lane::Thresholds(_))).count();
    let mut text = String::new();
    let mut each = |lines: &str| {
        text.push_str(lines);
        Ok::<_, std::convert::Infallible>(())
    };
    let Ok(()) = lanes.replay(recording, spread, &mut each, &mut |_, _| {});
    Some(Found { lines: text.lines().map(str::to_owned).collect(), thresholds })
}

struct Found {
    lines: Vec<String>,
    /// How many lanes had no engine.
    thresholds: usize,
}

/// A part's reasons change while another part decides more: when it is heard again, its reasons are those of that moment.
#[test]
fn reasons_of_the_moment() {
    const RULES: &str = "edition 2026\nevaluate every 15s\n\
        signal a { is duration from push }\nsignal b { is duration from push }\n\
        trigger low { hold when a > 100ms }\ntrigger high { hold when a > 200ms }\n\
        trigger gone { rollback when b > 100ms }\n";
    let policy = spark_rules::load("r.rules", RULES, &mut |_| Err(String::new())).unwrap().policy;
    let policy = Arc::new(policy);
    let mut samples = Vec::new();
    for second in (0..=180i64).step_by(15) {
        let of = |signal: u32, millis: i64| Sample {
            signal: SignalId(signal),
            track: Track::Canary,
            at: Timestamp::from_millis(second.saturating_mul(1_000)),
            reading: Reading::Value(Decimal::new(millis, 3)),
        };
        samples.push(of(0, if second < 60 { 150 } else { 250 }));
        samples.push(of(1, if (30..120).contains(&second) { 500 } else { 50 }));
    }
    let recording = Recording::from_samples(samples);
    let instants = recording.instants(policy.every()).unwrap();
    let found = lanes(&policy, &recording, instants, Spread { stretch: 3, most: 2, threads: 1 }).unwrap();
    assert_eq!(found.thresholds, 2);
    let found = found.lines;
    assert_eq!(found, each_instant(&policy, &recording, instants));
    let last = found.iter().rfind(|line| line.starts_with(r#"{"type":"decision""#)).unwrap();
    assert!(last.contains(r#"["high","low"]"#), "{last}");
}

/// What another clause says of a trigger is not lost where its threshold alone could be followed.
#[test]
fn other_clauses() {
    const CLAUSES: [&str; 6] = [
        "trigger t { rollback when a > 100ms }",
        "trigger t { hold when a > 50ms rollback when a > 100ms }",
        "trigger t { rollback when a > 100ms clear when a < 50ms }",
        "trigger t { rollback when a > 100ms given a < 250ms }",
        "trigger u { hold when a > 200ms } trigger t { rollback when a > 100ms unless u }",
        "trigger t { rollback when a > 100ms unknown hold, then rollback after 1m }",
    ];
    let values = [30, 70, 150, 70, 30, 300, 500, 150, 70, 70, 30];
    let mut samples = Vec::new();
    for (place, millis) in (0i64..).zip(values.into_iter().cycle().take(40)) {
        // what is unknown has had its time before the first sample of `a`
        for (signal, late) in [(0, 150), (1, 0)] {
            samples.push(Sample {
                signal: SignalId(signal),
                track: Track::Canary,
                at: Timestamp::from_millis(
                    place.saturating_mul(15).saturating_add(late).saturating_mul(1_000),
                ),
                reading: Reading::Value(Decimal::new(millis, 3)),
            });
        }
    }
    let recording = Recording::from_samples(samples);
    let mut told: Vec<Vec<String>> = Vec::new();
    for clause in CLAUSES {
        let text = format!(
            "edition 2026\nevaluate every 15s\nsignal a {{ is duration from push stale after 5m }}\n\
             signal b {{ is duration from push stale after 5m }}\ntrigger beside {{ hold when b > 100ms }}\n{clause}\n"
        );
        let policy = spark_rules::load("r.rules", &text, &mut |_| Err(String::new())).unwrap().policy;
        let policy = Arc::new(policy);
        let instants = recording.instants(policy.every()).unwrap();
        let found = lanes(&policy, &recording, instants, Spread { stretch: 3, most: 2, threads: 1 }).unwrap();
        let alone = each_instant(&policy, &recording, instants);
        assert_eq!(found.lines, alone, "{clause}");
        assert_eq!(found.thresholds, if told.is_empty() { 2 } else { 1 }, "{clause}");
        // each clause says something here
        assert!(!told.contains(&alone), "{clause}");
        told.push(alone);
    }
}

/// Random policies over random recordings give the same lines, however they are cut and spread.
#[test]
fn equal_to_each_instant() {
    let (mut compared, mut changes, mut thresholds) = (0u32, 0usize, 0usize);
    for seed in 0..480u64 {
        let mut choices = Choices { seed: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15), simple: seed % 2 == 1 };
        let signals = choices.below(4).saturating_add(1);
        let rules = choices.rules(signals);
        let Ok(loaded) = spark_rules::load("r.rules", &rules, &mut |_| Err(String::new())) else { continue };
        let policy = Arc::new(loaded.policy);
        let recording = choices.recording(signals);
        let Ok(instants) = recording.instants(policy.every()) else { continue };
        let expected = each_instant(&policy, &recording, instants);
        let mut some = |below: u64| usize::try_from(choices.below(below)).unwrap();
        let (threads, most) = (some(3), some(20) + 1);
        let spread = Spread { stretch: choices.below(90).saturating_add(1), most, threads };
        let Some(found) = lanes(&policy, &recording, instants, spread) else { continue };
        thresholds = thresholds.saturating_add(found.thresholds);
        let found = found.lines;
        if let Some(place) = (0..expected.len().max(found.len())).find(|n| expected.get(*n) != found.get(*n))
        {
            panic!("seed {seed}, line {place}\n{rules}\n{:?}\n{:?}", expected.get(place), found.get(place));
        }
        (compared, changes) = (compared.saturating_add(1), changes.saturating_add(expected.len()));
    }
    assert!(
        compared > 100 && changes > 4_000 && thresholds > 60,
        "{compared} replays of {changes} lines, {thresholds} lanes without an engine, compare little"
    );
}
