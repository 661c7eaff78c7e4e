//! The table of faults is measured, not written.

use std::process::Command;

use crate::backend::{Folder, PROGRAM};

/// One row's worth of the pack. All of it at such a speed would judge the machine that the test runs on: twenty seconds at its limits are a release
/// that goes back.
const RULES: &str = r#"edition 2026
signal csp {
  is      rate
  from    metrics rate(csp_violations_total) over 1m
  expect  <= 20/min
}
trigger csp_violations "T4 CSP violations" {
  hold     when csp > 25/min for 1m
  rollback when csp > 50/min
}
plan canary {
  stage 100% for 15m
  proceed when every signal meets its expectation for 5m
}
"#;

/// A fault that is switched on behind HAProxy is rolled back by its own trigger, the canary is seen to have no traffic, nothing is rolled back
/// without a fault, and the table stands between its marks.
#[test]
fn a_row_is_measured() {
    let folder = Folder::new();
    let (rules, page) = (folder.path.with_extension("rules"), folder.path.with_extension("md"));
    std::fs::write(&rules, RULES).unwrap();
    std::fs::write(
        &page,
        "before\n<!-- faults: one at a time -->\n<!-- end of faults: one at a time -->\nafter\n",
    )
    .unwrap();
    let output = Command::new(PROGRAM)
        .arg("table")
        .arg(&folder.path)
        .args(["--speed", "30", "--rate", "10", "--only", "T4", "--rules"])
        .arg(rules)
        .arg("--write")
        .arg(&page)
        .output()
        .unwrap();
    let (said, table) = (String::from_utf8_lossy(&output.stderr), String::from_utf8_lossy(&output.stdout));
    assert!(output.status.success(), "{said}\n{table}");
    let row = table.lines().find(|line| line.starts_with("| T4 |")).unwrap();
    let cells: Vec<&str> = row.split('|').map(str::trim).collect();
    assert_eq!(cells[2], "`csp_flood`, 240 per minute");
    assert_eq!(cells[5], "rollback by `csp_violations`");
    assert!(cells[4].ends_with('s') && cells[6].ends_with('s'), "{row}");
    assert_eq!(cells[7], "0 rollbacks");
    assert!(table.contains("0 to roll back"), "{table}");
    let page = std::fs::read_to_string(page).unwrap();
    assert!(page.starts_with("before\n") && page.contains(row) && page.ends_with("\nafter\n"), "{page}");
    assert!(!folder.path.exists(), "all of it is stopped and gone");
}
