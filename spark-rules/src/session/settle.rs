//! The check of the whole policy, away from the keystrokes: on another thread, as the batch check does it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use spark_core::{SourceSpan as Span, Timestamp};

use super::Session;
use super::document::Document;
use super::remark::Remark;
use crate::Loaded;
use crate::diagnostic::Diagnostic;
use crate::files::Files;

/// A policy as it stood at one moment. Checking it needs nothing else, so that it can be done on another thread.
#[derive(Debug)]
pub struct Snapshot {
    root: String,
    texts: BTreeMap<String, (u64, String)>,
    unreadable: BTreeMap<String, String>,
}

/// What the check of a snapshot found.
#[derive(Debug)]
pub struct Settled {
    root: String,
    versions: BTreeMap<String, u64>,
    diagnostics: Vec<Diagnostic>,
    files: Files,
    good: Option<Arc<Loaded>>,
}

impl Snapshot {
    /// The name of the policy's root.
    pub fn root(&self) -> &str {
        &self.root
    }

    /// Checks the policy, unless `stop` is set before it begins. Warnings that its comments allow at the instant `now` are
    /// left out; without one, all are told.
    pub fn check(self, now: Option<Timestamp>, stop: &AtomicBool) -> Option<Settled> {
        if stop.load(Ordering::Relaxed) {
            return None;
        }
        let Self { root, texts, unreadable } = self;
        let text = texts.get(&root).map_or("", |(_, text)| text);
        let folder = root.rfind('/').map_or("", |slash| root.get(..=slash).unwrap_or(""));
        let mut read = |name: &str| {
            let path = format!("{folder}{name}");
            match texts.get(&path) {
                Some((_, text)) => Ok(text.clone()),
                None => Err(unreadable
                    .get(&path)
                    .map_or_else(|| "there is no such file".to_owned(), Clone::clone)),
            }
        };
        let (diagnostics, files, good) = match crate::load(&root, text, &mut read) {
            Ok(mut loaded) => {
                if let Some(now) = now {
                    loaded.silence(now);
                }
                let diagnostics = loaded.warnings.iter().chain(&loaded.advice).cloned().collect();
                (diagnostics, loaded.files.clone(), Some(Arc::new(loaded)))
            }
            Err(mut failed) => {
                if let Some(now) = now {
                    failed.silence(now);
                }
                (failed.diagnostics, failed.files, None)
            }
        };
        let versions = texts.into_iter().map(|(path, (version, _))| (path, version)).collect();
        Some(Settled { root, versions, diagnostics, files, good })
    }
}

impl Settled {
    /// What was found, as the batch check tells it.
    pub fn diagnostics(&self) -> &[Diagnostic] {
        &self.diagnostics
    }

    /// The rules, where they can run.
    pub fn loaded(&self) -> Option<&Arc<Loaded>> {
        self.good.as_ref()
    }
}

impl Session {
    /// The policy that a file belongs to, as it stands now.
    pub fn snapshot(&self, path: &str) -> Snapshot {
        let root = self.root_of(path);
        let members = self.members(&root);
        let texts = members.paths.into_iter().filter_map(|path| {
            let document = self.documents.get(&path)?;
            Some((path, (document.version, document.text.clone())))
        });
        Snapshot { texts: texts.collect(), root, unreadable: self.unreadable.clone() }
    }

    /// Takes over what a check found; false, and nothing is taken, where a file was changed since.
    pub fn settle(&mut self, settled: Settled) -> bool {
        let now = |path: &String| self.documents.get(path).map(|document| document.version);
        if settled.versions.iter().any(|(path, version)| now(path) != Some(*version)) {
            return false;
        }
        let into_parts = |span: Span| -> Option<Span> {
            self.documents.get(settled.files.name(span.file)).and_then(|document| into_part(document, span))
        };
        let mut found: BTreeMap<u32, Vec<Remark>> = BTreeMap::new();
        for diagnostic in settled.diagnostics {
            let (remark, placed) = Remark::moved(diagnostic, &into_parts);
            if placed {
                found.entry(remark.span.file).or_default().push(remark);
            }
        }
        for path in settled.versions.keys() {
            let Some(document) = self.documents.get_mut(path) else { continue };
            for part in &mut document.parts {
                part.settled = Some(found.remove(&part.id).unwrap_or_default());
                part.kept.clear();
            }
        }
        if let Some(good) = settled.good {
            self.good.insert(settled.root, good);
        }
        true
    }

    /// The rules that a file belongs to, as they could run last.
    pub fn last_good(&self, path: &str) -> Option<&Arc<Loaded>> {
        self.good.get(&self.root_of(path))
    }
}

/// A span of a file as one of the part that it begins in.
fn into_part(document: &Document, span: Span) -> Option<Span> {
    let part = document.part_at(span.start as usize)?;
    let start = u32::try_from(part.start).ok()?;
    Some(Span { file: part.id, start: span.start.checked_sub(start)?, end: span.end.checked_sub(start)? })
}
