//! `spark lsp`: the language server on standard input and output.

use std::io::{BufReader, BufWriter, stdin, stdout};

use spark_lsp::Ending;

use crate::console::Console;
use crate::exit::{Exit, Failure};

pub(crate) fn run(_console: &mut Console) -> Result<Exit, Failure> {
    match spark_lsp::serve(BufReader::new(stdin()), BufWriter::new(stdout().lock())) {
        Ending::Orderly => Ok(Exit::Done),
        Ending::Abrupt => Err(Failure::could_not_run("the editor left without `shutdown`")),
    }
}
