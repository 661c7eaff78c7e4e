//! Requests about a document, answered.

use gen_lsp_types as lsp;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use spark_rules::session::{COMPLETIONS_MAX, Session};

use crate::convert::Converter;
use crate::files::path_of;

/// Why a request is not answered: the protocol's code, and words.
#[derive(Debug)]
pub(crate) struct Refused {
    pub(crate) code: i32,
    pub(crate) words: String,
}

impl Refused {
    pub(crate) fn new(code: lsp_server::ErrorCode, words: impl Into<String>) -> Self {
        Self { code: code as i32, words: words.into() }
    }

    fn failed(words: impl Into<String>) -> Self {
        Self::new(lsp_server::ErrorCode::RequestFailed, words)
    }
}

type Answer = Result<Value, Refused>;

/// Reads the parameters of a message.
pub(crate) fn params<T: DeserializeOwned>(value: Value) -> Result<T, Refused> {
    serde_json::from_value(value).map_err(|error| {
        Refused::new(lsp_server::ErrorCode::InvalidParams, format!("wrong parameters: {error}"))
    })
}

fn written<T: Serialize>(value: T) -> Answer {
    serde_json::to_value(value).map_err(|error| {
        Refused::new(lsp_server::ErrorCode::InternalError, format!("cannot be written: {error}"))
    })
}

/// The name of a document that is known.
fn known(session: &Session, document: &lsp::TextDocumentIdentifier) -> Result<String, Refused> {
    let path = path_of(&document.uri);
    match session.text(&path) {
        Some(_) => Ok(path),
        None => Err(Refused::new(
            lsp_server::ErrorCode::InvalidParams,
            format!("`{}` is not open", document.uri.0),
        )),
    }
}

/// Answers a request about documents; none where it is about something else.
pub(crate) fn answer(to: &Converter<'_>, method: &str, value: Value) -> Option<Answer> {
    Some(match method {
        "textDocument/completion" => params(value).and_then(|p: lsp::CompletionParams| complete(to, &p)),
        "textDocument/hover" => at(value, to, hover),
        "textDocument/definition" => at(value, to, |to, path, byte| {
            written(to.session.definition(path, byte).map(|place| to.location(&place)))
        }),
        "textDocument/references" => params(value).and_then(|p: lsp::ReferenceParams| {
            let (path, byte) = place(to, &p.text_document_position_params)?;
            let found = to.session.references(&path, byte, p.context.include_declaration);
            written(found.iter().map(|place| to.location(place)).collect::<Vec<_>>())
        }),
        "textDocument/documentHighlight" => at(value, to, |to, path, byte| {
            let found = to.session.highlights(path, byte);
            let shown = found.iter().map(|(range, declares)| lsp::DocumentHighlight {
                range: to.range(path, range),
                kind: Some(match declares {
                    true => lsp::DocumentHighlightKind::Write,
                    false => lsp::DocumentHighlightKind::Read,
                }),
            });
            written(shown.collect::<Vec<_>>())
        }),
        "textDocument/prepareRename" => at(value, to, |to, path, byte| {
            let (range, name) = to.session.renameable(path, byte).map_err(Refused::failed)?;
            Ok(json!({ "range": to.range(path, &range), "placeholder": name }))
        }),
        "textDocument/rename" => params(value).and_then(|p: lsp::RenameParams| {
            let (path, byte) = place(to, &p.text_document_position_params)?;
            let changes = to.session.rename(&path, byte, &p.new_name).map_err(Refused::failed)?;
            let edits =
                changes.iter().map(|(place, text)| (place.path.as_str(), &place.range, text.as_str()));
            written(to.workspace_edit(edits))
        }),
        "textDocument/documentSymbol" => of(value, to, |to, path| {
            written(to.session.symbols(path).iter().map(|symbol| to.symbol(path, symbol)).collect::<Vec<_>>())
        }),
        "textDocument/foldingRange" => of(value, to, folds),
        "textDocument/selectionRange" => {
            params(value).and_then(|p: lsp::SelectionRangeParams| selections(to, &p))
        }
        "textDocument/semanticTokens/full" => of(value, to, |to, path| {
            let end = to.session.text(path).map_or(0, str::len);
            Ok(json!({ "data": to.painted(path, &to.session.painted(path, 0..end)) }))
        }),
        "textDocument/semanticTokens/range" => params(value).and_then(|p: lsp::SemanticTokensRangeParams| {
            let path = known(to.session, &p.text_document)?;
            let range = to.bytes(&path, p.range);
            Ok(json!({ "data": to.painted(&path, &to.session.painted(&path, range)) }))
        }),
        "textDocument/inlayHint" => params(value).and_then(|p: lsp::InlayHintParams| hints(to, &p)),
        "textDocument/codeLens" => of(value, to, lenses),
        "textDocument/formatting" => of(value, to, format),
        "workspace/symbol" => params(value).and_then(|p: lsp::WorkspaceSymbolParams| symbols(to, &p.query)),
        _ => return None,
    })
}

fn place(to: &Converter<'_>, at: &lsp::TextDocumentPositionParams) -> Result<(String, usize), Refused> {
    let path = known(to.session, &at.text_document)?;
    let byte = to.byte(&path, at.position);
    Ok((path, byte))
}

/// A request about a place.
fn at(
    value: Value,
    to: &Converter<'_>,
    answer: impl FnOnce(&Converter<'_>, &str, usize) -> Answer,
) -> Answer {
    let (path, byte) = place(to, &params(value)?)?;
    answer(to, &path, byte)
}

/// A request about a document.
fn of(value: Value, to: &Converter<'_>, answer: impl FnOnce(&Converter<'_>, &str) -> Answer) -> Answer {
    let p: lsp::DocumentSymbolParams = params(value)?;
    answer(to, &known(to.session, &p.text_document)?)
}

fn complete(to: &Converter<'_>, p: &lsp::CompletionParams) -> Answer {
    let (path, byte) = place(to, &p.text_document_position_params)?;
    let found = to.session.completions(&path, byte);
    let range = to.range(&path, &found.replaces);
    let items = found.items.iter().enumerate().map(|(number, item)| to.completion(range, number, item));
    written(lsp::CompletionList { is_incomplete: found.more, items: items.collect(), ..Default::default() })
}

fn hover(to: &Converter<'_>, path: &str, byte: usize) -> Answer {
    let found = to.session.hover(path, byte);
    written(found.map(|hover| lsp::Hover {
        contents: lsp::MarkupContent { kind: lsp::MarkupKind::Markdown, value: hover.markdown }.into(),
        range: Some(to.range(path, &hover.range)),
    }))
}

fn folds(to: &Converter<'_>, path: &str) -> Answer {
    let found = to.session.folds(path).into_iter().map(|fold| lsp::FoldingRange {
        start_line: to.position(path, fold.range.start).line,
        end_line: to.position(path, fold.range.end).line,
        kind: fold.comment.then_some(lsp::FoldingRangeKind::Comment),
        ..Default::default()
    });
    written(found.collect::<Vec<_>>())
}

fn selections(to: &Converter<'_>, p: &lsp::SelectionRangeParams) -> Answer {
    let path = known(to.session, &p.text_document)?;
    let found = p.positions.iter().map(|at| {
        let ranges = to.session.enclosing(&path, to.byte(&path, *at));
        let around = ranges.iter().rev().fold(None, |parent: Option<Box<lsp::SelectionRange>>, range| {
            Some(Box::new(lsp::SelectionRange { range: to.range(&path, range), parent }))
        });
        around.map_or_else(Default::default, |around| *around)
    });
    written(found.collect::<Vec<lsp::SelectionRange>>())
}

fn hints(to: &Converter<'_>, p: &lsp::InlayHintParams) -> Answer {
    let path = known(to.session, &p.text_document)?;
    let found = to.session.hints(&path, to.bytes(&path, p.range));
    let shown = found.into_iter().map(|hint| {
        let before = hint.text.ends_with(':');
        json!({
            "position": to.position(&path, hint.at), "label": hint.text,
            "paddingLeft": !before, "paddingRight": before,
        })
    });
    Ok(Value::Array(shown.collect()))
}

fn lenses(to: &Converter<'_>, path: &str) -> Answer {
    let uri = to.uri(path).0;
    let found = to.session.tests(path).into_iter().map(|(title, range)| lsp::CodeLens {
        range: to.range(path, &range),
        command: Some(lsp::Command {
            title: "run test".to_owned(),
            command: crate::actions::RUN_TEST.to_owned(),
            arguments: Some(vec![json!(uri), json!(title)]),
            ..Default::default()
        }),
        data: None,
    });
    written(found.collect::<Vec<_>>())
}

fn format(to: &Converter<'_>, path: &str) -> Answer {
    let text = to.session.text(path).unwrap_or("");
    match spark_rules::format::format(path, text) {
        Ok(formatted) if formatted.text == text => Ok(json!([])),
        Ok(formatted) => {
            let (range, new) = changed(text, &formatted.text);
            written(vec![to.text_edit(path, &range, new)])
        }
        Err(error) => Err(Refused::failed(error.to_string())),
    }
}

/// The smallest piece of whole lines that differs, and what stands there in the new text: cursors elsewhere stay.
fn changed<'t>(old: &str, new: &'t str) -> (std::ops::Range<usize>, &'t str) {
    let same = |a: &str, b: &str| a == b;
    let head: usize = old
        .split_inclusive('\n')
        .zip(new.split_inclusive('\n'))
        .take_while(|(a, b)| same(a, b))
        .map(|(line, _)| line.len())
        .sum();
    let (old_rest, new_rest) = (old.get(head..).unwrap_or(""), new.get(head..).unwrap_or(""));
    let tail: usize = old_rest
        .split_inclusive('\n')
        .rev()
        .zip(new_rest.split_inclusive('\n').rev())
        .take_while(|(a, b)| same(a, b))
        .map(|(line, _)| line.len())
        .sum();
    let tail = tail.min(old_rest.len()).min(new_rest.len());
    let old_end = old.len().saturating_sub(tail);
    (head..old_end, new_rest.get(..new_rest.len().saturating_sub(tail)).unwrap_or(new_rest))
}

/// Blocks of all known files with the letters in their names.
fn symbols(to: &Converter<'_>, query: &str) -> Answer {
    let query = query.to_lowercase();
    let mut found = Vec::new();
    for path in to.session.paths() {
        for symbol in to.session.symbols(path) {
            if !symbol.name.to_lowercase().contains(&query) {
                continue;
            }
            found.push(json!({
                "name": symbol.name,
                "kind": crate::convert::symbol_kind(symbol.kind),
                "location": { "uri": to.uri(path), "range": to.range(path, &symbol.selection) },
            }));
            if found.len() >= COMPLETIONS_MAX {
                return Ok(Value::Array(found));
            }
        }
    }
    Ok(Value::Array(found))
}
