//! The sure fixes of a policy carried out, in all of its files. No file is written here: the caller does that.

use std::collections::BTreeMap;

use spark_core::Timestamp;

use crate::diagnostic::{Applicability, Diagnostic, Edit, apply};
use crate::files::Files;
use crate::load_bytes;

/// Most rounds of fixing: a mended mistake may uncover another, and most take one; where fixes are tried one by one,
/// each is a round.
const ROUNDS_MAX: usize = 10;

/// Most fixes of a round that are tried one by one, where all together would make it worse: each costs a whole check.
const SINGLE_TRIES_MAX: usize = 100;

/// A file that is mended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mended {
    /// The file, by its path relative to the root's folder; none for the root itself.
    pub path: Option<String>,
    /// Its whole text now.
    pub text: String,
    /// What was fixed, in the order in which it was done: the codes.
    pub fixed: Vec<&'static str>,
}

/// A fix and where it belongs.
struct Sure<'d> {
    file: u32,
    code: &'static str,
    /// What it puts right.
    of: &'d Diagnostic,
    edits: &'d [Edit],
}

impl Sure<'_> {
    /// Whether what it is to put right is still told, word for word and in its place, after edits of its file: then it
    /// puts nothing right, and would be done over and over.
    fn is_still_told(&self, told: &[Diagnostic], edits: &[Edit]) -> bool {
        let start = self.of.span.start;
        // what was put in right where it stands may stand before it or behind it
        let shifted = |counts: fn(u32, u32) -> bool| {
            let moved = edits.iter().filter(|edit| counts(edit.end, start)).map(|edit| {
                let put = i64::try_from(edit.text.len()).unwrap_or(i64::MAX);
                put.saturating_sub(i64::from(edit.end.saturating_sub(edit.start)))
            });
            moved.fold(i64::from(start), i64::saturating_add)
        };
        let places = [shifted(|end, start| end < start), shifted(|end, start| end <= start)];
        told.iter().any(|other| {
            other.code == self.of.code
                && other.span.file == self.file
                && other.message == self.of.message
                && places.contains(&i64::from(other.span.start))
        })
    }
}

/// Carries out the fixes that [surely](Applicability::Machine) say what was meant, in the root and in the files that it
/// includes, until there are no more; with `advice`, those of advice too. What comments allow at the instant `now` is left
/// alone.
///
/// What comes back are the files that changed. Never are there more mistakes in the end than before: fixes that together
/// would make more are tried one by one, and what makes it worse, or puts nothing right, is left out. Line ends stay what they are, and so does a
/// byte order mark. Text that is not UTF-8 stays as it is.
///
/// ```
/// let text = "edition 2026\nsignal p95 { is duration  from push }\ntrigger slow { rolback when p95 > 400ms }\n";
/// let mended = spark_rules::mend("r.rules", text.as_bytes(), &mut |_| Err("no other file".to_owned()), false, None);
/// assert!(mended[0].text.contains("rollback when") && mended[0].path.is_none());
/// ```
pub fn mend(
    root: &str,
    bytes: &[u8],
    read: &mut dyn FnMut(&str) -> Result<Vec<u8>, String>,
    advice: bool,
    now: Option<Timestamp>,
) -> Vec<Mended> {
    let mut policy = Policy { root, bytes, read, now, changed: BTreeMap::new() };
    for _ in 0..ROUNDS_MAX {
        if !policy.round(advice) {
            break;
        }
    }
    policy.changed.into_values().collect()
}

/// A policy with some of its files changed, by their shown names.
struct Policy<'r> {
    root: &'r str,
    bytes: &'r [u8],
    read: &'r mut dyn FnMut(&str) -> Result<Vec<u8>, String>,
    /// When it is: what the rules' comments allow then is left alone.
    now: Option<Timestamp>,
    changed: BTreeMap<String, Mended>,
}

impl Policy<'_> {
    fn folder(&self) -> &str {
        self.root.rfind('/').and_then(|slash| self.root.get(..=slash)).unwrap_or("")
    }

    /// What is told of it, and how many mistakes it has.
    fn told(&mut self) -> (Vec<Diagnostic>, Files, usize) {
        let folder = self.folder().to_owned();
        let changed = &self.changed;
        let bytes = changed.get(self.root).map_or(self.bytes, |mended| mended.text.as_bytes());
        let own = &mut *self.read;
        let mut read = |path: &str| match changed.get(&format!("{folder}{path}")) {
            Some(mended) => Ok(mended.text.clone().into_bytes()),
            None => own(path),
        };
        match load_bytes(self.root, bytes, &mut read) {
            Ok(mut loaded) => {
                if let Some(now) = self.now {
                    loaded.silence(now);
                }
                let told = loaded.warnings.into_iter().chain(loaded.advice).collect();
                (told, loaded.files, 0)
            }
            Err(mut failed) => {
                if let Some(now) = self.now {
                    failed.silence(now);
                }
                let errors = failed.errors();
                (failed.diagnostics, failed.files, errors)
            }
        }
    }

    /// Fixes what can be fixed at once; whether anything was.
    fn round(&mut self, advice: bool) -> bool {
        let (told, files, errors) = self.told();
        let fixes = sure_fixes(&told, advice);
        if fixes.is_empty() {
            return false;
        }
        if self.try_all(&fixes, &files, errors) {
            return true;
        }
        // one at a time: the others are of the text before it
        fixes.iter().take(SINGLE_TRIES_MAX).any(|fix| self.try_all(std::slice::from_ref(fix), &files, errors))
    }

    /// Carries the fixes out if that makes nothing worse.
    fn try_all(&mut self, fixes: &[Sure<'_>], files: &Files, errors: usize) -> bool {
        let before = self.changed.clone();
        for (file, code, edits) in by_file(fixes) {
            let (name, text) = (files.name(file), files.source(file));
            let edits = with_line_ends(text, edits);
            let path = (file > 0).then(|| name.strip_prefix(self.folder()).unwrap_or(name).to_owned());
            let empty = Mended { path, text: String::new(), fixed: Vec::new() };
            let mended = self.changed.entry(name.to_owned()).or_insert(empty);
            mended.text = apply(text, &edits);
            mended.fixed.extend(code);
        }
        let better = self
            .changed
            .iter()
            .any(|(name, mended)| before.get(name).is_none_or(|before| before.text != mended.text));
        if better {
            let (told, _, left) = self.told();
            let done: BTreeMap<u32, Vec<Edit>> =
                by_file(fixes).into_iter().map(|(file, _, edits)| (file, edits)).collect();
            let in_vain =
                |fix: &Sure<'_>| done.get(&fix.file).is_some_and(|edits| fix.is_still_told(&told, edits));
            if left <= errors && !fixes.iter().any(in_vain) {
                return true;
            }
        }
        self.changed = before;
        false
    }
}

/// The sure fixes, none of which touches another.
fn sure_fixes(told: &[Diagnostic], advice: bool) -> Vec<Sure<'_>> {
    let mut taken: BTreeMap<u32, Vec<&Edit>> = BTreeMap::new();
    let mut fixes = Vec::new();
    for diagnostic in told.iter().filter(|told| advice || !told.is_advice()) {
        let Some(fix) = diagnostic.fix.as_ref().filter(|fix| fix.applicability == Applicability::Machine)
        else {
            continue;
        };
        let file = diagnostic.span.file;
        let taken = taken.entry(file).or_default();
        // all of a fix or nothing of it
        let free = |edit: &Edit| taken.iter().all(|other| edit.start > other.end || edit.end < other.start);
        if fix.edits.iter().all(free) {
            taken.extend(&fix.edits);
            fixes.push(Sure { file, code: diagnostic.code.id, of: diagnostic, edits: &fix.edits });
        }
    }
    fixes
}

fn by_file(fixes: &[Sure<'_>]) -> Vec<(u32, Vec<&'static str>, Vec<Edit>)> {
    let mut files: BTreeMap<u32, (Vec<&'static str>, Vec<Edit>)> = BTreeMap::new();
    for fix in fixes {
        let (codes, edits) = files.entry(fix.file).or_default();
        codes.push(fix.code);
        edits.extend(fix.edits.iter().cloned());
    }
    files.into_iter().map(|(file, (codes, edits))| (file, codes, edits)).collect()
}

/// The edits with the line ends that the text has.
fn with_line_ends(text: &str, mut edits: Vec<Edit>) -> Vec<Edit> {
    let windows = text.find('\n').is_some_and(|end| text.get(..end).is_some_and(|line| line.ends_with('\r')));
    for edit in edits.iter_mut().filter(|_| windows) {
        edit.text = edit.text.replace("\r\n", "\n").replace('\n', "\r\n");
    }
    edits
}
