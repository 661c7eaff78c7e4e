//! The formatter: what it makes of files of cases, and what holds of its result whatever the text.

use proptest::prelude::*;
use spark_rules::format::{FormatError, Formatted, WIDTH, format, format_bytes};

use crate::cases::case_files;

/// The words of a text, and its comments, each without the space at its end.
fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    for line in text.lines() {
        let mut rest = line;
        while let Some(c) = rest.chars().next() {
            let end = match c {
                '#' => rest.len(),
                '"' => {
                    let mut escaped = false;
                    let close = rest.char_indices().skip(1).find(|(_, c)| {
                        let close = *c == '"' && !escaped;
                        escaped = *c == '\\' && !escaped;
                        close
                    });
                    close.map_or(rest.len(), |(at, _)| at + 1)
                }
                c if c.is_alphanumeric() || c == '_' => {
                    rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(rest.len())
                }
                c => c.len_utf8(),
            };
            let (word, tail) = rest.split_at(end);
            if !c.is_whitespace() && c != '\u{feff}' {
                words.push(word.trim_end().to_owned());
            }
            rest = tail;
        }
    }
    words
}

/// The words or the comments of a text, in order.
fn sorted_apart(text: &str) -> (Vec<String>, Vec<String>) {
    words(text).into_iter().partition(|word| word.starts_with('#'))
}

/// What holds of every text that can be formatted.
fn check(text: &str) -> Option<Formatted> {
    let formatted = match format("f.rules", text) {
        Ok(formatted) => formatted,
        Err(FormatError::Mistakes(failed)) => {
            assert!(failed.diagnostics.iter().any(spark_rules::Diagnostic::is_error), "{text}");
            return None;
        }
        Err(error @ FormatError::Unproven(_)) => panic!("{error}:\n{text}"),
    };
    let laid = &formatted.text;
    let again = format("f.rules", laid).unwrap();
    assert_eq!(&again.text, laid, "not the same a second time, of:\n{text}");
    assert_eq!(again.renamed, []);
    if formatted.renamed.is_empty() {
        assert_eq!(sorted_apart(laid), sorted_apart(text), "of:\n{text}");
        assert_eq!(policy(laid), policy(text), "of:\n{text}");
    }
    assert!(laid.is_empty() || laid.ends_with('\n') && !laid.starts_with(['\n', '\r']), "{laid:?}");
    for line in laid.lines() {
        assert_eq!(line, line.trim_end(), "of:\n{text}");
    }
    assert!(!laid.replace('\r', "").contains("\n\n\n"), "of:\n{text}");
    Some(formatted)
}

/// The policy and the tests, places aside; none where the rules do not hold.
fn policy(text: &str) -> Option<String> {
    let loaded = spark_rules::load("f.rules", text, &mut |_| Err("no other file".to_owned())).ok()?;
    let words = format!("{:?} {:?}", loaded.policy, loaded.tests);
    let mut parts = words.split("SourceSpan {");
    let first = parts.next()?.to_owned();
    Some(parts.fold(first, |policy, part| policy + part.split_once('}').map_or("", |(_, rest)| rest)))
}

/// Each case has the layout that is kept beside it, and that layout is its own.
#[test]
fn layouts() {
    for path in case_files("format") {
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let text = std::fs::read_to_string(&path).unwrap();
        let formatted = check(&text).unwrap();
        let mut settings = insta::Settings::clone_current();
        settings.set_snapshot_path(path.parent().unwrap());
        settings.set_prepend_module_to_snapshot(false);
        settings.set_omit_expression(true);
        settings.bind(|| insta::assert_snapshot!(name, formatted.text));
    }
}

/// Every file of cases without a mistake of writing is laid out, proves itself, and stays so.
#[test]
fn all_cases() {
    let mut laid_out = 0;
    for folder in ["ok", "names", "units", "conditions", "sources", "stages", "tests", "warnings", "syntax"] {
        for path in case_files(folder) {
            if let Ok(text) = std::fs::read_to_string(&path) {
                laid_out += usize::from(check(&text).is_some());
            }
        }
    }
    assert!(laid_out > 15, "{laid_out}");
}

/// Where the space stands in a text without blank lines, comments and one-line triggers says nothing: one layout.
#[test]
fn one_layout() {
    let text = "signal a { is ratio from push expect <= 5% } signal bcd { is duration from metrics p95(x{y=\"z\"}) over 1m in ms } \
        trigger t { hold when (a > 5% and bcd > 1s) for 5m unless u } trigger u \"title\" { rollback when a > 9% } \
        plan p { stage 5% for 5m stage 100% for 10m proceed when every signal meets its expectation } \
        test \"x y\" { given a 1%, then 2% for 5m given bcd 1s expect t ok at 5m expect decision proceed at 1m }";
    let laid = check(text).unwrap().text;
    for gap in ["\n", "   ", "\t", "\r\n", " \u{feff}"] {
        // but in the text in quotes
        let other =
            text.replace(' ', gap).replace("x{", &format!("x{gap}{{")).replace(&format!("x{gap}y"), "x y");
        assert_eq!(check(&other).unwrap().text.replace('\r', ""), laid, "{gap:?}");
    }
}

/// What is not broken on purpose fits.
#[test]
fn width() {
    for path in case_files("format") {
        let text = format("f.rules", &std::fs::read_to_string(&path).unwrap()).unwrap().text;
        for line in text.lines().filter(|line| line.chars().count() > WIDTH) {
            let whole = line.contains('#')
                || line.contains('"')
                || line.contains("metrics")
                || line.contains("unbreakable");
            assert!(whole, "{}: {line}", path.display());
        }
    }
}

/// Lines end as the first one did; a byte order mark goes.
#[test]
fn line_ends() {
    for (text, expected) in [
        ("edition 2026\r\n\r\n\r\nevaluate every 15s", "edition 2026\r\n\r\nevaluate every 15s\r\n"),
        ("edition 2026\nevaluate every 15s\r\n", "edition 2026\nevaluate every 15s\n"),
        ("\u{feff}edition  2026\n", "edition 2026\n"),
        ("# a \r\n#b\t\r\n", "# a\r\n#b\r\n"),
        ("", ""),
        (" \n\n", ""),
        ("\n\n# only a comment", "# only a comment\n"),
    ] {
        assert_eq!(check(text).unwrap().text, expected, "{text:?}");
    }
}

/// A text with mistakes of writing is refused with them; one whose names or units are wrong is not.
#[test]
fn mistakes() {
    for text in [
        "signal a {",
        "signal a { is ratio; from push }",
        "hold when a && b > 1",
        "trigger t { hold when p95 > 5 for }",
    ] {
        let Err(FormatError::Mistakes(failed)) = format("f.rules", text) else { panic!("{text}") };
        assert!(failed.to_string().starts_with("the rules have"), "{failed}");
    }
    let Err(FormatError::Mistakes(failed)) = format_bytes("f.rules", b"edition \xff") else { panic!() };
    assert_eq!(failed.diagnostics[0].code.id, "E0110");
    assert_eq!(
        format("f.rules", "hold  when nothing_there>5USDT\n").unwrap().text,
        "hold when nothing_there > 5USDT\n"
    );
    let long = "#".repeat(spark_rules::limits::TEXT_BYTES_MAX + 1);
    assert!(matches!(format("f.rules", &long), Err(FormatError::Mistakes(_))));
}

/// The warnings of a text on a day, without what its comments allow; how many there would be without comments.
fn warned(text: &str) -> Vec<(&'static str, String)> {
    let mut loaded = spark_rules::load("f.rules", text, &mut |_| Err("no other file".to_owned()))
        .unwrap_or_else(|failed| panic!("{failed}:\n{text}"));
    loaded.silence(spark_core::Timestamp::parse("2026-12-01T00:00:00Z").unwrap());
    let names = |message: &str| message.split("line_").next().unwrap_or("").to_owned();
    let mut told: Vec<_> = loaded.warnings.iter().map(|told| (told.code.id, names(&told.message))).collect();
    told.sort();
    told
}

/// A warning that a comment allows is allowed in the new layout, too, wherever the comment goes; one that covers more or
/// something else then is told.
#[test]
fn allows_cover_the_same() {
    const ALLOW: &str = "# allow W0302 until 2026-12-31 because it is a test";
    let head = "edition 2026\nsignal e { is ratio  from push }\nsignal f { is ratio  from push }\n";
    for (rules, expected, told) in [
        // a block of one line that becomes several
        (
            "trigger t \"T\" { rollback when e > 150% } @",
            "@\ntrigger t \"T\" {\n  rollback when e > 150%\n}\n",
            None,
        ),
        // clauses of a block
        (
            "trigger t {\n hold when e > 150% rollback when e > 160% @\n}",
            "@\ntrigger t {\n  hold     when e > 150%\n  rollback when e > 160%\n}\n",
            Some(true),
        ),
        (
            "trigger t {\n@\n hold when e > 150% rollback when e > 160%\n}",
            "@\ntrigger t {\n  hold     when e > 150%\n  rollback when e > 160%\n}\n",
            Some(true),
        ),
        // its head, and a clause
        ("trigger t { hold when e > 150% @\n}", "@\ntrigger t { hold when e > 150% }\n", None),
        // a part of a condition
        (
            "trigger t {\n hold when e > 150%\n or f > 150% or e > 170% @\n}",
            "trigger t {\n  @\n  hold     when e > 150% or f > 150% or e > 170%\n}\n",
            Some(true),
        ),
        // behind the last of several blocks nothing can be said of both
        (
            "trigger t { hold when e > 150% } trigger u { hold when f > 150% } @",
            "trigger t { hold when e > 150% }\ntrigger u { hold when f > 150% }  @\n",
            Some(false),
        ),
        // one clause keeps it
        (
            "trigger t {\n hold when e > 150% @\n rollback when e > 50%\n}",
            "trigger t {\n  hold     when e > 150%  @\n  rollback when e > 50%\n}\n",
            None,
        ),
    ] {
        let text = format!("{head}{}\n", rules.replace('@', ALLOW));
        let formatted = check(&text).unwrap();
        let laid = formatted.text.replace(ALLOW, "@");
        assert!(laid.ends_with(&format!("\n{expected}")), "{laid}");
        let strayed: Vec<_> = formatted.strayed.iter().map(|strayed| strayed.wider).collect();
        assert_eq!(strayed, told.into_iter().collect::<Vec<_>>(), "{rules}");
        for strayed in &formatted.strayed {
            let line = formatted.text.lines().nth(strayed.line as usize - 1).unwrap();
            assert!(line.contains(&strayed.comment), "{line}");
        }
        let (before, after) = (warned(&text), warned(&formatted.text));
        match told {
            None => assert_eq!(after, before, "{rules}"),
            Some(true) => assert!(after.iter().all(|told| before.contains(told)), "{rules}: {after:?}"),
            Some(false) => assert_ne!(after, before, "{rules}"),
        }
    }
}

/// A one-line trigger that a comment moves keeps its references.
#[test]
fn allows_and_line_names() {
    let text = "edition 2026\nsignal e { is ratio  from push }\ntrigger t { hold when e > 150% # allow W0302 until 2026-12-31 because it is a test\n}\nhold when e > 50%\ntest \"x\" { given e 60%  expect line_5 hold at 1m }\n";
    let formatted = check(text).unwrap();
    let line = formatted.text.lines().position(|line| line.starts_with("hold")).unwrap() + 1;
    assert!(formatted.text.contains(&format!("expect line_{line} hold")), "{}", formatted.text);
}

/// A one-line trigger is named by its line: where it moves, what refers to it in the file follows, and the name is told.
#[test]
fn line_names() {
    let text = "signal a { is ratio from push }\n\n\nhold when a > 5%\n\n\n\nrollback when a > 6%\n\
        trigger t { hold when a > 1% unless line_4, f_line_8 }\n\
        test \"line_4\" { given a 9% expect line_4 hold at 0s expect decision rollback at 0s because line_8 and line_4 and line_9 }\n";
    let formatted = check(text).unwrap();
    let names: Vec<(&str, &str)> =
        formatted.renamed.iter().map(|r| (r.from.as_str(), r.to.as_str())).collect();
    assert_eq!(names, [("line_4", "line_3"), ("line_8", "line_5")]);
    assert!(formatted.text.contains("unless line_3, f_line_5 }"), "{}", formatted.text);
    assert!(formatted.text.contains("because line_5 and line_3 and line_9"), "{}", formatted.text);
    assert!(formatted.text.contains("test \"line_4\""), "{}", formatted.text);
    // a block of that name is meant
    let declared = "signal line_4 { is ratio from push }\n\n\nhold when line_4 > 5%\ntest \"x\" { given line_4 1% expect line_4 ok at 0s }\n";
    assert!(check(declared).unwrap().text.contains("expect line_4 ok"));
}

/// The number of a line that is longer than before may break a line, so that the lines are counted again.
#[test]
fn line_names_settle() {
    let names: Vec<String> = (1..14).map(|line| format!("line_{}", line * 2 + 1)).collect();
    let mut text = "signal a { is ratio from push }\n\n".to_owned();
    for _ in 0..14 {
        text.push_str("trigger unless_some { hold when a > 1% unless ");
        text.push_str(&names.join(", "));
        text.push_str(" }\nhold when a > 5%\n");
    }
    check(&text).unwrap();
}

/// Ten thousand triggers are laid out in a time that nobody notices, and the deepest condition on a small stack.
#[test]
fn large() {
    let trigger = "trigger t { hold when (p95 > 300ms and errors > 1%) for 3m rollback when p95>400ms for 5m # slow\n}\n";
    let started = std::time::Instant::now();
    assert!(format("f.rules", &trigger.repeat(2_000)).is_ok());
    assert!(started.elapsed() < std::time::Duration::from_secs(60), "{:?}", started.elapsed());
    let deep = format!("hold when {}a_long_name > 5% and b > 2%{}", "(".repeat(60), ")".repeat(60));
    let wide = format!("hold when {}a > 5%", "a_long_name > 5% and ".repeat(10_000));
    let run = move || (check(&deep).unwrap(), check(&wide).unwrap());
    std::thread::Builder::new().stack_size(2 << 20).spawn(run).unwrap().join().unwrap();
}

/// Pieces of clauses in any number, with comments and lines between any two words.
fn any_rules() -> impl Strategy<Value = String> {
    let gap = prop::sample::select(vec![
        " ",
        "  ",
        "\n",
        "\n\n\n",
        " # why\n",
        "\n# own line\n",
        "\n\n  #x\n\n",
        "\r\n",
    ]);
    let condition = prop::sample::select(vec![
        "p95 > 300ms",
        "( p95 > 300ms and pool > 85% or not a == -5 ) for 2m",
        "pool between 5% and baseline + 10%",
        "slope ( rss over 15m ) > 10MiB/min",
        "p95 > 1.2x baseline for 1m and ( a - - b ) / 2 > -3 for 2m then errors > 1% within 2m",
        "correlation ( a , b over 15m ) < 3 x ( baseline )",
        "m > 10 USDT/min and m - 3 USDT / min > 5 USDT",
        "every signal meets its expectation for 5m",
        "a * -1 > - ( b + 1 ) or x - 1 > 2",
    ]);
    let clause = prop_oneof![
        condition.clone().prop_map(|c| format!("hold when {c}")),
        condition.clone().prop_map(|c| format!("rollback when {c}")),
        condition.clone().prop_map(|c| format!("given {c}")),
        condition.clone().prop_map(|c| format!("clear when {c}")),
        Just("unless api_latency , b or c".to_owned()),
        Just("unknown hold , then rollback after 10m".to_owned()),
        Just("runbook \"https://x/#a\"".to_owned()),
    ];
    let signal = prop::sample::select(vec![
        "is money",
        "from push in USDT",
        "from metrics sum by ( a , b ) ( rate ( x { a = \"#\" , b !~ \"c}\" } ) ) / ( y - 1 ) over 1m in MiB / min",
        "from prometheus \"up{} # no\" in 1/s",
        "stale after 45s",
        "expect <= - 5%",
        "expect between - 1 and 2",
    ]);
    let test = prop::sample::select(vec![
        "given p95 200ms for 10m, then - 450ms once then nothing for 10m on baseline",
        "given a from - 1 to 5 over 5m every 1s , + Inf",
        "given m 10 USDT with noise 1 USDT",
        "at stage 25% of canary from 15m",
        "expect api_latency rollback from 15m",
        "expect decision hold at 11m because p95, a and b",
        "given r rises - 5 every 15s",
        "given pool.used 95%",
        "given pool.up true",
        "given pool.used error \"no route\"",
        "expect check pool no-go",
    ]);
    let look = prop::sample::select(vec![
        "in preflight",
        "probe pgbouncer",
        "measure used is ratio",
        "measure lost is money in USDT",
        "measure flow is rate in MiB / min",
        "measure up is flag",
        "pass when up and not ( used - - 5% between - 1% and 90% or lost * -1 > - 3 USDT )",
        "pass when not up",
        "else no-go",
        "else warn",
        "within 5s",
        "evidence \"a.json\"",
        "owner \"x\"",
    ]);
    let plan = prop_oneof![
        Just("stage 5% for 15m".to_owned()),
        Just("stage 100% for 1h".to_owned()),
        condition.clone().prop_map(|c| format!("proceed when {c}")),
    ];
    let block = |head: &'static str, clauses: BoxedStrategy<String>| {
        prop::collection::vec(clauses, 0..5)
            .prop_map(move |clauses| format!("{head} {{ {} }}", clauses.join(" ")))
            .boxed()
    };
    let item = prop_oneof![
        block("trigger abc", clause.clone().boxed()),
        block("trigger d \"A title\"", clause.clone().boxed()),
        block("signal a", signal.clone().prop_map(str::to_owned).boxed()),
        block("signal abcde", signal.prop_map(str::to_owned).boxed()),
        block("plan canary", plan.boxed()),
        block("check pool \"P3 pool\"", look.prop_map(str::to_owned).boxed()),
        block("test \"it\"", test.prop_map(str::to_owned).boxed()),
        Just("edition 2026".to_owned()),
        Just("use \"a # b.rules\"".to_owned()),
        Just("evaluate every 15s".to_owned()),
    ];
    let line = condition.prop_map(|c| format!("\nrollback when {c} unless a given b > 5"));
    let word =
        prop::collection::vec((prop_oneof![5 => item, 1 => line], prop::collection::vec(gap, 60)), 1..6);
    word.prop_map(|items| {
        let mut text = String::new();
        for (item, gaps) in items {
            let plain = item.starts_with('\n');
            let mut quoted = false;
            let mut gaps = gaps.iter().cycle();
            for (place, word) in item.trim_start().split(' ').enumerate() {
                if place > 0 {
                    // a one-line trigger ends with its line
                    let gap = if plain { " " } else { gaps.next().unwrap() };
                    text.push_str(if quoted { " " } else { gap });
                }
                text.push_str(word);
                quoted ^= word.matches('"').count() % 2 == 1;
            }
            text.push_str(if plain { "\n" } else { gaps.next().unwrap() });
        }
        text
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    /// Rules with space, lines and comments between any two words keep every word and comment, mean the same, and have
    /// one layout.
    #[test]
    fn any_layout(text in any_rules()) {
        prop_assert!(check(&text).is_some(), "{}", text);
    }

    /// The same for rules with a piece cut out, doubled or replaced, as far as they can be read.
    #[test]
    fn any_mutation(at in 0usize..3_000, length in 0usize..40, put in "[ a-z0-9#\n(){},\"%+-]{0,12}") {
        let path = case_files("ok").into_iter().find(|path| path.ends_with("contract.rules")).unwrap();
        let text = std::fs::read_to_string(path).unwrap();
        let start = (at.min(text.len())..).find(|place| text.is_char_boundary(*place)).unwrap();
        let end = ((start + length).min(text.len())..).find(|place| text.is_char_boundary(*place)).unwrap();
        check(&format!("{}{put}{}", &text[..start], &text[end..]));
    }

    /// Whatever stands on one line of the contract's example with an allow behind it or above it: the same is silenced in
    /// the new layout, or it is told that an allow covers something else.
    #[test]
    fn any_allow(
        joins in prop::collection::vec(0usize..1_000, 0..30),
        allows in prop::collection::vec((0usize..1_000, any::<bool>(), 0usize..3), 1..5),
    ) {
        let text = noisy(&joins, &allows);
        let formatted = check(&text).unwrap();
        let (before, after) = (warned(&text), warned(&formatted.text));
        if formatted.strayed.is_empty() {
            prop_assert_eq!(before, after, "of:\n{}\nto:\n{}", text, formatted.text);
        } else if formatted.strayed.iter().all(|strayed| strayed.wider) {
            // nothing is told again that was allowed
            let other = |told: &&(&str, String)| told.0 != "W0323";
            for told in after.iter().filter(other) {
                prop_assert!(before.contains(told), "{:?} of:\n{}\nto:\n{}", told, text, formatted.text);
            }
        }
    }
}

/// The contract's example with shares above 100 %, some of its lines joined, and allows behind or above some lines.
fn noisy(joins: &[usize], allows: &[(usize, bool, usize)]) -> String {
    let path = case_files("ok").into_iter().find(|path| path.ends_with("contract.rules")).unwrap();
    let text = std::fs::read_to_string(path).unwrap();
    let text =
        text.replace("5%", "500%").replace("stage 500%", "stage 5%").replace("stage 2500%", "stage 25%");
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    for join in joins {
        let place = join % (lines.len() - 1);
        let (one, next) = (&lines[place], &lines[place + 1]);
        let plain =
            |line: &str| line.starts_with("hold") || line.starts_with("rollback") || line.starts_with("warn");
        if !one.contains('#') && !plain(one) && !plain(next) {
            let next = lines.remove(place + 1);
            let one = &mut lines[place];
            *one = format!("{one} {next}");
        }
    }
    for (place, above, code) in allows {
        let code = ["W0302", "W0302, W0303", "W0314"][*code];
        let allow = format!("# allow {code} until 2026-12-31 because it is a test");
        let place = place % lines.len();
        match above {
            true => lines.insert(place, allow),
            false if !lines[place].contains('#') => {
                lines[place] = format!("{}  {allow}", lines[place]);
            }
            false => {}
        }
    }
    lines.join("\n") + "\n"
}
