//! Reading a journal that somebody may be writing: no lock is taken, nothing is cut.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::Path;

use super::{JournalError, Scan};

/// Goes through a journal's file, line by line, in memory of one line. When it is through, [`Scan::cut`] tells a torn
/// end, which is none of damage's: a line may be on its way.
///
/// # Errors
/// [`JournalError::Missing`] where there is none, [`JournalError::Unreadable`] where it cannot be opened.
pub fn read_only(path: &Path) -> Result<Scan<File>, JournalError> {
    let mut options = OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        // a pipe in its place would keep a reader waiting for ever
        options.custom_flags(rustix::fs::OFlags::NONBLOCK.bits().cast_signed());
    }
    let file = options.open(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => JournalError::Missing(path.display().to_string()),
        _ => JournalError::unreadable("open", &error),
    })?;
    let regular = file.metadata().map_err(|error| JournalError::unreadable("read", &error))?.is_file();
    if !regular {
        let error = io::Error::new(io::ErrorKind::InvalidInput, "it is no regular file");
        return Err(JournalError::unreadable("open", &error));
    }
    Ok(Scan::new(file))
}
