//! The server's life: what the client says, in its order, and the work between.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use gen_lsp_types as lsp;
use lsp_server::{ErrorCode, Message, Notification, Request, RequestId, Response};
use serde_json::{Value, json};
use spark_rules::limits::DIAGNOSTICS_MAX;
use spark_rules::session::{Encoding, Session, Settled};

use crate::Ending;
use crate::actions::{self, Failure};
use crate::answers::{Refused, answer, params};
use crate::cancel::{Cancelled, cancels};
use crate::convert::Converter;
use crate::files;
use crate::handshake::capabilities;
use crate::parent;
use crate::transport::{self, Incoming};
use crate::worker::{self, Job, Ran};

/// Most messages that wait: a client that sends faster than it is answered waits itself.
const QUEUE_MAX: usize = 256;

/// How long keystrokes must pause before a policy is checked as a whole: shorter than a reader notices.
const PAUSE: Duration = Duration::from_millis(120);

/// Something to react to.
#[derive(Debug)]
pub(crate) enum Event {
    Incoming(Incoming),
    /// The client is gone.
    End,
    /// A check has ended; without a result where it was stopped.
    Settled(String, Option<Box<Settled>>),
    Ran(Box<Ran>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Starting,
    Running,
    ShutDown,
}

pub(crate) struct Server<W> {
    output: W,
    session: Session,
    phase: Phase,
    encoding: Encoding,
    snippets: bool,
    watches: bool,
    folders: Vec<PathBuf>,
    /// The client's numbers of the versions of its documents.
    versions: BTreeMap<String, i32>,
    /// How the client writes the addresses of its documents.
    uris: BTreeMap<String, lsp::Uri>,
    /// Requests that the client has taken back and that were not yet met.
    cancelled: Cancelled,
    /// What was told last of each file.
    told: BTreeMap<String, Vec<lsp::Diagnostic>>,
    /// Policies to be checked as a whole, by their roots, and when.
    due: BTreeMap<String, Instant>,
    /// The root of the check that is under way, and how it is stopped.
    checking: Option<(String, Arc<AtomicBool>)>,
    failures: BTreeMap<String, Vec<Failure>>,
    jobs: Option<Sender<Job>>,
    /// Where events are put, for who watches the editor's process.
    events: Option<SyncSender<Event>>,
    /// There as long as the server is.
    life: Arc<()>,
    /// The client does not read any more.
    deaf: bool,
}

impl<W: Write> Server<W> {
    pub(crate) fn new(output: W) -> Self {
        Self {
            output,
            session: Session::new(),
            phase: Phase::Starting,
            encoding: Encoding::Utf16,
            snippets: false,
            watches: false,
            folders: Vec::new(),
            versions: BTreeMap::new(),
            uris: BTreeMap::new(),
            cancelled: Cancelled::default(),
            told: BTreeMap::new(),
            due: BTreeMap::new(),
            checking: None,
            failures: BTreeMap::new(),
            jobs: None,
            events: None,
            life: Arc::new(()),
            deaf: false,
        }
    }

    pub(crate) fn run(mut self, input: impl BufRead + Send + 'static) -> Ending {
        let (sender, events) = sync_channel(QUEUE_MAX);
        self.jobs = worker::start(sender.clone()).ok();
        let reader = thread::Builder::new().name("read".to_owned());
        let cancelled = self.cancelled.clone();
        self.events = Some(sender.clone());
        let reader = reader.spawn(move || listen(input, &sender, &cancelled));
        if reader.is_err() {
            return Ending::Abrupt;
        }
        loop {
            match self.next(&events) {
                Some(Event::Incoming(Incoming::Message(Message::Notification(note))))
                    if note.method == "exit" =>
                {
                    return self.ending();
                }
                Some(Event::End) => return self.ending(),
                Some(event) => self.react(event),
                None => self.check_due(),
            }
            if self.deaf {
                return Ending::Abrupt;
            }
        }
    }

    fn ending(&self) -> Ending {
        match self.phase {
            Phase::ShutDown => Ending::Orderly,
            Phase::Starting | Phase::Running => Ending::Abrupt,
        }
    }

    /// The next event; none when a check is due before it.
    fn next(&self, events: &Receiver<Event>) -> Option<Event> {
        let due = self.due.values().min().filter(|_| self.checking.is_none());
        let Some(due) = due else { return Some(events.recv().unwrap_or(Event::End)) };
        match events.recv_timeout(due.saturating_duration_since(Instant::now())) {
            Ok(event) => Some(event),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => Some(Event::End),
        }
    }

    fn react(&mut self, event: Event) {
        match event {
            Event::Incoming(Incoming::Message(Message::Request(request))) => self.request(request),
            Event::Incoming(Incoming::Message(Message::Notification(note))) => self.notification(note),
            // the client's answer to a registration: nothing hangs on it
            Event::Incoming(Incoming::Message(Message::Response(_))) | Event::End => {}
            Event::Incoming(Incoming::Malformed(id, words)) => {
                self.deaf |= transport::refuse(&mut self.output, &id, &words).is_err();
            }
            Event::Settled(root, settled) => self.settled(&root, settled),
            Event::Ran(ran) => self.ran(&ran),
        }
    }

    fn send(&mut self, message: impl Into<Message>) {
        self.deaf |= transport::write(&mut self.output, &message.into()).is_err();
    }

    fn notify(&mut self, method: &str, params: Value) {
        self.send(Notification { method: method.to_owned(), params });
    }

    fn respond(&mut self, id: RequestId, answer: Result<Value, Refused>) {
        self.send(match answer {
            Ok(value) => Response { id, response_result: Ok(value) },
            Err(refused) => Response::new_err(id, refused.code, refused.words),
        });
    }

    fn request(&mut self, request: Request) {
        let Request { id, method, params } = request;
        let refused = |code, words: &str| Some(Err(Refused::new(code, words)));
        let answer = match (self.phase, method.as_str()) {
            (Phase::Running, _) if self.cancelled.take(&id) => {
                refused(ErrorCode::RequestCanceled, "the request was taken back")
            }
            (Phase::Starting, "initialize") => Some(self.initialize(params)),
            (Phase::Starting, _) => refused(ErrorCode::ServerNotInitialized, "`initialize` comes first"),
            (_, "initialize") => refused(ErrorCode::InvalidRequest, "`initialize` comes once"),
            (Phase::ShutDown, _) => refused(ErrorCode::InvalidRequest, "the server was shut down"),
            (Phase::Running, "shutdown") => {
                self.phase = Phase::ShutDown;
                Some(Ok(Value::Null))
            }
            (Phase::Running, "workspace/executeCommand") => self.execute(&id, params),
            (Phase::Running, "textDocument/codeAction") => Some(actions::actions(&self.converter(), params)),
            (Phase::Running, _) => Some(answer(&self.converter(), &method, params).unwrap_or_else(|| {
                Err(Refused::new(ErrorCode::MethodNotFound, format!("there is no method `{method}`")))
            })),
        };
        if let Some(answer) = answer {
            self.respond(id, answer);
        }
    }

    /// Starts what a command asks for, which answers when it has ended.
    fn execute(&mut self, id: &RequestId, params: Value) -> Option<Result<Value, Refused>> {
        match actions::command(&self.session, id.clone(), params) {
            Ok(job) => {
                let sent = self.jobs.as_ref().is_some_and(|jobs| jobs.send(job).is_ok());
                (!sent).then(|| Err(Refused::new(ErrorCode::InternalError, "nothing can be run")))
            }
            Err(refused) => Some(Err(refused)),
        }
    }

    fn converter(&self) -> Converter<'_> {
        Converter {
            session: &self.session,
            encoding: self.encoding,
            snippets: self.snippets,
            uris: &self.uris,
        }
    }

    fn initialize(&mut self, value: Value) -> Result<Value, Refused> {
        // read by hand where it is optional: a field that a client writes oddly must not keep it out
        let text = |pointer: &str| value.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
        let flag = |pointer: &str| value.pointer(pointer).and_then(Value::as_bool).unwrap_or(false);
        let offered = value.pointer("/capabilities/general/positionEncodings").and_then(Value::as_array);
        let offers = |name: &str| offered.is_some_and(|all| all.iter().any(|one| one.as_str() == Some(name)));
        let (encoding, name) = match (offers("utf-8"), offers("utf-32"), offers("utf-16")) {
            (true, _, _) => (Encoding::Utf8, "utf-8"),
            (false, true, false) => (Encoding::Utf32, "utf-32"),
            _ => (Encoding::Utf16, "utf-16"),
        };
        self.encoding = encoding;
        self.snippets = flag("/capabilities/textDocument/completion/completionItem/snippetSupport");
        self.watches = flag("/capabilities/workspace/didChangeWatchedFiles/dynamicRegistration");
        let folders = value.pointer("/workspaceFolders").and_then(Value::as_array);
        let named =
            folders.into_iter().flatten().filter_map(|folder| folder.get("uri")?.as_str().map(str::to_owned));
        let mut uris: Vec<String> = named.collect();
        if uris.is_empty() {
            uris.extend(text("/rootUri"));
        }
        self.folders = uris.into_iter().map(|uri| PathBuf::from(files::path_of(&lsp::Uri(uri)))).collect();
        let process =
            value.get("processId").and_then(Value::as_i64).and_then(|number| i32::try_from(number).ok());
        if let (Some(process), Some(events)) = (process.filter(|number| *number > 0), self.events.clone()) {
            // the server may have ended by then
            parent::watch(process, Arc::downgrade(&self.life), move || drop(events.send(Event::End)));
        }
        self.phase = Phase::Running;
        Ok(json!({
            "capabilities": capabilities(name),
            "serverInfo": { "name": "spark", "version": env!("CARGO_PKG_VERSION") },
        }))
    }

    fn notification(&mut self, note: Notification) {
        if self.phase != Phase::Running {
            return;
        }
        // there is nobody to tell of a notification that cannot be read but the log
        if let Err(refused) = self.noted(&note.method, note.params) {
            let words = format!("{}: {}", note.method, refused.words);
            self.notify("window/logMessage", json!({ "type": lsp::MessageType::Warning, "message": words }));
        }
    }

    fn noted(&mut self, method: &str, value: Value) -> Result<(), Refused> {
        match method {
            "initialized" => self.initialized(),
            "textDocument/didOpen" => {
                let p: lsp::DidOpenTextDocumentParams = params(value)?;
                let path = files::path_of(&p.text_document.uri);
                let before = self.session.policy_files(&path);
                self.session.open(&path, &p.text_document.text);
                self.versions.insert(path.clone(), p.text_document.version);
                self.uris.insert(path.clone(), p.text_document.uri);
                self.changed(&path);
                self.left(&path, &before);
            }
            "textDocument/didChange" => {
                let p: lsp::DidChangeTextDocumentParams = params(value)?;
                self.change(p)?;
            }
            "textDocument/didClose" => {
                let p: lsp::DidCloseTextDocumentParams = params(value)?;
                self.close(&files::path_of(&p.text_document.uri));
            }
            "workspace/didChangeWatchedFiles" => {
                let p: lsp::DidChangeWatchedFilesParams = params(value)?;
                p.changes.iter().for_each(|change| self.refresh(&files::path_of(&change.uri)));
            }
            "workspace/didChangeWorkspaceFolders" => {
                let p: lsp::DidChangeWorkspaceFoldersParams = params(value)?;
                for folder in p.event.added {
                    files::open_folder(&mut self.session, Path::new(&files::path_of(&folder.uri)));
                }
            }
            "$/cancelRequest" => {
                // by now the request is answered: it came before
                if let Some(id) = cancels(&value) {
                    self.cancelled.take(&id);
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn initialized(&mut self) {
        for folder in std::mem::take(&mut self.folders) {
            files::open_folder(&mut self.session, &folder);
        }
        if self.watches {
            let registration = json!({ "registrations": [{
                "id": "rules",
                "method": "workspace/didChangeWatchedFiles",
                "registerOptions": { "watchers": [{ "globPattern": "**/*.rules" }] },
            }]});
            self.send(Request {
                id: RequestId::from(1),
                method: "client/registerCapability".to_owned(),
                params: registration,
            });
        }
    }

    fn change(&mut self, p: lsp::DidChangeTextDocumentParams) -> Result<(), Refused> {
        let path = files::path_of(&p.text_document.text_document_identifier.uri);
        if !self.session.is_open(&path) {
            return Err(Refused::new(ErrorCode::InvalidParams, format!("`{path}` is not open")));
        }
        let before = self.session.policy_files(&path);
        for change in p.content_changes {
            match change {
                lsp::TextDocumentContentChangeEvent::TextDocumentContentChangePartial(part) => {
                    let range = self.converter().bytes(&path, part.range);
                    self.session.edit(&path, range, &part.text);
                }
                lsp::TextDocumentContentChangeEvent::TextDocumentContentChangeWholeDocument(whole) => {
                    self.session.open(&path, &whole.text);
                }
            }
        }
        self.versions.insert(path.clone(), p.text_document.version);
        self.failures.remove(&path);
        self.changed(&path);
        self.left(&path, &before);
        Ok(())
    }

    /// Files that no longer belong to a file's policy are checked by themselves.
    fn left(&mut self, path: &str, before: &[String]) {
        let now = self.session.policy_files(path);
        for other in before.iter().filter(|other| !now.contains(other)) {
            self.changed(other);
        }
    }

    /// A file has other text: what is known at once is told, and the whole is checked later.
    fn changed(&mut self, path: &str) {
        files::complete(&mut self.session, path);
        let root = self.session.root_of(path);
        if let Some((_, stop)) = self.checking.as_ref().filter(|(checked, _)| *checked == root) {
            stop.store(true, Ordering::Relaxed);
        }
        let due = Instant::now().checked_add(PAUSE).unwrap_or_else(Instant::now);
        self.due.insert(root, due);
        self.tell(path);
    }

    fn close(&mut self, path: &str) {
        self.versions.remove(path);
        self.failures.remove(path);
        self.session.close(path);
        self.refresh(path);
    }

    /// Takes what the disk says of a file that no editor has open.
    fn refresh(&mut self, path: &str) {
        if self.session.is_open(path) {
            return;
        }
        let policy = self.session.policy_files(path);
        match files::text(Path::new(path)) {
            Ok(text) => self.session.provide(path, &text),
            Err(_) => self.session.remove(path),
        }
        // who uses a file that cannot be read is told why, also where it could not be read before
        let open = self.versions.keys();
        let users: Vec<String> = open
            .filter(|open| self.session.missing(open).iter().any(|missing| missing == path))
            .cloned()
            .collect();
        self.changed(path);
        users.iter().for_each(|user| self.changed(user));
        for other in policy.iter().filter(|other| *other != path) {
            self.changed(other);
        }
    }

    /// Starts the check that is due first.
    fn check_due(&mut self) {
        let first = self.due.iter().min_by_key(|(_, due)| **due).map(|(root, _)| root.clone());
        let Some(root) = first.filter(|_| self.checking.is_none()) else { return };
        self.due.remove(&root);
        let stop = Arc::new(AtomicBool::new(false));
        let job = Job::Check(self.session.snapshot(&root), stop.clone());
        if self.jobs.as_ref().is_some_and(|jobs| jobs.send(job).is_ok()) {
            self.checking = Some((root, stop));
        }
    }

    fn settled(&mut self, root: &str, settled: Option<Box<Settled>>) {
        self.checking = None;
        if settled.is_some_and(|settled| self.session.settle(*settled)) {
            self.tell(root);
        }
    }

    /// Tells what is wrong with the files of a policy of which an editor has one open.
    fn tell(&mut self, path: &str) {
        let mut files: BTreeSet<String> = self.session.policy_files(path).into_iter().collect();
        files.insert(path.to_owned());
        let shown = files.iter().any(|path| self.session.is_open(path));
        for path in files {
            let diagnostics = if shown { self.diagnostics(&path) } else { Vec::new() };
            let before = self.told.get(&path);
            // an open file is always told of: a client may wait for it
            let same = before.map_or(diagnostics.is_empty(), |before| *before == diagnostics);
            if same && !self.session.is_open(&path) {
                continue;
            }
            let uri = self.converter().uri(&path);
            let version = self.versions.get(&path).copied();
            let params = lsp::PublishDiagnosticsParams { uri, version, diagnostics };
            // at each keystroke, of up to a thousand: written as they are, without a tree of JSON between
            let sent = transport::notify(&mut self.output, "textDocument/publishDiagnostics", &params);
            self.deaf |= sent.is_err();
            self.told.insert(path, params.diagnostics);
        }
    }

    fn diagnostics(&self, path: &str) -> Vec<lsp::Diagnostic> {
        let to = self.converter();
        let findings = self.session.diagnostics(path);
        let found = findings.iter().take(DIAGNOSTICS_MAX).map(|finding| to.diagnostic(path, finding));
        let failed = self.failures.get(path).into_iter().flatten().map(|failure| lsp::Diagnostic {
            range: to.range(path, &failure.range),
            severity: Some(lsp::DiagnosticSeverity::Error),
            source: Some("spark test".to_owned()),
            message: lsp::Message::String(failure.words.clone()),
            ..Default::default()
        });
        found.chain(failed).collect()
    }

    fn ran(&mut self, ran: &Ran) {
        let (passed, words, failures) = actions::result(ran);
        let kind = if passed { lsp::MessageType::Info } else { lsp::MessageType::Error };
        self.notify("window/showMessage", json!({ "type": kind, "message": words }));
        self.failures.insert(ran.path.clone(), failures);
        self.tell(&ran.path);
        self.respond(ran.id.clone(), Ok(json!({ "passed": passed, "message": words })));
    }
}

/// Reads messages into the queue until the stream ends.
fn listen(mut input: impl BufRead, events: &SyncSender<Event>, cancelled: &Cancelled) {
    loop {
        let event = match transport::read(&mut input) {
            Ok(Some(incoming)) => Event::Incoming(incoming),
            Ok(None) | Err(_) => Event::End,
        };
        if let Event::Incoming(Incoming::Message(Message::Notification(note))) = &event
            && note.method == "$/cancelRequest"
            && let Some(id) = cancels(&note.params)
        {
            cancelled.add(id);
        }
        let last = matches!(event, Event::End);
        if events.send(event).is_err() || last {
            return;
        }
    }
}

#[cfg(test)]
mod tests;
