//! What has been found wrong, within the limits.

use spark_core::SourceSpan;

use crate::codes;
use crate::diagnostic::{Diagnostic, DiagnosticSeverity};
use crate::limits::{DIAGNOSTICS_MAX, SUGGESTION_COMPARISONS_MAX};
use crate::suggest::{joined, listed, nearest};

/// Most names of a valid set that are listed where none is near.
const LISTED_MAX: usize = 8;

/// The mistakes and warnings of a run.
#[derive(Debug)]
pub(crate) struct Problems {
    found: Vec<Diagnostic>,
    errors: usize,
    warnings: usize,
    advice: usize,
    comparisons_left: usize,
}

impl Problems {
    pub(crate) fn new() -> Self {
        Self {
            found: Vec::new(),
            errors: 0,
            warnings: 0,
            advice: 0,
            comparisons_left: SUGGESTION_COMPARISONS_MAX,
        }
    }

    #[expect(clippy::boxed_local, reason = "diagnostics are built in boxes, see `Diagnostic::error`")]
    pub(crate) fn tell(&mut self, diagnostic: Box<Diagnostic>) {
        // each kind has its own limit: a thousand warnings must not hide an error
        let count = match diagnostic.severity {
            DiagnosticSeverity::Error => &mut self.errors,
            DiagnosticSeverity::Warning => &mut self.warnings,
            DiagnosticSeverity::Advice => &mut self.advice,
        };
        *count = count.saturating_add(1);
        if *count <= DIAGNOSTICS_MAX {
            self.found.push(*diagnostic);
        }
    }

    pub(crate) fn extend(&mut self, diagnostics: impl IntoIterator<Item = Diagnostic>) {
        for diagnostic in diagnostics {
            self.tell(Box::new(diagnostic));
        }
    }

    /// Where mistakes stand, in order.
    pub(crate) fn error_places(&self) -> Vec<SourceSpan> {
        let mut places: Vec<SourceSpan> =
            self.found.iter().filter(|found| found.is_error()).map(|found| found.span).collect();
        places.sort_unstable();
        places
    }

    /// Whether something is told of a file under a code.
    pub(crate) fn tells(&self, code: codes::Code, file: u32) -> bool {
        self.found.iter().any(|told| told.code == code && told.span.file == file)
    }

    /// How many mistakes there are, those that are not told too.
    pub(crate) const fn errors(&self) -> usize {
        self.errors
    }

    pub(crate) fn any_error(&self) -> bool {
        self.errors > 0
    }

    /// Counts mistakes that are not told, because there are too many.
    pub(crate) fn omit(&mut self, errors: usize) {
        self.errors = self.errors.saturating_add(errors);
    }

    /// All of them, advice too, by file and place; behind them, how many more there are.
    pub(crate) fn sorted(mut self) -> Vec<Diagnostic> {
        self.drop_followers();
        self.found.sort_by_key(|d| (d.span.file, d.span.start, d.span.end, d.code));
        if let Some(place) = self.found.last().map(|last| last.span) {
            for (code, many, [one, several]) in [
                (codes::E0117, self.errors, ["mistake", "mistakes"]),
                (codes::W0310, self.warnings, ["warning", "warnings"]),
                (codes::A0390, self.advice, ["piece of advice", "pieces of advice"]),
            ] {
                let more = many.saturating_sub(DIAGNOSTICS_MAX);
                if more > 0 {
                    let what = if more == 1 { one } else { several };
                    let message = format!("{more} more {what} not shown");
                    let diagnostic = Diagnostic::error(code, place, message);
                    self.found.push(*diagnostic.help(format!("the first {DIAGNOSTICS_MAX} are above")));
                }
            }
        }
        self.found
    }

    /// Drops what is only warned of because something in the same place is wrong.
    fn drop_followers(&mut self) {
        let errors: Vec<_> = self.found.iter().filter(|told| told.is_error()).map(|told| told.span).collect();
        self.found.retain(|told| {
            let meets = |error: &SourceSpan| {
                error.file == told.span.file && error.start < told.span.end && told.span.start < error.end
            };
            told.is_error() || !errors.iter().any(meets)
        });
    }

    /// The names near `word`; none once the budget is spent.
    pub(crate) fn nearest<'a>(&mut self, word: &str, names: &[&'a str]) -> Vec<&'a str> {
        match self.comparisons_left.checked_sub(names.len()) {
            None => Vec::new(),
            Some(left) => {
                self.comparisons_left = left;
                nearest(word, names.iter().copied())
            }
        }
    }

    /// The diagnostic with "did you mean", or with the valid set where it is small: `what` as in "signals".
    pub(crate) fn suggesting(
        &mut self,
        diagnostic: Box<Diagnostic>,
        word: &str,
        names: &[&str],
        what: &str,
    ) -> Box<Diagnostic> {
        let near = self.nearest(word, names);
        let span = diagnostic.span;
        match near.as_slice() {
            [only] => diagnostic
                .help(format!("did you mean `{only}`?"))
                .maybe(vec![crate::diagnostic::Edit::replace(span, *only)]),
            [] if names.is_empty() => diagnostic.help(format!("there are no {what}")),
            [] if names.len() <= LISTED_MAX => {
                let mut all = names.to_vec();
                all.sort_unstable();
                diagnostic.help(format!("{what}: {}", joined(all, " and ")))
            }
            [] => diagnostic,
            [best, ..] => {
                let help = format!("did you mean {}?", listed(near.iter().copied()));
                diagnostic.help(help).maybe(vec![crate::diagnostic::Edit::replace(span, *best)])
            }
        }
    }
}
