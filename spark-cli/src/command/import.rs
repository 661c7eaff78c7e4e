//! `spark import`: rules of other systems.

use std::path::PathBuf;

use clap::Args;

use crate::console::Console;
use crate::exit::{Exit, Failure};

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  spark import prometheus alerts.yml")]
pub(crate) struct ImportArgs {
    /// Which system
    system: String,
    /// Its rules
    file: PathBuf,
}

pub(crate) fn run(_console: &mut Console, _args: &ImportArgs) -> Result<Exit, Failure> {
    Err(Failure::could_not_run("`spark import` is being built"))
}
