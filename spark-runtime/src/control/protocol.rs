//! What is said on the socket: one JSON object a line, one question and one answer a connection.

use serde::{Deserialize, Serialize};
use spark_core::rollout::Word;

use super::status::Status;

/// The protocol's version: a program that speaks another one is told so.
pub const VERSION: u32 = 1;

/// Longest question. The longest word is a reason of [`REASON_CHARS_MAX`] characters, each at most six bytes in JSON.
pub const REQUEST_BYTES_MAX: usize = 16 * 1024;

/// Longest name of who speaks: a name, an address of mail, a team.
pub const BY_CHARS_MAX: usize = 128;

/// Longest reason: two sentences and a link. It stands in the journal for good.
pub const REASON_CHARS_MAX: usize = 1000;

/// A question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "snake_case", deny_unknown_fields)]
pub enum Ask {
    /// Where the rollout is.
    Status,
    /// An operator's word.
    Say {
        /// What.
        word: Word,
        /// Who.
        by: String,
        /// Why.
        because: String,
    },
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "snake_case")]
pub enum Answer {
    /// Where the rollout is.
    Status {
        /// As of the last fact that counted.
        status: Box<Status>,
    },
    /// The word was taken, and recorded unless these words say otherwise.
    Taken {
        /// What was done with it.
        words: String,
    },
    /// The word was not taken; nothing changed.
    Refused {
        /// Why.
        words: String,
    },
    /// The question was not understood, or could not be passed on.
    Failed {
        /// Why.
        words: String,
    },
}

/// What stands on a line, beside the question or the answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Envelope<T> {
    pub(super) v: u32,
    #[serde(flatten)]
    pub(super) content: T,
}

#[derive(Deserialize)]
struct Version {
    v: u32,
}

/// A question or an answer as a line.
pub(super) fn line_of<T: Serialize>(content: &T) -> Result<String, String> {
    let mut line =
        serde_json::to_string(&Envelope { v: VERSION, content }).map_err(|error| error.to_string())?;
    line.push('\n');
    Ok(line)
}

/// What stands on a line.
pub(super) fn read_line<T: serde::de::DeserializeOwned>(line: &[u8]) -> Result<T, String> {
    // first: what another version says need not be readable
    let version: Version = serde_json::from_slice(line)
        .map_err(|error| format!("expected one JSON object with `v`: {error}"))?;
    if version.v != VERSION {
        return Err(format!("version {} is spoken, and this program speaks version {VERSION}", version.v));
    }
    let envelope: Envelope<T> = serde_json::from_slice(line).map_err(|error| error.to_string())?;
    Ok(envelope.content)
}

/// What is wrong with a word's name and reason, whatever the word.
pub(super) fn wrong_words(word: &Word, by: &str, because: &str) -> Option<String> {
    let reason = match word {
        Word::Rollback { reason, .. } => reason,
        Word::Override { trigger, .. } => trigger,
        Word::Hold | Word::Resume | Word::Approve | Word::Promote | Word::Abort => "",
    };
    for (what, text, max, needed) in [
        ("by", by, BY_CHARS_MAX, true),
        ("because", because, REASON_CHARS_MAX, true),
        ("reason", reason, REASON_CHARS_MAX, matches!(word, Word::Rollback { .. })),
    ] {
        let length = text.chars().count();
        if needed && text.trim().is_empty() {
            return Some(format!("`{what}` is empty"));
        }
        if length > max {
            return Some(format!("`{what}` has {length} characters, and {max} are the most"));
        }
        if text.chars().any(char::is_control) {
            return Some(format!("`{what}` has a control character in it: it is one line of text"));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is written is read again, and what is not understood is named.
    #[test]
    fn lines() {
        let say = Ask::Say {
            word: Word::Rollback { reason: "slow".to_owned(), stage: Some(2) },
            by: "ayse".to_owned(),
            because: "slow".to_owned(),
        };
        for ask in [Ask::Status, say] {
            let line = line_of(&ask).unwrap();
            assert!(line.ends_with('\n') && line.starts_with("{\"v\":1,\"ask\":"), "{line}");
            assert_eq!(read_line::<Ask>(line.trim_end().as_bytes()), Ok(ask));
        }
        for (line, words) in [
            ("", "expected one JSON object with `v`"),
            ("hello", "expected one JSON object with `v`"),
            ("{\"v\":2,\"ask\":\"dance\"}", "version 2 is spoken, and this program speaks version 1"),
            ("{\"v\":1,\"ask\":\"dance\"}", "unknown variant `dance`"),
            (
                "{\"v\":1,\"ask\":\"say\",\"by\":\"me\",\"because\":\"x\",\"word\":{\"word\":\"jump\"}}",
                "`jump`",
            ),
        ] {
            let error = read_line::<Ask>(line.as_bytes()).unwrap_err();
            assert!(error.contains(words), "{line}: {error}");
        }
    }

    /// A name and a reason are one line each, there, and not a book.
    #[test]
    fn names_and_reasons() {
        let long = "x".repeat(REASON_CHARS_MAX + 1);
        for (by, because, wrong) in [
            ("ayse", "all is well", None),
            (" ", "all is well", Some("`by` is empty")),
            ("ayse", "", Some("`because` is empty")),
            ("ayse", "a\nb", Some("`because` has a control character")),
            ("ayse", long.as_str(), Some("1001 characters, and 1000 are the most")),
        ] {
            let told = wrong_words(&Word::Hold, by, because);
            assert_eq!(told.is_some(), wrong.is_some(), "{by}/{because}");
            assert!(told.unwrap_or_default().contains(wrong.unwrap_or_default()));
        }
        let empty = Word::Rollback { reason: String::new(), stage: None };
        assert_eq!(wrong_words(&empty, "me", "so").as_deref(), Some("`reason` is empty"));
    }
}
