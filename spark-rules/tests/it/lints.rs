//! Warnings and advice: what is told, and above all what is not.

use spark_core::Timestamp;

/// The day on which rules are looked at.
pub(crate) fn today() -> Timestamp {
    Timestamp::parse("2026-06-01T00:00:00Z").unwrap()
}

const HEAD: &str = "edition 2026
evaluate every 15s
signal p95 { is duration  from push }
signal p50 { is duration  from push }
signal errors { is ratio  from push }
signal pool { is ratio  from push }
signal requests { is counter  from push }
signal conns { is count  from push }
signal rss { is bytes  from push }
signal fee { is money  from push in USDT }
signal x { is number  from push }
signal drops { is rate  from push }
signal lag { is duration  from metrics p95(lag_seconds) over 1m }
signal share { is ratio  from metrics rate(bad_total) / rate(all_total) over 1m }
signal change { is ratio  from metrics (rate(a_total) - rate(b_total)) / rate(b_total) over 1m }
signal growth { is rate  from metrics slope(rss_bytes) over 5m in B/s }
signal gauge { is duration  from metrics offset_seconds }
";

/// Codes of warnings that a text tells, in their order.
fn told(text: &str) -> Vec<&'static str> {
    match spark_rules::load("l.rules", text, &mut |_| Err("no other file".to_owned())) {
        Ok(mut loaded) => {
            loaded.silence(today());
            loaded.warnings.iter().map(|warning| warning.code.id).collect()
        }
        Err(failed) => panic!("{failed}: {text}"),
    }
}

fn cases(text: &'static str) -> impl Iterator<Item = &'static str> {
    text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with("//"))
}

/// Words that quote rules are one line, however these are laid out.
#[test]
fn quotes_are_one_line() {
    let warned = "trigger a { hold when errors # a share\n   >\n   200% }\n";
    let mistaken = "trigger a { hold when p95 > 1s and p95\n <  # too long\n 2s for 5m }\n";
    for (text, quote) in
        [(warned, "`errors > 200%` compares"), (mistaken, "write `(p95 > 1s and p95 < 2s) for 5m` if all")]
    {
        let told = match spark_rules::load("l.rules", &format!("{HEAD}{text}"), &mut |_| Err(String::new())) {
            Ok(loaded) => loaded.warnings,
            Err(failed) => failed.diagnostics,
        };
        let words: Vec<String> =
            told.iter().flat_map(|told| [Some(told.message.clone()), told.help.clone()]).flatten().collect();
        assert!(words.iter().any(|words| words.contains(quote)), "{quote}: {words:?}");
        assert!(words.iter().all(|words| !words.contains('\n')), "{words:?}");
    }
}

/// What is or may be meant is told nothing of.
#[test]
fn quiet() {
    let mut wrong = Vec::new();
    let mut count = 0;
    for case in cases(include_str!("../cases/lints/quiet.txt")) {
        count += 1;
        let told = told(&format!("{HEAD}{}\n", case.replace("\\n", "\n")));
        if !told.is_empty() {
            wrong.push(format!("{told:?}: {case}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(count >= 60, "{count}");
}

/// What can hardly be meant is told of, under its code and no other.
#[test]
fn loud() {
    let mut wrong = Vec::new();
    for case in cases(include_str!("../cases/lints/loud.txt")) {
        let (codes, case) = case.split_once(' ').unwrap();
        let told = told(&format!("{HEAD}{}\n", case.replace("\\n", "\n")));
        if told.join(",") != codes {
            wrong.push(format!("{codes}, found {told:?}: {case}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A multiple of what may be zero is advised against where no floor stands beside it, and only there.
#[test]
fn floors() {
    let advised = |case: &str| {
        let text = format!("{HEAD}trigger t {{ {case} }}\n");
        let loaded = spark_rules::load("l.rules", &text, &mut |_| Err("no other file".to_owned())).unwrap();
        loaded.advice.iter().filter(|told| told.code.id == "A0306").count()
    };
    for case in [
        "hold when errors > 3x baseline",
        "hold when errors > 3x previous stage for 5m",
        "hold when avg(errors over 5m) >= 2x baseline and p95 > 300ms",
        "hold when increase(requests over 5m) > 2x baseline",
        "hold when rate(requests over 5m) > 2x baseline",
        "hold when drops > 2 * baseline",
        "hold when conns > 2x baseline or conns > 10",
        "hold when errors > baseline + 10%",
        "hold when errors > 3x baseline  given increase(requests over 5m) >= 200",
        "hold when errors > 3x baseline and errors > 0%",
        "warn when errors > 3x baseline and errors > 1%  hold when errors > 3x baseline",
    ] {
        assert_eq!(advised(case), 1, "{case}");
    }
    for case in [
        "hold when errors > 3x baseline and errors > 1%",
        "hold when (errors > 3x baseline and 1% < errors) for 5m",
        "hold when (errors > 3x baseline for 5m) and errors > 1% and p95 > 300ms",
        "hold when errors > 3x baseline  given errors > 1%",
        "hold when errors > 3x baseline + 1%",
        "hold when errors > baseline",
        "hold when errors < 0.5x baseline",
        "hold when p95 > 3x baseline",
        "hold when rss > 3x baseline",
        "hold when x > 3x baseline",
        "hold when slope(conns over 5m) > 2x baseline",
        "hold when count(p95 over 5m) > 2x baseline",
    ] {
        assert_eq!(advised(case), 0, "{case}");
    }
}
