//! Programs of Debian's packages: as installed, or unpacked into the run's folder and gone with it.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::process::Scratch;

/// Where a program is, or why not.
pub(super) fn program(folder: &Scratch, package: &str, name: &str) -> Result<PathBuf, String> {
    let installed = std::env::var_os("PATH")
        .and_then(|path| std::env::split_paths(&path).map(|part| part.join(name)).find(|file| file.exists()));
    if let Some(installed) = installed {
        return Ok(installed);
    }
    let unpacked = folder.path("parts").join("usr/bin").join(name);
    if !unpacked.exists() {
        unpack(folder, package)?;
    }
    match unpacked.exists() {
        true => Ok(unpacked),
        false => Err(format!("no `{name}` in Debian's `{package}`")),
    }
}

fn unpack(folder: &Scratch, package: &str) -> Result<(), String> {
    let run = |command: &mut Command| {
        let done = command.stdout(Stdio::null()).stderr(Stdio::null()).status();
        match done {
            Ok(status) if status.success() => Ok(()),
            _ => Err(format!("no `{package}`: {command:?} failed")),
        }
    };
    let at = folder.path("");
    run(Command::new("apt-get").args(["download", "-q", package]).current_dir(&at))?;
    let files = std::fs::read_dir(&at).map_err(|error| error.to_string())?;
    let archive = files
        .filter_map(|file| Some(file.ok()?.path()))
        .find(|path| path.extension().is_some_and(|end| end == "deb"))
        .ok_or_else(|| format!("no `{package}`: nothing was downloaded"))?;
    run(Command::new("dpkg").arg("-x").arg(archive).arg(folder.path("parts")))
}
