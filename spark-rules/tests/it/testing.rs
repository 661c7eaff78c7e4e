//! `test` blocks: what their words mean, what they show when they fail, and what they leave unseen.

use spark_rules::Loaded;
use spark_rules::mutate::{Fate, judge, mutants};
use spark_rules::test::coverage::Watch;
use spark_rules::test::{Broken, Event, Events, Outcome, TestCase, failure_text, run};

const HEAD: &str = "edition 2026
evaluate every 15s
signal p95 { is duration  from push  expect <= 200ms }
signal errors { is ratio  from push }
signal requests { is counter  from push }
signal conns { is count  from push }
signal both { is ratio  from push  expect <= baseline + 10% }
trigger slow { hold when p95 > 300ms for 3m  rollback when p95 > 400ms for 5m  clear when p95 < 280ms for 2m }
trigger failing { rollback when errors > 3%  unknown hold, then rollback after 10m }
trigger echo { hold when conns > 100  unless failing }
trigger traffic { hold when increase(requests over 1m) < 100 }
trigger creep { hold when conns > 1.2x previous stage for 1m }
plan canary { stage 5% for 5m  stage 25% for 5m }
";

fn load(text: &str) -> Loaded {
    match spark_rules::load("t.rules", text, &mut |_| Err("no other file".to_owned())) {
        Ok(loaded) => loaded,
        Err(failed) => panic!("{:#?}", failed.diagnostics),
    }
}

fn loaded(body: &str) -> Loaded {
    load(&format!("{HEAD}test \"t\" {{\n{body}\n}}\n"))
}

fn outcome(body: &str) -> (Loaded, Outcome) {
    let loaded = loaded(body);
    let outcome = run(&loaded.policy, &loaded.tests[0]);
    (loaded, outcome)
}

/// Each line of `expect` holds, or with a `!` before it does not.
fn check(given: &str, expectations: &[&str]) {
    let body: Vec<&str> = expectations.iter().map(|line| line.trim_start_matches('!')).collect();
    let (loaded, outcome) = outcome(&format!("{given}\n{}", body.join("\n")));
    assert_eq!(outcome.broken, None, "{given}");
    assert_eq!(outcome.checks.len(), expectations.len());
    for (check, line) in outcome.checks.iter().zip(expectations) {
        let text = failure_text(&loaded, &loaded.tests[0], &outcome);
        assert_eq!(check.holds, !line.starts_with('!'), "{given}\n{line}\n{text}");
    }
}

/// The readings of a series, as text, at its first instants.
fn series(given: &str, count: usize) -> Vec<String> {
    let loaded = loaded(&format!("given {given}"));
    let events = Events::new(&loaded.policy, &loaded.tests[0].given[0]).take(count);
    events
        .map(|event| match event {
            Event::Restart(at) => format!("restart@{}", at.unix_seconds()),
            Event::Sample(sample) => {
                let reading =
                    sample.reading.value().map_or(format!("{:?}", sample.reading), |v| v.to_string());
                format!("{reading}@{}", sample.at.unix_seconds())
            }
        })
        .collect()
}

/// A step covers [start, start + d), the last goes on where it has no length, and each word does what it says.
#[test]
fn steps() {
    for (given, expected) in [
        ("conns 1 for 30s, then 2", "1@0 1@15 2@30 2@45 2@60"),
        ("conns 1 for 30s", "1@0 1@15"),
        // samples stay at the multiples of `evaluate every`, wherever a step begins
        ("conns 1 for 20s, then 2", "1@0 1@15 2@30 2@45 2@60"),
        ("conns 1 for 20s, then 2 once, then 3 for 20s", "1@0 1@15 2@30 3@45"),
        ("conns 1 for 20s, then 2 every 5s for 10s, then 3", "1@0 1@15 2@20 2@25 3@30"),
        ("conns 1 for 20s, then from 0 to 6 over 1m", "1@0 1@15 1@30 2.5@45 4@60"),
        ("conns 1 for 20s, then rises 10", "1@0 1@15 11@30 21@45 31@60"),
        ("conns 1 once, then 2", "1@0 2@15 2@30 2@45 2@60"),
        ("conns 1 once for 1m, then 2", "1@0 2@60 2@75 2@90 2@105"),
        ("conns 1 every 5s for 15s, then 2 for 15s", "1@0 1@5 1@10 2@15"),
        ("conns from 0 to 4 over 1m, then 4 for 15s", "0@0 1@15 2@30 3@45 4@60"),
        ("conns rises 10 every 15s", "10@0 20@15 30@30 40@45 50@60"),
        ("conns rises 10", "10@0 20@15 30@30 40@45 50@60"),
        ("conns rises 10 every 30s", "10@0 10@15 20@30 20@45 30@60"),
        ("conns 5 for 30s, then rises 10 for 30s, then falls 1", "5@0 5@15 15@30 25@45 24@60"),
        ("conns 1 for 15s, then nothing for 30s, then 2", "1@0 2@45 2@60 2@75 2@90"),
        ("conns nothing", ""),
        ("conns rises 10 for 30s, then restart, then rises 10", "10@0 20@15 restart@30 10@30 20@45"),
        ("conns 1 for 15s, then restart for 30s, then 2", "1@0 restart@45 2@45 2@60 2@75"),
        (
            "conns NaN for 15s, then Inf for 15s, then -Inf for 15s",
            "NotANumber@0 Infinite { negative: false }@15 Infinite { negative: true }@30",
        ),
        (
            "conns error \"down\" for 15s, then error for 15s",
            "Failed(\"down\")@0 Failed(\"the source failed\")@15",
        ),
        ("conns 1 for 15s, then NaN, then 2", "1@0 NotANumber@15 2@30 2@45 2@60"),
        ("p95 450ms for 15s", "0.45@0"),
    ] {
        assert_eq!(series(given, 5).join(" "), expected, "{given}");
    }
}

/// A piece after one that never ends is a mistake: what comes after it would be tested by nobody.
#[test]
fn unreached_pieces() {
    let told = |given: &str| {
        let text = format!("{HEAD}test \"t\" {{ given {given}  expect decision proceed at 1m }}\n");
        match spark_rules::load("t.rules", &text, &mut |_| Err("none".to_owned())) {
            Ok(_) => String::new(),
            Err(failed) => failed.diagnostics.iter().map(|told| told.message.clone()).collect(),
        }
    };
    let expected = "`450ms` is never reached: `200ms` goes on to the end of the test";
    assert_eq!(told("p95 200ms, then 450ms"), expected);
    assert_eq!(told("p95 100ms for 1m, then 200ms, then 450ms, then 2s"), expected);
    assert_eq!(told("p95 200ms once, then restart, then from 1s to 2s over 1m, then nothing"), "");
}

/// Noise is the same in every run, differs from signal to signal and from step to step, and stays within its bounds.
#[test]
fn noise() {
    let noisy = "p95 200ms with noise 10ms for 10m, then 200ms noise 10ms";
    let first = series(noisy, 80);
    assert_eq!(first, series(noisy, 80));
    let value = |text: &String| text.split('@').next().unwrap().parse::<f64>().unwrap();
    let values: Vec<f64> = first.iter().map(value).collect();
    assert!(values.iter().all(|value| (0.19..=0.21).contains(value)), "{values:?}");
    let mean = values.iter().sum::<f64>() / 80.0;
    assert!((0.197..=0.203).contains(&mean), "{mean}");
    assert_ne!(values[..40], values[40..], "each step has a noise of its own");
    let other: Vec<f64> = series("both 20% noise 1%", 40).iter().map(value).collect();
    let parts = |values: &[f64], mid: f64, width: f64| -> Vec<i64> {
        values.iter().map(|value| ((value - mid) / width * 1000.0).round() as i64).collect()
    };
    assert_ne!(parts(&values[..40], 0.2, 0.01), parts(&other, 0.2, 0.01));
    // on every platform, in every release: an example that passed passes
    assert_eq!(series("p95 200ms noise 10ms", 3), ["0.20904@0", "0.19572@15", "0.19657@30"]);
}

/// `at` reads that instant, or the last before it; `from` also needs the instant before to differ, and at the start there
/// is none.
#[test]
fn moments() {
    check(
        "given p95 200ms for 10m, then 450ms for 10m",
        &[
            "expect slow ok at 0s",
            "expect slow ok from 0s",
            "expect slow ok at 9m45s",
            "expect slow pending from 10m",
            "!expect slow pending from 10m15s",
            "expect slow pending at 10m7s",
            "expect slow pending from 10m7s",
            "expect slow hold from 13m",
            "!expect slow hold at 12m45s",
            "expect slow rollback from 15m",
            "!expect slow rollback from 14m45s",
            "!expect slow rollback from 15m15s",
            "expect slow rollback at 20m",
            // the series ended: the last sample was at 19m45s
            "expect p95 hold at 20m30s",
            "expect p95 unknown from 20m45s",
        ],
    );
}

/// `because x` means that x is among the reasons; a decision is from an instant on if it was another before.
#[test]
fn decisions() {
    check(
        "given p95 200ms for 10m, then 450ms for 10m\ngiven errors 0% for 12m, then 4%",
        &[
            "expect decision proceed at 9m45s",
            "expect decision hold from 10m",
            "expect decision hold from 10m because slow",
            "expect decision hold at 10m because slow, p95",
            "!expect decision hold at 10m because slow and failing",
            "!expect decision proceed at 9m45s because slow",
            "expect decision rollback from 12m because failing",
            "!expect decision rollback at 12m because slow",
            // it was a rollback before, for another reason
            "expect decision rollback from 15m because slow",
            "!expect decision rollback from 15m because failing",
        ],
    );
}

/// What reads none of the given signals, on any version, is left out: it neither holds the decision nor has a state.
#[test]
fn left_out() {
    check(
        "given errors 0%",
        &["expect decision proceed at 5m", "!expect slow unknown at 5m", "!expect p95 unknown at 5m"],
    );
    let (_, outcome) = outcome("given errors 0%\nexpect decision proceed at 5m");
    assert_eq!(outcome.left_out, ["slow", "echo", "traffic", "creep", "p95", "both"]);
    // the baseline of a signal is read by who compares with it
    check(
        "given both 1% on baseline",
        &["expect both unknown at 5m", "expect decision hold at 5m because both"],
    );
    check(
        "given both 1% on baseline\ngiven both 1.1%",
        &["expect both ok at 5m", "expect decision proceed at 5m"],
    );
    check("given both on baseline 1%\ngiven both 1.2%", &["expect both hold at 5m"]);
    // `unless` what is left out silences nothing
    check("given conns 101", &["expect echo hold at 0s"]);
    check(
        "given conns 101\ngiven errors 4%",
        &["expect echo ok at 0s", "expect decision rollback at 0s because failing"],
    );
}

/// A stage is entered at its instant; the stage before is what was measured until then.
#[test]
fn stages() {
    let series = "given conns 100 for 5m, then 121 for 10m";
    check(
        &format!("{series}\nat stage 5%\nat stage 25% from 5m"),
        &["expect creep pending from 5m", "expect creep hold from 6m"],
    );
    check(&format!("{series}\nat stage 25% of canary from 5m\nat stage 5%"), &["expect creep hold from 6m"]);
    // without a stage before, the level is left out; one that was not measured is unknown
    check(series, &["expect creep ok at 6m"]);
    check(&format!("{series}\nat stage 5%"), &["expect creep ok at 6m"]);
    check(
        &format!("{series}\nat stage 25% from 5m"),
        &["expect creep ok at 4m45s", "expect creep unknown from 5m"],
    );
}

/// A share that several plans have says which, unless the test's other stages do; stages of a test are of one plan, and rise.
#[test]
fn stages_of_one_plan() {
    let told = |stages: &str| {
        let text = format!(
            "edition 2026\nevaluate every 15s\nsignal c {{ is count  from push }}\n\
             plan a {{ stage 5% for 5m  stage 25% for 5m  stage 100% for 5m }}\n\
             plan b {{ stage 10% for 5m  stage 25% for 5m  stage 50% for 5m }}\n\
             test \"t\" {{ given c 1  {stages}  expect decision proceed at 1m }}\n"
        );
        match spark_rules::load("t.rules", &text, &mut |_| Err("no other file".to_owned())) {
            Ok(loaded) => {
                loaded.tests[0].stages.iter().map(|stage| format!("{} {}", stage.plan, stage.stage)).collect()
            }
            Err(failed) => failed
                .diagnostics
                .iter()
                .map(|told| format!("{}: {}", told.code.id, told.message))
                .collect::<Vec<_>>(),
        }
    };
    for (stages, expected) in [
        ("at stage 5%", &["0 0"][..]),
        ("at stage 25% of b", &["1 1"]),
        ("at stage 25%", &["E0506: `25%` is a stage of several plans: `a`, `b`"]),
        // the other stages say which
        ("at stage 10%  at stage 25% from 5m", &["1 0", "1 1"]),
        ("at stage 25%  at stage 100% of a from 5m", &["0 1", "0 2"]),
        ("at stage 25% from 5m  at stage 5%", &["0 1", "0 0"]),
        (
            "at stage 25% of b  at stage 5% from 5m",
            &["E0506: stage `5%` is not of the plan that stage `25%` is of"],
        ),
        (
            "at stage 25% of a  at stage 5% from 5m",
            &["E0506: stage `5%` from 5m does not come after stage `25%`"],
        ),
        ("at stage 5%  at stage 5% from 5m", &["E0506: stage `5%` from 5m does not come after stage `5%`"]),
        (
            "at stage 5%  at stage 25% from 5m  at stage 5% from 10m",
            &["E0506: stage `5%` from 10m does not come after stage `25%`"],
        ),
    ] {
        assert_eq!(told(stages), expected, "{stages}");
    }
}

/// Values that are none, failed sources and silence are unknown from their instant, and no longer than they last.
#[test]
fn missing() {
    for word in ["NaN", "Inf", "error \"down\""] {
        check(
            &format!("given errors 0% for 5m, then {word} for 1m, then 0%"),
            &[
                "expect failing unknown from 5m",
                "expect failing unknown at 5m45s",
                "expect failing ok from 6m",
            ],
        );
    }
    check(
        "given errors 0% for 5m, then nothing for 12m, then 0%",
        &[
            "expect failing unknown from 5m45s",
            "expect decision hold at 15m30s",
            "expect decision rollback from 15m45s because failing",
            "expect failing ok from 17m",
        ],
    );
    // a counter that starts again is no fall
    check(
        "given requests rises 100 for 5m, then restart, then rises 100",
        &[
            "expect traffic ok at 4m45s",
            "expect traffic ok at 5m",
            "expect traffic ok at 5m15s",
            "expect traffic ok at 8m",
        ],
    );
}

/// The clocks of `for` outlast a restart.
#[test]
fn restart() {
    check(
        "given p95 450ms for 4m, then restart, then 450ms",
        &["expect slow hold from 3m", "expect slow rollback from 5m"],
    );
}

/// What cannot be run says why, within its limits.
#[test]
fn broken() {
    for (body, expected) in [
        ("given p95 1s", "ExpectsNothing"),
        ("given p95 1s\nexpect slow ok at 730d", "TooManyEvaluations(4204801)"),
        ("given p95 1s every 1us\nexpect slow ok at 5m", "TooManySamples(300000001)"),
    ] {
        let (_, outcome) = outcome(body);
        assert_eq!(format!("{:?}", outcome.broken.clone().unwrap()), expected);
        assert!(!outcome.passed() && !outcome.broken.unwrap().to_string().is_empty());
    }
    assert_eq!(Broken::NoPolicy.to_string().lines().count(), 1);
}

/// A failure shows what was expected, what was, when it came instead, and the instants around it.
#[test]
fn failures() {
    let mut shown = String::new();
    for body in [
        "given p95 200ms for 10m, then 450ms for 10m\nexpect slow rollback from 14m\nexpect slow rollback from 16m",
        "given p95 450ms for 10m, then nothing\nexpect slow ok at 10m45s\nexpect p95 warn at 1m7s",
        "given errors 0%\nexpect slow ok at 1m\nexpect errors ok at 1m\nexpect decision rollback at 1m",
        "given p95 201ms\nexpect decision hold at 1m because slow",
        "given p95 1s",
    ] {
        let (loaded, outcome) = outcome(body);
        assert!(!outcome.passed());
        shown.push_str(&failure_text(&loaded, &loaded.tests[0], &outcome));
        shown.push('\n');
    }
    insta::assert_snapshot!(shown);
}

fn missing_points(body: &str) -> Vec<String> {
    let loaded = load(body);
    let mut watch = Watch::default();
    for case in &loaded.tests {
        assert!(watch.run(&loaded, case).passed(), "{}", case.title);
    }
    let coverage = watch.coverage(&loaded);
    let points = coverage.missing().map(|point| point.what.clone());
    let excluded = coverage.excluded().map(|point| format!("({})", point.what));
    points.chain(excluded).collect()
}

const COVERED: &str = "edition 2026
evaluate every 15s
signal a { is ratio  from push  expect <= 5% }
signal b { is ratio  from push }
trigger up { hold when a > 5%  rollback when a > 10% and b > 1%  clear when a < 3%  given b >= 0.5%  unknown hold, then rollback after 1m }
trigger by { hold when b > 1%  unless up }
plan p { stage 5% for 5m }
";

/// Each kind of point is missing until a test has seen it, and then is not.
#[test]
fn points() {
    assert_eq!(missing_points(COVERED).len(), 32);
    let first = "test \"x\" { given a 2% for 1m, then 6% for 1m, then 11% for 1m, then 2% for 1m, then nothing
      given b 0.6% for 2m, then 2% for 2m, then 0.6%
      at stage 5%
      expect up hold from 1m  expect up rollback from 2m  expect by hold at 3m  expect decision rollback at 6m }\n";
    let given = "(`b > 1%` unknown)";
    assert_eq!(
        missing_points(&format!("{COVERED}{first}")),
        ["`b >= 0.5%` false", "`b >= 0.5%` unknown", "`b > 1%` unknown", "`by` unknown", given],
    );
    let second = "test \"y\" { given a 6%  given b 0.4% for 1m, then 2%  expect by ok at 1m }
      test \"z\" { given b 0.6% for 1m, then nothing  expect by unknown at 3m }\n";
    assert_eq!(missing_points(&format!("{COVERED}{first}{second}")), [given]);
}

/// A comparison whose evidence is its own `given` cannot be asked while it is unknown: that is not held against the tests.
#[test]
fn excluded_points() {
    let rules = "edition 2026\nsignal a { is ratio  from push }\ntrigger t { hold when a > 10%  given a > 1% and a < 50% }\n";
    let missing = missing_points(rules);
    assert!(missing.contains(&"(`a > 10%` unknown)".to_owned()), "{missing:?}");
    assert!(missing.contains(&"`a > 1%` unknown".to_owned()), "{missing:?}");
}

fn fates(text: &str) -> Vec<(String, bool)> {
    let loaded = load(text);
    let judged = judge(&loaded, &mutants(&loaded), 2, &|| ());
    judged
        .into_iter()
        .map(|judged| {
            assert!(!matches!(judged.fate, Fate::Refused(_)), "{judged:?}");
            (format!("{} {}", judged.mutant.kind.as_str(), judged.mutant.what), judged.survived())
        })
        .collect()
}

/// Every kind of mutant is made, survives without a test that would notice, and does not survive one that does.
#[test]
fn every_kind_of_mutant() {
    let rules = "edition 2026
evaluate every 15s
signal a { is ratio  from push }
signal b { is ratio  from push }
trigger other { hold when b > 50% }
trigger t {
  hold when a > 5% for 1m
  rollback when (a > 10% and not b < 2%) or (a > 20% then b > 3% within 1m)
  clear when a < 3%
  given b >= 1%
  unless other
  unknown hold, then rollback after 2m
}
";
    let alive = fates(rules);
    assert!(alive.iter().all(|(_, survived)| *survived), "{alive:#?}");
    let kinds: std::collections::BTreeSet<&str> =
        alive.iter().filter_map(|(what, _)| what.split(' ').next()).collect();
    assert_eq!(kinds.len(), 12, "{kinds:?}");
    let tests = "
test \"holds from above 5 %, and clears below 3 %\" {
  given a 5% for 1m, then 6% for 2m, then 3% for 1m, then 2%  given b 1%
  expect t ok at 45s  expect t pending from 1m  expect t hold from 2m  expect t hold at 3m45s  expect t ok from 4m
}
";
    let tested = fates(&format!("{rules}{tests}"));
    let gone = |what: &str| tested.iter().any(|(known, survived)| known == what && !survived);
    for what in [
        "relation `>=` for `>`",
        "threshold-step `6%` for `5%`",
        "length `45s` for `1m`",
        "length `1m15s` for `1m`",
        "dropped-clear without `clear when`",
        "swapped-levels two levels with each other's condition",
    ] {
        assert!(gone(what), "{what}: {tested:#?}");
    }
}

/// What cannot make a difference, by what signals are, is not held against the tests; nor is what cannot be reached.
#[test]
fn proofs() {
    let rules = "edition 2026
signal errors { is ratio  from metrics rate(e_total) / rate(r_total) over 1m }
signal n { is counter  from push }
trigger a { hold when errors > 5%  rollback when n >= 0 and errors > 10% }
trigger b { hold when errors > 5% or errors > 7% }
";
    let loaded = load(rules);
    let judged = judge(&loaded, &mutants(&loaded), 1, &|| ());
    let proven: Vec<&str> = judged
        .iter()
        .filter(|judged| matches!(judged.fate, Fate::Equivalent(_)))
        .map(|judged| judged.mutant.what.as_str())
        .collect();
    let expected = ["`-1` for `0`", "`>=` for `>`", "`6%` for `7%`", "`8%` for `7%`", "`14%` for `7%`"];
    assert_eq!(proven, expected);
    let missing = missing_points(rules);
    assert!(missing.contains(&"(`n >= 0` false)".to_owned()), "{missing:?}");
}

/// The same mutants have the same fates on one thread and on many.
#[test]
fn threads_do_not_matter() {
    let text =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../rules/signals.rules")).unwrap();
    let loaded = load(&text);
    let mutants = mutants(&loaded);
    assert!(mutants.len() > 20);
    let one = judge(&loaded, &mutants, 1, &|| ());
    assert_eq!(one, judge(&loaded, &mutants, 7, &|| ()));
}

/// A thousand tests are run, and told apart.
#[test]
fn a_thousand_tests() {
    let tests: String = (0..1_000)
        .map(|n| {
            format!(
                "test \"t{n}\" {{ given conns {n} for 1m  expect echo {} at 30s }}\n",
                if n > 100 { "hold" } else { "ok" }
            )
        })
        .collect();
    let loaded = load(&format!("{HEAD}{tests}"));
    let passed = |case: &TestCase| run(&loaded.policy, case).passed();
    assert_eq!(loaded.tests.iter().filter(|case| passed(case)).count(), 1_000);
}
