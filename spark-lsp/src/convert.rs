//! The session's answers as the protocol writes them.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

use gen_lsp_types as lsp;
use spark_rules::DiagnosticSeverity;
use spark_rules::session::{
    Completion, CompletionKind, Encoding, Finding, LinePosition, Paint, Painted, Place, Session, Symbol,
    SymbolKind,
};

use crate::files::uri_of;

/// Codes of what is there and used nowhere, which editors show faded.
const UNUSED: &[&str] = &["A0304", "W0305"];

/// The code of words that are written otherwise now, which editors strike through.
const OLD: &str = "A0305";

/// The kinds of coloured words, in the order of their numbers on the wire.
pub(crate) const PAINTS: &[(Paint, &str)] = &[
    (Paint::Keyword, "keyword"),
    (Paint::Signal, "variable"),
    (Paint::Trigger, "event"),
    (Paint::Plan, "class"),
    (Paint::Function, "function"),
    (Paint::Choice, "enumMember"),
    (Paint::Number, "number"),
    (Paint::Text, "string"),
    (Paint::Comment, "comment"),
    (Paint::Sign, "operator"),
    (Paint::Source, "property"),
];

/// Turns bytes of a file into the client's places and back.
pub(crate) struct Converter<'s> {
    pub(crate) session: &'s Session,
    pub(crate) encoding: Encoding,
    pub(crate) snippets: bool,
    /// How the client writes the addresses of files that it has opened.
    pub(crate) uris: &'s BTreeMap<String, lsp::Uri>,
}

impl Converter<'_> {
    /// The address of a file, as the client writes it: clients compare letters.
    pub(crate) fn uri(&self, path: &str) -> lsp::Uri {
        self.uris.get(path).cloned().unwrap_or_else(|| uri_of(path))
    }

    pub(crate) fn byte(&self, path: &str, at: lsp::Position) -> usize {
        let at = LinePosition { line: at.line, character: at.character };
        self.session.offset(path, at, self.encoding)
    }

    pub(crate) fn bytes(&self, path: &str, range: lsp::Range) -> Range<usize> {
        let start = self.byte(path, range.start);
        start..self.byte(path, range.end).max(start)
    }

    pub(crate) fn position(&self, path: &str, byte: usize) -> lsp::Position {
        let at = self.session.position(path, byte, self.encoding);
        lsp::Position { line: at.line, character: at.character }
    }

    pub(crate) fn range(&self, path: &str, range: &Range<usize>) -> lsp::Range {
        lsp::Range { start: self.position(path, range.start), end: self.position(path, range.end) }
    }

    pub(crate) fn location(&self, place: &Place) -> lsp::Location {
        lsp::Location { uri: self.uri(&place.path), range: self.range(&place.path, &place.range) }
    }

    pub(crate) fn text_edit(&self, path: &str, range: &Range<usize>, text: &str) -> lsp::TextEdit {
        lsp::TextEdit { range: self.range(path, range), new_text: text.to_owned() }
    }

    pub(crate) fn workspace_edit<'e>(
        &self,
        edits: impl IntoIterator<Item = (&'e str, &'e Range<usize>, &'e str)>,
    ) -> lsp::WorkspaceEdit {
        let mut changes: HashMap<lsp::Uri, Vec<lsp::TextEdit>> = HashMap::new();
        for (path, range, text) in edits {
            changes.entry(self.uri(path)).or_default().push(self.text_edit(path, range, text));
        }
        lsp::WorkspaceEdit { changes: Some(changes), ..Default::default() }
    }

    pub(crate) fn diagnostic(&self, path: &str, finding: &Finding) -> lsp::Diagnostic {
        let mut message = finding.message.clone();
        for more in finding.label.iter().chain(&finding.help) {
            message.push('\n');
            message.push_str(more);
        }
        let related = finding.related.iter().map(|(place, label)| lsp::DiagnosticRelatedInformation {
            location: self.location(place),
            message: label.clone(),
        });
        let related: Vec<_> = related.collect();
        lsp::Diagnostic {
            range: self.range(path, &finding.range),
            severity: Some(match finding.severity {
                DiagnosticSeverity::Error => lsp::DiagnosticSeverity::Error,
                DiagnosticSeverity::Warning => lsp::DiagnosticSeverity::Warning,
                DiagnosticSeverity::Advice => lsp::DiagnosticSeverity::Hint,
            }),
            code: Some(lsp::Code::String(finding.code.id.to_owned())),
            source: Some("spark".to_owned()),
            message: lsp::Message::String(message),
            tags: match finding.code.id {
                OLD => Some(vec![lsp::DiagnosticTag::Deprecated]),
                id => UNUSED.contains(&id).then(|| vec![lsp::DiagnosticTag::Unnecessary]),
            },
            related_information: (!related.is_empty()).then_some(related),
            ..Default::default()
        }
    }

    pub(crate) fn symbol(&self, path: &str, symbol: &Symbol) -> lsp::DocumentSymbol {
        let children: Vec<_> = symbol.children.iter().map(|child| self.symbol(path, child)).collect();
        // a name that an editor shows must not be empty
        let name = if symbol.name.is_empty() { "(no name)" } else { &symbol.name };
        lsp::DocumentSymbol {
            name: name.to_owned(),
            detail: (!symbol.detail.is_empty()).then(|| symbol.detail.clone()),
            kind: symbol_kind(symbol.kind),
            range: self.range(path, &symbol.range),
            selection_range: self.range(path, &symbol.selection),
            children: (!children.is_empty()).then_some(children),
            tags: None,
            #[expect(deprecated, reason = "the field must be given")]
            deprecated: None,
        }
    }

    pub(crate) fn completion(
        &self,
        place: lsp::Range,
        number: usize,
        item: &Completion,
    ) -> lsp::CompletionItem {
        let snippet = item.insert.contains('$');
        let text = if snippet && !self.snippets { item.label.clone() } else { item.insert.clone() };
        let format = match snippet && self.snippets {
            true => lsp::InsertTextFormat::Snippet,
            false => lsp::InsertTextFormat::PlainText,
        };
        lsp::CompletionItem {
            label: item.label.clone(),
            kind: Some(completion_kind(item.kind)),
            detail: (!item.detail.is_empty()).then(|| item.detail.clone()),
            sort_text: Some(format!("{number:04}")),
            insert_text_format: Some(format),
            text_edit: Some(lsp::TextEdit { range: place, new_text: text }.into()),
            ..Default::default()
        }
    }

    /// Coloured words as the protocol counts them: five numbers each, places relative to the word before.
    pub(crate) fn painted(&self, path: &str, words: &[Painted]) -> Vec<u32> {
        let mut data = Vec::with_capacity(words.len().saturating_mul(5));
        let mut last = lsp::Position::default();
        for word in words {
            let range = self.range(path, &word.range);
            let number = PAINTS.iter().position(|(paint, _)| *paint == word.paint).unwrap_or(0);
            let lines = range.start.line.saturating_sub(last.line);
            let from = if lines == 0 { last.character } else { 0 };
            if range.start.line != range.end.line {
                continue;
            }
            data.extend([
                lines,
                range.start.character.saturating_sub(from),
                range.end.character.saturating_sub(range.start.character),
                u32::try_from(number).unwrap_or(0),
                u32::from(word.declares),
            ]);
            last = range.start;
        }
        data
    }
}

pub(crate) fn symbol_kind(kind: SymbolKind) -> lsp::SymbolKind {
    match kind {
        SymbolKind::Signal => lsp::SymbolKind::Variable,
        SymbolKind::Trigger => lsp::SymbolKind::Event,
        SymbolKind::Plan => lsp::SymbolKind::Class,
        SymbolKind::Stage => lsp::SymbolKind::Constant,
        SymbolKind::Length => lsp::SymbolKind::Number,
        SymbolKind::Check => lsp::SymbolKind::Function,
        SymbolKind::Measure => lsp::SymbolKind::Field,
        SymbolKind::Test => lsp::SymbolKind::Method,
    }
}

fn completion_kind(kind: CompletionKind) -> lsp::CompletionItemKind {
    match kind {
        CompletionKind::Keyword => lsp::CompletionItemKind::Keyword,
        CompletionKind::Signal => lsp::CompletionItemKind::Variable,
        CompletionKind::Trigger => lsp::CompletionItemKind::Event,
        CompletionKind::Plan => lsp::CompletionItemKind::Class,
        CompletionKind::Function => lsp::CompletionItemKind::Function,
        CompletionKind::Choice => lsp::CompletionItemKind::EnumMember,
        CompletionKind::Value => lsp::CompletionItemKind::Value,
        CompletionKind::Snippet => lsp::CompletionItemKind::Snippet,
        CompletionKind::File => lsp::CompletionItemKind::File,
    }
}
