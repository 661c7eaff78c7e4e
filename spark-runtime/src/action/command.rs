//! Commands that move traffic, as argument vectors, with a deadline, without a shell.

use std::process::{ExitStatus, Stdio};

use spark_core::TimeSpan;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, Command};

use super::{ActionOutcome, Actions, Measured, Order};

/// Bytes that are kept of each of a command's outputs. Enough for the last words of any tool; what is beyond is
/// read and counted, so that the command never blocks on a full pipe.
pub const OUTPUT_BYTES_MAX: usize = 16 * 1024;

/// How long a killed command may take to go away, and its outputs to close.
const REAP: std::time::Duration = std::time::Duration::from_secs(2);

/// A command: a program and its arguments, in which `{share}`, `{stage}`, `{reason}` and `{release}` are replaced.
///
/// No shell reads it: what is replaced stays one argument, whatever stands in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandTemplate {
    // INVARIANT: the program first; every placeholder is known
    words: Vec<String>,
}

/// Why words are no command.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TemplateError {
    /// There is no program.
    #[error("a command needs at least the program's name")]
    Empty,
    /// The program's name is made from a placeholder.
    #[error("the program's name `{0}` has a placeholder; only arguments may")]
    ProgramPlaceholder(String),
    /// A placeholder is not known.
    #[error("`{{{0}}}` is no placeholder here; known are {1}")]
    UnknownPlaceholder(String, String),
}

impl CommandTemplate {
    /// A command from its words, with the placeholders that it may use.
    ///
    /// # Errors
    /// There is no program, or a placeholder is not among `known`.
    pub fn new(words: Vec<String>, known: &[&str]) -> Result<Self, TemplateError> {
        let program = words.first().filter(|word| !word.is_empty()).ok_or(TemplateError::Empty)?;
        if placeholders(program).next().is_some() {
            return Err(TemplateError::ProgramPlaceholder(program.clone()));
        }
        for word in &words {
            if let Some(name) = placeholders(word).find(|name| !known.contains(name)) {
                let list: Vec<String> = known.iter().map(|name| format!("`{{{name}}}`")).collect();
                return Err(TemplateError::UnknownPlaceholder(name.to_owned(), list.join(", ")));
            }
        }
        Ok(Self { words })
    }

    /// The words with the placeholders replaced, in one pass: a value's braces mean nothing.
    pub fn fill(&self, values: &[(&str, &str)]) -> Vec<String> {
        self.words.iter().map(|word| fill_word(word, values)).collect()
    }
}

/// The names between braces, where they look like names: JSON in an argument is left alone.
fn placeholders(word: &str) -> impl Iterator<Item = &str> {
    word.split('{').skip(1).filter_map(|rest| {
        let (name, _) = rest.split_once('}')?;
        (!name.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')).then_some(name)
    })
}

fn fill_word(word: &str, values: &[(&str, &str)]) -> String {
    let mut out = String::with_capacity(word.len());
    let mut rest = word;
    while let Some((before, after)) = rest.split_once('{') {
        out.push_str(before);
        let filled = after.split_once('}').and_then(|(name, tail)| {
            values.iter().find(|(known, _)| *known == name).map(|(_, v)| (*v, tail))
        });
        match filled {
            Some((value, tail)) => {
                out.push_str(value);
                rest = tail;
            }
            None => {
                out.push('{');
                rest = after;
            }
        }
    }
    out.push_str(rest);
    out
}

/// Runs a command once, with a deadline, and keeps the first part of its output.
///
/// Its standard input is empty. At the deadline it is killed with all the processes that it started.
pub async fn run_command(words: &[String], deadline: TimeSpan) -> ActionOutcome {
    let Some((program, arguments)) = words.split_first() else {
        return ActionOutcome::failed("there is no command");
    };
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.kill_on_drop(true);
    #[cfg(unix)]
    command.process_group(0);
    let outcome = match command.spawn() {
        Err(error) => ActionOutcome::failed(format!("`{program}` could not be started: {error}")),
        Ok(child) => attend(child, deadline).await,
    };
    ActionOutcome { command: words.to_vec(), ..outcome }
}

/// Waits for a command, and ends it at the deadline.
async fn attend(mut child: Child, deadline: TimeSpan) -> ActionOutcome {
    let stdout = tokio::spawn(keep_first(child.stdout.take()));
    let stderr = tokio::spawn(keep_first(child.stderr.take()));
    let ended = tokio::time::timeout(deadline.to_std(), child.wait()).await;
    let mut outcome = match ended {
        Ok(Ok(status)) => match status.success() {
            true => ActionOutcome::done(status_text(status)),
            false => ActionOutcome::failed(status_text(status)),
        },
        Ok(Err(error)) => ActionOutcome::failed(format!("it could not be waited for: {error}")),
        Err(_) => {
            kill_group(&mut child).await;
            ActionOutcome::unknown(format!("no end within {deadline}; it was killed"))
        }
    };
    // a grandchild may hold the pipes open beyond the command's own end: what came until then is enough
    for (task, into) in [(stdout, &mut outcome.stdout), (stderr, &mut outcome.stderr)] {
        let abort = task.abort_handle();
        match tokio::time::timeout(REAP, task).await {
            Ok(Ok((text, dropped))) => {
                *into = text;
                outcome.dropped_bytes = outcome.dropped_bytes.saturating_add(dropped);
            }
            _ => abort.abort(),
        }
    }
    outcome
}

async fn kill_group(child: &mut Child) {
    #[cfg(unix)]
    if let Some(pid) =
        child.id().and_then(|id| i32::try_from(id).ok()).and_then(rustix::process::Pid::from_raw)
    {
        // it may be gone already; then there is nothing to end
        let _ = rustix::process::kill_process_group(pid, rustix::process::Signal::KILL);
    }
    let _ = child.start_kill();
    let _ = tokio::time::timeout(REAP, child.wait()).await;
}

fn status_text(status: ExitStatus) -> String {
    match status.code() {
        Some(code) => format!("exit status {code}"),
        None => status.to_string(),
    }
}

/// Reads all of a pipe, and keeps its first part.
async fn keep_first(pipe: Option<impl AsyncRead + Unpin>) -> (String, u64) {
    let mut kept: Vec<u8> = Vec::new();
    let mut dropped: u64 = 0;
    let Some(mut pipe) = pipe else { return (String::new(), 0) };
    let mut buffer = vec![0u8; 8192];
    while let Ok(read) = pipe.read(&mut buffer).await {
        if read == 0 {
            break;
        }
        let room = OUTPUT_BYTES_MAX.saturating_sub(kept.len()).min(read);
        kept.extend_from_slice(buffer.get(..room).unwrap_or_default());
        dropped = dropped.saturating_add(u64::try_from(read.saturating_sub(room)).unwrap_or(u64::MAX));
    }
    (String::from_utf8_lossy(&kept).into_owned(), dropped)
}

/// Moves traffic with two commands, and measures it with a third.
#[derive(Debug, Clone)]
pub struct CommandActions {
    /// Gives a share.
    pub set: CommandTemplate,
    /// Takes all back.
    pub rollback: CommandTemplate,
    /// Prints the share that the canary has; without it the share is never known.
    pub probe: Option<CommandTemplate>,
    /// How long each may take, where the order leaves more.
    pub deadline: TimeSpan,
}

impl CommandActions {
    /// The placeholders of the command that gives a share.
    pub const SET_PLACEHOLDERS: [&'static str; 3] = ["share", "stage", "release"];
    /// The placeholders of the command that takes all back.
    pub const ROLLBACK_PLACEHOLDERS: [&'static str; 3] = ["reason", "stage", "release"];

    async fn run(&self, template: &CommandTemplate, order: &Order) -> ActionOutcome {
        let words = template.fill(&[
            ("share", &order.percent()),
            ("stage", &order.stage_number()),
            ("reason", &order.reason),
            ("release", &order.release),
        ]);
        run_command(&words, self.deadline.min(order.deadline)).await
    }
}

impl Actions for CommandActions {
    async fn set_share(&mut self, order: &Order) -> ActionOutcome {
        self.run(&self.set, order).await
    }

    async fn roll_back(&mut self, order: &Order) -> ActionOutcome {
        self.run(&self.rollback, order).await
    }

    async fn measure_share(&mut self, _order: &Order) -> Measured {
        Measured::unknown("no probe is configured")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::action::ActionEnd;

    fn template(words: &[&str]) -> Result<CommandTemplate, TemplateError> {
        CommandTemplate::new(words.iter().map(|w| (*w).to_owned()).collect(), &["share", "stage"])
    }

    fn sh(script: &str) -> Vec<String> {
        ["sh", "-c", script].map(str::to_owned).to_vec()
    }

    /// A placeholder's value stays inside its argument, and is not read for placeholders again.
    #[test]
    fn placeholders_fill_once() {
        let filled = template(&["set", "{share}%", "a{stage}b", "{\"k\":1}", "{}"]).unwrap();
        assert_eq!(
            filled.fill(&[("share", "{stage}; rm -rf /"), ("stage", "2")]),
            ["set", "{stage}; rm -rf /%", "a2b", "{\"k\":1}", "{}"]
        );
    }

    /// A command without a program, or with a placeholder that nothing fills, is refused before it runs.
    #[test]
    fn bad_templates() {
        assert_eq!(template(&[]), Err(TemplateError::Empty));
        assert_eq!(template(&[""]), Err(TemplateError::Empty));
        assert!(matches!(template(&["{share}"]), Err(TemplateError::ProgramPlaceholder(_))));
        let error = template(&["set", "{weight}"]).unwrap_err().to_string();
        assert_eq!(error, "`{weight}` is no placeholder here; known are `{share}`, `{stage}`");
    }

    /// The exit status decides, and the output is kept.
    #[tokio::test]
    async fn statuses() {
        let second = TimeSpan::from_seconds(20);
        let good = run_command(&sh("echo out; echo err >&2"), second).await;
        assert!(good.succeeded(), "{good:?}");
        assert_eq!((good.stdout.as_str(), good.stderr.as_str()), ("out\n", "err\n"));
        let bad = run_command(&sh("exit 3"), second).await;
        assert_eq!((bad.succeeded(), bad.status.as_str()), (false, "exit status 3"));
        let none = run_command(&["/no/such/program".to_owned()], second).await;
        assert!(
            !none.succeeded() && none.status.starts_with("`/no/such/program` could not be started"),
            "{none:?}"
        );
    }

    /// Output beyond the limit is counted, not kept, and never blocks the command.
    #[tokio::test]
    async fn long_output() {
        let outcome = run_command(&sh("head -c 1000000 /dev/zero"), TimeSpan::from_seconds(20)).await;
        assert!(outcome.succeeded());
        assert_eq!(outcome.stdout.len(), OUTPUT_BYTES_MAX);
        assert_eq!(outcome.dropped_bytes, 1_000_000 - 16_384);
    }

    /// At the deadline a command ends with its children, though they hold its pipes.
    #[tokio::test]
    async fn deadline_reaches_children() {
        let dir = tempfile::tempdir().unwrap();
        let mark = dir.path().join("mark");
        let script = format!("(sleep 1; touch '{}') & sleep 60", mark.display());
        let begun = std::time::Instant::now();
        let outcome = run_command(&sh(&script), TimeSpan::from_nanos(200_000_000)).await;
        assert_eq!(
            (outcome.end, outcome.status.as_str()),
            (ActionEnd::Unknown, "no end within 200ms; it was killed")
        );
        assert!(begun.elapsed() < std::time::Duration::from_secs(10));
        tokio::time::sleep(std::time::Duration::from_millis(1300)).await;
        assert!(!mark.exists(), "the child of the command went on");
    }
}
