//! The commands: one small file each, and what several of them write. No decision is made here.

pub(crate) mod alone;
pub(crate) mod check;
mod closing;
pub(crate) mod config;
pub(crate) mod decide;
pub(crate) mod evidence;
pub(crate) mod explain;
pub(crate) mod export;
pub(crate) mod facts;
pub(crate) mod fmt;
mod format;
pub(crate) mod import;
pub(crate) mod init;
mod interrupt;
pub(crate) mod lsp;
pub(crate) mod markup;
pub(crate) mod phase;
pub(crate) mod replay;
pub(crate) mod run;
pub(crate) mod running;
pub(crate) mod shared;
pub(crate) mod status;
pub(crate) mod test;
pub(crate) mod words;
