//! What a seal states: every file by its path and SHA-256, and of what they are evidence.
//!
//! An [in-toto Statement v1](https://github.com/in-toto/attestation) with a predicate of Spark's own.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use spark_core::Timestamp;

use super::chain::Chain;
use super::layout::{JOURNAL_NAME, RULES_FOLDER};
use super::scan::{Content, hex, open};
use super::{EvidenceError, io_error};

const STATEMENT_TYPE: &str = "https://in-toto.io/Statement/v1";
/// The kind of predicate; its number changes whenever its fields do.
const PREDICATE_TYPE: &str = "urn:spark:release-evidence:2";

/// Differences that are named one by one; more are counted.
const DIFFERENCES_MAX: usize = 20;

const ADDED: &str = "was added";

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Statement {
    #[serde(rename = "_type")]
    kind: String,
    pub(super) subject: Vec<Subject>,
    #[serde(rename = "predicateType")]
    predicate_type: String,
    pub(super) predicate: Predicate,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Subject {
    pub(super) name: String,
    pub(super) digest: BTreeMap<String, String>,
}

/// What a seal says beside the list of files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Predicate {
    pub(super) release: String,
    /// When it was sealed, by the sealing machine's clock.
    pub(super) at: Timestamp,
    /// Which Spark sealed it.
    pub(super) spark: String,
    /// The how many-eth seal of this release, from 1.
    pub(super) seal: u32,
    /// The SHA-256 of the seal before this one.
    pub(super) previous: Option<String>,
    pub(super) files: u64,
    pub(super) bytes: u64,
    /// The SHA-256 over the digests and paths of the rules' files, as `sha256sum rules/* | sha256sum` gives it.
    pub(super) rules: Option<String>,
    /// Where the journal ends, where there is one with a chain.
    pub(super) journal: Option<Chain>,
}

/// What does not follow from the content of a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Claims {
    pub(super) release: String,
    pub(super) at: Timestamp,
    pub(super) spark: String,
    pub(super) seal: u32,
    pub(super) previous: Option<String>,
}

impl Predicate {
    fn claims(&self) -> Claims {
        Claims {
            release: self.release.clone(),
            at: self.at,
            spark: self.spark.clone(),
            seal: self.seal,
            previous: self.previous.clone(),
        }
    }
}

/// A place in an evidence folder that is not as it was sealed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// The file, below the folder.
    pub path: String,
    /// The first bad line, from 1; of the journal alone.
    pub line: Option<u64>,
    /// What is wrong with it, in words: `was changed`.
    pub what: String,
}

impl std::fmt::Display for Difference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "`{}` {}", self.path, self.what)
    }
}

impl Statement {
    /// What is stated of a folder with this content.
    pub(super) fn of(claims: &Claims, content: &Content) -> Self {
        let subject = content
            .files
            .iter()
            .map(|(name, hash)| Subject {
                name: name.clone(),
                digest: BTreeMap::from([("sha256".to_owned(), hash.sha256.clone())]),
            })
            .collect();
        Self {
            kind: STATEMENT_TYPE.to_owned(),
            subject,
            predicate_type: PREDICATE_TYPE.to_owned(),
            predicate: Predicate {
                release: claims.release.clone(),
                at: claims.at,
                spark: claims.spark.clone(),
                seal: claims.seal,
                previous: claims.previous.clone(),
                files: u64::try_from(content.files.len()).unwrap_or(u64::MAX),
                bytes: content.bytes(),
                rules: rules(content),
                journal: content.journal.as_ref().and_then(|journal| journal.chain.clone()),
            },
        }
    }

    /// The signed bytes, read strictly: they must be what this program would have written.
    pub(super) fn parse(payload: &[u8]) -> Result<Self, EvidenceError> {
        #[derive(Deserialize)]
        struct Kinds {
            #[serde(rename = "_type")]
            kind: String,
            #[serde(rename = "predicateType")]
            predicate_type: String,
        }
        let bad = |error: serde_json::Error| EvidenceError::BadSeal(format!("its statement: {error}"));
        let kinds: Kinds = serde_json::from_slice(payload).map_err(bad)?;
        if (kinds.kind.as_str(), kinds.predicate_type.as_str()) != (STATEMENT_TYPE, PREDICATE_TYPE) {
            return Err(EvidenceError::BadSeal(format!(
                "it states `{}`, and this Spark reads `{PREDICATE_TYPE}`",
                kinds.predicate_type
            )));
        }
        let parsed: Self = serde_json::from_slice(payload).map_err(bad)?;
        if parsed.to_json()? != payload {
            let reason =
                "its statement could be read in two ways: it is not in the form in which seals are written";
            return Err(EvidenceError::BadSeal(reason.to_owned()));
        }
        Ok(parsed)
    }

    pub(super) fn to_json(&self) -> Result<Vec<u8>, EvidenceError> {
        serde_json::to_vec(self).map_err(|error| EvidenceError::BadSeal(error.to_string()))
    }

    /// What differs in a folder's content from what is stated, the journal first, then by path.
    pub(super) fn differences(&self, content: &Content) -> Vec<Difference> {
        let found = Self::of(&self.predicate.claims(), content);
        if *self == found {
            return self.damage(content);
        }
        let (before, now) = (self.digests(), found.digests());
        let mut all = Vec::new();
        for path in before.keys().chain(now.keys()).collect::<BTreeSet<_>>() {
            let what = match (before.get(path), now.get(path)) {
                (Some(a), Some(b)) if a == b => continue,
                (Some(_), None) => "is missing",
                (None, _) => ADDED,
                _ => "was changed",
            };
            all.push(Difference { path: (*path).to_owned(), line: None, what: what.to_owned() });
        }
        for changed in all.iter_mut().filter(|d| d.path == JOURNAL_NAME && d.what == "was changed") {
            if let Some(bad) = self.first_bad_line(content) {
                changed.line = Some(bad.line);
                changed.what = format!("was changed: line {} is the first bad one: {}", bad.line, bad.why);
            }
        }
        if all.is_empty() {
            // only the holder of the key can make a statement whose parts do not agree with each other
            all.push(Difference {
                path: super::SEAL_NAME.to_owned(),
                line: None,
                what: "says something else in its summary than in its list of files".to_owned(),
            });
        }
        all.sort_by_key(|difference| difference.path != JOURNAL_NAME);
        if all.len() > DIFFERENCES_MAX {
            let more = all.len().saturating_sub(DIFFERENCES_MAX);
            all.truncate(DIFFERENCES_MAX);
            if let Some(last) = all.last_mut() {
                last.what = format!("{}, and {more} more files differ", last.what);
            }
        }
        all
    }

    /// What was sealed and is no longer there as it was; files may have been added, and the journal may have gone on.
    ///
    /// # Errors
    /// The journal cannot be read.
    pub(super) fn lost(&self, content: &Content, dir: &Path) -> Result<Vec<Difference>, EvidenceError> {
        let mut lost = self.differences(content);
        lost.retain(|difference| difference.what != ADDED && difference.path != super::SEAL_NAME);
        let sealed = self.predicate.journal.as_ref().and_then(|chain| chain.head.as_ref());
        let found = content.journal.as_ref().and_then(|journal| journal.chain.as_ref());
        if let (Some(head), Some(found)) = (sealed, found)
            && found.broken.is_none()
            && lost.first().is_some_and(|difference| difference.path == JOURNAL_NAME)
        {
            let path = dir.join(JOURNAL_NAME);
            let sum = open(&path, JOURNAL_NAME)
                .and_then(|file| super::chain::sum_at(file, head.seq).map_err(io_error("read", &path)))?;
            if sum.as_ref() == Some(&head.sum) {
                lost.remove(0);
            }
        }
        Ok(lost)
    }

    /// Damage that was in the journal before it was sealed. A cut last line is what a full disk leaves; it was told of.
    fn damage(&self, content: &Content) -> Vec<Difference> {
        let Some(journal) = &content.journal else { return Vec::new() };
        let Some(chain) = &journal.chain else { return Vec::new() };
        match &chain.broken {
            Some(bad) if !chain.is_whole_but_for_its_end(journal.lines) => vec![Difference {
                path: JOURNAL_NAME.to_owned(),
                line: Some(bad.line),
                what: format!(
                    "was damaged before it was sealed: line {} is the first bad one: {}",
                    bad.line, bad.why
                ),
            }],
            _ => Vec::new(),
        }
    }

    fn first_bad_line(&self, content: &Content) -> Option<super::chain::BadLine> {
        let sealed = self.predicate.journal.as_ref()?;
        let found = content.journal.as_ref()?.chain.as_ref()?;
        match &found.broken {
            // before that line, it may have been written anew from elsewhere
            Some(bad) if sealed.begins_with(found) => Some(bad.clone()),
            _ => Some(sealed.parts_from(found)),
        }
    }

    fn digests(&self) -> BTreeMap<&str, &BTreeMap<String, String>> {
        self.subject.iter().map(|subject| (subject.name.as_str(), &subject.digest)).collect()
    }
}

/// The rules' files in one digest: `sha256sum rules/* | sha256sum` in the folder gives the same.
fn rules(content: &Content) -> Option<String> {
    let mut whole = Sha256::new();
    let mut any = false;
    for (path, hash) in &content.files {
        if path.strip_prefix(RULES_FOLDER).is_some_and(|rest| rest.starts_with('/')) {
            any = true;
            whole.update(format!("{}  {path}\n", hash.sha256));
        }
    }
    any.then(|| hex(&whole.finalize()))
}
