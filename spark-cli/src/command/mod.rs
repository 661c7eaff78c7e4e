//! The commands: one small file each. No decision is made here.

pub(crate) mod check;
pub(crate) mod decide;
pub(crate) mod evidence;
pub(crate) mod init;
pub(crate) mod replay;
pub(crate) mod run;
