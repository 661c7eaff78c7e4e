//! Programs: those that a probe needs, and one that measures by itself.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Stdio;

use serde_json::Value as Json;
use spark_core::quantity::Quantity;
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::Command;

use super::{Measured, Probe, ProbeError, Value};

/// Most bytes that a program's output may have.
const OUTPUT_BYTES_MAX: u64 = 4 << 20;

/// A program that measures: it prints `{"values":{"NAME":"450ms",…},"details":…}`, values as rules write them,
/// whole numbers for counts, and `true` or `false`.
///
/// A value `{"unknown":"why"}` is unknown; a program that fails, or prints anything else, measured nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    /// Its words.
    pub words: Vec<String>,
    /// What of the environment it gets besides `PATH`.
    pub env: Vec<String>,
    /// The folder that it runs in.
    pub folder: PathBuf,
}

/// How a program ended.
pub(super) struct Ran {
    pub(super) good: bool,
    pub(super) out: String,
    pub(super) err: String,
}

impl Program {
    /// A program with nothing of the environment.
    pub(super) fn plain(words: Vec<String>) -> Self {
        Self { words, env: Vec::new(), folder: PathBuf::from(".") }
    }

    /// Runs it to its end. It is killed where nobody waits for it any more.
    pub(super) async fn run(&self) -> Result<Ran, ProbeError> {
        let (program, rest) =
            self.words.split_first().ok_or_else(|| ProbeError::Setting("no program is named".to_owned()))?;
        let kept = self.env.iter().map(String::as_str).chain(["PATH"]);
        let kept = kept.filter_map(|name| Some((name, std::env::var_os(name)?)));
        let mut command = Command::new(program);
        #[cfg(unix)]
        command.process_group(0);
        let mut child = command
            .args(rest)
            .env_clear()
            .envs(kept)
            .current_dir(&self.folder)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| ProbeError::Unanswered(format!("`{program}` does not start: {error}")))?;
        let mut group = Group::of(&child);
        let (out, err) = (child.stdout.take(), child.stderr.take());
        let (status, out, err) = tokio::join!(child.wait(), text(out), text(err));
        group.ended();
        let status = status.map_err(|error| ProbeError::Unanswered(format!("`{program}`: {error}")))?;
        Ok(Ran { good: status.success(), out: out?, err: err? })
    }

    /// Runs it, and fails where it does.
    pub(super) async fn good(&self) -> Result<String, ProbeError> {
        let ran = self.run().await?;
        match ran.good {
            true => Ok(ran.out),
            false => Err(ProbeError::Unanswered(format!(
                "`{}` failed: {}",
                self.words.first().map(String::as_str).unwrap_or_default(),
                crate::http::excerpt(ran.err.trim().as_bytes())
            ))),
        }
    }
}

/// A program and what it started: all of it ends where nobody waits for it any more, but for what left its process group.
struct Group {
    #[cfg(unix)]
    leader: Option<rustix::process::Pid>,
}

impl Group {
    #[cfg_attr(not(unix), expect(unused_variables, reason = "there are no process groups"))]
    fn of(child: &tokio::process::Child) -> Self {
        Self {
            #[cfg(unix)]
            leader: child.id().and_then(|id| i32::try_from(id).ok()).and_then(rustix::process::Pid::from_raw),
        }
    }

    /// It ended by itself, and its number may be another's from now on.
    fn ended(&mut self) {
        #[cfg(unix)]
        {
            self.leader = None;
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        #[cfg(unix)]
        if let Some(leader) = self.leader.take() {
            // one that has just ended is no failure
            let _ = rustix::process::kill_process_group(leader, rustix::process::Signal::KILL);
        }
    }
}

/// What comes of an output, up to the limit; what comes behind it is an error, since half an answer is none.
async fn text(output: Option<impl AsyncRead + Unpin>) -> Result<String, ProbeError> {
    let Some(output) = output else { return Ok(String::new()) };
    let mut bytes = Vec::new();
    let read = output.take(OUTPUT_BYTES_MAX.saturating_add(1)).read_to_end(&mut bytes).await;
    read.map_err(|error| ProbeError::Unanswered(error.to_string()))?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > OUTPUT_BYTES_MAX {
        return Err(ProbeError::Answer(format!(
            "a program's output is longer than {OUTPUT_BYTES_MAX} bytes"
        )));
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

impl Probe for Program {
    async fn measure(&self) -> Result<Measured, ProbeError> {
        let out = self.good().await?;
        let wrong =
            |why: String| ProbeError::Answer(format!("{why}: `{}`", crate::http::excerpt(out.as_bytes())));
        let json: Json =
            serde_json::from_str(&out).map_err(|_| wrong("the program printed no JSON".to_owned()))?;
        let values = json.get("values").and_then(Json::as_object);
        let values = values.ok_or_else(|| wrong("the program's answer has no `values`".to_owned()))?;
        let mut found = BTreeMap::new();
        for (name, value) in values {
            let why = value.get("unknown").and_then(Json::as_str);
            let value = match (value.as_str(), why, value.as_u64(), value.as_bool()) {
                (Some(text), ..) => match Quantity::parse(text) {
                    Ok(quantity) => Value::Known(quantity),
                    Err(error) => Value::unknown(error.to_string()),
                },
                (_, Some(why), ..) => Value::unknown(why),
                (_, _, Some(count), _) => Value::count(count),
                (.., Some(so)) => Value::whether(so),
                _ => Value::unknown(
                    "the program gave no value: expected a text such as \"450ms\", a whole number, true or false",
                ),
            };
            found.insert(name.clone(), value);
        }
        Ok(Measured { values: found, details: json.get("details").cloned().unwrap_or_default() })
    }
}
