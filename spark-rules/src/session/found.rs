//! What is wrong with a file, at its places now.

use std::ops::Range;

use super::Session;
use super::document::{Document, Part};
use super::remark::Remark;
use crate::codes::Code;
use crate::diagnostic::{Applicability, DiagnosticSeverity};

/// Bytes of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Which file.
    pub path: String,
    /// From the first byte to one past the last.
    pub range: Range<usize>,
}

/// Something wrong in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Its kind.
    pub code: Code,
    /// How bad it is.
    pub severity: DiagnosticSeverity,
    /// What is wrong.
    pub message: String,
    /// What stands there, in few words.
    pub label: Option<String>,
    /// What to do.
    pub help: Option<String>,
    /// Where, in bytes of the file.
    pub range: Range<usize>,
    /// Other places that belong to it.
    pub related: Vec<(Place, String)>,
    /// How to write it.
    pub repair: Option<Repair>,
}

/// A change that mends something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repair {
    /// Whether it may be done unseen.
    pub applicability: Applicability,
    /// Which bytes are replaced by what, in order, all in the finding's file.
    pub edits: Vec<(Range<usize>, String)>,
}

impl Session {
    /// What is wrong with a file, by place; empty for one that is not known.
    pub fn diagnostics(&self, path: &str) -> Vec<Finding> {
        let Some(document) = self.documents.get(path) else { return Vec::new() };
        let parts = document.parts.iter();
        let mut found: Vec<Finding> =
            parts.flat_map(|part| told(part).map(|remark| self.finding(document, part, remark))).collect();
        found.sort_by_key(|finding| (finding.range.start, finding.range.end, finding.code));
        found
    }

    fn finding(&self, document: &Document, part: &Part, remark: &Remark) -> Finding {
        let related = remark.secondary.iter();
        let repair = remark.fix.as_ref().and_then(|(applicability, edits)| {
            let edits = edits.iter().map(|(span, text)| {
                let (_, other, part) = self.part(span.file)?;
                std::ptr::eq(other, document).then(|| (other.range(part, *span), text.clone()))
            });
            Some(Repair { applicability: *applicability, edits: edits.collect::<Option<Vec<_>>>()? })
        });
        Finding {
            code: remark.code,
            severity: remark.severity,
            message: remark.message.clone(),
            label: remark.label.clone(),
            help: remark.help.clone(),
            range: document.range(part, remark.span),
            related: related.filter_map(|(span, label)| Some((self.place(*span)?, label.clone()))).collect(),
            repair,
        }
    }
}

/// What is told of a part: what the whole check said, or else what is known at once.
fn told(part: &Part) -> impl Iterator<Item = &Remark> {
    let now = || part.read.iter().chain(&part.checked);
    let settled = part.settled.iter().flatten();
    let unsettled = part.settled.is_none().then(|| {
        let kept = part.kept.iter().filter(move |kept| !now().any(|remark| remark.repeats(kept)));
        now().chain(kept)
    });
    settled.chain(unsettled.into_iter().flatten())
}
