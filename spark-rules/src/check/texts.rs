//! Where spans lead: the checker asks for the text behind a span, and does not care whether the span counts from the
//! start of a file or from the start of a block that is being edited.

use spark_core::SourceSpan as Span;

use crate::files::Files;

/// The text behind spans.
pub(crate) trait Texts {
    /// The text of a span; empty where it lies outside.
    fn text(&self, span: Span) -> &str;

    /// The line of the span's first byte in its file, from 1.
    fn line(&self, span: Span) -> u32;

    /// The name of the file that `number` stands for, where another includes it.
    fn included(&self, number: u32) -> Option<&str>;
}

impl Texts for Files {
    fn text(&self, span: Span) -> &str {
        Files::text(self, span)
    }

    fn line(&self, span: Span) -> u32 {
        self.position(span).line
    }

    fn included(&self, number: u32) -> Option<&str> {
        (number > 0).then(|| self.name(number))
    }
}
