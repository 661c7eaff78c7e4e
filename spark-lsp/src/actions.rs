//! Quick fixes, and the command that runs a test.

use std::ops::Range;

use gen_lsp_types as lsp;
use serde_json::{Value, json};
use spark_rules::Applicability;
use spark_rules::session::{Finding, Session};

use crate::answers::{Refused, params};
use crate::convert::Converter;
use crate::files::path_of;
use crate::worker::{Job, Ran};

/// The command of the code lens at a test: its arguments are the document and the test's title.
pub(crate) const RUN_TEST: &str = "spark.runTest";

/// A part of a test that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) range: Range<usize>,
    pub(crate) words: String,
}

/// The fixes of a range of a document, and one for all that is surely meant.
pub(crate) fn actions(to: &Converter<'_>, value: Value) -> Result<Value, Refused> {
    let p: lsp::CodeActionParams = params(value)?;
    let path = path_of(&p.text_document.uri);
    if to.session.text(&path).is_none() {
        let words = format!("`{}` is not open", p.text_document.uri.0);
        return Err(Refused::new(lsp_server::ErrorCode::InvalidParams, words));
    }
    let range = to.bytes(&path, p.range);
    let findings = to.session.diagnostics(&path);
    let only = p.context.only.unwrap_or_default();
    let wanted = |kind: &str| {
        only.is_empty()
            || only.iter().any(|only| {
                let only = json!(only);
                let only = only.as_str().unwrap_or("");
                kind == only || kind.strip_prefix(only).is_some_and(|rest| rest.starts_with('.'))
            })
    };
    let mut found = Vec::new();
    if wanted("quickfix") {
        let near = |finding: &&Finding| finding.range.start <= range.end && range.start <= finding.range.end;
        for finding in findings.iter().filter(near) {
            let Some(repair) = &finding.repair else { continue };
            let title = finding.help.clone().unwrap_or_else(|| finding.message.clone());
            let edits = repair.edits.iter().map(|(range, text)| (path.as_str(), range, text.as_str()));
            found.push(json!({
                "title": title,
                "kind": "quickfix",
                "diagnostics": [to.diagnostic(&path, finding)],
                "isPreferred": repair.applicability == Applicability::Machine,
                "edit": to.workspace_edit(edits),
            }));
        }
    }
    let sure = sure(&findings);
    if wanted("source.fixAll.spark") && !sure.is_empty() {
        let edits = sure.iter().map(|(range, text)| (path.as_str(), range, text.as_str()));
        found.push(json!({
            "title": "fix all that was surely meant",
            "kind": "source.fixAll.spark",
            "edit": to.workspace_edit(edits),
        }));
    }
    Ok(Value::Array(found))
}

/// The edits of all fixes that may be done unseen, without those that touch another's text.
fn sure(findings: &[Finding]) -> Vec<(Range<usize>, String)> {
    let mut edits: Vec<(Range<usize>, String)> = Vec::new();
    for finding in findings {
        let Some(repair) = finding.repair.as_ref().filter(|r| r.applicability == Applicability::Machine)
        else {
            continue;
        };
        let free = |edit: &(Range<usize>, String)| {
            edits.iter().all(|(other, _)| edit.0.start > other.end || edit.0.end < other.start)
        };
        if repair.edits.iter().all(free) {
            edits.extend(repair.edits.iter().cloned());
        }
    }
    edits.sort_by_key(|(range, _)| range.start);
    edits
}

/// The job that a command asks for.
pub(crate) fn command(session: &Session, id: lsp_server::RequestId, value: Value) -> Result<Job, Refused> {
    let p: lsp::ExecuteCommandParams = params(value)?;
    let invalid = |words: String| Refused::new(lsp_server::ErrorCode::InvalidParams, words);
    if p.command != RUN_TEST {
        return Err(invalid(format!("there is no command `{}`", p.command)));
    }
    let arguments = p.arguments.unwrap_or_default();
    let word = |place: usize| arguments.get(place).and_then(Value::as_str).map(str::to_owned);
    let (Some(uri), Some(title)) = (word(0), word(1)) else {
        return Err(invalid(format!("`{RUN_TEST}` takes a document and a test's title")));
    };
    let path = path_of(&lsp::Uri(uri.clone()));
    if session.text(&path).is_none() {
        return Err(invalid(format!("`{uri}` is not open")));
    }
    Ok(Job::Test { id, snapshot: session.snapshot(&path), path, title })
}

/// What came of a test: whether it passed, a line for people, and what failed where in its file.
pub(crate) fn result(ran: &Ran) -> (bool, String, Vec<Failure>) {
    let Some((loaded, place, outcome)) = &ran.outcome else {
        let words = format!("`{}` cannot be run: the rules have mistakes, or no such test", ran.title);
        return (false, words, Vec::new());
    };
    let Some(case) = loaded.tests.get(*place) else { return (false, String::new(), Vec::new()) };
    let bytes = |span: spark_core::SourceSpan| span.start as usize..span.end as usize;
    if let Some(broken) = &outcome.broken {
        let words = format!("cannot be run: {broken}");
        return (false, format!("`{}` {words}", ran.title), vec![Failure { range: bytes(case.span), words }]);
    }
    let checks = outcome.checks.iter().zip(&case.expected).filter(|(check, _)| !check.holds);
    let failures: Vec<Failure> = checks
        .map(|(check, expected)| Failure {
            range: bytes(expected.span()),
            words: spark_rules::test::found_text(loaded, expected, check),
        })
        .collect();
    match failures.first() {
        None => (true, format!("`{}` passed: {} expectations", ran.title, outcome.checks.len()), failures),
        Some(first) => (false, format!("`{}` failed: {}", ran.title, first.words), failures),
    }
}
