//! Diagnostics as the JSON of `spark check --format json`.

use serde::Serialize;
use spark_core::SourceSpan;

use super::{Diagnostic, Fix};
use crate::files::Files;

#[derive(Serialize)]
struct Report<'a> {
    diagnostics: Vec<Entry<'a>>,
}

#[derive(Serialize)]
struct Entry<'a> {
    code: &'a str,
    severity: &'a str,
    message: &'a str,
    file: &'a str,
    line: u32,
    column: u32,
    end_line: u32,
    end_column: u32,
    help: Option<&'a str>,
    fix: Option<FixEntry<'a>>,
}

#[derive(Serialize)]
struct FixEntry<'a> {
    applicability: &'a str,
    edits: Vec<EditEntry<'a>>,
}

#[derive(Serialize)]
struct EditEntry<'a> {
    /// Bytes of the file.
    start: u32,
    end: u32,
    line: u32,
    column: u32,
    end_line: u32,
    end_column: u32,
    text: &'a str,
}

/// The diagnostics of several policies, each with the files that it was read from, as one JSON object:
/// `{"diagnostics":[…]}`. Lines and columns count from 1, columns in characters; `start` and `end` of an edit are bytes.
///
/// The order is kept: [`load`](crate::load) gives diagnostics sorted by file and place.
pub fn diagnostics_json<'a>(parts: impl IntoIterator<Item = (&'a Files, &'a [Diagnostic])>) -> String {
    let diagnostics = parts
        .into_iter()
        .flat_map(|(files, diagnostics)| diagnostics.iter().map(move |diagnostic| entry(files, diagnostic)))
        .collect();
    // a tree of text and numbers cannot fail to be written
    serde_json::to_string(&Report { diagnostics }).unwrap_or_default()
}

fn entry<'a>(files: &'a Files, diagnostic: &'a Diagnostic) -> Entry<'a> {
    let start = files.position(diagnostic.span);
    let end = files.end_position(diagnostic.span);
    Entry {
        code: diagnostic.code.id,
        severity: diagnostic.severity.as_str(),
        message: &diagnostic.message,
        file: files.name(diagnostic.span.file),
        line: start.line,
        column: start.column,
        end_line: end.line,
        end_column: end.column,
        help: diagnostic.help.as_deref(),
        fix: diagnostic.fix.as_ref().map(|fix| fix_entry(files, diagnostic.span, fix)),
    }
}

fn fix_entry<'a>(files: &Files, span: SourceSpan, fix: &'a Fix) -> FixEntry<'a> {
    let edits = fix.edits.iter().map(|edit| {
        let start = files.position_at(span.file, edit.start);
        let end = files.position_at(span.file, edit.end);
        EditEntry {
            start: edit.start,
            end: edit.end,
            line: start.line,
            column: start.column,
            end_line: end.line,
            end_column: end.column,
            text: &edit.text,
        }
    });
    FixEntry { applicability: fix.applicability.as_str(), edits: edits.collect() }
}
