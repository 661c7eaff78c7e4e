//! `spark explain`: rules in sentences, or a diagnostic's page.

use std::path::PathBuf;

use clap::Args;

use crate::console::Console;
use crate::exit::{Exit, Failure};

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  spark explain release.rules
  spark explain E0203")]
pub(crate) struct ExplainArgs {
    /// Rules, or a diagnostic's code
    #[arg(value_name = "RULES|CODE")]
    what: PathBuf,
}

pub(crate) fn run(_console: &mut Console, _args: &ExplainArgs) -> Result<Exit, Failure> {
    Err(Failure::could_not_run("`spark explain` is being built"))
}
