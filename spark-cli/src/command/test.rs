//! `spark test`: runs the `test` blocks.

use std::path::PathBuf;

use clap::Args;

use crate::console::Console;
use crate::exit::{Exit, Failure};

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  spark test rules/")]
pub(crate) struct TestArgs {
    /// Rule files; a directory means every .rules below it
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
}

pub(crate) fn run(_console: &mut Console, _args: &TestArgs) -> Result<Exit, Failure> {
    Err(Failure::could_not_run("`spark test` is being built"))
}
