//! The language server as an editor drives it: the real binary, over its pipes.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

/// Longest time that an answer may take: far beyond what any takes, so that only a server that hangs is told of.
const PATIENCE: Duration = Duration::from_secs(60);

const RULES: &str = "edition 2026\n\
    signal p95 { is duration  from push  expect <= 200ms }\n\
    trigger slow { rollback when p95 > 400ms for 5m }\n\
    test \"it is slow\" {\n  given p95 450ms for 10m\n  expect slow rollback from 5m\n}\n\
    test \"it is wrong\" {\n  given p95 450ms for 10m\n  expect slow rollback from 4m\n}\n";

/// An editor.
struct Editor {
    server: Child,
    input: Option<ChildStdin>,
    messages: Receiver<Value>,
    /// What came and was not asked for yet.
    waiting: VecDeque<Value>,
    next: i64,
}

impl Editor {
    /// Starts the server; nothing is said yet.
    fn start() -> Self {
        let mut server = Command::new(env!("CARGO_BIN_EXE_spark"))
            .arg("lsp")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut output = BufReader::new(server.stdout.take().unwrap());
        let (sender, messages) = channel();
        thread::spawn(move || {
            while let Some(message) = read(&mut output) {
                if sender.send(message).is_err() {
                    return;
                }
            }
        });
        let input = server.stdin.take();
        Self { server, input, messages, waiting: VecDeque::new(), next: 0 }
    }

    /// Starts the server and shakes hands.
    fn ready(folder: Option<&Path>, capabilities: Value) -> (Self, Value) {
        let mut editor = Self::start();
        let folders = folder.map(|folder| json!([{ "uri": uri(folder), "name": "rules" }]));
        let params = json!({ "processId": null, "rootUri": null, "capabilities": capabilities, "workspaceFolders": folders });
        let answer = editor.ask("initialize", params);
        editor.tell("initialized", json!({}));
        (editor, answer["result"]["capabilities"].clone())
    }

    fn raw(&mut self, text: &str) {
        let input = self.input.as_mut().unwrap();
        write!(input, "Content-Length: {}\r\n\r\n{text}", text.len()).unwrap();
        input.flush().unwrap();
    }

    fn tell(&mut self, method: &str, params: Value) {
        self.raw(&json!({ "jsonrpc": "2.0", "method": method, "params": params }).to_string());
    }

    /// Asks, and gives the whole answer.
    fn ask(&mut self, method: &str, params: Value) -> Value {
        self.next = self.next.saturating_add(1);
        let id = self.next;
        self.raw(&json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }).to_string());
        self.wait(|message| message["id"] == id && message.get("method").is_none())
    }

    fn get(&mut self, method: &str, params: Value) -> Value {
        let answer = self.ask(method, params);
        assert!(answer.get("error").is_none(), "{method}: {answer}");
        answer["result"].clone()
    }

    /// The first message that is wanted; others wait for who wants them.
    fn wait(&mut self, wanted: impl Fn(&Value) -> bool) -> Value {
        if let Some(place) = self.waiting.iter().position(&wanted) {
            return self.waiting.remove(place).unwrap();
        }
        loop {
            let message = self
                .messages
                .recv_timeout(PATIENCE)
                .unwrap_or_else(|_| panic!("the server says nothing; it said {:?}", self.waiting));
            if wanted(&message) {
                return message;
            }
            self.waiting.push_back(message);
        }
    }

    /// Waits until these codes are told of a document, and gives its diagnostics.
    fn told(&mut self, uri: &str, codes: &[&str]) -> Vec<Value> {
        let message = self.wait(|message| {
            let params = &message["params"];
            let found = params["diagnostics"].as_array().into_iter().flatten();
            message["method"] == "textDocument/publishDiagnostics"
                && params["uri"] == uri
                && found.map(|one| one["code"].as_str().unwrap_or("test")).eq(codes.iter().copied())
        });
        message["params"]["diagnostics"].as_array().unwrap().clone()
    }

    fn open(&mut self, uri: &str, text: &str) {
        let document = json!({ "uri": uri, "languageId": "rules", "version": 1, "text": text });
        self.tell("textDocument/didOpen", json!({ "textDocument": document }));
    }

    fn change(&mut self, uri: &str, version: i32, from: (u32, u32), to: (u32, u32), text: &str) {
        let range = json!({ "start": position(from), "end": position(to) });
        self.tell(
            "textDocument/didChange",
            json!({ "textDocument": { "uri": uri, "version": version }, "contentChanges": [{ "range": range, "text": text }] }),
        );
    }

    /// Closes the input and gives the exit code.
    fn end(mut self) -> Option<i32> {
        self.input.take();
        self.server.wait().unwrap().code()
    }
}

impl Drop for Editor {
    fn drop(&mut self) {
        // it may have ended
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

fn read(output: &mut impl BufRead) -> Option<Value> {
    let mut length = 0usize;
    loop {
        let mut line = String::new();
        if output.read_line(&mut line).ok()? == 0 {
            return None;
        }
        match line.trim_end().split_once(": ") {
            Some((_, value)) => length = value.parse().ok()?,
            None => break,
        }
    }
    let mut bytes = vec![0; length];
    output.read_exact(&mut bytes).ok()?;
    serde_json::from_slice(&bytes).ok()
}

fn position((line, character): (u32, u32)) -> Value {
    json!({ "line": line, "character": character })
}

fn at(uri: &str, place: (u32, u32)) -> Value {
    json!({ "textDocument": { "uri": uri }, "position": position(place) })
}

fn of(uri: &str) -> Value {
    json!({ "textDocument": { "uri": uri } })
}

fn uri(path: &Path) -> String {
    format!("file://{}", path.display())
}

/// An editor opens rules, types a mistake and mends it, asks all that it can ask, and leaves in order.
#[test]
fn a_session() {
    let (mut editor, capabilities) = Editor::ready(None, json!({}));
    assert_eq!(capabilities["positionEncoding"], "utf-16");
    let doc = "untitled:a";
    editor.open(doc, RULES);
    editor.told(doc, &[]);
    // 400ms → 5%
    editor.change(doc, 2, (2, 35), (2, 40), "5%");
    let found = editor.told(doc, &["E0203"]);
    assert_eq!(found[0]["range"], json!({ "start": position((2, 35)), "end": position((2, 37)) }));
    assert_eq!(found[0]["severity"], 1);
    editor.change(doc, 3, (2, 35), (2, 37), "400");
    editor.told(doc, &["E0204"]);
    let range = json!({ "start": position((2, 35)), "end": position((2, 38)) });
    let params = json!({ "textDocument": { "uri": doc }, "range": range, "context": { "diagnostics": [] } });
    let fixes = editor.get("textDocument/codeAction", params);
    assert_eq!(fixes[0]["kind"], "quickfix");
    let edit = &fixes[0]["edit"]["changes"][doc][0];
    assert_eq!(edit["newText"], "400ms");
    editor.change(doc, 4, (2, 35), (2, 38), "400ms");
    editor.told(doc, &[]);

    let hover = editor.get("textDocument/hover", at(doc, (2, 10)));
    assert!(hover["contents"]["value"].as_str().unwrap().contains("trigger slow"), "{hover}");
    let completion = editor.get("textDocument/completion", at(doc, (2, 35)));
    assert!(
        completion["items"].as_array().unwrap().iter().any(|item| item["label"] == "300ms"),
        "{completion}"
    );
    let definition = editor.get("textDocument/definition", at(doc, (2, 30)));
    assert_eq!(definition["range"]["start"], position((1, 7)));
    let references = json!({ "context": { "includeDeclaration": true } });
    let mut params = at(doc, (2, 30));
    params["context"] = references["context"].clone();
    assert_eq!(editor.get("textDocument/references", params).as_array().unwrap().len(), 4);
    assert_eq!(editor.get("textDocument/documentHighlight", at(doc, (2, 30))).as_array().unwrap().len(), 4);
    assert_eq!(editor.get("textDocument/prepareRename", at(doc, (2, 30)))["placeholder"], "p95");
    let mut params = at(doc, (2, 30));
    params["newName"] = json!("latency");
    let edit = editor.get("textDocument/rename", params.clone());
    assert_eq!(edit["changes"][doc].as_array().unwrap().len(), 4);
    params["newName"] = json!("when");
    assert!(
        editor.ask("textDocument/rename", params)["error"]["message"].as_str().unwrap().contains("reserved")
    );
    assert_eq!(editor.get("textDocument/documentSymbol", of(doc)).as_array().unwrap().len(), 4);
    assert_eq!(editor.get("workspace/symbol", json!({ "query": "SLO" })).as_array().unwrap().len(), 2);
    assert_eq!(editor.get("textDocument/foldingRange", of(doc)).as_array().unwrap().len(), 2);
    let mut params = of(doc);
    params["positions"] = json!([position((2, 37))]);
    let around = editor.get("textDocument/selectionRange", params);
    assert_eq!(around[0]["range"]["start"], position((2, 35)));
    assert!(around[0]["parent"]["parent"].is_object());
    let tokens = editor.get("textDocument/semanticTokens/full", of(doc));
    assert_eq!(tokens["data"].as_array().unwrap().len() % 5, 0);
    assert!(tokens["data"].as_array().unwrap().len() > 100);
    let mut params = of(doc);
    params["range"] = json!({ "start": position((0, 0)), "end": position((9, 0)) });
    assert!(
        !editor.get("textDocument/semanticTokens/range", params.clone())["data"]
            .as_array()
            .unwrap()
            .is_empty()
    );
    let hints = editor.get("textDocument/inlayHint", params);
    assert!(hints.as_array().unwrap().iter().any(|hint| hint["label"] == "= 0.4 s"), "{hints}");
    let mut params = of(doc);
    params["options"] = json!({ "tabSize": 2, "insertSpaces": true });
    let formatted = editor.get("textDocument/formatting", params);
    assert!(!formatted.as_array().unwrap().is_empty());

    assert_eq!(editor.get("shutdown", Value::Null), Value::Null);
    assert_eq!(editor.ask("textDocument/hover", at(doc, (0, 0)))["error"]["code"], -32600);
    editor.tell("exit", Value::Null);
    assert_eq!(editor.end(), Some(0));
}

/// A test is run from its lens: what came of it is shown, and what failed stands where it was expected until the text changes.
#[test]
fn run_a_test() {
    let (mut editor, _) = Editor::ready(None, json!({}));
    let doc = "untitled:b";
    editor.open(doc, RULES);
    let lenses = editor.get("textDocument/codeLens", of(doc));
    let command = |place: usize| {
        let command = &lenses[place]["command"];
        json!({ "command": command["command"], "arguments": command["arguments"] })
    };
    let passed = editor.get("workspace/executeCommand", command(0));
    assert_eq!(passed["passed"], true, "{passed}");
    assert_eq!(editor.wait(|m| m["method"] == "window/showMessage")["params"]["type"], 3);
    let failed = editor.get("workspace/executeCommand", command(1));
    assert_eq!(failed["passed"], false);
    assert_eq!(editor.wait(|m| m["method"] == "window/showMessage")["params"]["type"], 1);
    // advice comes when there is time for it, before what the test says or after
    let found = editor.told(doc, &["A0303", "test"]);
    assert_eq!(found[1]["range"]["start"]["line"], 9);
    editor.waiting.clear();
    editor.change(doc, 2, (9, 31), (9, 31), " ");
    editor.told(doc, &["A0303"]);
    let unknown = json!({ "command": "spark.runTest", "arguments": [doc, "no such"] });
    assert_eq!(editor.get("workspace/executeCommand", unknown)["passed"], false);
    assert_eq!(editor.ask("workspace/executeCommand", json!({ "command": "rm" }))["error"]["code"], -32602);
}

/// Files of a folder belong together: names of a part are known, what the disk says counts until an editor opens the file.
#[test]
fn files_of_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().canonicalize().unwrap().join(name);
    let main = "edition 2026\nuse \"part.rules\"\ntrigger t { hold when a > 1s }\n";
    let part = "edition 2026\nsignal a { is duration from push expect <= 1s }\n";
    std::fs::write(path("main.rules"), main).unwrap();
    std::fs::write(path("part.rules"), part).unwrap();
    let (mut editor, _) =
        Editor::ready(Some(&path("")), json!({ "general": { "positionEncodings": ["utf-8"] } }));
    let (main_uri, part_uri) = (uri(&path("main.rules")), uri(&path("part.rules")));
    editor.open(&main_uri, main);
    editor.told(&main_uri, &[]);
    let definition = editor.get("textDocument/definition", at(&main_uri, (2, 22)));
    assert_eq!(definition["uri"], part_uri);
    std::fs::write(path("part.rules"), part.replace("duration", "ratio").replace("1s", "1%")).unwrap();
    editor.tell("workspace/didChangeWatchedFiles", json!({ "changes": [{ "uri": part_uri, "type": 2 }] }));
    editor.told(&main_uri, &["E0203"]);
    // an editor's text counts more than the disk's
    editor.open(&part_uri, part);
    editor.told(&main_uri, &[]);
    editor.tell("textDocument/didClose", of(&part_uri));
    editor.told(&main_uri, &["E0203"]);
    std::fs::remove_file(path("part.rules")).unwrap();
    editor.tell("workspace/didChangeWatchedFiles", json!({ "changes": [{ "uri": part_uri, "type": 3 }] }));
    editor.told(&main_uri, &["E0114"]);
    // what stands outside of the folder is not read
    editor.change(&main_uri, 2, (1, 5), (1, 15), "../../etc/passwd");
    editor.told(&main_uri, &["E0116"]);
}

/// What an editor says wrongly is answered with an error, and the server lives.
#[test]
fn wrong_words() {
    let mut editor = Editor::start();
    assert_eq!(editor.ask("textDocument/hover", json!({}))["error"]["code"], -32002, "before `initialize`");
    editor.raw("{ this is no JSON");
    assert_eq!(editor.wait(|m| m["id"].is_null() && m.get("error").is_some())["error"]["code"], -32700);
    let answer = editor.ask("initialize", json!({ "processId": null, "rootUri": null, "capabilities": {} }));
    assert!(answer["result"]["capabilities"].is_object());
    assert_eq!(editor.ask("initialize", json!({ "capabilities": {} }))["error"]["code"], -32600);
    for (method, params, code) in [
        ("no/such", json!({}), -32601),
        ("textDocument/hover", json!({ "x": 1 }), -32602),
        ("textDocument/hover", at("file:///nowhere.rules", (0, 0)), -32602),
        ("textDocument/formatting", of("odd uri"), -32602),
        ("textDocument/rename", json!([]), -32602),
    ] {
        assert_eq!(editor.ask(method, params)["error"]["code"], code, "{method}");
    }
    editor.tell(
        "textDocument/didChange",
        json!({ "textDocument": { "uri": "file:///nowhere", "version": 1 }, "contentChanges": [] }),
    );
    editor.tell("textDocument/didChange", json!({ "nothing": "known" }));
    editor.tell("$/cancelRequest", json!({ "id": 99 }));
    editor.open("untitled:c", "edition 2026\n");
    editor.change("untitled:c", 2, (900, 900), (3, 3), "signal");
    editor.told("untitled:c", &["E0134"]);
}

/// An editor that leaves without a word ends the server with code 1.
#[test]
fn left_alone() {
    let (editor, _) = Editor::ready(None, json!({}));
    assert_eq!(editor.end(), Some(1));
    let mut editor = Editor::start();
    editor.tell("exit", Value::Null);
    assert_eq!(editor.end(), Some(1));
}
