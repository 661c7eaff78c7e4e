//! `spark export`: rules for other systems.

use std::path::PathBuf;

use clap::Args;

use crate::console::Console;
use crate::exit::{Exit, Failure};

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  spark export prometheus release.rules")]
pub(crate) struct ExportArgs {
    /// Which system
    system: String,
    /// The rules
    rules: PathBuf,
}

pub(crate) fn run(_console: &mut Console, _args: &ExportArgs) -> Result<Exit, Failure> {
    Err(Failure::could_not_run("`spark export` is being built"))
}
