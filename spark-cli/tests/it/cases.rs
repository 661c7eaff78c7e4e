//! Every folder below `tests/cases`: its command lines, run in a copy of it, with what they print and how they end.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// A copy of a case's folder that commands may write into.
pub(crate) fn copy_of(case: &str) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(folder(case)).unwrap() {
        let path = entry.unwrap().path();
        fs::copy(&path, dir.path().join(path.file_name().unwrap())).unwrap();
    }
    dir
}

fn folder(case: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases").join(case)
}

/// Runs a command line as a shell would, as far as `< FILE` and words without spaces go.
pub(crate) fn run(dir: &Path, line: &str) -> Output {
    let (words, input) = line.split_once(" < ").map_or((line, None), |(words, file)| (words, Some(file)));
    let stdin = match input {
        Some(file) => Stdio::from(fs::File::open(dir.join(file)).unwrap()),
        None => Stdio::null(),
    };
    let mut words = words.split_whitespace();
    assert_eq!(words.next(), Some("spark"));
    let mut command = Command::new(env!("CARGO_BIN_EXE_spark"));
    command.current_dir(dir).args(words).stdin(stdin).output().unwrap()
}

/// Runs a command line, which must end with this code; gives what it printed.
pub(crate) fn printed(dir: &Path, line: &str, code: i32) -> String {
    let output = run(dir, line);
    let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(code), "{line}\n{stdout}\n{stderr}");
    stdout
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn check(case: &str) {
    let dir = copy_of(case);
    let mut told = String::new();
    for line in fs::read_to_string(dir.path().join("cmd")).unwrap().lines() {
        let output = run(dir.path(), line);
        let code = output.status.code().unwrap();
        told.push_str(&format!("$ {line}\n"));
        for (mark, bytes) in [("", &output.stdout), ("! ", &output.stderr)] {
            let text = text(bytes);
            assert!(!text.contains('\u{1b}'), "colour in\n{text}");
            for line in text.lines() {
                told.push_str(format!("{mark}{line}").trim_end());
                told.push('\n');
            }
        }
        told.push_str(&format!("exit {code}\n\n"));
    }
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(folder(case));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!("expected", told));
}

/// The first example of the language: a slow canary is rolled back at 15 minutes, and says why.
#[test]
fn slow_canary() {
    check("slow-canary");
}

/// The second: one sample is not five minutes; it is pending, then unknown, and holds.
#[test]
fn one_sample() {
    check("one-sample");
}

/// Late samples are dropped and counted, repeated ones are nothing, the first of two in conflict stays.
#[test]
fn late_and_conflict() {
    check("late-and-conflict");
}

/// Whatever is wrong is told with its place and what to do, ends with the code of its kind, and decides nothing.
#[test]
fn bad_input() {
    check("bad-input");
}

/// A file that cannot be read holds up no other: each is told of, and the command ends with 1.
#[test]
fn missing_files() {
    let dir = tempfile::tempdir().unwrap();
    let good =
        "edition 2026\nsignal errors { is ratio  from push }\n\ntrigger t { hold when errors > 50% }\n";
    let put = |name: &str, text: &str| fs::write(dir.path().join(name), text).unwrap();
    put("a.rules", &good.replace("{ is", "{  is"));
    put("b.rules", &good.replace("{ is", "{  is"));
    put("wrong.rules", &good.replace("> 50%", "> 5s"));
    for command in ["check", "test", "fmt"] {
        let line = format!("spark {command} a.rules one.rules two.rules wrong.rules b.rules");
        let output = run(dir.path(), &line);
        let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
        assert_eq!(output.status.code(), Some(1), "{line}\n{stderr}");
        for missing in ["error: cannot read `one.rules`", "error: cannot read `two.rules`"] {
            assert!(stderr.contains(missing), "{line}\n{stderr}");
        }
        let told = match command {
            "check" => "error[E0203]",
            "fmt" => "formatted b.rules",
            _ => "",
        };
        assert!(stdout.contains(told), "{line}\n{stdout}");
    }
    assert_eq!(fs::read_to_string(dir.path().join("b.rules")).unwrap(), good);
    let json = printed(dir.path(), "spark check wrong.rules one.rules --format json", 1);
    assert!(json.contains("E0203"), "{json}");
    assert_eq!(printed(dir.path(), "spark check one.rules two.rules", 1), "");
}

/// An allow that covers more, or less, in the new layout is told of beside the file that is laid out.
#[test]
fn strayed_allows() {
    let dir = tempfile::tempdir().unwrap();
    let allow = "# allow W0302 until 2100-01-01 because it is per mille";
    let head = "edition 2026\nsignal e { is ratio  from push }\n\n";
    for (rules, told) in [
        (
            format!("trigger t {{\n  hold when e > 150% rollback when e > 160%  {allow}\n}}\n"),
            "r.rules:4: `# allow",
        ),
        (
            format!("trigger t {{ hold when e > 150% }} trigger u {{ hold when e > 150% }} {allow}\n"),
            "r.rules:5: `# allow",
        ),
    ] {
        fs::write(dir.path().join("r.rules"), format!("{head}{rules}")).unwrap();
        for line in ["spark fmt --check r.rules", "spark fmt r.rules"] {
            let stderr = text(&run(dir.path(), line).stderr);
            assert!(stderr.contains(told), "{stderr}");
        }
        let again = run(dir.path(), "spark fmt r.rules");
        assert_eq!(text(&again.stderr), "1 file laid out already\n");
    }
}

/// An allow holds to the end of its day, by the system's clock, and then is told of itself.
#[test]
fn allows() {
    let dir = tempfile::tempdir().unwrap();
    for (day, code, told) in [("2100-01-01", 0, 0), ("2025-12-31", 12, 2)] {
        let rules = format!(
            "edition 2026\nsignal errors {{ is ratio  from push }}\n# allow W0302 until {day} because it is per mille\n\
             trigger t {{ hold when errors > 150% }}\n"
        );
        fs::write(dir.path().join("r.rules"), rules).unwrap();
        let json = printed(dir.path(), "spark check r.rules --deny-warnings --format json", code);
        assert_eq!(json.matches("\"code\":\"W03").count(), told, "{json}");
        let replayed = run(dir.path(), "spark replay r.rules --samples none.csv");
        assert_eq!(text(&replayed.stderr).contains("has 2 warnings"), told > 0, "{}", text(&replayed.stderr));
    }
}

/// A threshold beyond the buckets that the data has is told of once, beside a result that is the same without it; one
/// that can be passed is not.
#[test]
fn buckets() {
    check("buckets");
}

/// Files are laid out, or named where they would be; one with mistakes is told of and left alone, the others are not held up.
#[test]
fn fmt() {
    check("fmt");
}

/// A file is replaced whole, keeps its permissions and stays the target of its link; one that is laid out is not written.
#[test]
#[cfg(unix)]
fn fmt_replaces_files() {
    use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
    let dir = copy_of("fmt");
    let at = |name: &str| dir.path().join(name);
    fs::set_permissions(at("messy.rules"), fs::Permissions::from_mode(0o640)).unwrap();
    symlink("messy.rules", at("link.rules")).unwrap();
    let before = fs::metadata(at("messy.rules")).unwrap().ino();
    printed(dir.path(), "spark fmt link.rules", 0);
    let after = fs::metadata(at("messy.rules")).unwrap();
    assert_ne!(after.ino(), before);
    assert_eq!(after.permissions().mode() & 0o777, 0o640);
    assert!(fs::symlink_metadata(at("link.rules")).unwrap().is_symlink());
    printed(dir.path(), "spark fmt messy.rules link.rules", 0);
    assert_eq!(fs::metadata(at("messy.rules")).unwrap().ino(), after.ino());
    fs::write(at("messy.rules"), "edition  2026").unwrap();
    fs::set_permissions(at("messy.rules"), fs::Permissions::from_mode(0o440)).unwrap();
    printed(dir.path(), "spark fmt messy.rules", 1);
    assert_eq!(fs::read_to_string(at("messy.rules")).unwrap(), "edition  2026");
    let left: Vec<_> = fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(left.iter().all(|name| !name.to_string_lossy().starts_with('.')), "{left:?}");
}

/// The lines that programs read are those of the contract, to the byte.
#[test]
fn lines_of_the_contract() {
    let dir = copy_of("slow-canary");
    let text = printed(dir.path(), "spark replay release.rules --samples samples.csv --format jsonl", 0);
    let lines: Vec<&str> = text.lines().collect();
    for line in [
        r#"{"type":"trigger","at":"2026-01-01T00:15:00Z","trigger":"api_latency","state":"rollback","since":"2026-01-01T00:10:00Z","value":"450ms","margin":"-50ms","cause":null}"#,
        r#"{"type":"decision","at":"2026-01-01T00:15:00Z","decision":"rollback","because":["api_latency"]}"#,
    ] {
        assert!(lines.contains(&line), "{line}\nis missing from\n{text}");
    }
    assert_eq!(
        lines.last(),
        Some(
            &r#"{"type":"summary","from":"2026-01-01T00:00:00Z","to":"2026-01-01T00:20:00Z","evaluations":81,"samples":243,"dropped":0,"conflicts":0,"decision":"rollback"}"#
        )
    );
}

/// The same samples give the same events, whatever they are written in.
#[test]
fn formats_agree() {
    let dir = copy_of("formats");
    let replay = |file: &str| {
        printed(dir.path(), &format!("spark replay release.rules --format jsonl --samples {file}"), 0)
    };
    let expected = replay("samples.csv");
    assert!(expected.contains(r#""decision":"hold","because":["latency","p95"]"#), "{expected}");
    assert!(expected.contains(r#""decision":"rollback","because":["line_7"]"#), "{expected}");
    for file in ["units.csv", "samples.jsonl", "matrix.json", "metrics.om", "- < samples.csv"] {
        assert_eq!(replay(file), expected, "{file}");
    }
}

/// Several files are one recording, in their order.
#[test]
fn several_files() {
    let dir = copy_of("formats");
    let all = fs::read_to_string(dir.path().join("samples.csv")).unwrap();
    for signal in ["p95", "errors"] {
        let part: Vec<&str> =
            all.lines().filter(|line| line.starts_with("time") || line.contains(signal)).collect();
        fs::write(dir.path().join(format!("{signal}.csv")), part.join("\n")).unwrap();
    }
    let replay = |files: &str| {
        printed(dir.path(), &format!("spark replay release.rules --format jsonl --samples {files}"), 0)
    };
    assert_eq!(replay("p95.csv errors.csv"), replay("samples.csv"));
    assert_eq!(replay("errors.csv p95.csv"), replay("samples.csv"));
}

/// The keys of what programs read are those of the schemas, in the contract's order.
#[test]
fn keys_of_the_schemas() {
    let dir = copy_of("slow-canary");
    let schema = |name: &str| -> serde_json::Value {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/schemas").join(name);
        serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
    };
    let text = printed(dir.path(), "spark decide release.rules --samples samples.csv --format json", 11);
    let decided: serde_json::Value = serde_json::from_str(&text).unwrap();
    let decide = schema("decide.schema.json");
    required(&decide["required"], &decided);
    for report in ["triggers", "expectations"] {
        for report in decided[report].as_array().unwrap() {
            required(&decide["$defs"]["report"]["required"], report);
            required(&decide["$defs"]["report"]["properties"]["evidence"]["required"], &report["evidence"]);
        }
    }
    assert!(text.starts_with(r#"{"decision":"rollback","at":"2026-01-01T00:20:00Z","because":["api_latency"],"triggers":[{"trigger":"api_latency","state":"rollback","since":"2026-01-01T00:10:00Z","value":"450ms","margin":"-50ms","evidence":{"samples":"#), "{text}");

    let dir = copy_of("bad-input");
    let text = printed(dir.path(), "spark check wrong.rules --format json", 12);
    let found: serde_json::Value = serde_json::from_str(&text).unwrap();
    for diagnostic in found["diagnostics"].as_array().unwrap() {
        for key in
            ["code", "severity", "message", "file", "line", "column", "end_line", "end_column", "help", "fix"]
        {
            assert!(diagnostic.get(key).is_some(), "{key} is missing from {diagnostic}");
        }
    }
}

fn required(keys: &serde_json::Value, value: &serde_json::Value) {
    for key in keys.as_array().unwrap() {
        assert!(value.get(key.as_str().unwrap()).is_some(), "{key} is missing from {value}");
    }
}

/// `init` writes rules that hold, refuses to overwrite, and what it writes can be tried at once.
#[test]
fn init() {
    let dir = tempfile::tempdir().unwrap();
    printed(dir.path(), "spark init new", 0);
    printed(dir.path(), "spark check new --deny-warnings", 0);
    printed(dir.path(), "spark decide new/release.rules --samples new/samples.csv", 11);
    let again = run(dir.path(), "spark init new");
    assert_eq!(again.status.code(), Some(1));
    assert!(text(&again.stderr).contains("is there already, and nothing is overwritten"));
}

/// A reader of the output that goes away ends the command without a word.
#[test]
fn closed_pipe() {
    use std::io::Read;
    let dir = copy_of("slow-canary");
    let mut child = Command::new(env!("CARGO_BIN_EXE_spark"))
        .args([
            "replay",
            "release.rules",
            "--samples",
            "samples.csv",
            "--format",
            "jsonl",
            "--every",
            "100ms",
        ])
        .current_dir(dir.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let mut stderr = String::new();
    child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
    assert_eq!((child.wait().unwrap().code(), stderr.as_str()), (Some(0), ""));
}

/// Each command's help has an example, and the exit codes that scripts need.
#[test]
fn help() {
    let dir = tempfile::tempdir().unwrap();
    for command in ["init", "check", "replay", "decide", "run", "demo", "evidence", "evidence verify"] {
        let help = printed(dir.path(), &format!("spark {command} --help"), 0);
        assert!(help.contains("Example") && help.contains(&format!("  spark {command}")), "{help}");
    }
    let all = printed(dir.path(), "spark --help", 0);
    assert!(all.contains("11 rollback"), "{all}");
    assert_eq!(run(dir.path(), "spark").status.code(), Some(2));
}

/// A fix that surely says what was meant is applied, and the file then holds.
#[test]
fn fix() {
    let dir = tempfile::tempdir().unwrap();
    let rules = "edition 2026\n\nsignal p95 { is duration  from push }\ntrigger t { rollback when p95 > 400ms && p95 < 2s }\n";
    fs::write(dir.path().join("r.rules"), rules).unwrap();
    printed(dir.path(), "spark check r.rules", 12);
    printed(dir.path(), "spark check r.rules --fix", 0);
    assert_eq!(fs::read_to_string(dir.path().join("r.rules")).unwrap(), rules.replace("&&", "and"));
}

/// Fixes reach the files that the named one uses; line ends, a byte order mark and permissions stay, and it is said what
/// was fixed.
#[test]
fn fix_everywhere() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("sub")).unwrap();
    let root = "\u{FEFF}edition 2026\r\nuse \"sub/a.rules\"\r\ntrigger t { hold when errors => 0.05 }\r\n";
    fs::write(dir.path().join("r.rules"), root).unwrap();
    fs::write(dir.path().join("sub/a.rules"), "edition 2026\nsignal errors { is ratio  from push; }\n")
        .unwrap();
    let fixed = run(dir.path(), "spark check r.rules --fix");
    assert_eq!(fixed.status.code(), Some(0));
    let said = text(&fixed.stderr);
    assert!(
        said.contains("r.rules: 2 fixed (E0105, E0204)") && said.contains("sub/a.rules: 1 fixed (E0105)"),
        "{said}"
    );
    let now = |name: &str| fs::read_to_string(dir.path().join(name)).unwrap();
    assert_eq!(now("r.rules"), root.replace("=> 0.05", ">= 5%"));
    assert_eq!(now("sub/a.rules"), "edition 2026\nsignal errors { is ratio  from push }\n");
}

/// In text, twenty findings are shown and the rest is counted; JSON and SARIF have all of them.
#[test]
fn many_findings() {
    let dir = tempfile::tempdir().unwrap();
    let rules = format!("edition 2026\n{}", "hold when nobody > 5%\n".repeat(30));
    fs::write(dir.path().join("r.rules"), rules).unwrap();
    let shown = printed(dir.path(), "spark check r.rules", 12);
    assert_eq!(shown.matches("error[E0201]").count(), 20);
    assert!(
        shown.contains("\nand 10 more: 10 errors\n") && shown.contains("1 file checked: 30 errors\n"),
        "{shown}"
    );
    assert!(shown.ends_with("`spark explain E0201` says more of a code\n"), "{shown}");
    let json = printed(dir.path(), "spark check r.rules --format json", 12);
    assert_eq!(json.matches("\"E0201\"").count(), 30);
    let sarif: serde_json::Value =
        serde_json::from_str(&printed(dir.path(), "spark check r.rules --format sarif", 12)).unwrap();
    assert_eq!(sarif["runs"][0]["results"].as_array().unwrap().len(), 30);
    assert_eq!(sarif["runs"][0]["tool"]["driver"]["rules"][0]["id"], "E0201");
}

/// A directory means every `.rules` below it; what an included file has wrong is told once, under its own name.
#[test]
fn directories() {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        fs::create_dir_all(dir.path().join(name).parent().unwrap()).unwrap();
        fs::write(dir.path().join(name), text).unwrap();
    };
    write("all/a/signals.rules", "edition 2026\nsignal p95 { is duration  from push  expect <= 3% }\n");
    write("all/b.rules", "edition 2026\nuse \"a/signals.rules\"\nrollback when p95 > 400ms\n");
    write("all/notes.txt", "no rules");
    let text = printed(dir.path(), "spark check all --format json", 12);
    let found: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(found["diagnostics"].as_array().unwrap().len(), 1, "{text}");
    let sarif = printed(dir.path(), "spark check all --format sarif", 12);
    let sarif: serde_json::Value = serde_json::from_str(&sarif).unwrap();
    assert_eq!(sarif["runs"][0]["results"][0]["ruleId"], found["diagnostics"][0]["code"]);
    write("empty/notes.txt", "no rules");
    assert_eq!(run(dir.path(), "spark check empty").status.code(), Some(1));
    // a part that lacks what its includer declares is wrong only when it is named itself
    write("whole/main.rules", "edition 2026\nuse \"part.rules\"\nsignal p95 { is duration from push }\n");
    write("whole/part.rules", "edition 2026\nrollback when p95 > 400ms for 5m\n");
    printed(dir.path(), "spark check whole --deny-warnings", 0);
    printed(dir.path(), "spark check whole/part.rules", 12);
    write("circle/a.rules", "edition 2026\nuse \"b.rules\"\nsignal p95 { is duration from push }\n");
    write("circle/b.rules", "edition 2026\nuse \"a.rules\"\n");
    printed(dir.path(), "spark check circle", 12);
}

/// No link leads an included file out of the folder of the rules.
#[cfg(unix)]
#[test]
fn includes_stay_inside() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("in")).unwrap();
    let signal = "edition 2026\nsignal p95 { is duration  from push }\n";
    fs::write(dir.path().join("outside.rules"), signal).unwrap();
    std::os::unix::fs::symlink("../outside.rules", dir.path().join("in/link.rules")).unwrap();
    let root = "edition 2026\nuse \"link.rules\"\nrollback when p95 > 400ms\n";
    fs::write(dir.path().join("in/root.rules"), root).unwrap();
    let told = printed(dir.path(), "spark check in/root.rules", 12);
    assert!(told.contains("`link.rules` leads out of the folder of the rules"), "{told}");
    fs::remove_file(dir.path().join("in/link.rules")).unwrap();
    fs::write(dir.path().join("in/link.rules"), signal).unwrap();
    printed(dir.path(), "spark check in/root.rules", 0);
}
