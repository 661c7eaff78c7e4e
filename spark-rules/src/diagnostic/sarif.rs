//! Diagnostics as SARIF 2.1.0, for code-scanning services.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::{Value, json};
use spark_core::SourceSpan;

use super::{Diagnostic, DiagnosticSeverity, Fix};
use crate::codes::Code;
use crate::files::Files;

/// Width at which a page's prose is wrapped where a service shows plain text.
const HELP_WIDTH: usize = 100;

/// The diagnostics of several policies, each with the files that it was read from, as one SARIF log of the program
/// `spark` in a version. Each code that occurs is a rule with its page as help; columns count Unicode code points, from 1.
pub fn diagnostics_sarif<'a>(
    version: &str,
    parts: impl IntoIterator<Item = (&'a Files, &'a [Diagnostic])>,
) -> String {
    let told: Vec<(&Files, &Diagnostic)> = parts
        .into_iter()
        .flat_map(|(files, diagnostics)| diagnostics.iter().map(move |diagnostic| (files, diagnostic)))
        .collect();
    let mut codes: BTreeMap<&str, (Code, usize)> =
        told.iter().map(|(_, diagnostic)| (diagnostic.code.id, (diagnostic.code, 0))).collect();
    for (place, (_, number)) in codes.values_mut().enumerate() {
        *number = place;
    }
    let rules: Vec<Value> = codes.values().map(|(code, _)| rule(*code)).collect();
    let results: Vec<Value> = told
        .iter()
        .map(|(files, diagnostic)| {
            let number = codes.get(diagnostic.code.id).map_or(0, |(_, number)| *number);
            result(files, diagnostic, number)
        })
        .collect();
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": { "name": "spark", "semanticVersion": version, "rules": rules } },
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    })
    .to_string()
}

/// How SARIF calls a severity.
const fn level(severity: DiagnosticSeverity) -> &'static str {
    match severity {
        DiagnosticSeverity::Error => "error",
        DiagnosticSeverity::Warning => "warning",
        DiagnosticSeverity::Advice => "note",
    }
}

fn rule(code: Code) -> Value {
    // the page's first paragraph behind its title says what and why
    let what = code.page.split("\n\n").nth(1).unwrap_or(code.title);
    json!({
        "id": code.id,
        "shortDescription": { "text": code.title },
        "fullDescription": { "text": what },
        "help": { "text": code.page_text(HELP_WIDTH), "markdown": code.page },
        "defaultConfiguration": { "level": level(code.severity()) },
    })
}

fn result(files: &Files, diagnostic: &Diagnostic, number: usize) -> Value {
    let text = match &diagnostic.help {
        Some(help) => format!("{}\nhelp: {help}", diagnostic.message),
        None => diagnostic.message.clone(),
    };
    let mut result = json!({
        "ruleId": diagnostic.code.id,
        "ruleIndex": number,
        "level": level(diagnostic.severity),
        "message": { "text": text },
        "locations": [{ "physicalLocation": place(files, diagnostic.span) }],
    });
    let Some(entries) = result.as_object_mut() else { return result };
    if !diagnostic.secondary.is_empty() {
        let related = diagnostic.secondary.iter().enumerate().map(|(id, (span, label))| {
            json!({ "id": id, "message": { "text": label }, "physicalLocation": place(files, *span) })
        });
        entries.insert("relatedLocations".to_owned(), related.collect());
    }
    if let Some(fix) = &diagnostic.fix {
        let title = diagnostic.help.as_deref().unwrap_or("write");
        entries.insert("fixes".to_owned(), json!([change(files, diagnostic.span, fix, title)]));
    }
    result
}

fn change(files: &Files, span: SourceSpan, fix: &Fix, title: &str) -> Value {
    let replacements: Vec<Value> = fix
        .edits
        .iter()
        .map(|edit| {
            let deleted = SourceSpan { start: edit.start, end: edit.end, ..span };
            json!({ "deletedRegion": region(files, deleted), "insertedContent": { "text": edit.text } })
        })
        .collect();
    json!({
        "description": { "text": title },
        "artifactChanges": [{ "artifactLocation": { "uri": uri(files.name(span.file)) }, "replacements": replacements }],
        "properties": { "applicability": fix.applicability.as_str() },
    })
}

fn place(files: &Files, span: SourceSpan) -> Value {
    json!({
        "artifactLocation": { "uri": uri(files.name(span.file)) },
        "region": region(files, span),
    })
}

fn region(files: &Files, span: SourceSpan) -> Value {
    let (start, end) = (files.position(span), files.end_position(span));
    json!({
        "startLine": start.line, "startColumn": start.column,
        "endLine": end.line, "endColumn": end.column,
    })
}

/// A path as a reference: what has a meaning of its own in one is written as its bytes.
fn uri(path: &str) -> String {
    let mut result = String::with_capacity(path.len());
    if path.starts_with('/') {
        result.push_str("file://");
    } else if path.split('/').next().is_some_and(|first| first.contains(':')) {
        // a colon in the first part would be read as that of a scheme
        result.push_str("./");
    }
    for byte in path.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'-' | b'_' | b'~' | b':' => {
                result.push(char::from(byte));
            }
            _ => {
                // writing to a string cannot fail
                let _ = write!(result, "%{byte:02X}");
            }
        }
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Any path is one reference.
    #[test]
    fn references() {
        for (path, expected) in [
            ("rules/api.rules", "rules/api.rules"),
            ("/etc/a b.rules", "file:///etc/a%20b.rules"),
            ("c:x.rules", "./c:x.rules"),
            ("ä%.rules", "%C3%A4%25.rules"),
        ] {
            assert_eq!(uri(path), expected);
        }
    }
}
