//! What an editor is told inside of checks, and where tests name them: `$0` in a text is the cursor.

use std::sync::atomic::AtomicBool;

use crate::cursor::{at, behind, offers};
use spark_rules::session::{Place, Session, SymbolKind};

/// A signal and a trigger are called as the measures and the checks are: each keeps to its own kind.
const RULES: &str = "edition 2026\n\
    signal used { is ratio from push expect <= 90% }\n\
    trigger pool { hold when used > 90% for 5m unless full }\ntrigger full { warn when used > 95% }\n\n\
    check pool \"P3 pool\" {\n  in       preflight\n  probe    pgbouncer\n  measure  used is ratio\n  measure  waiting is count\n\
    \x20 measure  flow is rate in MiB/min\n  measure  up is flag\n  pass     when used < 90% and waiting == 0 and up\n\
    \x20 else     no-go\n  within   5s\n  evidence \"pool.json\"\n}\n\
    check other {\n  in       redteam\n  probe    ntp\n  measure  used is duration\n  pass     when used < 100ms\n\
    \x20 else     warn\n  within   5s\n  evidence \"other.json\"\n}\n\n\
    test \"full\" {\n  given  pool.used 95%\n  given  pool.up true\n  given  other.used 1ms\n  expect check pool no-go\n\
    \x20 expect check other pass\n}\n";

/// Lines, from 1, and texts of places.
fn lines(session: &Session, places: impl IntoIterator<Item = Place>) -> Vec<(usize, String)> {
    let text = session.text("a.rules").unwrap();
    let line = |place: &Place| text[..place.range.start].matches('\n').count() + 1;
    places.into_iter().map(|place| (line(&place), text[place.range.clone()].to_owned())).collect()
}

/// A measure is compared with values of its own unit and measures of its own kind, a flag with nothing; and a test says of a
/// measure what it can be.
#[test]
fn completion() {
    let check = "check x {\n  probe p\n  measure a is duration\n  measure b is duration\n  measure c is count\n  measure up is flag\n  pass when ";
    let after = |more: &str, wanted: &[&str], unwanted: &[&str]| {
        offers(RULES, &format!("{check}{more}$0"), wanted, unwanted);
    };
    after("", &["a", "c", "up", "not"], &["used", "avg", "baseline"]);
    after("a ", &["<", "between"], &["and", "for", "a"]);
    after("a < ", &["100ms", "b"], &["5%", "c", "up", "a", "baseline", "previous stage"]);
    after("a < 2", &["2ms", "2s"], &["2", "2%"]);
    after("a + b < ", &["100ms", "b"], &["c", "a"]);
    after("a < 1s and c == ", &["1", "100"], &["100ms", "a"]);
    after("a between ", &["100ms"], &["5%", "and"]);
    after("a between 1ms ", &["and"], &["or", "<"]);
    after("a between 1ms and ", &["100ms", "1s"], &["not", "c"]);
    after("a < 1s ", &["and", "or", "else", "within"], &["<", "for", "then"]);
    after("up ", &["and", "or", "evidence"], &["<", "=="]);
    after("not ", &["up", "a"], &["and"]);
    after("up and ", &["a", "c", "not"], &["100ms"]);
    after("(a + ", &["b"], &["not", "used"]);
    let test = |more: &str, wanted: &[&str], unwanted: &[&str]| {
        offers(RULES, &format!("test \"y\" {{\n  {more}$0"), wanted, unwanted);
    };
    test("given ", &["pool", "other", "used"], &["full"]);
    test("given pool.", &["used", "waiting", "up"], &["pool", "full"]);
    test("given pool.used ", &["5%", "nothing", "error"], &["true", "100ms", "rises"]);
    test("given other.used ", &["100ms"], &["5%", "true"]);
    test("given pool.up ", &["true", "false", "nothing"], &["5%", "1"]);
    test("expect check ", &["pool", "other"], &["used", "full"]);
    test("expect check other ", &["pass", "warn", "unknown"], &["ok", "pending"]);
}

/// Over a check and its measures stand the check and its sentence, over its words what they mean, and over a mistake its page.
#[test]
fn hover() {
    let (mut session, _) = at(RULES, "$0");
    let settled = session.snapshot("a.rules").check(None, &AtomicBool::new(false)).unwrap();
    assert!(session.settle(settled));
    let sentence = "`pool` (\"P3 pool\") asks the probe `pgbouncer` in preflight, within 5s";
    for (piece, words) in [
        ("check pool", vec!["check pool \"P3 pool\" {", sentence]),
        ("measure  waiting", vec!["measure  waiting is count", sentence]),
        ("pass     when used", vec![sentence]),
        ("given  pool", vec![sentence]),
        ("given  pool.used", vec![sentence]),
        ("expect check pool", vec![sentence]),
        ("when used < 100ms", vec!["`100ms` = 0.1 s"]),
        ("given  pool.used 95%", vec!["`95%` = 0.95"]),
        ("trigger pool", vec!["trigger pool {", "hold when used > 90%"]),
        ("\n  in", vec!["**in**", "when it is made"]),
        ("preflig", vec!["**preflight**", "in a minute"]),
        ("prob", vec!["**probe**"]),
        ("measur", vec!["**measure**"]),
        ("pas", vec!["**pass**", "never passes"]),
        ("els", vec!["**else**"]),
        ("no-g", vec!["**no-go**", "must not begin"]),
        ("withi", vec!["**within**", "the probe"]),
        ("eviden", vec!["**evidence**"]),
        ("waiting is cou", vec!["**count**"]),
        ("up is fla", vec!["**flag**"]),
        ("\n\nchec", vec!["**check**"]),
    ] {
        let hover =
            session.hover("a.rules", behind(RULES, piece)).unwrap_or_else(|| panic!("nothing at `{piece}`"));
        for word in words {
            assert!(hover.markdown.contains(word), "`{word}` at `{piece}`: {}", hover.markdown);
        }
    }
    let byte = behind(RULES, "and waiting == 0");
    session.edit("a.rules", byte - 1..byte, "5s");
    assert!(session.hover("a.rules", byte).unwrap().markdown.contains("### E0203"));
}

/// A measure is found and renamed in its check and in tests of it, not in another check and not where a signal is called alike;
/// a check apart from a trigger of its name. Broken clauses take part.
#[test]
fn names() {
    let (session, _) = at(RULES, "$0");
    let measure = behind(RULES, "measure  used");
    let found = lines(&session, session.references("a.rules", measure, true));
    assert_eq!(found.iter().map(|(line, _)| *line).collect::<Vec<_>>(), [9, 13, 29], "{found:?}");
    let place = session.definition("a.rules", behind(RULES, "given  other.used")).unwrap();
    assert_eq!(lines(&session, [place]), [(21, "used".to_owned())]);
    let signal = lines(&session, session.references("a.rules", behind(RULES, "signal used"), true));
    assert_eq!(signal.iter().map(|(line, _)| *line).collect::<Vec<_>>(), [2, 3, 4]);
    let check = lines(&session, session.references("a.rules", behind(RULES, "check pool"), true));
    assert_eq!(check.iter().map(|(line, _)| *line).collect::<Vec<_>>(), [6, 29, 30, 32]);
    for (byte, name) in [
        (measure, "share"),
        (behind(RULES, "check pool"), "pooler"),
        (behind(RULES, "given  other"), "clock"),
    ] {
        let (mut session, _) = at(RULES, "$0");
        for (place, text) in session.rename("a.rules", byte, name).unwrap().iter().rev() {
            session.edit("a.rules", place.range.clone(), text);
        }
        assert_eq!(session.diagnostics("a.rules"), [], "{name}");
    }
    for (name, words) in
        [("waiting", "taken"), ("probe", "opens a clause"), ("when", "reserved"), ("5x", "no name")]
    {
        let refused = session.rename("a.rules", measure, name).unwrap_err();
        assert!(refused.contains(words), "{name}: {refused}");
    }
    assert_eq!(session.rename("a.rules", measure, "full").unwrap().len(), 3, "a trigger's name is another's");
    let broken = "check torn { in blast  probe p  measure used is ratio  pass when used << 5% and used  else no-go }\n\
        test \"torn\" { given torn.used <<  expect check torn << }\n$0";
    let (session, _) = at(RULES, broken);
    let text = session.text("a.rules").unwrap();
    let own = text.find("measure used is ratio  pass").unwrap() + "measure used".len();
    assert_eq!(session.rename("a.rules", own, "x").unwrap().len(), 4, "its own, and no signal's");
    assert_eq!(
        session.rename("a.rules", behind(RULES, "signal used"), "x").unwrap().len(),
        3,
        "and none of a check"
    );
    let check = text.find("check torn").unwrap() + "check torn".len();
    assert_eq!(session.rename("a.rules", check, "x").unwrap().len(), 3);
    assert!(
        session.renameable("a.rules", behind(RULES, "probe    pgbou")).is_err(),
        "a probe is the configuration's"
    );
}

/// A check is listed with its measures and what they are, folded, and encloses what is in it.
#[test]
fn outline() {
    let (session, _) = at(RULES, "$0");
    let symbols = session.symbols("a.rules");
    let check = symbols.iter().find(|symbol| symbol.kind == SymbolKind::Check).unwrap();
    assert_eq!((check.name.as_str(), check.detail.as_str()), ("pool", "P3 pool"));
    let measures: Vec<(&str, &str)> =
        check.children.iter().map(|symbol| (symbol.name.as_str(), symbol.detail.as_str())).collect();
    let expected = [("used", "ratio"), ("waiting", "count"), ("flow", "rate in MiB/min"), ("up", "flag")];
    assert_eq!(measures, expected);
    assert!(check.children.iter().all(|symbol| symbol.kind == SymbolKind::Measure));
    assert_eq!(session.folds("a.rules").len(), 3);
    let text = session.text("a.rules").unwrap();
    let around = session.enclosing("a.rules", behind(RULES, "used < 90"));
    let shown: Vec<&str> = around.iter().map(|range| text[range.clone()].lines().next().unwrap()).collect();
    let whole = "used < 90% and waiting == 0 and up";
    assert_eq!(shown[..4], ["90%", "used < 90%", whole, &format!("pass     when {whole}")]);
    let hints: Vec<String> =
        session.hints("a.rules", 0..text.len()).into_iter().map(|hint| hint.text).collect();
    assert!(hints.contains(&"= 0.1 s".to_owned()), "{hints:?}");
    let painted = session.painted("a.rules", 0..text.len());
    let shown: Vec<String> =
        painted.iter().map(|word| format!("{:?} {}", word.paint, &text[word.range.clone()])).collect();
    for word in
        ["Keyword check", "Plan pool", "Choice preflight", "Signal waiting", "Choice flag", "Choice no-go"]
    {
        assert!(shown.iter().any(|shown| shown == word), "{word}: {shown:?}");
    }
}
