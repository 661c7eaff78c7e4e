//! Diagnostics as text for people.

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{AnnotationKind, Group, Level, Patch, Renderer, Snippet};
use spark_core::SourceSpan;

use super::{Diagnostic, DiagnosticSeverity};
use crate::files::Files;

/// Width of the terminal that is assumed for shortening long lines.
const WIDTH: usize = 140;

/// How far from the mistake, in bytes, a place that belongs to it is shown apart: what lies between is read by the
/// renderer, once for each mistake, so that a thousand of them in a large file would take minutes.
const FAR_BYTES: u32 = 32 * 1024;

impl Files {
    /// The diagnostic as text for people, without colour: file, line, column, the line itself, what to do.
    pub fn render(&self, diagnostic: &Diagnostic) -> String {
        self.render_with(diagnostic, &Renderer::plain())
    }

    /// The same with terminal colours.
    pub fn render_styled(&self, diagnostic: &Diagnostic) -> String {
        self.render_with(diagnostic, &Renderer::styled())
    }

    fn render_with(&self, diagnostic: &Diagnostic, renderer: &Renderer) -> String {
        let level = match diagnostic.severity {
            DiagnosticSeverity::Error => Level::ERROR,
            DiagnosticSeverity::Warning => Level::WARNING,
            DiagnosticSeverity::Advice => Level::INFO.with_name("advice"),
        };
        let mut group =
            Group::with_title(level.primary_title(diagnostic.message.as_str()).id(diagnostic.code.id));
        let mut own: Vec<(SourceSpan, &str, AnnotationKind)> =
            vec![(diagnostic.span, diagnostic.label.as_deref().unwrap_or(""), AnnotationKind::Primary)];
        let mut others = Vec::new();
        for (span, label) in &diagnostic.secondary {
            let near =
                span.file == diagnostic.span.file && span.start.abs_diff(diagnostic.span.start) < FAR_BYTES;
            match near {
                true => own.push((*span, label, AnnotationKind::Context)),
                false => others.push((*span, label.as_str(), AnnotationKind::Context)),
            }
        }
        group = group.element(self.snippet(&own));
        for other in others {
            group = group.element(self.snippet(&[other]));
        }
        let mut groups = Vec::new();
        let edits = diagnostic.fix.as_ref().map_or(&[][..], |fix| fix.edits.as_slice());
        match (&diagnostic.help, edits.is_empty()) {
            (help, false) => {
                groups.push(group);
                let title = help.as_deref().unwrap_or("write");
                groups.push(
                    Group::with_title(Level::HELP.secondary_title(title))
                        .element(self.patched(diagnostic, edits)),
                );
            }
            (Some(help), true) => groups.push(group.element(Level::HELP.message(help.as_str()))),
            (None, true) => groups.push(group),
        }
        let renderer = renderer.clone().decor_style(DecorStyle::Ascii).term_width(WIDTH);
        let mut text = renderer.render(&groups);
        text.push('\n');
        text
    }

    /// The lines around the spans, all of one file, with their labels. Only these lines are handed over, so that
    /// a large file costs no more than a small one.
    fn snippet<'a>(
        &'a self,
        marks: &[(SourceSpan, &'a str, AnnotationKind)],
    ) -> Snippet<'a, annotate_snippets::Annotation<'a>> {
        let file = marks.first().map_or(0, |(span, ..)| span.file);
        let bounds: Vec<(u32, u32)> = marks.iter().map(|(span, ..)| self.lines_around(*span)).collect();
        let start = bounds.iter().map(|(start, _)| *start).min().unwrap_or(0);
        let end = bounds.iter().map(|(_, end)| *end).max().unwrap_or(0);
        let text = self.source(file).get(start as usize..end as usize).unwrap_or("");
        let line = self.position_at(file, start).line;
        let mut snippet = Snippet::source(text).line_start(line as usize).path(self.name(file)).fold(true);
        for (span, label, kind) in marks {
            let from = (span.start.saturating_sub(start) as usize).min(text.len());
            let to = (span.end.saturating_sub(start) as usize).min(text.len()).max(from);
            let annotation = kind.span(from..to);
            snippet = snippet.annotation(match label.is_empty() {
                true => annotation,
                false => annotation.label(*label),
            });
        }
        snippet
    }

    fn patched<'a>(&'a self, diagnostic: &Diagnostic, edits: &'a [super::Edit]) -> Snippet<'a, Patch<'a>> {
        let file = diagnostic.span.file;
        let span = SourceSpan {
            file,
            start: edits.iter().map(|edit| edit.start).min().unwrap_or(0),
            end: edits.iter().map(|edit| edit.end).max().unwrap_or(0),
        };
        let (start, end) = self.lines_around(span);
        let text = self.source(file).get(start as usize..end as usize).unwrap_or("");
        let line = self.position_at(file, start).line;
        let mut snippet = Snippet::source(text).line_start(line as usize).path(self.name(file)).fold(true);
        for edit in edits {
            let from = (edit.start.saturating_sub(start) as usize).min(text.len());
            let to = (edit.end.saturating_sub(start) as usize).min(text.len()).max(from);
            snippet = snippet.patch(Patch::new(from..to, edit.text.as_str()));
        }
        snippet
    }
}
