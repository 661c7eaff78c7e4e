//! The files that follow from a journal: what they say, that they follow, and what keeps them from being written.

use std::path::Path;

use spark_core::rollout::{Fact, Word};
use spark_runtime::evidence::{self, Checked, EvidenceError, files::ReleaseResult};

use spark_runtime::release::ReleaseError;

use super::Walk;

fn checked(folder: &Path) -> Checked {
    evidence::check_derived(folder, &mut |_: &Fact, _: &_| {}).unwrap()
}

fn read<T: serde::de::DeserializeOwned>(folder: &Path, path: &str) -> T {
    serde_json::from_slice(&std::fs::read(folder.join(path)).unwrap()).unwrap()
}

/// A rollback leaves each file of its stages and steps, and says when it held, was asked for, and was effective.
#[test]
fn rollback() {
    let walked = Walk::of(|n| Some(if n < 9 { 120 } else { 450 }))
        .saying(2, Word::Hold)
        .saying(3, Word::Resume)
        .walk();
    let folder = walked.folder();
    let result: ReleaseResult = read(folder, "result.json");
    assert_eq!(result.result.as_deref(), Some("rolled back: latency"));
    assert_eq!((result.stages_planned, result.share_bp), (3, Some(0)));
    let times = result.rollback.unwrap();
    assert_eq!((times.because, times.attempts), (vec!["latency".to_owned()], 1));
    let decided = result.decision.unwrap().at;
    assert_eq!(times.held_at, decided, "it held when it was decided");
    assert!(times.asked_at.unwrap() >= decided && times.effective_at.unwrap() >= times.asked_at.unwrap());
    let step: evidence::files::ActionRecord =
        read(folder, &format!("actions/{:02}-roll-back.json", walked.asked.len()));
    assert_eq!((step.seen, step.attempts.len()), (times.effective_at, 1));
    let last = walked.asked.len() - 1;
    let rollout: evidence::files::StageRollout = read(folder, &format!("stages/{last}-rollout.json"));
    assert_eq!(rollout.ended.as_deref(), Some("rolled back because latency"));
    assert_eq!(rollout.steps.last(), Some(&step.key));
    let words = std::fs::read_to_string(folder.join("words.jsonl")).unwrap();
    let words: Vec<evidence::files::SpokenWord> =
        words.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let told: Vec<_> = words.iter().map(|word| (word.by.as_str(), word.word.as_str())).collect();
    assert_eq!(told, [("ada", "hold"), ("ada", "resume")]);
    let page = std::fs::read_to_string(folder.join("post-mortem.md")).unwrap();
    for words in ["why: latency", "ada said hold, because a test", "ms after it held"] {
        assert!(page.contains(words), "`{words}` is missing from\n{page}");
    }
    let checked = checked(folder);
    assert_eq!(checked.differences, []);
    assert!(checked.files > 15, "{}", checked.files);
}

/// All of a folder's derived files.
fn derived(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for below in ["", "rules", "stages", "actions", "before"] {
        for entry in std::fs::read_dir(folder.join(below)).unwrap() {
            let entry = entry.unwrap();
            if entry.path().is_file() && entry.file_name() != "journal.jsonl" {
                let name = entry.file_name().into_string().unwrap();
                found.push(if below.is_empty() { name } else { format!("{below}/{name}") });
            }
        }
    }
    found
}

/// Whatever is changed in a derived file, lost or put beside it, is named with its line.
#[test]
fn differences() {
    let walked = Walk::of(|n| Some(if n < 9 { 120 } else { 450 })).walk();
    let folder = walked.folder();
    let all = derived(folder);
    assert!(all.len() > 15, "{all:?}");
    let first = |what: &str| {
        let found = checked(folder).differences;
        assert_eq!(found.len(), 1, "{what}: {found:?}");
        (found[0].path.clone(), found[0].line, found[0].what.clone())
    };
    for path in &all {
        let full = folder.join(path);
        let good = std::fs::read(&full).unwrap();
        if let Some(middle) = good.len().checked_sub(1).map(|last| last / 2) {
            let mut changed = good.clone();
            changed[middle] ^= 1;
            std::fs::write(&full, &changed).unwrap();
            let line = good[..middle].iter().filter(|byte| **byte == b'\n').count() + 1;
            let told = first(path);
            assert_eq!((&told.0, told.1), (path, Some(u64::try_from(line).unwrap())), "{}", told.2);
            std::fs::write(&full, &good[..middle]).unwrap();
            assert_eq!(first(path).0, *path);
        }
        std::fs::write(&full, [&good[..], b"more\n"].concat()).unwrap();
        assert_eq!(
            (first(path).0, first(path).2.as_str()),
            (path.clone(), "says more than the journal gives")
        );
        std::fs::remove_file(&full).unwrap();
        assert_eq!((first(path).0, first(path).2.as_str()), (path.clone(), "is missing"));
        #[cfg(unix)]
        {
            std::fs::write(folder.with_extension("elsewhere"), &good).unwrap();
            std::os::unix::fs::symlink(folder.with_extension("elsewhere"), &full).unwrap();
            assert_eq!(first(path).0, *path, "a link to the same bytes");
            std::fs::remove_file(&full).unwrap();
        }
        std::fs::write(&full, &good).unwrap();
    }
    for stray in [
        "stages/9-summary.json",
        "stages/1-database.json",
        "actions/99-set-share.json",
        "rules/7-other.rules",
    ] {
        std::fs::write(folder.join(stray), "{}").unwrap();
        assert_eq!(first(stray), (stray.to_owned(), None, "does not follow from the journal".to_owned()));
        std::fs::remove_file(folder.join(stray)).unwrap();
    }
    // what others put there is theirs
    std::fs::write(folder.join("stages/1-own.json"), "{}").unwrap();
    assert_eq!(checked(folder).differences, []);
}

/// Where a file cannot be written, the folder stays as it was, the run says what it did, and the rest is written later.
#[cfg(unix)]
#[test]
fn written_later() {
    let walk = Walk::of(|_| Some(120)).until(4);
    let (dir, switch) = (std::sync::Arc::clone(&walk.dir), walk.switch.clone());
    let folder = walk.walk().folder().to_owned();
    let before = std::fs::read(folder.join("result.json")).unwrap();
    std::fs::remove_dir_all(folder.join("stages")).unwrap();
    std::os::unix::fs::symlink(dir.path(), folder.join("stages")).unwrap();
    let mut again = Walk { dir, switch, ..Walk::of(|_| Some(120)) }.walk();
    assert_eq!(*again.ending(), spark_core::rollout::Ending::Completed);
    let key = evidence::throw_away_key().unwrap();
    let refused = again.seal(&key).unwrap_err();
    let unwritten = matches!(refused, ReleaseError::Evidence(EvidenceError::Unwritten { .. }));
    assert!(unwritten, "{refused}");
    assert!(refused.to_string().contains("`spark evidence seal` writes the rest"), "{refused}");
    assert_eq!(std::fs::read(folder.join("result.json")).unwrap(), before, "nothing was moved in");
    let beside: Vec<_> =
        std::fs::read_dir(folder.parent().unwrap()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert!(!beside.iter().any(|name| name.to_string_lossy().ends_with(".new")), "{beside:?}");
    std::fs::remove_file(folder.join("stages")).unwrap();
    let written = evidence::write_derived(&folder, None).unwrap();
    assert_eq!(written.chronicle.stages().len(), 3);
    evidence::seal(&folder, "r1", &key).unwrap();
    evidence::verify(&folder, &key.verifying_key()).unwrap();
    assert_eq!(checked(&folder).differences, []);
}

/// Why the journal does not tell everything stays in the result, however often the files are derived again.
#[test]
fn unrecorded() {
    let walked = Walk::of(|_| Some(120)).walk();
    let folder = walked.folder();
    evidence::write_derived(folder, Some("the disk was full".to_owned())).unwrap();
    evidence::write_derived(folder, None).unwrap();
    let result: ReleaseResult = read(folder, "result.json");
    assert_eq!(result.unrecorded.as_deref(), Some("the disk was full"));
    assert_eq!(checked(folder).differences, []);
}
