//! What the server says that it can do.

use serde_json::{Value, json};

use crate::actions::RUN_TEST;
use crate::convert::PAINTS;

/// The server's capabilities; `encoding` is what characters are counted in.
pub(crate) fn capabilities(encoding: &str) -> Value {
    let kinds: Vec<&str> = PAINTS.iter().map(|(_, name)| *name).collect();
    json!({
        "positionEncoding": encoding,
        "textDocumentSync": { "openClose": true, "change": 2 },
        "completionProvider": { "triggerCharacters": [" ", "(", "\"", "{"] },
        "hoverProvider": true,
        "definitionProvider": true,
        "referencesProvider": true,
        "documentHighlightProvider": true,
        "documentSymbolProvider": true,
        "workspaceSymbolProvider": true,
        "codeActionProvider": { "codeActionKinds": ["quickfix", "source.fixAll.spark"] },
        "codeLensProvider": {},
        "documentFormattingProvider": true,
        "renameProvider": { "prepareProvider": true },
        "foldingRangeProvider": true,
        "selectionRangeProvider": true,
        "semanticTokensProvider": {
            "legend": { "tokenTypes": kinds, "tokenModifiers": ["declaration"] },
            "full": true,
            "range": true,
        },
        "inlayHintProvider": true,
        "executeCommandProvider": { "commands": [RUN_TEST] },
        "workspace": { "workspaceFolders": { "supported": true, "changeNotifications": true } },
    })
}
