//! The server beside its words: what it answers, and when it is silent.

use super::*;

/// A server that was shaken hands with, whose words are kept.
fn ready() -> Server<Vec<u8>> {
    let mut server = Server::new(Vec::new());
    ask(&mut server, "initialize", json!({ "capabilities": {} }));
    server
}

fn tell(server: &mut Server<Vec<u8>>, method: &str, params: Value) {
    server.notification(Notification { method: method.to_owned(), params });
}

/// Everything that the server says to a request.
fn ask(server: &mut Server<Vec<u8>>, method: &str, params: Value) -> Vec<Value> {
    said(server);
    server.request(Request { id: RequestId::from(7), method: method.to_owned(), params });
    said(server)
}

/// What was said since this was asked last.
fn said(server: &mut Server<Vec<u8>>) -> Vec<Value> {
    let text = String::from_utf8(std::mem::take(&mut server.output)).unwrap();
    let bodies = text.split("Content-Length: ").filter_map(|message| message.split_once("\r\n\r\n"));
    bodies.map(|(_, body)| serde_json::from_str(body).unwrap()).collect()
}

fn open(server: &mut Server<Vec<u8>>, uri: &str, text: &str) {
    let document = json!({ "uri": uri, "languageId": "spark-rules", "version": 1, "text": text });
    tell(server, "textDocument/didOpen", json!({ "textDocument": document }));
}

fn write(server: &mut Server<Vec<u8>>, uri: &str, text: &str) {
    let document = json!({ "uri": uri, "version": 2 });
    let changes = json!([{ "text": text }]);
    tell(server, "textDocument/didChange", json!({ "textDocument": document, "contentChanges": changes }));
}

/// The codes that were told last of a document.
fn codes(said: &[Value], uri: &str) -> Option<Vec<String>> {
    let last = said.iter().rev().find(|message| message["params"]["uri"] == uri)?;
    let found = last["params"]["diagnostics"].as_array()?;
    Some(found.iter().map(|one| one["code"].as_str().unwrap_or("").to_owned()).collect())
}

const WRONG: &str = "edition 2026\nsignal a { is ratio from push }\nrollback when a > 5s\n";

/// A document is called as its editor calls it, however its address could be written otherwise.
#[test]
fn addresses() {
    for uri in [
        "file:///r/%C3%A9%2Bb.rules",
        "file:///r/é[1].rules",
        "file://localhost/r/a.rules",
        "untitled:a",
        "x",
    ] {
        let mut server = ready();
        open(&mut server, uri, WRONG);
        let told = said(&mut server);
        assert_eq!(codes(&told, uri).unwrap_or_default(), ["E0203"], "{uri}: {told:?}");
        let at = json!({ "textDocument": { "uri": uri }, "position": { "line": 2, "character": 14 } });
        let found = ask(&mut server, "textDocument/definition", at);
        assert_eq!(found[0]["result"]["uri"], uri);
    }
}

/// A part that its root no longer uses is judged by itself, and nothing more is told of it where no editor has it open.
#[test]
fn parts_that_were_left() {
    let folder = tempfile::tempdir().unwrap();
    let uri = |name: &str| files::uri_of(&folder.path().join(name).to_string_lossy()).0;
    let (root, part) = (uri("root.rules"), uri("part.rules"));
    let text = "edition 2026\nuse \"part.rules\"\nsignal s { is ratio from push }\n";
    std::fs::write(folder.path().join("part.rules"), "edition 2026\nrollback when s > 5s\n").unwrap();
    let mut server = ready();
    open(&mut server, &root, text);
    let told = said(&mut server);
    assert_eq!(codes(&told, &part).unwrap_or_default(), ["E0203"], "{told:?}");
    let closed = told.iter().find(|message| message["params"]["uri"] == part).unwrap();
    assert!(closed["params"].get("version").is_none(), "no editor has it open: {closed}");
    write(&mut server, &root, "edition 2026\n");
    assert_eq!(codes(&said(&mut server), &part).unwrap(), [""; 0]);

    write(&mut server, &root, text);
    open(&mut server, &part, "edition 2026\nrollback when s > 5%\n");
    assert_eq!(codes(&said(&mut server), &part).unwrap(), [""; 0]);
    write(&mut server, &root, "edition 2026\n");
    let path = files::path_of(&lsp::Uri(part));
    assert!(server.due.contains_key(&path), "it is checked as a policy of its own: {:?}", server.due);
}

/// Who uses a file that cannot be read is checked again where the file cannot be read for another reason.
#[test]
fn unreadable_otherwise() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
    let (root, part) = (path("root.rules"), path("part.rules"));
    let mut server = ready();
    open(&mut server, &files::uri_of(&root).0, "edition 2026\nuse \"part.rules\"\n");
    server.due.clear();
    std::fs::write(&part, b"edition 2026\n\xff\n").unwrap();
    let change = json!({ "changes": [{ "uri": files::uri_of(&part), "type": 1 }] });
    tell(&mut server, "workspace/didChangeWatchedFiles", change);
    assert!(server.due.contains_key(&root), "{:?}", server.due);
    let settled = server.session.snapshot(&root).check(None, &AtomicBool::new(false)).unwrap();
    let words: Vec<&str> = settled.diagnostics().iter().map(|one| one.message.as_str()).collect();
    assert!(words.iter().any(|words| words.contains("UTF-8")), "{words:?}");
}

/// A request that was taken back while it waited is answered as such, and the next one with its number is answered.
#[test]
fn taken_back() {
    let mut server = ready();
    open(&mut server, "x", WRONG);
    let document = json!({ "textDocument": { "uri": "x" } });
    server.cancelled.add(cancels(&json!({ "id": 7 })).unwrap());
    let answer = ask(&mut server, "textDocument/documentSymbol", document.clone());
    assert_eq!(answer[0]["error"]["code"], -32800, "{answer:?}");
    let answer = ask(&mut server, "textDocument/documentSymbol", document.clone());
    assert_eq!(answer[0]["result"].as_array().map(Vec::len), Some(2), "{answer:?}");
    // too late: the answer is out, and nothing is kept
    server.cancelled.add(RequestId::from(7));
    tell(&mut server, "$/cancelRequest", json!({ "id": 7 }));
    assert!(ask(&mut server, "textDocument/documentSymbol", document)[0].get("result").is_some());
}

/// The server ends with the editor's process, though its input stays open; a process of another machine does not count.
#[test]
#[cfg(unix)]
fn the_editor_is_gone() {
    let mut editor = std::process::Command::new("sleep").arg("600").spawn().unwrap();
    let (other, ours) = std::os::unix::net::UnixStream::pair().unwrap();
    let process = editor.id();
    let text =
        json!({ "jsonrpc": "2.0", "id": 1, "method": "initialize", "params": { "processId": process } });
    let text = text.to_string();
    write!(&other, "Content-Length: {}\r\n\r\n{text}", text.len()).unwrap();
    let (ended, end) = std::sync::mpsc::channel();
    thread::spawn(move || ended.send(Server::new(Vec::new()).run(std::io::BufReader::new(ours))));
    assert!(end.recv_timeout(Duration::from_millis(300)).is_err(), "it lives as long as the editor");
    editor.kill().unwrap();
    editor.wait().unwrap();
    assert_eq!(end.recv_timeout(Duration::from_secs(60)).unwrap(), Ending::Abrupt);
    // nothing has that number now, as where the editor is in another container
    let life = Arc::new(());
    let (gone, told) = std::sync::mpsc::channel();
    parent::watch(i32::try_from(process).unwrap(), Arc::downgrade(&life), move || {
        let _ = gone.send(());
    });
    assert!(told.recv().is_err(), "it is not watched");
    drop(other);
}
