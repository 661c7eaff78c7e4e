//! The names in an evidence folder: which files a release leaves, where, and what each is for.

/// The journal's name.
pub const JOURNAL_NAME: &str = "journal.jsonl";

/// The folder of the rules' text.
pub const RULES_FOLDER: &str = "rules";

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
}
