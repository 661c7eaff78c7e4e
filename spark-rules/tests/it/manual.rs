//! The language manual, held to what the program does.

use std::path::{Path, PathBuf};

use spark_core::{Quantity, WindowFunction};
use spark_rules::codes;

fn page() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/language.md")
}

fn manual() -> String {
    std::fs::read_to_string(page()).unwrap()
}

/// The codes that a text is told of, warnings included.
fn told(text: &str) -> Vec<&'static str> {
    crate::cases::told("manual.rules", text.as_bytes()).0.iter().map(|d| d.code.id).collect()
}

/// The manual's blocks that are marked `rules` load without a word and their tests hold; those marked `rules-error CODE` are
/// refused with that code alone, those marked `rules-warning CODE` are warned of with it.
#[test]
fn the_manual_is_true() {
    let manual = manual();
    let (mut checked, mut tests) = (0, 0);
    for block in manual.split("\n```rules").skip(1) {
        let (mark, rest) = block.split_once('\n').unwrap();
        let text = rest.split("\n```").next().unwrap();
        match mark.split_once(' ') {
            Some(("-error", code)) => assert_eq!(told(&format!("edition 2026\n{text}")), [code], "{text}"),
            Some(("-warning", code)) => assert_eq!(told(text), [code], "{text}"),
            _ => {
                assert_eq!(mark, "", "{text}");
                tests += holds(text);
            }
        }
        checked += 1;
    }
    assert!(checked >= 15 && tests >= 9, "{checked} {tests}");
}

/// Loads a block without a warning, its allows aside, and runs its tests.
fn holds(text: &str) -> usize {
    let mut loaded = spark_rules::load("manual.rules", text, &mut |_| Err("none".to_owned()))
        .unwrap_or_else(|failed| panic!("{failed}\n{text}"));
    loaded.silence(spark_core::Timestamp::parse("2027-01-01T00:00:00Z").unwrap());
    assert_eq!(loaded.warnings, [], "{text}");
    for test in &loaded.tests {
        let outcome = spark_rules::test::run(&loaded.policy, test);
        let shown = spark_rules::test::failure_text(&loaded, test, &outcome);
        assert!(outcome.checks.iter().all(|check| check.holds), "{shown}");
    }
    loaded.tests.len()
}

/// Every reserved word that the manual lists is refused as a name, and what it does not list is not.
#[test]
fn reserved_words() {
    let manual = manual();
    let list = manual.split("no names:").nth(1).unwrap().split("A function's name").next().unwrap();
    let words: Vec<&str> = list.split_whitespace().map(|word| word.trim_matches(['`', '.'])).collect();
    assert_eq!(words.len(), 32);
    for word in words {
        let text = format!("edition 2026\nsignal {word} {{ is count from push }}");
        assert_eq!(told(&text)[0], "E0120", "{word}");
    }
    for name in [
        "x", "p95", "rate", "in", "at", "by", "every", "previous", "once", "error", "decision", "count", "m",
        "needs", "approval", "warmup", "watch", "manual", "gate", "pause",
    ] {
        let text = format!(
            "edition 2026\nsignal {name} {{ is count from push expect <= 3 }}\ntrigger t {{ hold when {name} > 2 and {name} < 3x baseline }}\ntest \"t\" {{ given {name} 3 for 5m  expect {name} ok at 3m }}"
        );
        assert_eq!(told(&text).len(), 0, "{name}");
    }
}

/// The words between backticks in the first column of a table that begins with this row.
fn column<'m>(manual: &'m str, head: &str, place: usize) -> Vec<&'m str> {
    let table = manual.split(head).nth(1).unwrap_or_else(|| panic!("the manual has no table {head}"));
    let rows = table
        .lines()
        .skip(1)
        .skip_while(|line| line.starts_with("| ---"))
        .take_while(|line| line.starts_with('|'));
    let cells = rows.filter_map(|row| row.trim_matches('|').split(" | ").nth(place));
    cells.flat_map(|cell| cell.split('`').skip(1).step_by(2)).collect()
}

/// Every literal and every unit in the manual's tables is read, and every unit that is read stands there.
#[test]
fn literals_and_units() {
    let manual = manual();
    for literal in column(&manual, "| type | literals | notes |", 1) {
        // `counter` points at `count`
        assert!(literal == "count" || Quantity::parse(literal).is_ok(), "{literal}");
    }
    let units = column(&manual, "| unit | is |", 0);
    for unit in &units {
        assert!(Quantity::parse(&format!("1{unit}")).is_ok(), "{unit}");
    }
    let known = "ns us ms s m h d % B KiB MiB GiB TiB KB MB GB TB k /s /min /h /d";
    assert_eq!(units, known.split(' ').collect::<Vec<_>>());
    // a unit is written in one or two letters, or in three with an `i`
    let letters: Vec<char> = ('a'..='z').chain('A'..='Z').chain(['%', 'µ']).collect();
    for first in &letters {
        let longer = letters.iter().flat_map(|second| {
            [format!("{first}{second}"), format!("{first}{second}B"), format!("{first}{second}n")]
        });
        for unit in longer.chain([first.to_string()]) {
            let money =
                spark_core::Currency::new(&unit).is_some() && spark_core::quantity::scale_of(&unit).is_none();
            let read = Quantity::parse(&format!("1{unit}")).is_ok() && !money;
            assert!(!read || manual.contains(&format!("`{unit}`")), "the manual does not know `{unit}`");
        }
    }
}

/// Every type, function, state, decision, source and series word of the manual loads where it says.
#[test]
fn words_are_read() {
    let manual = manual();
    for kind in column(&manual, "| type | literals | notes |", 0) {
        let unit = if kind == "money" { "in USDT" } else { "" };
        assert_eq!(
            told(&format!("edition 2026\nsignal a {{ is {kind} from push {unit} }}")),
            [""; 0],
            "{kind}"
        );
    }
    let functions: Vec<&str> = column(&manual, "| function | of `T` gives | |", 0)
        .into_iter()
        .flat_map(str::split_whitespace)
        .map(|word| if word == "pNN" { "p95" } else { word })
        .collect();
    for function in &functions {
        assert!(*function == "correlation" || WindowFunction::parse(function).is_some(), "{function}");
    }
    for function in [
        "avg",
        "min",
        "max",
        "sum",
        "count",
        "p95",
        "stddev",
        "increase",
        "rate",
        "delta",
        "slope",
        "correlation",
    ] {
        assert!(functions.contains(&function), "{function}");
    }
    for state in column(&manual, "| state | when | since |", 0) {
        let text = format!(
            "edition 2026\nsignal a {{ is count from push }}\ntrigger t {{ warn when a > 1 }}\ntest \"t\" {{ given a 1  expect t {state} at 1m }}"
        );
        assert_eq!(told(&text), [""; 0], "{state}");
    }
    for step in [
        "3 for 1m",
        "3 noise 1",
        "from 1 to 3 over 5m",
        "rises 2 every 30s",
        "falls 2",
        "nothing for 1m",
        "NaN",
        "Inf",
        "+Inf",
        "-Inf",
        "restart",
        "error",
        "error \"words\"",
        "3 once",
        "3 every 30s for 1m",
        "3 on baseline",
        "3 on canary",
    ] {
        let word = step.split_whitespace().find(|word| word.starts_with(|c: char| c.is_alphabetic()));
        let word = word.unwrap_or(step);
        assert!(manual.contains(&format!("`{word}")) || manual.contains(&format!(" {word}")), "{word}");
        let text = format!(
            "edition 2026\nsignal a {{ is count from push expect < 2 }}\ntest \"t\" {{ given a 1 for 1m, then {step}  expect a ok at 30s }}"
        );
        assert_eq!(told(&text), [""; 0], "{step}");
    }
}

/// The index has every code with its title, as the program has it. With `UPDATE=1` it is written.
#[test]
fn the_index_lists_every_code() {
    const OPEN: &str = "run it with UPDATE=1 -->\n";
    const CLOSE: &str = "<!-- end of codes -->";
    let manual = manual();
    let (before, rest) = manual.split_once(OPEN).unwrap();
    let (shown, after) = rest.split_once(CLOSE).unwrap();
    let rows = codes::all().iter().map(|code| format!("| {} | {} |\n", code.id, code.title));
    let index = format!("| code | tells of |\n| --- | --- |\n{}", rows.collect::<String>());
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(page(), format!("{before}{OPEN}{index}{CLOSE}{after}")).unwrap();
        return;
    }
    assert_eq!(shown, index, "run `UPDATE=1 cargo test -p spark-rules --test it manual`");
}

/// Codes are sorted, each once, and each has a page.
#[test]
fn codes() {
    let ids: Vec<&str> = codes::all().iter().map(|code| code.id).collect();
    assert!(ids.is_sorted_by(|a, b| a < b), "{ids:?}");
    assert!(codes::all().iter().all(|code| !code.page.is_empty()));
    assert_eq!(codes::find("e0203").unwrap().id, "E0203");
    assert!(codes::near("E0230").contains(&"E0203"));
}
