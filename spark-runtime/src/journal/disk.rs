//! What a file journal asks of a disk, so that a simulation can bring one that fails as disks do.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};

use super::Holder;

/// Bytes that are kept back for the day when the disk is full: some thousand records, far more than a rollback has.
pub const RESERVE_BYTES: u64 = 1024 * 1024;

/// How long a process that is dead may hold a lock: a command that it was just starting has a copy of it until that is executed,
/// which takes microseconds, and on a machine with forty processes a core some tenths of a second.
const DEAD_HOLDS_MAX: Duration = Duration::from_secs(3);

/// The time between two looks at such a lock.
const DEAD_HOLDS_LOOK: Duration = Duration::from_millis(5);

/// Why a journal's file is not this process' alone.
#[derive(Debug)]
pub enum LockError {
    /// Somebody else has it.
    Held(Holder),
    /// It cannot be locked.
    Failed(io::Error),
}

/// One journal's file, its folder and its reserve. Each method is one thing that a disk does, and may fail as it does.
///
/// Bytes that were never synced may be lost in a crash, page by page; a lost page reads as zeros, or the file is shorter.
/// A file whose folder was never synced may be gone.
pub trait Disk: Send {
    /// Opens the file to read and append; makes it where there is none (and then no other may be making it). Whether
    /// it was made.
    ///
    /// # Errors
    /// As the system says.
    fn open(&mut self) -> io::Result<bool>;

    /// Takes the file for this process alone, until it ends or drops the disk.
    ///
    /// # Errors
    /// It is held, or cannot be.
    fn lock(&mut self) -> Result<(), LockError>;

    /// Reads some bytes from a place; 0 at the end.
    ///
    /// # Errors
    /// As the system says.
    fn read_at(&mut self, at: u64, into: &mut [u8]) -> io::Result<usize>;

    /// How long the file is.
    ///
    /// # Errors
    /// As the system says.
    fn length(&mut self) -> io::Result<u64>;

    /// Appends some of the bytes, and says how many.
    ///
    /// # Errors
    /// As the system says; nothing was appended then.
    fn append(&mut self, bytes: &[u8]) -> io::Result<usize>;

    /// Cuts the file to a length.
    ///
    /// # Errors
    /// As the system says.
    fn truncate(&mut self, length: u64) -> io::Result<()>;

    /// Makes all that was appended or cut durable.
    ///
    /// # Errors
    /// As the system says; what is durable is not known then, and asking again proves nothing.
    fn sync_data(&mut self) -> io::Result<()>;

    /// Makes durable that the file is there.
    ///
    /// # Errors
    /// As the system says.
    fn sync_folder(&mut self) -> io::Result<()>;

    /// Keeps [`RESERVE_BYTES`] back, where they are not yet.
    ///
    /// # Errors
    /// As the system says: the disk is full already.
    fn keep_reserve(&mut self) -> io::Result<()>;

    /// Gives the reserve free; whether there was one.
    ///
    /// # Errors
    /// As the system says.
    fn free_reserve(&mut self) -> io::Result<bool>;
}

/// The disk of this machine.
#[derive(Debug)]
pub struct RealDisk {
    path: PathBuf,
    reserve: PathBuf,
    file: Option<File>,
}

impl RealDisk {
    /// The journal at `path`, with its reserve at `reserve`; nothing is touched yet. The reserve must not lie in a
    /// folder that will be sealed, and must be on the same file system.
    pub fn new(path: impl Into<PathBuf>, reserve: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), reserve: reserve.into(), file: None }
    }

    /// The journal in an evidence folder, its reserve beside the folder as `FOLDER.reserve`.
    pub fn in_folder(folder: &Path, name: &str) -> Self {
        let mut reserve = folder.as_os_str().to_owned();
        reserve.push(".reserve");
        Self::new(folder.join(name), PathBuf::from(reserve))
    }

    fn file(&self) -> io::Result<&File> {
        self.file.as_ref().ok_or_else(|| io::Error::other("it is not open"))
    }
}

impl Disk for RealDisk {
    fn open(&mut self) -> io::Result<bool> {
        let mut options = OpenOptions::new();
        options.read(true).append(true);
        refuse_links(&mut options);
        let (file, made) = match options.open(&self.path) {
            Ok(file) => (file, false),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                match options.create_new(true).open(&self.path) {
                    Ok(file) => (file, true),
                    // another runner made it meanwhile: the lock tells which of the two has it
                    Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                        (options.create_new(false).open(&self.path)?, false)
                    }
                    Err(error) => return Err(error),
                }
            }
            Err(error) => return Err(error),
        };
        if !file.metadata()?.is_file() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no regular file"));
        }
        self.file = Some(file);
        Ok(made)
    }

    fn lock(&mut self) -> Result<(), LockError> {
        let file = self.file().map_err(LockError::Failed)?;
        let begun = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::Error(error)) => return Err(LockError::Failed(error)),
                Err(TryLockError::WouldBlock) => match holder(file) {
                    holder if lives(&holder) || begun.elapsed() >= DEAD_HOLDS_MAX => {
                        return Err(LockError::Held(holder));
                    }
                    _ => std::thread::sleep(DEAD_HOLDS_LOOK),
                },
            }
        }
        // whoever locks a file that is no longer at its path locks nothing
        if same_file(file, &self.path).map_err(LockError::Failed)? {
            Ok(())
        } else {
            Err(LockError::Failed(io::Error::other("another file was put in its place meanwhile")))
        }
    }

    #[cfg(unix)]
    fn read_at(&mut self, at: u64, into: &mut [u8]) -> io::Result<usize> {
        std::os::unix::fs::FileExt::read_at(self.file()?, into, at)
    }

    #[cfg(not(unix))]
    fn read_at(&mut self, at: u64, into: &mut [u8]) -> io::Result<usize> {
        use std::io::Seek as _;
        let mut file = self.file()?;
        file.seek(io::SeekFrom::Start(at))?;
        file.read(into)
    }

    fn length(&mut self) -> io::Result<u64> {
        Ok(self.file()?.metadata()?.len())
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file()?.write(bytes)
    }

    fn truncate(&mut self, length: u64) -> io::Result<()> {
        self.file()?.set_len(length)
    }

    fn sync_data(&mut self) -> io::Result<()> {
        self.file()?.sync_data()
    }

    fn sync_folder(&mut self) -> io::Result<()> {
        // the folder holds the file's name, and the folder above it its own, which may be as new
        for folder in self.path.ancestors().skip(1).take(2) {
            let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
            File::open(folder)?.sync_all()?;
        }
        Ok(())
    }

    fn keep_reserve(&mut self) -> io::Result<()> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        refuse_links(&mut options);
        let mut file = options.open(&self.reserve)?;
        if file.metadata()?.len() == RESERVE_BYTES {
            return Ok(());
        }
        let filled = file.set_len(0).and_then(|()| fill(&mut file)).and_then(|()| file.sync_data());
        if filled.is_err() {
            // a part of a reserve keeps others from their last bytes and helps nobody
            let _ = std::fs::remove_file(&self.reserve);
        }
        filled
    }

    fn free_reserve(&mut self) -> io::Result<bool> {
        match std::fs::remove_file(&self.reserve) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }
}

/// Fills the reserve with bytes that no file system can make smaller.
fn fill(file: &mut File) -> io::Result<()> {
    let blocks = RESERVE_BYTES / 32;
    let bytes: Vec<u8> = (0..blocks).flat_map(|block| Sha256::digest(block.to_be_bytes())).collect();
    file.write_all(&bytes)
}

#[cfg(unix)]
fn refuse_links(options: &mut OpenOptions) {
    use std::os::unix::fs::OpenOptionsExt as _;
    let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
    options.custom_flags(flags.bits().cast_signed()).mode(0o600);
}

#[cfg(not(unix))]
fn refuse_links(_: &mut OpenOptions) {}

#[cfg(unix)]
fn same_file(file: &File, path: &Path) -> io::Result<bool> {
    use std::os::unix::fs::MetadataExt as _;
    let (ours, theirs) = (file.metadata()?, std::fs::symlink_metadata(path)?);
    Ok((ours.dev(), ours.ino()) == (theirs.dev(), theirs.ino()))
}

#[cfg(not(unix))]
fn same_file(_: &File, _: &Path) -> io::Result<bool> {
    Ok(true)
}

/// Whether the holder is known to live. In a container the kernel does not name a dead one, nor one outside.
fn lives(holder: &Holder) -> bool {
    matches!(holder, Holder::Process(id) if !is_dead(*id))
}

/// Whether a process is gone, or is only waiting for its parent to look.
fn is_dead(id: u32) -> bool {
    match std::fs::read_to_string(format!("/proc/{id}/stat")) {
        Ok(stat) => stat.rsplit(')').next().is_some_and(|rest| rest.trim_start().starts_with('Z')),
        Err(error) => error.kind() == io::ErrorKind::NotFound,
    }
}

/// Which process has a file locked, as the kernel says: `1: FLOCK ADVISORY WRITE 4711 fe:00:123 0 EOF`.
#[cfg(target_os = "linux")]
fn holder(file: &File) -> Holder {
    use std::os::unix::fs::MetadataExt as _;
    let found = || {
        let inode = file.metadata().ok()?.ino().to_string();
        let mut locks = String::new();
        File::open("/proc/locks").ok()?.take(1024 * 1024).read_to_string(&mut locks).ok()?;
        locks.lines().find_map(|line| {
            let mut words = line.split_ascii_whitespace().skip(1);
            let kind = words.next()?;
            let process = words.nth(2)?.parse().ok()?;
            let place = words.next()?;
            (kind == "FLOCK" && place.rsplit(':').next()? == inode).then_some(process)
        })
    };
    found().map_or(Holder::Unknown, Holder::Process)
}

#[cfg(not(target_os = "linux"))]
fn holder(_: &File) -> Holder {
    Holder::Unknown
}
