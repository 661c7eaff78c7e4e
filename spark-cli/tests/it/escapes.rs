//! Text from elsewhere that a terminal or a browser would obey: it is shown, and does nothing.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::cases::text;
use crate::museum::server::Server;

/// What a terminal obeys, what turns a line around, and what a browser runs. Each holds a word that is found again.
const HOSTILE: &[&str] = &[
    "\u{1b}[8mEVIL",
    "\u{1b}]0;EVIL\u{7}",
    "\u{1b}[2J\u{1b}[1;1HEVIL",
    "\u{1b}]8;;http://evil/\u{1b}\\EVIL",
    "\u{9b}8mEVIL",
    "EVIL\r\u{1b}[Kproceed",
    "EVIL\u{8}\u{8}\u{8}\u{8}GOOD",
    "\u{202e}LIVE\u{202c}",
    "\u{2066}EVIL\u{2069}",
    "EVIL\u{7f}\u{0}",
    "<script>alert('EVIL')</script>",
    "\"><img src=x onerror=EVIL>",
    "</title><svg onload=EVIL>",
    "&#60;script&#62;EVIL",
];

/// Everything that was said, with the colours that a terminal would get.
fn told(dir: &Path, words: &[&str]) -> String {
    let (page, said) = run(dir, words);
    page + &said
}

/// What was said on standard output, and on standard error.
fn run(dir: &Path, words: &[&str]) -> (String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_spark"))
        .current_dir(dir)
        .args(words)
        .env("CLICOLOR_FORCE", "1")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(output.status.code().is_some_and(|code| code != 101), "{words:?} ends with {:?}", output.status);
    (text(&output.stdout), text(&output.stderr))
}

/// That nothing of it is obeyed: the colours are Spark's own, and nothing else is no plain text.
fn check(told: &str, what: &str) {
    let mut rest = told;
    while let Some((_, behind)) = rest.split_once('\u{1b}') {
        let codes = behind.strip_prefix('[').and_then(|codes| codes.split_once('m')).map(|(codes, _)| codes);
        let own = |code: &str| ["", "0", "1", "2", "4", "22"].contains(&code) || code.starts_with(['3', '9']);
        assert!(codes.is_some_and(|codes| codes.split(';').all(own)), "{what}: {told:?}");
        rest = behind;
    }
    let obeyed = |c: char| c.is_control() && !matches!(c, '\n' | '\t' | '\u{1b}');
    let turned = |c: char| matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    assert!(!told.contains(obeyed), "{what}: {told:?}");
    assert!(!told.contains(turned), "{what}: {told:?}");
}

/// That a page holds no markup of theirs.
fn check_page(page: &str, what: &str) {
    for markup in ["<script>alert", "<img src=x", "<svg onload"] {
        assert!(!page.contains(markup), "{what}: `{markup}` stands in the page");
    }
    check(page, what);
}

/// Hostile words as arguments, names of files, samples, labels, titles and what servers say come out as plain text, on a
/// terminal, in JSON and in the page.
#[test]
fn none_comes_out() {
    let dir = tempfile::tempdir().unwrap();
    let put = |name: &str, text: &str| fs::write(dir.path().join(name), text).unwrap();
    let good = "edition 2026\nevaluate every 1m\nsignal p95 \"latency\" { is duration  from push  expect <= 200ms }\n\
                trigger slow \"slow\" { rollback when p95 > 400ms  runbook \"https://r/\"  owner \"edge\" }\n\
                test \"a test\" { given p95 100ms  expect slow ok at 1m }\n";
    let asked = "edition 2026\nsignal fine { is count  from prometheus \"fine\"  expect <= 5 }\n\
                 signal asked { is count  from prometheus \"broken\"  expect <= 5 }\n";
    put("good.rules", good);
    put("asked.rules", asked);
    let scraped = asked
        .replace("from prometheus \"fine\"", "from metrics load")
        .replace("from prometheus \"broken\"", "from metrics other");
    put("scraped.rules", &scraped);
    put("good.csv", "time,signal,value\n1767225600,p95,450ms\n1767225660,p95,450ms\n");
    for evil in HOSTILE {
        let all = |words: &[&str]| check(&told(dir.path(), words), &format!("{words:?}"));
        // arguments; no argument holds a NUL
        if !evil.contains('\0') {
            all(&[evil]);
            all(&["check", evil]);
            all(&["decide", "good.rules", "--samples", evil]);
            all(&["decide", "good.rules", "--prometheus", evil]);
            all(&["explain", "good.rules", evil]);
            all(&["explain", evil]);
            all(&["test", "good.rules", "--filter", evil]);
            all(&["run", "good.rules", "--release", evil, "--config", "none"]);
            all(&["evidence", "verify", evil]);
            all(&["replay", "good.rules", "--samples", "good.csv", "--what-if", evil]);
        }
        // a file's name
        if !evil.contains(['/', '\0']) {
            let name = format!("{evil}.rules");
            put(&name, &good.replace("p95 > 400ms", "p59 > 400ms"));
            all(&["check", &name]);
            put(&name, &good.replace("edition 2026\n", ""));
            all(&["decide", &name, "--samples", "good.csv"]);
            fs::remove_file(dir.path().join(&name)).unwrap();
        }
        // the rules' own words: titles, owners and comments; and names and numbers, which are wrong with it
        let quoted = format!("\"{}\"", evil.replace('"', "'"));
        let titled = ["\"latency\"", "\"slow\"", "\"https://r/\"", "\"edge\"", "\"a test\""]
            .iter()
            .fold(good.to_owned(), |rules, title| rules.replacen(title, &quoted, 1));
        let commented = good.replacen('\n', &format!(" # {evil}\n"), 1);
        let named = good.replacen("trigger slow", &format!("trigger {evil}"), 1);
        let counted = good.replacen("400ms", &format!("400{evil}"), 1);
        for (rules, valid) in [(titled, true), (commented, true), (named, false), (counted, false)] {
            put("evil.rules", &rules);
            all(&["check", "evil.rules", "--advice"]);
            all(&["check", "evil.rules", "--format", "json"]);
            if !valid {
                continue;
            }
            for words in [
                &["-v", "test", "evil.rules"][..],
                &["test", "evil.rules", "--format", "junit"],
                &["explain", "evil.rules"],
                &["-v", "decide", "evil.rules", "--samples", "good.csv"],
                &["-v", "replay", "evil.rules", "--samples", "good.csv"],
                &["fmt", "--check", "evil.rules"],
            ] {
                all(words);
            }
            let (page, _) =
                run(dir.path(), &["replay", "evil.rules", "--samples", "good.csv", "--format", "html"]);
            check_page(&page, &format!("{evil:?} in rules"));
        }
        // samples
        for line in
            [format!("1767225600,{evil},1"), format!("1767225600,p95,{evil}"), format!("{evil},p95,1")]
        {
            put("evil.csv", &format!("time,signal,value\n{line}\n1767225660,p95,450ms\n"));
            all(&["decide", "good.rules", "--samples", "evil.csv"]);
            let (page, _) =
                run(dir.path(), &["replay", "good.rules", "--samples", "evil.csv", "--format", "html"]);
            check_page(&page, &format!("{evil:?} in samples"));
        }
        // what servers say
        let quoted = serde_json::Value::from(*evil).to_string();
        let json = format!("{{\"status\":\"error\",\"errorType\":\"execution\",\"error\":{quoted}}}");
        for answer in [
            format!("status 500 text/plain\n{evil}"),
            format!("status 200 text/html\n{evil}"),
            format!("status 400 application/json\n{json}"),
            format!("status 200 text/plain; version=0.0.4\nload{{label=\"{evil}\"}} x\n"),
            format!("status 200 text/plain; version=0.0.4\n# TYPE load {evil}\nload 1\n"),
        ] {
            let url = Server::start(&answer).url;
            all(&["-v", "decide", "asked.rules", "--prometheus", &url, "--timeout", "2s"]);
            all(&["decide", "asked.rules", "--prometheus", &url, "--timeout", "2s", "--format", "json"]);
            all(&["-v", "decide", "scraped.rules", "--scrape", &url, "--timeout", "2s"]);
        }
    }
}
