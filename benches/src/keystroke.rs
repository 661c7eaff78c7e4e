//! A keystroke in a rule file of 1 MB: from the editor's `didChange` on the wire to what is wrong with the block, on the
//! wire back, and beside it a check of the whole file in the same run. The editor pauses now and then, so that the whole is
//! checked and told; from then on each keystroke tells again what it found, a thousand pieces of advice.

#![expect(
    clippy::arithmetic_side_effects,
    reason = "small numbers of a measurement; an overflow would end it"
)]

use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::thread;
use std::time::{Duration, Instant};

use spark_rules::session::Session;

use crate::check::{load, median, rules};
use crate::cpu::cost;

/// Triggers in the file: about 1 MB.
const TRIGGERS: usize = 2_350;
/// Keystrokes at each place.
const STROKES: usize = 160;
/// After so many keystrokes the editor pauses, so that a check of the whole runs beside the next ones.
const STROKES_PER_PAUSE: usize = 40;
const PAUSE: Duration = Duration::from_millis(500);
/// How often all of it is typed; of each keystroke the least counts, since a neighbour on the machine only adds.
const PASSES: usize = 3;
/// The goal: a third of a frame of a screen.
const GOAL: Duration = Duration::from_millis(5);

/// A place where is typed: in which words, and how far behind their start.
const PLACES: &[(&str, &str, usize)] = &[
    ("a threshold at the start", "> 300ms for 3m", 3),
    ("a threshold in the middle", "trigger desk_1200 ", 0),
    ("a threshold at the end", "trigger desk_2300 ", 0),
    ("the line that opens a block", "trigger desk_600 ", 12),
    ("what a signal is", "signal latency_7 ", 25),
    ("a comment", "# orders of desk 1800", 4),
];

/// Times keystrokes.
pub(crate) fn run() -> Result<String, String> {
    let text = rules(TRIGGERS);
    let mut table = format!(
        "keystroke in {:.2} MB of rules, {} keystrokes in all\n",
        text.len() as f64 / 1e6,
        STROKES * PLACES.len()
    );
    let mut whole = Vec::new();
    for _ in 0..5 {
        whole.push(cost(|| load(&text))?);
    }
    let whole = median(whole);
    let (parts, most, times) = alone(&text)?;
    table.push_str(&format!("{:<30} {}\n", "without the wire, CPU time", figures(times)));
    let mut editor = Editor::open(&text)?;
    let mut all = Vec::new();
    for (name, words, behind) in PLACES {
        let place = place(&text, words, *behind)?;
        let mut times = vec![Duration::MAX; STROKES];
        for _ in 0..PASSES {
            let again = editor.type_at(place)?;
            times.iter_mut().zip(again).for_each(|(least, time)| *least = time.min(*least));
        }
        table.push_str(&format!("{name:<30} {}\n", figures(times.clone())));
        all.extend(times);
    }
    let worst = all.iter().max().copied().unwrap_or_default();
    let half = median(all.clone());
    table.push_str(&format!(
        "{:<30} {}   goal {GOAL:?}: {}\ncheck of the whole file {whole:>10.3?}   ratio {:.0}\nof {parts} blocks, a keystroke reads {most} at most",
        "all of them",
        figures(all),
        if worst < GOAL { "met" } else { "missed" },
        whole.as_secs_f64() / half.as_secs_f64(),
    ));
    Ok(table)
}

fn place(text: &str, words: &str, behind: usize) -> Result<usize, String> {
    let at = text.find(words).ok_or_else(|| format!("no `{words}`"))?;
    match behind {
        // in the block's first threshold
        0 => text
            .get(at..)
            .and_then(|rest| rest.find("300ms"))
            .map(|more| at + more + 1)
            .ok_or_else(|| "no threshold".to_owned()),
        behind => Ok(at + behind),
    }
}

fn figures(mut times: Vec<Duration>) -> String {
    times.sort_unstable();
    let at = |percent: usize| {
        times.get((times.len().saturating_sub(1)) * percent / 100).copied().unwrap_or_default()
    };
    format!("median {:>9.3?}   p99 {:>9.3?}   worst {:>9.3?}", at(50), at(99), at(100))
}

/// The session alone, without the wire and its threads: how many parts the file has, the most that a keystroke read again,
/// and how long each took to be read, checked and told.
fn alone(text: &str) -> Result<(usize, u64, Vec<Duration>), String> {
    let mut session = Session::new();
    session.open("bench.rules", text);
    let (mut most, mut times) = (0, Vec::new());
    for (_, words, behind) in PLACES {
        let at = place(text, words, *behind)?;
        for stroke in 0..STROKES {
            let (range, typed) = if stroke % 2 == 0 { (at..at, "x") } else { (at..at + 1, "") };
            let before = session.parts_read();
            times.push(cost(|| {
                session.edit("bench.rules", range, typed);
                Ok(session.diagnostics("bench.rules"))
            })?);
            most = most.max(session.parts_read() - before);
        }
    }
    if session.text("bench.rules") != Some(text) {
        return Err("the text is not what it was".to_owned());
    }
    Ok((session.parts("bench.rules"), most, times))
}

/// An editor with the file open, and the server behind pipes.
struct Editor<'t> {
    input: io::PipeWriter,
    output: BufReader<io::PipeReader>,
    text: &'t str,
    version: usize,
}

impl<'t> Editor<'t> {
    fn open(text: &'t str) -> Result<Self, String> {
        let failed = |error: io::Error| error.to_string();
        let (from_editor, input) = io::pipe().map_err(failed)?;
        let (output, to_editor) = io::pipe().map_err(failed)?;
        thread::spawn(move || spark_lsp::serve(BufReader::new(from_editor), BufWriter::new(to_editor)));
        let mut editor = Self { input, output: BufReader::new(output), text, version: 1 };
        editor.send(r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"capabilities":{"general":{"positionEncodings":["utf-8"]}}}}"#)?;
        editor.read()?;
        let quoted = text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
        editor.send(&format!(
            r#"{{"jsonrpc":"2.0","method":"textDocument/didOpen","params":{{"textDocument":{{"uri":"untitled:a","languageId":"rules","version":1,"text":"{quoted}"}}}}}}"#
        ))?;
        editor.answered()?;
        Ok(editor)
    }

    /// Types a letter and takes it away, many times; gives how long each took to be answered.
    fn type_at(&mut self, byte: usize) -> Result<Vec<Duration>, String> {
        let before = self.text.get(..byte).unwrap_or("");
        let line = before.matches('\n').count();
        let column = before.len() - before.rfind('\n').map_or(0, |end| end + 1);
        let mut times = Vec::new();
        for stroke in 0..STROKES {
            if stroke % STROKES_PER_PAUSE == 0 {
                thread::sleep(PAUSE);
            }
            let typed = stroke % 2 == 0;
            let (end, text) = if typed { (column, "x") } else { (column + 1, "") };
            self.version += 1;
            let message = format!(
                r#"{{"jsonrpc":"2.0","method":"textDocument/didChange","params":{{"textDocument":{{"uri":"untitled:a","version":{}}},"contentChanges":[{{"range":{{"start":{{"line":{line},"character":{column}}},"end":{{"line":{line},"character":{end}}}}},"text":"{text}"}}]}}}}"#,
                self.version
            );
            let start = Instant::now();
            self.send(&message)?;
            self.answered()?;
            times.push(start.elapsed());
        }
        Ok(times)
    }

    /// Waits for what is told of the version.
    fn answered(&mut self) -> Result<(), String> {
        let wanted = format!("\"version\":{}", self.version);
        loop {
            let message = self.read()?;
            if message.contains("publishDiagnostics") && message.contains(&wanted) {
                return Ok(());
            }
        }
    }

    fn send(&mut self, text: &str) -> Result<(), String> {
        write!(self.input, "Content-Length: {}\r\n\r\n{text}", text.len()).map_err(|error| error.to_string())
    }

    fn read(&mut self) -> Result<String, String> {
        let failed = |error: io::Error| error.to_string();
        let mut length = 0usize;
        loop {
            let mut line = String::new();
            if self.output.read_line(&mut line).map_err(failed)? == 0 {
                return Err("the server is gone".to_owned());
            }
            match line.trim_end().split_once(": ") {
                Some((_, value)) => length = value.parse().map_err(|_| "no length".to_owned())?,
                None => break,
            }
        }
        let mut bytes = vec![0; length];
        self.output.read_exact(&mut bytes).map_err(failed)?;
        String::from_utf8(bytes).map_err(|error| error.to_string())
    }
}
