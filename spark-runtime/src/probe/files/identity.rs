//! What the release is, and when that was written down: tag, commit, files by their sums, under a key.

use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::json;
use spark_core::Timestamp;

use super::super::process::Program;
use super::super::{Measured, Probe, ProbeError, Value};
use super::{hex, sum_of};
use crate::evidence;

/// P1: the release's tag at the commit that is checked out, nothing changed beside it, the files' sums, and a seal over all of
/// it with the time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The repository.
    pub repository: PathBuf,
    /// The release's tag.
    pub tag: String,
    /// The files that are released.
    pub files: Vec<PathBuf>,
    /// The private key that seals it.
    pub key: Option<PathBuf>,
}

impl Identity {
    async fn git(&self, words: &[&str]) -> Result<Option<String>, ProbeError> {
        let mut all = vec!["git".to_owned(), "-C".to_owned(), self.repository.display().to_string()];
        all.extend(words.iter().map(|word| (*word).to_owned()));
        let ran = Program::plain(all).run().await?;
        Ok(ran.good.then(|| ran.out.trim().to_owned()))
    }
}

impl Probe for Identity {
    async fn measure(&self) -> Result<Measured, ProbeError> {
        let head = self.git(&["rev-parse", "--verify", "HEAD^{commit}"]).await?;
        let head = head.ok_or_else(|| {
            ProbeError::Answer(format!("there is no commit in `{}`", self.repository.display()))
        })?;
        let tag = self
            .git(&["rev-parse", "--verify", "--quiet", &format!("refs/tags/{}^{{commit}}", self.tag)])
            .await?;
        let changed = self.git(&["status", "--porcelain", "--untracked-files=no"]).await?;
        let changed = changed.map(|text| text.lines().count());
        let mut files = Vec::new();
        for path in &self.files {
            files.push(json!({ "file": path.display().to_string(), "sha256": sum_of(path)? }));
        }
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let at = Timestamp::from_nanos(i64::try_from(since.as_nanos()).unwrap_or(i64::MAX));
        let sealed = json!({ "at": at.to_string(), "tag": self.tag, "commit": head, "files": files });
        let text = sealed.to_string();
        let mut details = json!({ "sealed": text, "tag_commit": tag, "changed": changed });
        let seal = match &self.key {
            None => Value::unknown("the probe's settings name no key"),
            Some(path) => match evidence::private_key(path) {
                Ok(key) => {
                    let signature = hex(&key.sign(text.as_bytes()).to_bytes());
                    if let Some(map) = details.as_object_mut() {
                        map.insert("signature".to_owned(), signature.into());
                        map.insert("key".to_owned(), evidence::key_id(&key.verifying_key()).into());
                    }
                    Value::whether(true)
                }
                Err(error) => Value::unknown(error.to_string()),
            },
        };
        Ok(Measured::new(details)
            .with("tagged", Value::whether(tag.as_ref() == Some(&head)))
            .with(
                "changed",
                changed.map_or_else(|| Value::unknown("git does not tell what changed"), Value::len),
            )
            .with("files", Value::len(files.len()))
            .with("sealed", seal))
    }
}
