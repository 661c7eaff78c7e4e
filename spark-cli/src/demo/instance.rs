//! The two versions of the service, as child processes.

use std::process::Stdio;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use spark_core::Track;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::{Child, ChildStdin, Command};
use tokio::time::timeout;

use super::Failure;

/// Longest wait for a child's first line: it needs milliseconds, a machine under load a second.
const START_WITHIN: Duration = Duration::from_secs(15);

/// Longest first line: a port and its end of line.
const PORT_BYTES_MAX: u64 = 16;

/// Longest wait for a child to end once its standard input is closed.
const STOP_WITHIN: Duration = Duration::from_secs(2);

/// One running version of the service.
#[derive(Debug)]
pub(crate) struct Instance {
    track: Track,
    port: u16,
    child: Mutex<Child>,
    /// The child ends when this closes, which the system does when this process dies.
    lifeline: ChildStdin,
}

impl Instance {
    /// Starts a version as a child process, and waits until it listens.
    ///
    /// # Errors
    /// It does not start, or does not say its port in time.
    pub(crate) async fn start(track: Track) -> Result<Self, Failure> {
        let failed =
            |what: String| Failure(format!("the {track} does not start: {what}", track = track.as_str()));
        let program = std::env::current_exe().map_err(|error| failed(error.to_string()))?;
        let mut child = Command::new(program)
            .args(["demo-service", "--name", track.as_str()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| failed(error.to_string()))?;
        let pipes = child.stdin.take().zip(child.stdout.take());
        let (lifeline, stdout) = pipes.ok_or_else(|| failed("no pipe to it".to_owned()))?;
        let mut line = String::new();
        let mut stdout = BufReader::new(stdout.take(PORT_BYTES_MAX));
        match timeout(START_WITHIN, stdout.read_line(&mut line)).await {
            Err(_) => return Err(failed(format!("nothing came from it for {START_WITHIN:?}"))),
            Ok(Err(error)) => return Err(failed(error.to_string())),
            Ok(Ok(_)) => {}
        }
        let port =
            line.trim_end().parse().map_err(|_| failed(format!("`{}` is no port", line.trim_end())))?;
        Ok(Self { track, port, child: Mutex::new(child), lifeline })
    }

    /// The address of one of its pages.
    pub(crate) fn url(&self, page: &str) -> String {
        format!("http://127.0.0.1:{}{page}", self.port)
    }

    /// Where it listens.
    pub(crate) const fn port(&self) -> u16 {
        self.port
    }

    /// Whether its process has ended by itself, with how.
    ///
    /// # Errors
    /// It has ended.
    pub(crate) fn check_alive(&self) -> Result<(), Failure> {
        match self.child.lock().unwrap_or_else(PoisonError::into_inner).try_wait() {
            Ok(Some(status)) => {
                Err(Failure(format!("the {} ended by itself: {status}", self.track.as_str())))
            }
            Ok(None) | Err(_) => Ok(()),
        }
    }

    /// Lets it end, and makes it where it does not.
    pub(crate) async fn stop(self) {
        drop(self.lifeline);
        let mut child = self.child.into_inner().unwrap_or_else(PoisonError::into_inner);
        if timeout(STOP_WITHIN, child.wait()).await.is_err() {
            // dropping kills it, too; where even that fails it is the system's
            let _ = child.kill().await;
        }
    }
}
