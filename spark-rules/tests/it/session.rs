//! What an editor is told of a place: `$0` in a text is the cursor.

use crate::cursor::{at, behind, offers};
use spark_rules::session::{Encoding, LinePosition, Session, SymbolKind};

/// Rules that everything below stands in.
const RULES: &str = "edition 2026\nevaluate every 15s\n\n\
    # how slow it is\n# at the edge\nsignal p95 \"API latency\" {\n  is duration\n  from metrics p95(http_request_duration_seconds) over 1m\n  expect <= 200ms\n}\n\
    signal errors { is ratio from push }\nsignal rss { is bytes from push }\n\n\
    trigger slow \"API latency\" {\n  hold when p95 > 300ms for 3m\n  rollback when p95 > 400ms for 5m\n  given avg(p95 over 5m) > 1ms\n}\n\
    trigger other { rollback when errors > 3% for 5m unless slow }\n\
    rollback when rss > 1GiB for 5m\n\n\
    plan canary {\n  stage 5% for 15m\n  stage 100% for 15m\n  proceed when every signal meets its expectation for 5m\n}\n\n\
    test \"it is slow\" {\n  given p95 200ms for 10m, then 450ms for 10m\n  expect slow rollback from 15m\n  expect decision rollback at 15m because slow\n}\n";

/// What may be written at a cursor is offered, and what cannot stand there is not.
#[test]
fn completion() {
    offers(RULES, "\n$0", &["signal", "trigger", "plan", "test", "rollback when"], &["is", "p95", "stage"]);
    offers(RULES, "\ntri$0", &["trigger"], &["signal"]);
    offers(RULES, "signal x {\n  $0\n}", &["is", "from", "stale after", "expect"], &["hold when", "signal"]);
    offers(RULES, "signal x {\n  is duration\n  $0\n}", &["from", "expect"], &["is"]);
    offers(RULES, "signal x { is $0 }", &["duration", "ratio", "money"], &["from", "p95"]);
    offers(RULES, "signal x { is dur$0", &["duration"], &["ratio"]);
    offers(RULES, "signal x { is duration from $0", &["push", "metrics", "prometheus", "sql"], &["duration"]);
    offers(RULES, "signal x { is ratio from push in $0", &["%"], &["push", "ms"]);
    offers(RULES, "signal x { is duration from push in $0", &["s", "ms"], &["%", "USDT"]);
    offers(RULES, "signal x { is duration from push $0", &["in", "stale after"], &["push"]);
    offers(RULES, "signal x { is ratio from push expect $0", &["<=", "between"], &["is"]);
    offers(RULES, "signal x { is ratio from push expect <= $0", &["5%", "baseline"], &["300ms"]);
    offers(
        RULES,
        "trigger x {\n  $0\n}",
        &["hold when", "rollback when", "clear when", "unless"],
        &["is", "stage"],
    );
    offers(RULES, "trigger x {\n  rollback $0", &["when"], &["p95"]);
    offers(RULES, "trigger x { $0 }", &["hold when"], &["for", "and", "within"]);
    offers(RULES, "trigger x { rollback when p95 > 4$0", &["4ms", "4s"], &["4", "4%", "100ms"]);
    offers(
        RULES,
        "trigger x { rollback when p95 > 2x $0",
        &["baseline", "previous stage"],
        &["for", "clear when"],
    );
    offers(RULES, "trigger x { rollback when p95 > $0", &["300ms", "baseline"], &["p95", "errors"]);
    offers(RULES, "trigger x { rollback when p95 between 1ms $0", &["and"], &["or", "clear when"]);
    offers(RULES, "trigger x { rollback when p95 between 1ms and $0", &["300ms"], &["not", "avg"]);
    offers(RULES, "trigger x { rollback when avg(p95 $0", &["over"], &[">", "clear when"]);
    offers(RULES, "trigger x { rollback when correlation(p95, $0", &["errors"], &["over"]);
    offers(RULES, "trigger x { rollback when p95 > 1s unless $0", &["slow"], &["x"]);
    offers(
        RULES,
        "signal ws { is rate from push }\ntrigger x { rollback when ws > $0",
        &["50/min"],
        &["300ms"],
    );
    offers(RULES, "test \"x\" { given p95 1s for 1m, $0", &["then"], &["once", "noise"]);
    offers(
        RULES,
        "trigger x {\n  rollback when $0",
        &["p95", "errors", "avg", "not"],
        &["slow", "canary", "for"],
    );
    offers(RULES, "trigger x {\n  rollback when p95 $0", &[">", "between"], &["p95"]);
    offers(
        RULES,
        "trigger x {\n  rollback when p95 > $0",
        &["300ms", "baseline", "previous stage"],
        &["5%", "10MiB"],
    );
    offers(RULES, "trigger x {\n  rollback when errors > $0", &["5%"], &["300ms"]);
    offers(RULES, "trigger x {\n  rollback when p95 > 1s and errors > $0", &["5%"], &["300ms"]);
    offers(
        RULES,
        "trigger x {\n  rollback when slope(rss over 15m) > $0",
        &["10MiB/min"],
        &["10MiB", "300ms"],
    );
    offers(RULES, "trigger x {\n  rollback when avg($0", &["p95", "errors"], &["slow"]);
    offers(RULES, "trigger x {\n  rollback when avg(p95 $0", &["over"], &["p95"]);
    offers(
        RULES,
        "trigger x {\n  rollback when p95 > 1s $0",
        &["for", "and", "or", "hold when"],
        &["rollback when", "p95"],
    );
    offers(RULES, "trigger x {\n  rollback when p95 > 1s for $0", &["5m"], &["p95", "hold when"]);
    offers(
        RULES,
        "trigger x {\n  rollback when p95 > 1s\n  unless $0",
        &["slow", "other"],
        &["p95", "clear when"],
    );
    offers(RULES, "trigger x {\n  unknown $0", &["hold"], &["p95"]);
    offers(RULES, "plan x {\n  stage $0", &["5%", "100%"], &["p95"]);
    offers(RULES, "plan x {\n  stage 5% for 1m\n  $0", &["stage", "proceed when"], &["is"]);
    offers(
        RULES,
        "plan x {\n  stage 5% for 1m $0",
        &["needs approval", "warmup", "watch", "stage"],
        &["approval", "for"],
    );
    offers(RULES, "plan x {\n  stage 5% for 1m needs $0", &["approval"], &["warmup", "stage"]);
    offers(
        RULES,
        "plan x {\n  stage 5% for 1m needs approval\n  $0",
        &["stage", "warmup"],
        &["needs approval"],
    );
    offers(RULES, "plan x {\n  stage 5% for 1m\n  warmup $0", &["2m", "30s"], &["stage", "p95"]);
    offers(RULES, "plan x {\n  watch $0", &["24h"], &["15s", "stage"]);
    offers(RULES, "plan x {\n  warmup 2m watch 24h\n  $0", &["stage", "proceed when"], &["warmup", "watch"]);
    offers(RULES, "trigger x {\n  $0", &[], &["warmup", "watch", "needs approval"]);
    let named = "signal watch { is ratio from push }\nsignal needs { is ratio from push }\n";
    offers(RULES, &format!("{named}plan x {{ proceed when watch $0"), &[">", "between"], &["24h", "2m"]);
    offers(RULES, &format!("{named}plan x {{ proceed when watch > $0"), &["5%"], &["24h", "watch"]);
    offers(RULES, &format!("{named}plan x {{ proceed when needs $0"), &[">", "<="], &["approval"]);
    offers(
        RULES,
        &format!("{named}plan x {{ proceed when needs > watch $0"),
        &["for", "warmup", "watch"],
        &["24h"],
    );
    offers(RULES, "plan x {\n  proceed when $0", &["every signal meets its expectation", "p95"], &[]);
    let check = "check pool {\n  in preflight\n  probe p\n  measure used is ratio\n  measure up is flag\n";
    offers(RULES, &format!("{check}  $0\n}}"), &["pass when", "else", "within", "measure"], &["in", "is"]);
    offers(RULES, "check x { in $0", &["preflight", "redteam", "blast"], &["p95", "ms"]);
    offers(RULES, "check x {\n  measure a is $0", &["flag", "ratio"], &["counter", "p95"]);
    offers(RULES, "check x {\n  else $0", &["no-go", "warn"], &["hold"]);
    offers(RULES, &format!("{check}  pass when $0"), &["used", "up", "not"], &["p95", "slow"]);
    offers(RULES, &format!("{check}  pass when used < 5% and $0"), &["used", "up"], &["p95"]);
    let check = format!("{check}  pass when up\n  else no-go\n  within 5s\n  evidence \"p.json\"\n}}\n");
    offers(RULES, &format!("{check}test \"y\" {{\n  given pool.$0"), &["used", "up"], &["p95"]);
    offers(RULES, &format!("{check}test \"y\" {{\n  expect check $0"), &["pool"], &["p95", "slow"]);
    offers(
        RULES,
        &format!("{check}test \"y\" {{\n  expect check pool $0"),
        &["pass", "no-go", "unknown"],
        &["ok"],
    );
    offers(RULES, "test \"x\" {\n  $0", &["given", "expect", "at stage"], &["is"]);
    offers(RULES, "test \"x\" {\n  given $0", &["p95", "errors"], &["slow"]);
    offers(RULES, "test \"x\" {\n  given p95 $0", &["300ms", "rises"], &["5%"]);
    offers(RULES, "test \"x\" {\n  expect $0", &["slow", "other", "p95", "decision"], &["canary"]);
    offers(RULES, "test \"x\" {\n  expect slow $0", &["rollback", "pending", "unknown"], &["proceed", "p95"]);
    offers(RULES, "test \"x\" {\n  expect decision $0", &["proceed", "hold"], &["pending"]);
    offers(RULES, "test \"x\" {\n  expect decision hold at 1m because $0", &["slow", "p95"], &["canary"]);
    offers(RULES, "test \"x\" {\n  at stage $0", &["5%", "100%"], &["slow"]);
    offers(RULES, "test \"x\" {\n  at stage 5% of $0", &["canary"], &["slow"]);
    offers(RULES, "rollback when $0", &["p95", "errors"], &["slow"]);
    for silent in ["# a comment $0", "signal x \"a title $0", "signal x { is duration from metrics a{$0"] {
        offers(RULES, silent, &[], &["p95", "is", "signal", "from"]);
    }
}

/// A word under the cursor is explained: declarations with their sentence and query, values in base units, reserved words,
/// and the page of what is wrong there.
#[test]
fn hover() {
    let (mut session, _) = at(RULES, "$0");
    let settled =
        session.snapshot("a.rules").check(None, &std::sync::atomic::AtomicBool::new(false)).unwrap();
    assert!(session.settle(settled));
    for (piece, words) in [
        (
            "hold when p95",
            vec!["signal p95 \"API latency\"", "`p95` is a duration", "```promql", "histogram_quantile"],
        ),
        ("unless slow", vec!["trigger slow", "`slow` ", "for 5m of evidence"]),
        ("plan canary", vec!["stage 5% for 15m"]),
        ("> 400m", vec!["`400ms` = 0.4 s"]),
        ("> 3%", vec!["`3%` = 0.03"]),
        ("  giv", vec!["**given**"]),
    ] {
        let hover =
            session.hover("a.rules", behind(RULES, piece)).unwrap_or_else(|| panic!("nothing at `{piece}`"));
        for word in words {
            assert!(hover.markdown.contains(word), "`{word}` at `{piece}`: {}", hover.markdown);
        }
    }
    let plan = "signal watch { is ratio from push }\n\
        plan x { stage 5% for 1m needs approval warmup 2m watch 24h proceed when watch < 5%$0 }";
    let (session, byte) = at(RULES, plan);
    let text = session.text("a.rules").unwrap();
    let place = |piece: &str| text.find(piece).unwrap();
    for (place, words) in [
        (place("needs"), "a person must approve"),
        (place("approval"), "a person must approve"),
        (place("warmup"), "nothing counts"),
        (place("watch 24h"), "before it is complete"),
        (byte - "watch < 5%".len(), "`watch` is a ratio"),
    ] {
        let hover = session.hover("a.rules", place + 1).unwrap();
        assert!(hover.markdown.contains(words), "{words}: {}", hover.markdown);
    }
    let (mut session, _) = at(RULES, "$0");
    assert_eq!(session.hover("a.rules", behind(RULES, "# how")), None);
    let byte = behind(RULES, "p95 > 400ms");
    session.edit("a.rules", byte - 5..byte, "5%");
    assert!(session.hover("a.rules", byte - 4).unwrap().markdown.contains("### E0203"));
}

/// The text of places.
fn texts(session: &Session, places: &[spark_rules::session::Place]) -> Vec<(usize, String)> {
    let line = |place: &spark_rules::session::Place| {
        session.position(&place.path, place.range.start, Encoding::Utf8).line as usize + 1
    };
    places
        .iter()
        .map(|place| (line(place), session.text(&place.path).unwrap()[place.range.clone()].to_owned()))
        .collect()
}

/// A name leads to its declaration and to all its uses; a one-line trigger is found by its line.
#[test]
fn definition_and_references() {
    let (session, _) = at(RULES, "trigger z { hold when errors > 1% unless line_20 }\n$0");
    let named = |places: &[spark_rules::session::Place]| texts(&session, places);
    let place = session.definition("a.rules", behind(RULES, "hold when p95")).unwrap();
    assert_eq!(named(&[place]), [(6, "p95".to_owned())]);
    let found = named(&session.references("a.rules", behind(RULES, "signal p95"), true));
    assert_eq!(found.iter().map(|(line, _)| *line).collect::<Vec<_>>(), [6, 15, 16, 17, 29]);
    assert_eq!(session.references("a.rules", behind(RULES, "signal p95"), false).len(), 4);
    let line = session.text("a.rules").unwrap().find("line_20").unwrap();
    let place = session.definition("a.rules", line).unwrap();
    assert_eq!(named(&[place])[0].1, "rollback when rss > 1GiB for 5m");
    assert_eq!(
        session
            .highlights("a.rules", behind(RULES, "trigger slow"))
            .iter()
            .filter(|(_, declares)| *declares)
            .count(),
        1
    );
    assert_eq!(session.definition("a.rules", behind(RULES, "  is durat")), None);
}

/// A name is changed wherever it stands, in broken clauses too, and the rules mean the same; what cannot be a name is refused.
#[test]
fn rename() {
    let (mut session, _) = at(RULES, "$0");
    let byte = behind(RULES, "signal p95");
    let changes = session.rename("a.rules", byte, "latency").unwrap();
    assert_eq!(changes.len(), 5);
    for (place, text) in changes.iter().rev() {
        session.edit("a.rules", place.range.clone(), text);
    }
    assert_eq!(session.diagnostics("a.rules"), []);
    assert!(session.text("a.rules").unwrap().contains("metrics p95(http"), "the metric's function stays");
    for (name, words) in [
        ("when", "reserved"),
        ("slow", "taken"),
        ("errors", "taken"),
        ("line_20", "taken"),
        ("5x", "no name"),
        ("a-b", "no name"),
        ("", "no name"),
        (&"a".repeat(101), "at most"),
    ] {
        let refused = session.rename("a.rules", byte, name).unwrap_err();
        assert!(refused.contains(words), "{name}: {refused}");
    }
    assert_eq!(session.rename("a.rules", byte, "latency"), Ok(vec![]));
    assert!(session.renameable("a.rules", 3).is_err());
    let (session, _) = at(RULES, "trigger z { hold when errors > 1% unless line_20 }\n$0");
    let line = session.text("a.rules").unwrap().find("line_20").unwrap();
    assert!(session.renameable("a.rules", line).unwrap_err().contains("named by its line"));
    let (session, _) = at(RULES, "trigger z { hold when errors >> p95 and }\n$0");
    assert_eq!(session.rename("a.rules", byte, "x").unwrap().len(), 6, "the broken clause has one more");
}

/// A file's blocks are listed with their stages, folded, and enclose what is in them.
#[test]
fn outline() {
    let (session, _) = at(RULES, "$0");
    let symbols = session.symbols("a.rules");
    let names: Vec<(&str, SymbolKind)> =
        symbols.iter().map(|symbol| (symbol.name.as_str(), symbol.kind)).collect();
    assert_eq!(
        names,
        [
            ("p95", SymbolKind::Signal),
            ("errors", SymbolKind::Signal),
            ("rss", SymbolKind::Signal),
            ("slow", SymbolKind::Trigger),
            ("other", SymbolKind::Trigger),
            ("line_20", SymbolKind::Trigger),
            ("canary", SymbolKind::Plan),
            ("it is slow", SymbolKind::Test),
        ]
    );
    assert_eq!(
        symbols[6].children.iter().map(|stage| stage.name.as_str()).collect::<Vec<_>>(),
        ["5%", "100%"]
    );
    let (more, _) =
        at(RULES, "plan x { stage 5% for 1m needs approval watch 24h warmup 2m stage 9% for 3m }$0");
    let children = more.symbols("a.rules").pop().unwrap().children;
    let told = |symbol: &spark_rules::session::Symbol| {
        format!("{:?} {}: {}", symbol.kind, symbol.name, symbol.detail)
    };
    assert_eq!(
        children.iter().map(told).collect::<Vec<_>>(),
        ["Stage 5%: 1m, needs approval", "Length watch: 24h", "Length warmup: 2m", "Stage 9%: 3m"]
    );
    let folds = session.folds("a.rules");
    assert_eq!(folds.iter().map(|fold| fold.comment).collect::<Vec<_>>(), [true, false, false, false, false]);
    let around = session.enclosing("a.rules", behind(RULES, "> 400m"));
    let text = session.text("a.rules").unwrap();
    let shown: Vec<&str> = around.iter().map(|range| text[range.clone()].lines().next().unwrap()).collect();
    let inner = ["400ms", "p95 > 400ms", "p95 > 400ms for 5m", "rollback when p95 > 400ms for 5m"];
    assert_eq!(shown[..4], inner);
    assert_eq!(around.last(), Some(&(0..text.len())));
    assert_eq!(session.tests("a.rules").len(), 1);
}

/// Every word has its colour once, in order; hints stand behind thresholds that are not in the base unit.
#[test]
fn colours_and_hints() {
    let (session, _) = at(RULES, "$0");
    let text = session.text("a.rules").unwrap();
    let painted = session.painted("a.rules", 0..text.len());
    assert!(painted.windows(2).all(|pair| pair[0].range.end <= pair[1].range.start));
    let shown: Vec<String> =
        painted.iter().map(|word| format!("{:?} {}", word.paint, &text[word.range.clone()])).collect();
    for word in [
        "Keyword edition",
        "Number 2026",
        "Comment # how slow it is",
        "Signal p95",
        "Text \"API latency\"",
        "Choice duration",
        "Source http_request_duration_seconds",
        "Trigger slow",
        "Function avg",
        "Plan canary",
        "Choice rollback",
        "Sign >",
    ] {
        assert!(shown.iter().any(|shown| shown == word), "{word}: {shown:?}");
    }
    let named = "signal watch { is ratio from push }\nplan x { stage 5% for 1m needs approval watch 24h proceed when watch < 5% }";
    let (more, _) = at(RULES, &format!("{named}$0"));
    let text = more.text("a.rules").unwrap();
    let from = text.find("plan x").unwrap();
    let shown: Vec<String> = more
        .painted("a.rules", from..text.len())
        .iter()
        .map(|word| format!("{:?} {}", word.paint, &text[word.range.clone()]))
        .filter(|word| ["needs", "approval", "watch"].iter().any(|one| word.ends_with(one)))
        .collect();
    assert_eq!(shown, ["Keyword needs", "Keyword approval", "Keyword watch", "Signal watch"]);
    let part = session.painted("a.rules", behind(RULES, "trigger slow")..behind(RULES, "trigger slow") + 30);
    assert!(part.len() < 12 && !part.is_empty());
    let hints: Vec<(String, usize)> =
        session.hints("a.rules", 0..text.len()).into_iter().map(|hint| (hint.text, hint.at)).collect();
    assert!(hints.contains(&("= 0.4 s".to_owned(), behind(RULES, "p95 > 400ms"))), "{hints:?}");
    assert!(hints.contains(&("= 1073741824 B".to_owned(), behind(RULES, "1GiB"))), "{hints:?}");
    assert!(hints.iter().any(|(text, _)| text == "line_20:"), "{hints:?}");
    let (session, byte) = at(RULES, "signal ws { is rate from push expect < 0.5/min$0 }");
    let hints = session.hints("a.rules", byte..byte);
    assert_eq!(hints.iter().map(|hint| hint.text.as_str()).collect::<Vec<_>>(), ["≈ 0.00833333/s"]);
    assert_eq!(session.hover("a.rules", byte - 1).unwrap().markdown, "`0.5/min` ≈ 0.00833333/s");
    let kind = session.hover("a.rules", byte - "rate from push expect < 0.5/min".len()).unwrap().markdown;
    assert_eq!(kind, "**rate**: how many per time");
}

/// Names lead from file to file, and a name is changed in all of them.
#[test]
fn several_files() {
    let mut session = Session::new();
    session.open("/r/main.rules", "edition 2026\nuse \"sub/part.rules\"\ntrigger t { hold when a > 1s }\n");
    session.provide("/r/sub/part.rules", "edition 2026\nsignal a { is duration from push expect <= 1s }\n");
    let byte = session.text("/r/main.rules").unwrap().find("a > 1s").unwrap();
    assert_eq!(session.definition("/r/main.rules", byte).unwrap().path, "/r/sub/part.rules");
    assert_eq!(session.rename("/r/main.rules", byte, "b").unwrap().len(), 2);
    let used = session.text("/r/main.rules").unwrap().find("sub/").unwrap();
    assert_eq!(session.definition("/r/main.rules", used).unwrap().path, "/r/sub/part.rules");
}

/// Places outside of a text, files that are not known and the worst texts are answered, not refused.
#[test]
fn odd_places() {
    let mut session = Session::new();
    let deep = format!("trigger x {{ rollback when {}a > 1s", "(".repeat(5_000));
    for text in
        ["", "\n", "é", "{", "}", "\"", "#", deep.as_str(), "signal \u{1F600} {", &"a".repeat(100_000)]
    {
        session.open("a.rules", text);
        for byte in [0, 1, 2, text.len(), text.len() + 9] {
            let _ = session.completions("a.rules", byte);
            let _ = session.hover("a.rules", byte);
            let _ = session.definition("a.rules", byte);
            let _ = session.references("a.rules", byte, true);
            let _ = session.rename("a.rules", byte, "b");
            let _ = session.enclosing("a.rules", byte);
            let _ = session.painted("a.rules", byte..byte + 5);
            let _ = session.hints("a.rules", byte..byte + 5);
        }
        let end = LinePosition { line: 99, character: 99 };
        assert_eq!(session.offset("a.rules", end, Encoding::Utf16), text.len());
        assert!(session.edit("a.rules", text.len() + 5..3, "x"));
    }
    assert!(!session.edit("b.rules", 0..0, "x"));
    assert_eq!(session.diagnostics("b.rules"), []);
    assert_eq!(session.completions("b.rules", 5).items, []);
}
