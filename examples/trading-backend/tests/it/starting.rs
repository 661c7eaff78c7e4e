//! Starting and stopping: what is wrong is said, and nothing is left behind.

use std::process::Command;

use crate::backend::{Backend, PROGRAM, run, until};

/// Every metric that the shipped rules read is exported, by the names that they use; and none without a value for long.
#[tokio::test]
async fn the_pack_finds_its_metrics() {
    let backend = Backend::start(&["--rate", "20", "--canary-share", "50"]);
    let rules = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../rules");
    let mut names = std::collections::BTreeSet::new();
    for file in std::fs::read_dir(rules).unwrap() {
        let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
        for line in
            text.lines().filter_map(|line| line.trim().strip_prefix("from")?.trim().strip_prefix("metrics "))
        {
            // names have an underscore; functions that have one stand before a parenthesis
            let words = line.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
            names.extend(words.filter(|word| word.contains('_')).map(str::to_owned));
        }
    }
    assert!(names.len() > 20, "{names:?}");
    let mut missing = Vec::new();
    until("every metric has a value", async || {
        let metrics = backend.metrics(&backend.at.canary).await;
        // a histogram is named by its family
        let known =
            |name: &String| !metrics.of(name).is_nan() || !metrics.of(&format!("{name}_count")).is_nan();
        missing = names.iter().filter(|name| !known(name)).cloned().collect();
        missing.is_empty()
    })
    .await;
}

/// A folder in use, one that is nobody's, and settings with a slip are refused with a reason; `down` leaves nothing.
#[test]
fn starting_and_stopping_is_clean() {
    let says = |words: &[&str], what: &str| {
        let output = Command::new(PROGRAM).args(words).output().unwrap();
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && text.contains(what), "{words:?}: {text}");
    };
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    std::fs::write(path("busy"), "").unwrap();
    says(&["up", &folder.path().display().to_string()], "is not empty");
    says(&["down", &path("nowhere")], "nothing was started there");
    says(&["serve", "--config", &path("nothing.json")], "cannot be read");

    let backend = Backend::start(&["--rate", "5"]);
    let settings = std::fs::read_to_string(backend.folder.join("canary.json")).unwrap();
    for (from, to, what) in [
        ("\"origin\"", "\"orgin\"", "unknown field `orgin`"),
        ("\"canary\"", "\"can ary\"", "is no name"),
        ("\"connections\": 32", "\"connections\": 0", "`connections` is out of range"),
        ("\"admin\": \"127.0.0.1", "\"admin\": \"0.0.0.0", "expected an address of the loopback"),
    ] {
        let slip = settings.replace(from, to);
        assert_ne!(slip, settings, "{from}");
        std::fs::write(path("slip.json"), slip).unwrap();
        says(&["serve", "--config", &path("slip.json")], what);
    }
    says(&["start", &backend.folder.display().to_string(), "feed"], "feed runs");
    says(
        &["stop", &backend.folder.display().to_string(), "kafka"],
        "there is no part `kafka`; there are baseline",
    );

    let ours = backend.folder.display().to_string();
    assert!(running(&ours) > 3, "parts name their folder");
    run("down", &backend.folder, &[]);
    assert!(!backend.folder.exists());
    assert_eq!(running(&ours), 0);
}

/// Processes, what is left of ended ones aside, whose words name the folder.
fn running(folder: &str) -> usize {
    let entries = std::fs::read_dir("/proc").unwrap().filter_map(Result::ok);
    let words = entries.filter_map(|entry| std::fs::read(entry.path().join("cmdline")).ok());
    // the watcher names it too
    words
        .map(|words| String::from_utf8_lossy(&words).replace('\0', " "))
        .filter(|words| words.contains(folder) && !words.contains("cat >/dev/null"))
        .count()
}
