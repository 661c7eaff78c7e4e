//! Running one command.

use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use spark_core::TimeSpan;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::Child;
use tokio::task::JoinHandle;

use super::CommandSettings;
#[cfg(target_os = "linux")]
use super::processes::MARK;
#[cfg(unix)]
use super::tree::{Ended, REAP, Tree};
use crate::action::secret::SECRET_BYTES_MAX;
use crate::action::text::{kept, without};
use crate::action::{ActionOutcome, Secret};

/// Bytes that are kept of each of a command's outputs: enough for the last words of any tool, and little enough for the
/// journal, in which they stand. What is beyond is read and counted, so that the command never blocks on a full pipe.
pub const OUTPUT_BYTES_MAX: usize = 16 * 1024;

/// How long a command may take to end once it was asked to by SIGTERM, before it is ended by force: time to put a lock
/// or a half-written file away, and short beside the five minutes of a rollback.
pub const GRACE: Duration = Duration::from_secs(2);

/// A command that is to be run once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// The program and its arguments. A program with a `/` is a path, relative to the configuration's folder; one
    /// without is looked for in `PATH`.
    pub words: Vec<String>,
    /// Variables that it gets besides those that are allowed.
    pub variables: Vec<(&'static str, String)>,
    /// Its standard input; nothing of it is waited for.
    pub input: Vec<u8>,
}

impl Command {
    /// Runs it, and ends everything that it started: at its own end, or at the deadline (then after SIGTERM and at
    /// most [`GRACE`]).
    ///
    /// Exit status 0 is success, another one failure. Past the deadline, or killed by somebody, nobody knows.
    pub async fn run(&self, settings: &CommandSettings, deadline: TimeSpan) -> ActionOutcome {
        let secrets = settings.secrets_now();
        let outcome = self.outcome(settings, &secrets, deadline).await;
        let command = self.words.iter().map(|word| without(word, &secrets)).collect();
        ActionOutcome { command, ..outcome }
    }

    async fn outcome(
        &self,
        settings: &CommandSettings,
        secrets: &[Secret],
        deadline: TimeSpan,
    ) -> ActionOutcome {
        let Some((word, arguments)) = self.words.split_first() else {
            return ActionOutcome::failed("there is no command");
        };
        let not_started =
            |error: std::io::Error| ActionOutcome::failed(format!("`{word}` could not be started: {error}"));
        let program = match settings.program(word) {
            Ok(program) => program,
            Err(error) => return not_started(error),
        };
        let mark = settings.owner.as_ref().map_or_else(new_mark, |owner| owner.mark(&new_mark()));
        let mut variables = self.variables.clone();
        #[cfg(target_os = "linux")]
        variables.push((MARK, mark.clone()));
        #[cfg(unix)]
        let mut tree = Tree::new(settings.containment, &mark);
        #[cfg(unix)]
        let (program, arguments) = tree.enter(&program, arguments);
        let mut command = tokio::process::Command::new(program);
        command.args(arguments).env_clear().envs(settings.environment(&variables));
        command.stdin(if self.input.is_empty() { Stdio::null() } else { Stdio::piped() });
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        #[cfg(unix)]
        command.process_group(0);
        match command.spawn() {
            Err(error) => not_started(error),
            Ok(mut child) => {
                #[cfg(unix)]
                tree.started(child.id().unwrap_or(0), &mark);
                let feeding = feed(&mut child, self.input.clone());
                let outputs = Outputs::of(&mut child, secrets);
                #[cfg(unix)]
                let outcome = attend(&mut child, &mut tree, deadline).await;
                #[cfg(not(unix))]
                let outcome = attend(&mut child, deadline).await;
                let outcome = outputs.into(outcome, secrets).await;
                feeding.abort();
                outcome
            }
        }
    }
}

/// What no other command's processes carry.
fn new_mark() -> String {
    let mut bytes = [0u8; 8];
    match getrandom::fill(&mut bytes) {
        Ok(()) => format!("{:016x}", u64::from_le_bytes(bytes)),
        // no randomness: the count of commands tells them apart in this process, and its number from others
        Err(_) => {
            static COUNT: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
            let count = COUNT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            format!("{}-{count}", std::process::id())
        }
    }
}

/// Waits for a command, ends it at the deadline, and ends what it left.
#[cfg(unix)]
async fn attend(child: &mut Child, tree: &mut Tree, deadline: TimeSpan) -> ActionOutcome {
    match tokio::time::timeout(deadline.to_std(), child.wait()).await {
        Ok(waited) => {
            let outcome = ended_by_itself(waited);
            let ended = tree.end(false).await;
            ActionOutcome { status: format!("{}{}", outcome.status, left_behind(&ended)), ..outcome }
        }
        Err(_) => {
            tree.ask_to_end();
            let obeyed = tokio::time::timeout(GRACE, child.wait()).await.is_ok();
            let ended = tree.end(!obeyed).await;
            // what was killed has to be waited for, or it stays as a zombie
            let _ = child.start_kill();
            let _ = tokio::time::timeout(REAP, child.wait()).await;
            let how = match obeyed {
                true => format!("it ended when asked to (SIGTERM){}", left_behind(&ended)),
                false => format!(
                    "it did not end when asked to (SIGTERM), and was killed with {} by {}{}",
                    processes(ended.others, "other process", "other processes"),
                    ended.way,
                    not_ended(&ended)
                ),
            };
            ActionOutcome::unknown(format!("no end within {deadline}; {how}"))
        }
    }
}

#[cfg(not(unix))]
async fn attend(child: &mut Child, deadline: TimeSpan) -> ActionOutcome {
    match tokio::time::timeout(deadline.to_std(), child.wait()).await {
        Ok(waited) => ended_by_itself(waited),
        Err(_) => {
            let _ = child.kill().await;
            ActionOutcome::unknown(format!("no end within {deadline}; it was killed"))
        }
    }
}

#[cfg(unix)]
fn left_behind(ended: &Ended) -> String {
    match ended.others {
        0 => not_ended(ended),
        others => format!(
            "; {} that it left {} ended by {}{}",
            processes(others, "process", "processes"),
            if others == 1 { "was" } else { "were" },
            ended.way,
            not_ended(ended)
        ),
    }
}

#[cfg(unix)]
fn not_ended(ended: &Ended) -> String {
    match ended.left {
        0 => String::new(),
        left => format!("; {} could not be ended", processes(left, "process", "processes")),
    }
}

#[cfg(unix)]
fn processes(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

fn ended_by_itself(waited: std::io::Result<ExitStatus>) -> ActionOutcome {
    match waited {
        Ok(status) => match status.code() {
            Some(0) => ActionOutcome::done("exit status 0"),
            Some(code) => ActionOutcome::failed(format!("exit status {code}")),
            // somebody killed it in the middle of what it did
            None => ActionOutcome::unknown(status.to_string()),
        },
        Err(error) => ActionOutcome::unknown(format!("it could not be waited for: {error}")),
    }
}

/// Writes a command's standard input, as far as it reads it.
fn feed(child: &mut Child, input: Vec<u8>) -> JoinHandle<()> {
    let pipe = child.stdin.take();
    tokio::spawn(async move {
        if let Some(mut pipe) = pipe {
            // a command that does not read all of it is free to
            let _ = pipe.write_all(&input).await;
            let _ = pipe.shutdown().await;
        }
    })
}

/// Both outputs of a command, being read.
struct Outputs {
    stdout: JoinHandle<(Vec<u8>, u64)>,
    stderr: JoinHandle<(Vec<u8>, u64)>,
}

impl Outputs {
    fn of(child: &mut Child, secrets: &[Secret]) -> Self {
        // a secret that lies across the end of what is kept has to be seen whole to be hidden
        let longest = secrets.iter().map(|secret| secret.expose().len()).max().unwrap_or(0);
        let most = OUTPUT_BYTES_MAX.saturating_add(longest.min(SECRET_BYTES_MAX));
        Self {
            stdout: tokio::spawn(read_first(child.stdout.take(), most)),
            stderr: tokio::spawn(read_first(child.stderr.take(), most)),
        }
    }

    /// What came until all writers were gone.
    async fn into(self, mut outcome: ActionOutcome, secrets: &[Secret]) -> ActionOutcome {
        for (task, into) in [(self.stdout, &mut outcome.stdout), (self.stderr, &mut outcome.stderr)] {
            let abort = task.abort_handle();
            // a process that could not be ended may hold them open
            if let Ok(Ok((bytes, total))) = tokio::time::timeout(CLOSING, task).await {
                let (text, dropped) = kept(&bytes, total, OUTPUT_BYTES_MAX, secrets);
                *into = text;
                outcome.dropped_bytes = outcome.dropped_bytes.saturating_add(dropped);
            }
            abort.abort();
        }
        outcome
    }
}

/// How long the outputs may take to close once their writers are gone.
const CLOSING: Duration = Duration::from_secs(1);

/// Reads all of a pipe, and keeps its first part.
async fn read_first(pipe: Option<impl AsyncRead + Unpin>, most: usize) -> (Vec<u8>, u64) {
    let mut kept: Vec<u8> = Vec::new();
    let mut total: u64 = 0;
    let Some(mut pipe) = pipe else { return (kept, total) };
    let mut buffer = vec![0u8; 8192];
    while let Ok(read) = pipe.read(&mut buffer).await {
        if read == 0 {
            break;
        }
        let room = most.saturating_sub(kept.len()).min(read);
        kept.extend_from_slice(buffer.get(..room).unwrap_or_default());
        total = total.saturating_add(u64::try_from(read).unwrap_or(u64::MAX));
    }
    (kept, total)
}
