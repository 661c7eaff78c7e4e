//! `spark evidence` as an auditor uses it: sealed folders, what is done to them, and second anchors.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use sha2::{Digest, Sha256};

use crate::cases::{printed, run, text};

/// Lines of a journal as the format says, written without the code that checks them.
fn journal(release: &str, words: &[&str]) -> String {
    let (mut text, mut prev) = (String::new(), "0".repeat(64));
    for (place, word) in words.iter().enumerate() {
        let content = format!(
            "{{\"v\":2,\"seq\":{},\"fence\":1,\"ack\":{place},\"prev\":\"{prev}\",\
             \"record\":{{\"fact\":\"noted\",\"at\":\"2026-01-05T09:30:00Z\",\"words\":\"{release} {word}\"}}",
            place + 1
        );
        prev = Sha256::digest(&content).iter().map(|byte| format!("{byte:02x}")).collect();
        text.push_str(&format!("{content},\"sum\":\"{prev}\"}}\n"));
    }
    text
}

fn write(root: &Path, path: &str, text: &str) {
    let path = root.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

/// A folder `evidence/1.0`, sealed with `release.key`.
fn sealed() -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    write(root.path(), "evidence/1.0/journal.jsonl", &journal("1.0", &["one", "two", "three", "four"]));
    write(root.path(), "evidence/1.0/result.json", "{\"result\":\"completed\"}\n");
    write(root.path(), "evidence/1.0/rules/0-release.rules", "edition 2026\n");
    write(root.path(), "evidence/1.0/stages/1-summary.json", "{\"stage\":1}\n");
    write(root.path(), "evidence/1.0/stages/2-summary.json", "{\"stage\":2}\n");
    printed(root.path(), "spark evidence keygen release.key", 0);
    printed(root.path(), "spark evidence seal evidence/1.0 --key release.key", 0);
    printed(root.path(), "spark evidence verify evidence/1.0", 0);
    root
}

const VERIFY: &str = "spark evidence verify evidence/1.0 --format json";

/// A copy of everything, as a thief of yesterday's state would keep it.
fn copy(from: &Path, to: &Path) {
    assert!(Command::new("cp").arg("-a").arg(from).arg(to).status().unwrap().success());
}

/// Replaces `from` in a file, which must be there.
fn replace(path: &Path, from: &str, to: &str) {
    let text = fs::read_to_string(path).unwrap();
    assert!(text.contains(from), "{from}");
    fs::write(path, text.replacen(from, to, 1)).unwrap();
}

/// A change of a folder by its name, and the file and line that are named; nothing where it changes no content.
type Class = (&'static str, fn(&Path), Option<(&'static str, Option<u64>)>);

/// What can be done to a folder.
const CLASSES: &[Class] = &[
    ("bit flip", |d| replace(&d.join("result.json"), "completed", "complated"), Some(("result.json", None))),
    (
        "delete",
        |d| fs::remove_file(d.join("stages/2-summary.json")).unwrap(),
        Some(("stages/2-summary.json", None)),
    ),
    ("insert", |d| write(d, "stages/1a.json", "{}"), Some(("stages/1a.json", None))),
    (
        "swap",
        |d| {
            fs::rename(d.join("stages/1-summary.json"), d.join("x")).unwrap();
            fs::rename(d.join("stages/2-summary.json"), d.join("stages/1-summary.json")).unwrap();
            fs::rename(d.join("x"), d.join("stages/2-summary.json")).unwrap();
        },
        Some(("stages/1-summary.json", None)),
    ),
    (
        "duplicate",
        |d| write(d, "stages/3-summary.json", "{\"stage\":1}\n"),
        Some(("stages/3-summary.json", None)),
    ),
    ("truncate", |d| fs::write(d.join("result.json"), "").unwrap(), Some(("result.json", None))),
    (
        "truncate the journal",
        |d| {
            let text = journal("1.0", &["one", "two", "three", "four"]);
            fs::write(d.join("journal.jsonl"), text.split_inclusive('\n').take(3).collect::<String>())
                .unwrap();
        },
        Some(("journal.jsonl", Some(4))),
    ),
    (
        "splice from another release",
        |d| {
            let (ours, theirs) =
                (journal("1.0", &["one", "two", "three", "four"]), journal("0.9", &["one"; 4]));
            let mixed = ours.split_inclusive('\n').take(2).chain(theirs.split_inclusive('\n').skip(2));
            fs::write(d.join("journal.jsonl"), mixed.collect::<String>()).unwrap();
        },
        Some(("journal.jsonl", Some(3))),
    ),
    (
        "journal of another release",
        |d| fs::write(d.join("journal.jsonl"), journal("0.9", &["one"; 4])).unwrap(),
        Some(("journal.jsonl", Some(1))),
    ),
    (
        "one line written anew, with all sums after it",
        |d| fs::write(d.join("journal.jsonl"), journal("1.0", &["one", "two", "THREE", "four"])).unwrap(),
        Some(("journal.jsonl", Some(3))),
    ),
    (
        "rename",
        |d| fs::rename(d.join("result.json"), d.join("resulT.json")).unwrap(),
        Some(("resulT.json", None)),
    ),
    (
        "rename a folder",
        |d| fs::rename(d.join("stages"), d.join("stage")).unwrap(),
        Some(("stage/1-summary.json", None)),
    ),
    (
        "case-fold clash",
        |d| write(d, "RESULT.json", "{\"result\":\"completed\"}\n"),
        Some(("result.json", None)),
    ),
    (
        "a name that others write differently",
        |d| write(d, "\u{131}.json", "{}"),
        Some(("\u{131}.json", None)),
    ),
    ("a name with a line break", |d| write(d, "a\nb", "{}"), Some(("a\\nb", None))),
    ("hidden file", |d| write(d, ".hidden", ""), Some((".hidden", None))),
    ("extra seal", |d| write(d, "stages/seal.json", ""), Some(("stages/seal.json", None))),
    ("empty folder", |d| fs::create_dir(d.join("empty")).unwrap(), Some(("empty", None))),
    (
        "file in place of a folder",
        |d| {
            fs::remove_dir_all(d.join("stages")).unwrap();
            fs::write(d.join("stages"), "").unwrap();
        },
        Some(("stages", None)),
    ),
    (
        "folder in place of a file",
        |d| {
            fs::remove_file(d.join("result.json")).unwrap();
            write(d, "result.json/x", "");
        },
        Some(("result.json", None)),
    ),
    ("seal lost", |d| fs::remove_file(d.join("seal.json")).unwrap(), Some(("seal.json", None))),
    ("seal emptied", |d| fs::write(d.join("seal.json"), "").unwrap(), Some(("seal.json", None))),
    (
        "JSON duplicate key",
        |d| replace(&d.join("seal.json"), "{\"payloadType\"", "{\"payload\":\"\",\"payloadType\""),
        Some(("seal.json", None)),
    ),
    (
        "unknown key",
        |d| replace(&d.join("seal.json"), "{\"payloadType\"", "{\"x\":1,\"payloadType\""),
        Some(("seal.json", None)),
    ),
    (
        "white space",
        |d| replace(&d.join("seal.json"), ",\"payload\"", ", \"payload\""),
        Some(("seal.json", None)),
    ),
    ("base64 padding", |d| replace(&d.join("seal.json"), "==\"}]}", "\"}]}"), Some(("seal.json", None))),
    ("keyid", |d| replace(&d.join("seal.json"), "\"keyid\":\"", "\"keyid\":\"00"), Some(("seal.json", None))),
    (
        "two signatures",
        |d| {
            let text = fs::read_to_string(d.join("seal.json")).unwrap();
            let one = text.split_once('[').unwrap().1.strip_suffix("]}\n").unwrap().to_owned();
            replace(&d.join("seal.json"), "]}\n", &format!(",{one}]}}\n"));
        },
        Some(("seal.json", None)),
    ),
    (
        "key swap",
        |d| {
            let root = d.parent().unwrap().parent().unwrap();
            printed(root, "spark evidence keygen other.key", 0);
            fs::copy(root.join("other.key.pub"), root.join("evidence/1.0.pub")).unwrap();
        },
        Some(("seal.json", None)),
    ),
    (
        "times",
        |d| {
            assert!(
                Command::new("touch")
                    .args(["-d", "2001-01-01"])
                    .arg(d.join("result.json"))
                    .status()
                    .unwrap()
                    .success()
            );
        },
        None,
    ),
    (
        "moved elsewhere",
        |d| {
            fs::rename(d, d.parent().unwrap().join("x"))
                .and_then(|()| fs::rename(d.parent().unwrap().join("x"), d))
                .unwrap()
        },
        None,
    ),
    #[cfg(unix)]
    (
        "permissions",
        |d| {
            use std::os::unix::fs::PermissionsExt;
            fs::set_permissions(d.join("result.json"), fs::Permissions::from_mode(0o400)).unwrap();
        },
        None,
    ),
    #[cfg(unix)]
    (
        "symbolic link to the same bytes",
        |d| {
            fs::rename(d.join("result.json"), d.parent().unwrap().join("elsewhere")).unwrap();
            std::os::unix::fs::symlink("../elsewhere", d.join("result.json")).unwrap();
        },
        Some(("result.json", None)),
    ),
    #[cfg(unix)]
    (
        "symbolic link to a folder",
        |d| {
            fs::rename(d.join("stages"), d.parent().unwrap().join("elsewhere")).unwrap();
            std::os::unix::fs::symlink("../elsewhere", d.join("stages")).unwrap();
        },
        Some(("stages", None)),
    ),
    #[cfg(unix)]
    (
        "seal as a link",
        |d| {
            fs::rename(d.join("seal.json"), d.parent().unwrap().join("elsewhere")).unwrap();
            std::os::unix::fs::symlink("../elsewhere", d.join("seal.json")).unwrap();
        },
        Some(("seal.json", None)),
    ),
    #[cfg(unix)]
    (
        "hard link to the same bytes",
        |d| {
            fs::rename(d.join("result.json"), d.parent().unwrap().join("elsewhere")).unwrap();
            fs::hard_link(d.parent().unwrap().join("elsewhere"), d.join("result.json")).unwrap();
        },
        None,
    ),
    #[cfg(unix)]
    (
        "hard link under a new name",
        |d| fs::hard_link(d.join("result.json"), d.join("more.json")).unwrap(),
        Some(("more.json", None)),
    ),
    #[cfg(unix)]
    (
        "pipe in place of a file",
        |d| {
            fs::remove_file(d.join("result.json")).unwrap();
            assert!(Command::new("mkfifo").arg(d.join("result.json")).status().unwrap().success());
        },
        Some(("result.json", None)),
    ),
    #[cfg(unix)]
    (
        "pipe as the seal",
        |d| {
            fs::remove_file(d.join("seal.json")).unwrap();
            assert!(Command::new("mkfifo").arg(d.join("seal.json")).status().unwrap().success());
        },
        Some(("seal.json", None)),
    ),
    #[cfg(unix)]
    ("socket", |d| drop(std::os::unix::net::UnixListener::bind(d.join("s")).unwrap()), Some(("s", None))),
];

/// Each way of changing a folder exits 13 and names its first bad place; what changes no content changes nothing.
#[test]
fn every_class() {
    for (what, change, expected) in CLASSES {
        let root = sealed();
        change(&root.path().join("evidence/1.0"));
        let output = run(root.path(), VERIFY);
        let told: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        let Some((path, line)) = expected else {
            assert_eq!((output.status.code(), &told["verified"]), (Some(0), &true.into()), "{what}: {told}");
            continue;
        };
        assert_eq!((output.status.code(), &told["verified"]), (Some(13), &false.into()), "{what}: {told}");
        let first = &told["first_bad"];
        assert_eq!((first["path"].as_str(), first["line"].as_u64()), (Some(*path), *line), "{what}: {told}");
        let output = run(root.path(), "spark evidence verify evidence/1.0");
        let words = text(&output.stderr);
        assert_eq!(output.status.code(), Some(13), "{what}: {words}");
        assert!(words.contains(path.trim_start_matches("stages/")), "{what}: {words}");
    }
}

/// What a program reads of a good folder, as its schema says.
#[test]
fn verified_for_programs() {
    let root = sealed();
    let told: serde_json::Value = serde_json::from_str(&printed(root.path(), VERIFY, 0)).unwrap();
    let schema = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/schemas/evidence-verify.schema.json");
    let schema: serde_json::Value = serde_json::from_slice(&fs::read(schema).unwrap()).unwrap();
    for (found, schema) in [(&told, &schema), (&told["sealed"], &schema["$defs"]["sealed"])] {
        let found: BTreeSet<&str> = found.as_object().unwrap().keys().map(String::as_str).collect();
        let required = schema["required"].as_array().unwrap().iter().map(|key| key.as_str().unwrap());
        assert_eq!(found, required.collect());
    }
    assert_eq!(told["sealed"]["journal"]["seq"], 4);
}

fn code(root: &Path) -> String {
    let told: serde_json::Value = serde_json::from_str(&printed(root, VERIFY, 0)).unwrap();
    told["sealed"]["code"].as_str().unwrap().to_owned()
}

/// A whole folder that is set back to an older sealed state verifies by itself, and is caught by every anchor.
#[test]
fn set_back() {
    let root = sealed();
    let dir = root.path();
    let verify = "spark evidence verify evidence/1.0";
    let saved = dir.join("saved");
    copy(&dir.join("evidence"), &saved);
    let old = code(dir);
    printed(dir, "spark evidence anchor evidence/1.0 --log anchors.jsonl", 0);
    // the day after: the journal went on, a file was added, and it is sealed again
    fs::write(
        dir.join("evidence/1.0/journal.jsonl"),
        journal("1.0", &["one", "two", "three", "four", "five"]),
    )
    .unwrap();
    write(dir, "evidence/1.0/after/hour-00.json", "{}");
    printed(dir, "spark evidence seal evidence/1.0 --key release.key", 0);
    let new = code(dir);
    assert_ne!(old, new);
    printed(dir, "spark evidence anchor evidence/1.0 --log anchors.jsonl", 0);
    printed(dir, "spark evidence anchor evidence/1.0 --log anchors.jsonl", 0);
    assert_eq!(fs::read_to_string(dir.join("anchors.jsonl")).unwrap().lines().count(), 2);
    let text_of_head = fs::read_to_string(dir.join("evidence/1.0/journal.jsonl")).unwrap();
    let head = format!("5:{}", &text_of_head[text_of_head.len() - 67..text_of_head.len() - 3]);
    let anchors = [format!("--head {new}"), format!("--head {head}"), "--anchors anchors.jsonl".to_owned()];
    for anchor in &anchors {
        printed(dir, &format!("{verify} {anchor}"), 0);
    }
    let newest = dir.join("newest");
    fs::rename(dir.join("evidence"), &newest).unwrap();
    fs::rename(&saved, dir.join("evidence")).unwrap();
    printed(dir, verify, 0);
    printed(dir, &format!("{verify} --head {old}"), 0);
    for anchor in &anchors {
        let output = run(dir, &format!("{verify} {anchor}"));
        let told = text(&output.stderr);
        assert_eq!(output.status.code(), Some(13), "{anchor}: {told}");
        assert!(told.contains("an older copy may have been put back"), "{told}");
    }
    // the log itself: a line changed, a line lost
    let log = fs::read_to_string(dir.join("anchors.jsonl")).unwrap();
    let lines: Vec<&str> = log.split_inclusive('\n').collect();
    for (changed, line) in [(log.replacen("1.0", "1.1", 1), 1), (lines[1].to_owned(), 1)] {
        fs::write(dir.join("anchors.jsonl"), changed).unwrap();
        let output = run(dir, &format!("{verify} --anchors anchors.jsonl"));
        let told = text(&output.stderr);
        assert_eq!(output.status.code(), Some(13), "{told}");
        assert!(told.contains(&format!("line {line} of `anchors.jsonl` is damaged")), "{told}");
    }
    // a line that a crash cut off was never acknowledged, and the next one takes its place
    fs::write(dir.join("anchors.jsonl"), &log[..log.len() - 9]).unwrap();
    printed(dir, &format!("{verify} --anchors anchors.jsonl"), 0);
    let unknown = run(dir, &format!("{verify} --head {}", "0".repeat(15)));
    assert_eq!(unknown.status.code(), Some(2));
}

/// Keys come from a file that others cannot read, or from the environment; nothing shows the private half.
#[test]
fn keys() {
    let root = sealed();
    let dir = root.path();
    let public = fs::read_to_string(dir.join("release.key.pub")).unwrap();
    let pem = fs::read_to_string(dir.join("release.key")).unwrap();
    assert_eq!(printed(dir, "spark evidence keygen release.key --print-public", 0), public);
    let with = |value: &str, line: &str| {
        Command::new(env!("CARGO_BIN_EXE_spark"))
            .args(line.split(' ').skip(1))
            .env("SPARK_SIGNING_KEY", value)
            .current_dir(dir)
            .output()
            .unwrap()
    };
    let output = with(&pem, "spark evidence keygen --print-public");
    assert_eq!((output.status.code(), text(&output.stdout)), (Some(0), public.clone()));
    write(dir, "evidence/1.1/result.json", "{}");
    assert_eq!(with(&pem, "spark evidence seal evidence/1.1").status.code(), Some(0));
    printed(dir, "spark evidence verify evidence/1.1 --key release.key.pub", 0);
    let secret = pem.lines().nth(1).unwrap();
    for value in [pem.replacen('M', "N", 1), pem.replace("PRIVATE", "ENCRYPTED PRIVATE"), public] {
        let output = with(&value, "spark evidence keygen --print-public");
        let told = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{told}");
        assert!(told.contains("`$SPARK_SIGNING_KEY` is no key for this") && !told.contains(secret), "{told}");
    }
    let none = run(dir, "spark evidence seal evidence/1.1");
    assert_eq!(none.status.code(), Some(2));
    assert!(text(&none.stderr).contains("SPARK_SIGNING_KEY"));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(dir.join("release.key"), fs::Permissions::from_mode(0o644)).unwrap();
        let refused = run(dir, "spark evidence keygen release.key --print-public");
        let told = text(&refused.stderr);
        assert_eq!(refused.status.code(), Some(1));
        assert!(told.contains("mode 0644") && told.contains("chmod 600"), "{told}");
    }
}
