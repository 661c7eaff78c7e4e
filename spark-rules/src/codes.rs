//! The codes of all diagnostics. A code is never reused: one that falls out of use stays here, marked as retired.
//!
//! Each code has one line here, and a page in `codes/pages`, whose form `tests/it/pages.rs` holds.
//!
//! `E01xx` reading · `E02xx` names and units · `E03xx` conditions · `E04xx` sources · `E05xx` triggers, plans and tests ·
//! `W03xx` warnings · `A03xx` advice.
//!
//! ```
//! let code = spark_rules::codes::find("E0203").unwrap();
//! assert!(code.page.starts_with("# E0203: "));
//! assert_eq!(code.severity(), spark_rules::DiagnosticSeverity::Error);
//! ```

mod page;

use crate::diagnostic::DiagnosticSeverity;

/// A kind of diagnostic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Code {
    /// `E0203`.
    pub id: &'static str,
    /// What is wrong, in a few words.
    pub title: &'static str,
    /// Its page, in Markdown: the title, what it means and why, a `Wrong` and a `Right` block of rules.
    pub page: &'static str,
}

impl Code {
    /// How bad what it names is: its first letter says it.
    pub fn severity(self) -> DiagnosticSeverity {
        match self.id.as_bytes().first() {
            Some(b'W') => DiagnosticSeverity::Warning,
            Some(b'A') => DiagnosticSeverity::Advice,
            _ => DiagnosticSeverity::Error,
        }
    }

    /// Its page as plain text for a terminal, prose wrapped at `width` columns (as rules stand, they stay).
    pub fn page_text(self, width: usize) -> String {
        page::text(self.page, width)
    }
}

macro_rules! codes {
    ($($id:ident $title:literal;)*) => {
        $(pub(crate) const $id: Code = Code {
            id: stringify!($id),
            title: $title,
            page: include_str!(concat!("codes/pages/", stringify!($id), ".md")),
        };)*
        const ALL: &[Code] = &[$($id),*];
    };
}

codes! {
    A0301 "a share or a percentile without `given`";
    A0302 "a trigger that no test fires";
    A0303 "a trigger that no test sees unknown";
    A0304 "a signal that nothing reads";
    A0305 "an older spelling";
    A0306 "a multiple of what may be zero";
    A0307 "a check that no test tries";
    A0390 "more advice than is told";
    E0101 "something else was expected here";
    E0102 "text without its closing quote";
    E0103 "a brace is missing";
    E0104 "no such clause or block";
    E0105 "a sign or word from another language";
    E0106 "no such value or unit";
    E0107 "a `for` that can be read in two ways";
    E0108 "a chain of comparisons";
    E0109 "nested too deeply";
    E0110 "text that is not UTF-8";
    E0111 "too much text";
    E0112 "another edition";
    E0113 "an unknown escape in text";
    E0114 "a file that cannot be read";
    E0115 "files that include each other";
    E0116 "a file outside of the rules' folder";
    E0117 "more mistakes than are told";
    E0118 "a clause that stands twice";
    E0119 "a clause is missing";
    E0120 "a name that cannot be one";
    E0121 "a window without its length";
    E0122 "`when` is missing";
    E0123 "a value is missing";
    E0124 "a length of time is missing";
    E0125 "a comparison is missing";
    E0126 "a parenthesis is missing";
    E0127 "a sequence without its time";
    E0128 "rules of another tool";
    E0129 "an expectation that says more than it can";
    E0130 "text with nothing in it";
    E0131 "text that lacks its quotes";
    E0132 "what missing data cannot ask for";
    E0133 "a state or a decision is missing";
    E0134 "a name is missing";
    E0135 "an approval of one stage or of the next";
    E0201 "an unknown name";
    E0202 "two blocks of one name";
    E0203 "units that do not agree";
    E0204 "a value without its unit";
    E0205 "money without its currency, or in another";
    E0206 "a source's unit that does not fit";
    E0207 "a function that does not fit";
    E0208 "an `unless` that leads back to itself";
    E0210 "a name of another kind";
    E0211 "a calculation that has no meaning";
    E0301 "a condition without a signal";
    E0302 "a `for` under `not`";
    E0303 "a reference on the left side";
    E0304 "a division by zero";
    E0305 "a range that is empty";
    E0306 "a value where a condition belongs";
    E0307 "a condition where a value belongs";
    E0308 "every expectation, outside of a plan";
    E0309 "a length of zero";
    E0401 "a metrics expression that cannot be read";
    E0402 "a pattern that is no regular expression";
    E0403 "a function over time without its window";
    E0404 "no such source";
    E0501 "a trigger without a level";
    E0502 "two one-line triggers on one line";
    E0503 "stages that do not rise";
    E0504 "a share that cannot be sent";
    E0505 "a plan without a stage";
    E0506 "a test that cannot be run";
    E0507 "more than one look shows";
    E0508 "evidence in a file that cannot be";
    E0509 "a phase or a word that no check has";
    E0510 "a flag that is compared";
    E0511 "a check that never stands so";
    E0512 "a check of too many measures";
    W0301 "no edition";
    W0302 "a share above 100 %";
    W0303 "a clear that overlaps its level";
    W0304 "a `for` longer than the shortest stage";
    W0305 "a window that nothing uses";
    W0306 "samples that are stale before the next evaluation";
    W0307 "an expectation that no signal has";
    W0308 "a length of another scale";
    W0309 "a test that expects nothing";
    W0310 "more warnings than are told";
    W0311 "a condition that can never be true";
    W0312 "a condition that is always true";
    W0313 "levels in the wrong order";
    W0314 "a `for` shorter than two evaluations";
    W0315 "a `for` that ends between two evaluations";
    W0316 "a window of a single sample";
    W0317 "the same condition twice";
    W0318 "a stage shorter than the longest `for`";
    W0319 "a plan in which nothing can reach proceed";
    W0320 "a threshold beyond the highest bucket";
    W0321 "an allow that is not complete";
    W0322 "an allow past its end";
    W0323 "an allow that silences nothing";
    W0324 "an expectation between two evaluations";
    W0325 "a counter's total";
    W0326 "metrics that never meet";
    W0327 "a piece of a series without a sample";
    W0328 "a warm-up longer than a stage";
    W0329 "a watch in which nothing is evaluated";
    W0330 "a measure that nothing reads";
    W0331 "a deadline beyond its phase";
}

/// All codes, sorted.
pub fn all() -> &'static [Code] {
    ALL
}

/// A code by its id, in any case.
pub fn find(id: &str) -> Option<Code> {
    ALL.iter().copied().find(|code| code.id.eq_ignore_ascii_case(id))
}

/// The ids of the codes that are nearest to one that is not there, at most three.
pub fn near(id: &str) -> Vec<&'static str> {
    crate::suggest::nearest(id, ALL.iter().map(|code| code.id))
}
