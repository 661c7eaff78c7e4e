//! Diagnostics as plain data: what is wrong, where, what was expected, and how to write it.

mod edit;
mod json;
mod line;
mod render;
mod sarif;

use spark_core::SourceSpan;

pub use edit::apply;
pub use json::diagnostics_json;
pub(crate) use line::one_line;
pub use sarif::diagnostics_sarif;

use crate::codes::Code;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum DiagnosticSeverity {
    /// Nothing runs.
    Error,
    /// It runs, and is hardly what was meant.
    Warning,
    /// It runs and may be meant; something that helps is not there yet.
    Advice,
}

impl DiagnosticSeverity {
    /// The word in output.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Advice => "advice",
        }
    }
}

/// One mistake, or one warning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// Its kind.
    pub code: Code,
    /// How bad it is.
    pub severity: DiagnosticSeverity,
    /// What is wrong, with the author's words in backticks.
    pub message: String,
    /// Where; the file's number is in the span.
    pub span: SourceSpan,
    /// What stands there, in few words.
    pub label: Option<String>,
    /// Other places that belong to it.
    pub secondary: Vec<(SourceSpan, String)>,
    /// What to do.
    pub help: Option<String>,
    /// How to write it.
    pub fix: Option<Fix>,
}

/// Whether a fix may be applied unseen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Applicability {
    /// It says the same as was surely meant.
    Machine,
    /// It is one of the things that may have been meant.
    Maybe,
}

impl Applicability {
    /// The word in output.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Machine => "machine",
            Self::Maybe => "maybe",
        }
    }
}

/// A change to the text that mends a mistake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fix {
    /// Whether it may be applied unseen.
    pub applicability: Applicability,
    /// Replacements in the diagnostic's file, in order, not overlapping.
    pub edits: Vec<Edit>,
}

/// A replacement of bytes `start..end` of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    /// First byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
    /// What stands there then.
    pub text: String,
}

impl Edit {
    pub(crate) fn replace(span: SourceSpan, text: impl Into<String>) -> Self {
        Self { start: span.start, end: span.end, text: text.into() }
    }

    pub(crate) fn insert(at: u32, text: impl Into<String>) -> Self {
        Self { start: at, end: at, text: text.into() }
    }
}

impl Diagnostic {
    /// A diagnostic that is being built is boxed: the parser recurses, and its frames must stay small.
    pub(crate) fn error(code: Code, span: SourceSpan, message: impl Into<String>) -> Box<Self> {
        let message = one_line(message.into());
        let severity = code.severity();
        let secondary = Vec::new();
        Box::new(Self { code, severity, message, span, label: None, secondary, help: None, fix: None })
    }

    /// A warning or advice is an error whose code says so; this name is for the reader.
    pub(crate) fn warning(code: Code, span: SourceSpan, message: impl Into<String>) -> Box<Self> {
        Self::error(code, span, message)
    }

    /// The same under another code.
    pub(crate) fn coded(mut self: Box<Self>, code: Code) -> Box<Self> {
        self.code = code;
        self
    }

    pub(crate) fn label(mut self: Box<Self>, label: impl Into<String>) -> Box<Self> {
        self.label = Some(one_line(label.into()));
        self
    }

    pub(crate) fn also(mut self: Box<Self>, span: SourceSpan, label: impl Into<String>) -> Box<Self> {
        self.secondary.push((span, one_line(label.into())));
        self
    }

    pub(crate) fn help(mut self: Box<Self>, help: impl Into<String>) -> Box<Self> {
        let help = help.into();
        // rules that a help proposes stand in the formatter's layout, with its double spaces
        self.help = Some(if help.contains('\n') { one_line(help) } else { help });
        self
    }

    /// Replaces the diagnostic's own span, or what `span` names, surely.
    pub(crate) fn machine(self: Box<Self>, edits: Vec<Edit>) -> Box<Self> {
        self.with_fix(Applicability::Machine, edits)
    }

    pub(crate) fn maybe(self: Box<Self>, edits: Vec<Edit>) -> Box<Self> {
        self.with_fix(Applicability::Maybe, edits)
    }

    fn with_fix(mut self: Box<Self>, applicability: Applicability, edits: Vec<Edit>) -> Box<Self> {
        self.fix = Some(Fix { applicability, edits });
        self
    }

    /// How many findings it stands for: one, or all those beyond the most that are told.
    pub fn stands_for(&self) -> usize {
        match self.code.id {
            // such a message begins with the number
            "E0117" | "W0310" | "A0390" => {
                self.message.split(' ').next().and_then(|number| number.parse().ok()).unwrap_or(1)
            }
            _ => 1,
        }
    }

    /// Whether it is told only where somebody asks for advice.
    pub fn is_advice(&self) -> bool {
        self.severity == DiagnosticSeverity::Advice
    }

    /// Whether it keeps the policy from running.
    pub fn is_error(&self) -> bool {
        self.severity == DiagnosticSeverity::Error
    }
}
