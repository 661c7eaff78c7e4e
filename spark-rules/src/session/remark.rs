//! What is wrong, bound to the parts of files, so that it moves with them.

use spark_core::SourceSpan as Span;

use crate::codes::Code;
use crate::diagnostic::{Applicability, Diagnostic, DiagnosticSeverity};

/// A diagnostic whose spans count from the parts that they are in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Remark {
    pub(super) code: Code,
    pub(super) severity: DiagnosticSeverity,
    pub(super) message: String,
    pub(super) label: Option<String>,
    pub(super) help: Option<String>,
    pub(super) span: Span,
    pub(super) secondary: Vec<(Span, String)>,
    pub(super) fix: Option<(Applicability, Vec<(Span, String)>)>,
}

impl Remark {
    /// Of a diagnostic that speaks of one part, and whose fix changes that part.
    fn of(diagnostic: Diagnostic) -> Self {
        Self::moved(diagnostic, &|span| Some(span)).0
    }

    /// Of what surely is wrong. Warnings wait for the check of the whole: a comment may allow them.
    pub(super) fn mistakes(found: Vec<Diagnostic>) -> Vec<Self> {
        found.into_iter().filter(Diagnostic::is_error).map(Self::of).collect()
    }

    /// Of a diagnostic whose places `moved` brings into parts. With it comes whether all places were found.
    pub(super) fn moved(diagnostic: Diagnostic, moved: &dyn Fn(Span) -> Option<Span>) -> (Self, bool) {
        let own = diagnostic.span;
        let fix = diagnostic.fix.and_then(|fix| {
            let edits = fix
                .edits
                .into_iter()
                .map(|edit| Some((moved(Span { start: edit.start, end: edit.end, ..own })?, edit.text)));
            Some((fix.applicability, edits.collect::<Option<Vec<_>>>()?))
        });
        let span = moved(own);
        let secondary = diagnostic.secondary.into_iter();
        let remark = Self {
            code: diagnostic.code,
            severity: diagnostic.severity,
            message: diagnostic.message,
            label: diagnostic.label,
            help: diagnostic.help,
            span: span.unwrap_or(own),
            secondary: secondary.filter_map(|(span, label)| Some((moved(span)?, label))).collect(),
            fix,
        };
        (remark, span.is_some())
    }

    pub(super) fn is_error(&self) -> bool {
        self.severity == DiagnosticSeverity::Error
    }

    /// Whether both say the same of the same place.
    pub(super) fn repeats(&self, other: &Self) -> bool {
        self.code == other.code && self.span == other.span
    }
}
