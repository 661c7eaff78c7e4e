//! Which release a command speaks of: the one that is named, or the only one that runs.

use std::path::{Path, PathBuf};

use clap::Args;
use spark_core::rollout::{Ending, Fact};
use spark_runtime::config::Config;
use spark_runtime::control;
use spark_runtime::evidence::ReleaseId;
use spark_runtime::release::{self, JOURNAL_NAME, JournalPlace};

use crate::console::Console;
use crate::exit::Failure;

/// Folders of releases that are looked through for the one that runs; with more, say which.
const RELEASES_MAX: usize = 1000;

#[derive(Debug, Args)]
pub(crate) struct WhereArgs {
    /// The release [default: the only one that runs, else the only one that is not over]
    #[arg(long, value_name = "ID")]
    pub(crate) release: Option<String>,
    /// The folder below which its evidence is [default: the configuration's, else evidence]
    #[arg(long, value_name = "DIR")]
    pub(crate) evidence: Option<PathBuf>,
    /// The configuration that `spark run` was given
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}

/// A release that was found.
#[derive(Debug)]
pub(crate) struct Found {
    /// The folder below which its evidence is.
    pub(crate) root: PathBuf,
    /// Its name.
    pub(crate) id: ReleaseId,
    /// The configuration, where one was given.
    pub(crate) config: Option<Config>,
    /// Where its journal is, by the configuration; in its folder without one.
    pub(crate) place: JournalPlace,
}

impl Found {
    /// Its evidence folder.
    pub(crate) fn folder(&self) -> PathBuf {
        self.root.join(self.id.as_str())
    }
}

impl WhereArgs {
    /// The release that is meant.
    pub(crate) fn find(&self, console: &mut Console) -> Result<Found, Failure> {
        let named = self.release.as_deref().map(ReleaseId::new).transpose();
        let named = named.map_err(|error| Failure::bad_arguments(error.to_string()))?;
        let config = match &self.config {
            Some(file) => Some(super::config::load(console, file)?),
            None => None,
        };
        let configured = config.as_ref().and_then(|config| config.evidence.dir.clone());
        let root = self.evidence.clone().or(configured).unwrap_or_else(|| PathBuf::from("evidence"));
        let place = config.as_ref().map_or(Ok(JournalPlace::Folder), super::run::place)?;
        let id = match (named, &place) {
            (Some(id), _) => id,
            (None, JournalPlace::Folder) => only(&root)?,
            (None, JournalPlace::Postgres(database)) => super::shared::only(database)?,
        };
        Ok(Found { root, id, config, place })
    }
}

/// The only release that runs, else the only one that is not over, else the only one there is.
fn only(root: &Path) -> Result<ReleaseId, Failure> {
    let all = releases(root)?;
    let served: Vec<_> = all.iter().filter(|id| is_served(&root.join(id.as_str()))).collect();
    let unfinished = || all.iter().filter(|id| !is_over(&root.join(id.as_str()))).collect::<Vec<_>>();
    let open = if served.is_empty() { unfinished() } else { served };
    match (open.as_slice(), all.as_slice()) {
        ([id], _) => Ok((*id).clone()),
        ([], [id]) => Ok(id.clone()),
        ([], []) => Err(Failure::could_not_run(format!(
            "there is no release below `{}`: say with --evidence or --config where it is",
            root.display()
        ))),
        ([], _) => Err(Failure::could_not_run(format!(
            "every release below `{}` is over: say with --release which one is meant",
            root.display()
        ))),
        (several, _) => {
            let names: Vec<&str> = several.iter().map(|id| id.as_str()).collect();
            Err(Failure::bad_arguments(format!(
                "say with --release which one is meant: {}",
                names.join(", ")
            )))
        }
    }
}

fn releases(root: &Path) -> Result<Vec<ReleaseId>, Failure> {
    let read = |error| Failure::could_not_run(format!("cannot read `{}`: {error}", root.display()));
    let entries = match std::fs::read_dir(root) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(read)?,
    };
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry.map_err(read)?;
        let id = entry.file_name().to_str().and_then(|name| ReleaseId::new(name).ok());
        if let Some(id) = id
            && entry.path().join(JOURNAL_NAME).is_file()
        {
            found.push(id);
        }
        if found.len() > RELEASES_MAX {
            let root = root.display();
            let words = format!(
                "there are more than {RELEASES_MAX} releases below `{root}`: say which with --release"
            );
            return Err(Failure::bad_arguments(words));
        }
    }
    found.sort_by(|a, b| a.as_str().cmp(b.as_str()));
    Ok(found)
}

/// Whether a journal ends with its rollout's end; one that cannot be read is not over.
fn is_over(folder: &Path) -> bool {
    ending(folder).is_some()
}

/// How a rollout ended, where nothing is to be taken up again.
pub(crate) fn ending(folder: &Path) -> Option<Ending> {
    let last = release::read(folder).ok()?.into_iter().next_back()?;
    match serde_json::from_str::<Fact>(&last.json).ok()? {
        Fact::End { ending: Ending::Unverified { .. }, .. } => None,
        Fact::End { ending, .. } => Some(ending),
        _ => None,
    }
}

#[cfg(unix)]
fn is_served(folder: &Path) -> bool {
    control::is_served(folder)
}

#[cfg(not(unix))]
const fn is_served(_: &Path) -> bool {
    false
}

/// The name of who types, as the system knows it.
pub(crate) fn operator() -> Option<String> {
    let named = ["SUDO_USER", "LOGNAME", "USER", "USERNAME"].iter().find_map(|name| std::env::var(name).ok());
    named.filter(|name| !name.trim().is_empty()).or_else(account)
}

/// The name of the account that runs this process.
#[cfg(target_os = "linux")]
fn account() -> Option<String> {
    use std::os::unix::fs::MetadataExt as _;
    let uid = std::fs::metadata("/proc/self").ok()?.uid().to_string();
    let known = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let name = known.lines().find_map(|line| {
        let mut parts = line.split(':');
        let (name, _, id) = (parts.next()?, parts.next()?, parts.next()?);
        (id == uid).then(|| name.to_owned())
    });
    Some(name.unwrap_or_else(|| format!("uid {uid}")))
}

#[cfg(not(target_os = "linux"))]
fn account() -> Option<String> {
    None
}
