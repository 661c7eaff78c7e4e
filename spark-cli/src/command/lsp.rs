//! `spark lsp`: the language server on standard input and output.

use crate::console::Console;
use crate::exit::{Exit, Failure};

pub(crate) fn run(_console: &mut Console) -> Result<Exit, Failure> {
    Err(Failure::could_not_run("`spark lsp` is being built"))
}
