//! The chaos suite as it is run by hand.

use std::process::Command;

use crate::backend::PROGRAM;

/// What Spark has to decide about each way to break the backend. What both versions suffer from is no reason to go back.
const EXPECTED: [(&str, &str); 6] = [
    ("database-paused", "hold"),
    ("pool-exhausted", "rollback"),
    ("feed-cut", "rollback"),
    ("latency-and-loss", "rollback"),
    ("canary-killed", "rollback"),
    ("wal-full", "hold"),
];

/// Each of the six is decided as expected, orders are placed again, nothing is lost or done twice, and nothing is left behind.
#[test]
fn six_ways_to_break_it_are_decided_and_survived() {
    let output = Command::new(PROGRAM).arg("chaos").output().unwrap();
    let (said, told) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr).into_owned());
    println!("{said}");
    assert!(output.status.success(), "{told}\n{said}");
    for (name, expected) in EXPECTED {
        let row = said.lines().find(|line| line.starts_with(&format!("| `{name}` |")));
        let cells: Vec<&str> = row.unwrap_or_default().split(" | ").collect();
        assert_eq!(cells.get(2..4), Some(&[expected, expected][..]), "{name}:\n{said}");
    }
    assert!(said.contains("none is missing, none is there twice"), "{said}");
}

/// Where the write-ahead log cannot have a file system of its own, its scenario fails and says what to do.
#[test]
fn what_cannot_be_broken_says_so() {
    let output = Command::new(PROGRAM)
        .args(["chaos", "--only", "wal-full"])
        // no `unshare`, as where it is not allowed
        .env("PATH", "/nowhere")
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && told.contains("run it as root"), "{told}");
}
