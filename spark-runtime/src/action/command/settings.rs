//! How commands run: from where, with which environment, and what is taken out of their output.

use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Path, PathBuf};

use super::Containment;
use crate::action::{Order, Secret, hidden};
use crate::config::SecretSource;

/// Where programs are looked for when Spark itself has no `PATH`.
const PATH_DEFAULT: &str = "/usr/local/bin:/usr/bin:/bin";

/// How commands run.
#[derive(Debug, Clone)]
pub struct CommandSettings {
    /// The folder from which a relative program with a `/` in its name is taken: that of the configuration.
    pub dir: PathBuf,
    /// Names of environment variables that commands get from Spark's own environment, besides `PATH`. No other gets
    /// through: a token that Spark holds is not every command's.
    pub environment: Vec<String>,
    /// Secrets that are hidden in what is kept of the outputs.
    pub secrets: Vec<Secret>,
    /// Where more of them are; they are looked up at each command, as a token may be exchanged during a rollout.
    pub hidden: Vec<SecretSource>,
    /// How a command is kept together with what it starts.
    pub containment: Containment,
    /// For whom they run; none until a rollout is taken over.
    pub owner: Option<Owner>,
}

/// For which rollout, and for which of its runners, a command runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    /// The rollout's own name, which no other rollout has; without a `-`.
    pub rollout: String,
    /// The runner's fencing token.
    pub fence: u64,
}

impl Owner {
    /// The mark of one of its commands.
    pub(super) fn mark(&self, random: &str) -> String {
        format!("{}-{}-{random}", self.rollout, self.fence)
    }

    /// Whether a mark is of a command of this rollout that an earlier runner started.
    pub(super) fn is_before(&self, mark: &str) -> bool {
        let mut parts = mark.splitn(3, '-');
        let (rollout, fence) = (parts.next(), parts.next().and_then(|fence| fence.parse::<u64>().ok()));
        rollout == Some(self.rollout.as_str())
            && parts.next().is_some()
            && fence.is_some_and(|fence| fence < self.fence)
    }
}

impl Default for CommandSettings {
    fn default() -> Self {
        Self {
            dir: PathBuf::from("."),
            environment: Vec::new(),
            secrets: Vec::new(),
            hidden: Vec::new(),
            containment: Containment::default(),
            owner: None,
        }
    }
}

impl CommandSettings {
    /// The environment that a command gets: `PATH`, what is allowed, and `own`, which no other value overrides.
    pub(super) fn environment(&self, own: &[(&str, String)]) -> Vec<(OsString, OsString)> {
        let allowed = self.environment.iter().map(String::as_str).filter(|name| !name.starts_with("SPARK_"));
        let inherited = allowed.filter_map(|name| Some((name.into(), std::env::var_os(name)?)));
        let path = ("PATH".into(), search_path());
        let own = own.iter().map(|(name, value)| ((*name).into(), without_nul(value)));
        std::iter::once(path).chain(inherited).chain(own).collect()
    }

    /// What is to be hidden in an output now: the secrets, those in their places, and those that the command is given.
    pub(super) fn secrets_now(&self) -> Vec<Secret> {
        let mut secrets = self.secrets.clone();
        secrets.extend(hidden::held(&self.hidden));
        secrets.extend(hidden::given(&self.environment));
        secrets
    }

    /// The program that a word names.
    ///
    /// # Errors
    /// There is none, or it is no file that may be run.
    pub(super) fn program(&self, word: &str) -> io::Result<PathBuf> {
        if word.contains('/') {
            let path = self.dir.join(word);
            return runnable(&path).map(|()| path);
        }
        std::env::split_paths(&search_path())
            .map(|folder| folder.join(word))
            .find(|path| path.is_absolute() && runnable(path).is_ok())
            .ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "there is no such program in PATH"))
    }
}

/// The variables that tell a command its order.
pub(super) fn order_variables(order: &Order) -> [(&'static str, String); 6] {
    [
        ("SPARK_RELEASE", order.release.clone()),
        ("SPARK_STEP", order.key.clone()),
        ("SPARK_FENCE", order.fence.to_string()),
        ("SPARK_STAGE", order.stage_number()),
        ("SPARK_SHARE", order.percent()),
        ("SPARK_REASON", order.reason.clone()),
    ]
}

fn search_path() -> OsString {
    std::env::var_os("PATH").filter(|path| !path.is_empty()).unwrap_or_else(|| PATH_DEFAULT.into())
}

/// No environment can hold a NUL: a reason with one must not keep a rollback from running.
fn without_nul(value: &str) -> OsString {
    OsStr::new(&value.replace('\0', " ")).to_owned()
}

#[cfg(unix)]
fn runnable(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let found = std::fs::metadata(path)?;
    match found.is_file() && found.permissions().mode() & 0o111 != 0 {
        true => Ok(()),
        false => Err(io::Error::new(io::ErrorKind::PermissionDenied, "it is no file that may be run")),
    }
}

#[cfg(not(unix))]
fn runnable(path: &Path) -> io::Result<()> {
    std::fs::metadata(path).map(drop)
}
