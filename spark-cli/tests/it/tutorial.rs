//! The tutorial, followed as it stands: its files are written, its commands run, and what they print compared.
//!
//! A block ` ```rules FILE ` puts its parts into the file: each takes the place of the part that opens alike, or goes to the end. A
//! block ` ```text FILE ` writes a file. A block ` ```console ` runs what stands behind `$`; a line `…` stands for any lines.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

fn page() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/tutorial.md")
}

/// What tells parts of a file apart: the first two words, of a test its title.
fn key(part: &str) -> String {
    let line = part.lines().find(|line| !line.starts_with('#')).unwrap_or("");
    match line.starts_with("test") {
        true => line.to_owned(),
        false => line.split_whitespace().take(2).collect::<Vec<_>>().join(" "),
    }
}

fn put(file: &Path, block: &str) {
    let text = fs::read_to_string(file).unwrap_or_default();
    let mut parts: Vec<String> =
        text.trim_end().split("\n\n").filter(|part| !part.is_empty()).map(str::to_owned).collect();
    for part in block.trim_end().split("\n\n") {
        match parts.iter_mut().find(|other| key(other) == key(part)) {
            Some(other) => *other = part.to_owned(),
            None => parts.push(part.to_owned()),
        }
    }
    fs::write(file, parts.join("\n\n") + "\n").unwrap();
}

/// Whether the printed lines are the shown ones, where `…` stands for any.
fn same(shown: &[&str], printed: &[&str]) -> bool {
    match (shown.split_first(), printed.split_first()) {
        (None, None) => true,
        (Some((&"…", rest)), _) => (0..=printed.len()).any(|skip| same(rest, &printed[skip..])),
        (Some((a, shown)), Some((b, printed))) => a.trim_end() == b.trim_end() && same(shown, printed),
        _ => false,
    }
}

/// Runs the commands of a block in the folder, and gives the block as it should read.
fn console(block: &str, folder: &Path, status: &mut i32) -> String {
    let mut result = String::new();
    for part in format!("\n{block}").split("\n$ ").skip(1) {
        let (command, shown) = part.split_once('\n').unwrap_or((part, ""));
        result.push_str(&format!("$ {command}\n"));
        let printed = if command == "echo $?" {
            format!("{status}\n")
        } else {
            let binary = Path::new(env!("CARGO_BIN_EXE_spark")).parent().unwrap();
            let path = format!("{}:{}", binary.display(), std::env::var("PATH").unwrap());
            let output = Command::new("sh")
                .args(["-c", &format!("{{ {command}\n}} 2>&1")])
                .current_dir(folder)
                .env("PATH", path)
                .env("NO_COLOR", "1")
                .output()
                .unwrap();
            *status = output.status.code().unwrap_or(-1);
            String::from_utf8(output.stdout).unwrap()
        };
        let (a, b): (Vec<&str>, Vec<&str>) =
            (shown.trim_end().lines().collect(), printed.trim_end().lines().collect());
        let lines = if same(&a, &b) { a } else { b };
        for line in lines {
            result.push_str(line.trim_end());
            result.push('\n');
        }
    }
    result
}

/// Who does what the tutorial says sees what it shows. With `UPDATE=1` what is printed is written into the page.
#[test]
fn the_tutorial_is_true() {
    let text = fs::read_to_string(page()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut result = String::new();
    let (mut rest, mut status, mut commands) = (text.as_str(), 0, 0);
    while let Some((before, after)) = rest.split_once("\n```") {
        let (mark, after) = after.split_once('\n').unwrap();
        let (block, after) = after.split_once("```").unwrap();
        let block = block.strip_suffix('\n').unwrap_or(block);
        result.push_str(&format!("{before}\n```{mark}\n"));
        match mark.split_once(' ').unwrap_or((mark, "")) {
            ("rules", file) if !file.is_empty() => put(&folder.path().join(file), block),
            ("text", file) if !file.is_empty() => {
                fs::write(folder.path().join(file), format!("{block}\n")).unwrap()
            }
            _ => {}
        }
        let block = match mark {
            "console" => {
                commands += block.matches("$ ").count();
                console(block, folder.path(), &mut status).trim_end().to_owned()
            }
            _ => block.to_owned(),
        };
        result.push_str(&format!("{block}\n```"));
        rest = after;
    }
    result.push_str(rest);
    assert!(commands > 15, "{commands}");
    if std::env::var_os("UPDATE").is_some() {
        return fs::write(page(), result).unwrap();
    }
    for (shown, printed) in text.lines().zip(result.lines()) {
        assert_eq!(shown, printed, "the tutorial shows something else; see with UPDATE=1");
    }
    assert_eq!(text.lines().count(), result.lines().count());
}
