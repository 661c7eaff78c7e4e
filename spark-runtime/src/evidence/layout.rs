//! The names in an evidence folder: which files a release leaves, where, and what each is for.
//!
//! All of them but the journal and the seal are derived from the journal's facts when a rollout ends, so that a crash
//! loses none: whoever takes the rollout up again writes them.

use super::SEAL_NAME;

/// The journal's name.
pub const JOURNAL_NAME: &str = "journal.jsonl";

/// The folder of the rules' text.
pub const RULES_FOLDER: &str = "rules";

/// The folder of what was found before the rollout.
pub const BEFORE_FOLDER: &str = "before";

/// The name of the list of those who signed.
pub const SIGN_OFF_NAME: &str = "go-no-go.md";

/// Who writes a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Producer {
    /// The rollout, while it runs.
    Rollout,
    /// The end of the rollout, from the journal's facts.
    End,
    /// The 24 hours after it, from the journal's facts; the folder is sealed again then.
    After,
    /// Probes of the systems around the release.
    Probes,
}

/// A kind of file in an evidence folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileKind {
    /// Its path; `N` is a stage from 1, `NN` a step's or an hour's two digits, `…` a name of its own.
    pub path: &'static str,
    /// Who writes it.
    pub producer: Producer,
    /// What it is evidence of, in words.
    pub what: &'static str,
}

const fn kind(path: &'static str, producer: Producer, what: &'static str) -> FileKind {
    FileKind { path, producer, what }
}

/// Every kind of file that a release leaves, in the order in which a reader wants them.
///
/// A release of five stages with one action a stage leaves 15 files of its stages, 5 of its actions, 14 for the whole, and
/// 25 of the day after it: above 50 without one probe. With probes come two more of each stage, and what was found before.
pub const FILES: &[FileKind] = &[
    kind(SEAL_NAME, Producer::End, "the seal over all of the below"),
    kind(JOURNAL_NAME, Producer::Rollout, "every fact, in the order in which it counted; the truth"),
    kind("result.json", Producer::End, "how it ended, when, why, and what is not recorded"),
    kind("release-note.md", Producer::End, "the release in one line"),
    kind(
        "post-mortem.md",
        Producer::End,
        "of a rollback: what happened, when, why, what it cost, from the facts alone",
    ),
    kind(SIGN_OFF_NAME, Producer::Probes, "who or what signed each line before the release"),
    kind("rules/…", Producer::End, "the rules' text as it was, and after each reload"),
    kind(
        "decisions.jsonl",
        Producer::End,
        "each decision that differs from the one before, with its reasons",
    ),
    kind("words.jsonl", Producer::End, "each operator's word: who, when, what, why"),
    kind("data-points.csv", Producer::End, "eight signals × five stages: value, limit, met"),
    kind("samples.csv", Producer::End, "every sample; `spark replay --samples` reads it"),
    kind(
        "sources.jsonl",
        Producer::End,
        "each time in which a signal gave no value: from when to when, and why",
    ),
    kind(
        "notes.jsonl",
        Producer::End,
        "what a reader should know beside: freezes, reloads, refused words, other runners",
    ),
    kind("run-of-show.json", Producer::End, "the day as it was planned, and when each part of it came"),
    kind("clock.json", Producer::End, "how each runner's clock was set, and each time it was set anew"),
    kind(
        "stages/N-rollout.json",
        Producer::End,
        "when the stage was asked for, entered, seen by a probe, and left",
    ),
    kind(
        "stages/N-summary.json",
        Producer::End,
        "each signal's value and limit at its end, and how often was held",
    ),
    kind("stages/N-log.jsonl", Producer::End, "the journal's records of the stage, samples aside"),
    kind("stages/N-database.json", Producer::End, "database health at its end"),
    kind("stages/N-pgbouncer.json", Producer::End, "the pools at its end"),
    kind(
        "actions/NN-set-share.json",
        Producer::End,
        "a step: its key, what was run, what it said, what the probe saw",
    ),
    kind(
        "actions/NN-roll-back.json",
        Producer::End,
        "the rollback, and how long it took until traffic was at 0 %",
    ),
    kind(
        "before/release.json",
        Producer::End,
        "the release's tag: its plan, its T-0, its rules by their digest",
    ),
    kind(
        "before/…",
        Producer::Probes,
        "each check's file: pools, migrations, headers, sequences, flags, targets, baseline, SBOM; each phase's; who signed",
    ),
    kind(
        "after/hour-NN.json",
        Producer::After,
        "an hour of the first night: samples, decisions, changes; 00 to 23",
    ),
    kind(
        "after/stability.json",
        Producer::After,
        "the 24 hours in one: each signal's worst value, time held, unknown",
    ),
];

/// The folders in which derived files stand.
pub(super) const DERIVED_FOLDERS: [&str; 5] = [RULES_FOLDER, "stages", "actions", "before", "after"];

/// Whether a path is one of a kind that is written from the journal's facts.
pub(super) fn is_derived(path: &str) -> bool {
    FILES
        .iter()
        .any(|kind| matches!(kind.producer, Producer::End | Producer::After) && is_of_kind(kind.path, path))
}

fn is_of_kind(pattern: &str, path: &str) -> bool {
    if let Some(before) = pattern.strip_suffix('…') {
        return path.starts_with(before);
    }
    let number = if pattern.contains("NN") { "NN" } else { "N" };
    let Some((before, behind)) = pattern.split_once(number) else { return pattern == path };
    let between = path.strip_prefix(before).and_then(|rest| rest.strip_suffix(behind));
    between.is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()))
}

/// The path of a stage's file; `stage` counts from 0, as in the journal, and from 1 in the name.
///
/// ```
/// # use spark_runtime::evidence::layout::stage_file;
/// assert_eq!(stage_file(0, "summary.json"), "stages/1-summary.json");
/// ```
pub fn stage_file(stage: u32, what: &str) -> String {
    format!("stages/{}-{what}", stage.saturating_add(1))
}

/// The path of a step's file; `number` counts from 1.
///
/// ```
/// # use spark_runtime::evidence::layout::action_file;
/// assert_eq!(action_file(3, "set-share"), "actions/03-set-share.json");
/// ```
pub fn action_file(number: u32, what: &str) -> String {
    format!("actions/{number:02}-{what}.json")
}

/// The path of an hour's file after the release, from 0.
///
/// ```
/// # use spark_runtime::evidence::layout::hour_file;
/// assert_eq!(hour_file(7), "after/hour-07.json");
/// ```
pub fn hour_file(hour: u32) -> String {
    format!("after/hour-{hour:02}.json")
}

/// Longest name of a file: what every file system takes.
const NAME_BYTES_MAX: usize = 255;

/// Whether a name is the same on every file system: an evidence folder is checked on another machine than it was
/// written on.
///
/// Letters beyond ASCII are written in more than one way, some signs are forbidden elsewhere, and a space or a dot at the
/// end is lost there.
pub(super) fn is_portable(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= NAME_BYTES_MAX
        && name.bytes().all(is_portable_byte)
        && !name.starts_with([' ', '-'])
        && !name.ends_with([' ', '.'])
}

const fn is_portable_byte(byte: u8) -> bool {
    matches!(byte, b' '..=b'~')
        && !matches!(byte, b'"' | b'*' | b'/' | b':' | b'<' | b'>' | b'?' | b'\\' | b'|')
}

/// A name that is portable, near to `name`; what it was is told by the journal.
pub(super) fn portable(name: &str) -> String {
    /// Room for a number before it.
    const KEPT_MAX: usize = 200;
    let name: String = name
        .chars()
        .take(KEPT_MAX)
        .map(|c| if u8::try_from(c).is_ok_and(is_portable_byte) { c } else { '_' })
        .collect();
    let name = name.trim_start_matches([' ', '-']).trim_end_matches([' ', '.']);
    if name.is_empty() { "_".to_owned() } else { name.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A name that some file system would change or refuse is none; every name can be made one.
    #[test]
    fn names() {
        let long = "x".repeat(256);
        for bad in [
            "",
            ".",
            "..",
            "a.",
            "a ",
            " a",
            "-rf",
            "ışık",
            "a:b",
            "a\\b",
            "a\nb",
            "a*",
            "a|b",
            "\u{202e}a",
            &long,
        ] {
            assert!(!is_portable(bad), "{bad}");
            assert!(is_portable(&portable(bad)), "{bad} gives {}", portable(bad));
        }
        for good in ["a", "1-rollout.json", ".hidden", "a b", "0-kural_(2).rules"] {
            assert!(is_portable(good), "{good}");
            assert_eq!(portable(good), good);
        }
    }

    /// Which files follow from the journal, and so may neither lack nor be there without it.
    #[test]
    fn derived() {
        for path in [
            "result.json",
            "rules/0-a.rules",
            "stages/12-log.jsonl",
            "stages/1-database.json",
            "actions/03-roll-back.json",
        ] {
            assert!(is_derived(path), "{path}");
        }
        for path in
            ["journal.jsonl", "stages/1-own.json", "before/sbom.json", "stages/x-log.jsonl", "own.txt"]
        {
            assert!(!is_derived(path), "{path}");
        }
    }

    /// The manual names every kind of file, each once, in this order.
    #[test]
    fn manual() {
        let manual = include_str!("../../../docs/evidence.md");
        let mut rest = manual.split_once("## The folder").unwrap().1.split_once("\n## ").unwrap().0;
        for kind in FILES {
            let row = format!("| `{}` | ", kind.path);
            let (_, after) = rest.split_once(&row).unwrap_or_else(|| panic!("{row}"));
            assert!(after.lines().next().unwrap().contains(kind.what), "{}: {}", kind.path, kind.what);
            rest = after;
        }
    }
}
