//! A journal in a file: appended to, synced, locked.

use std::io;
use std::path::Path;

use spark_core::planted::{self, Bug};

use super::disk::{Disk, LockError, RealDisk};
use super::line::{self, Place, RECORDS_MAX};
use super::scan::{FromStart, Scan};
use super::{Head, Journal, JournalError, Leave, Opened, Record};

/// A journal in a file, open for writing by this process alone.
///
/// A commit writes and syncs before it answers, on the thread that polls it.
#[derive(Debug)]
pub struct FileJournal<D = RealDisk> {
    disk: D,
    fence: u64,
    head: Head,
    /// How long the file is when all is well.
    bytes: u64,
    /// Why it takes no more.
    broken: Option<JournalError>,
    warning: Option<String>,
    buffer: String,
}

impl<D: Disk> FileJournal<D> {
    /// Opens a journal, made where there is none; cuts a torn end, and makes all that stays durable.
    ///
    /// # Errors
    /// [`JournalError::Held`] while another process has it, [`JournalError::Damaged`] and [`JournalError::Version`] for
    /// what may not be gone on with, [`JournalError::Unreadable`] and [`JournalError::Broken`] for what the disk says.
    pub fn open(mut disk: D) -> Result<Opened<Self>, JournalError> {
        disk.open().map_err(|error| JournalError::unreadable("open", &error))?;
        hold_alone(&mut disk)?;
        let mut scan = Scan::new(FromStart::new(|at, into: &mut [u8]| disk.read_at(at, into)));
        let records = scan.by_ref().collect::<Result<Vec<Record>, _>>()?;
        let (head, last, bytes, cut) = (scan.head(), scan.fence(), scan.good_bytes(), scan.cut().cloned());
        drop(scan);
        if cut.is_some() {
            disk.truncate(bytes).map_err(|error| JournalError::broken("cut its torn end", &error))?;
        }
        // what was read may never have reached the disk: a process that is killed leaves it to the system
        sync(&mut disk)?;
        sync_folder(&mut disk)?;
        let warning = disk.keep_reserve().err().map(|error| {
            format!("no room is kept back for the journal ({error}): a full disk will stop it at once")
        });
        let fence = next_fence(last);
        let buffer = String::new();
        let journal = Self { disk, fence, head, bytes, broken: None, warning, buffer };
        Ok(Opened { journal, records, cut })
    }

    /// Ends the writing as [`Journal::close`] does, and gives the file back, which stays this process' for as long as that
    /// is kept: what follows from the journal is written and sealed before another runner goes on with it.
    pub fn into_disk(mut self, leave: Leave) -> D {
        // a reserve that stays takes room and does no harm
        let _ = self.give_back(leave);
        self.disk
    }

    /// Gives the reserve back where nobody goes on: what an unfinished rollout goes on with will want the room again.
    fn give_back(&mut self, leave: Leave) -> Result<(), JournalError> {
        match leave {
            Leave::Unfinished => Ok(()),
            Leave::Finished => self
                .disk
                .free_reserve()
                .map(drop)
                .map_err(|error| JournalError::broken("give its reserve free", &error)),
        }
    }

    /// The commit itself; `Ok` when every line is durable.
    fn write(&mut self, records: &[String]) -> Result<Head, JournalError> {
        let mut text = std::mem::take(&mut self.buffer);
        text.clear();
        let mut head = self.head;
        for json in records {
            head = line::write(&mut text, Place { head, fence: self.fence, ack: self.head.seq }, json);
        }
        let bytes = u64::try_from(text.len()).unwrap_or(u64::MAX);
        let written = self.append_or_make_room(text.as_bytes());
        self.buffer = text;
        written?;
        sync(&mut self.disk)?;
        self.head = head;
        self.bytes = self.bytes.saturating_add(bytes);
        Ok(head)
    }

    /// Appends; where the disk is full, once more with the reserve given free.
    fn append_or_make_room(&mut self, bytes: &[u8]) -> Result<(), JournalError> {
        let Err(error) = self.append(bytes) else { return Ok(()) };
        self.take_back()?;
        let full = matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded);
        if !full || !self.disk.free_reserve().unwrap_or(false) {
            return Err(JournalError::broken("append to it", &error));
        }
        self.warning = Some(format!(
            "the disk is full ({error}): the journal goes on in the room that was kept back for it, some thousand records"
        ));
        let Err(error) = self.append(bytes) else { return Ok(()) };
        self.take_back()?;
        Err(JournalError::broken("append to it", &error))
    }

    /// Appends all bytes, and looks whether the file has as many as it should.
    fn append(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        let expected = self.bytes.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        while !bytes.is_empty() {
            match self.disk.append(bytes) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => bytes = bytes.get(count..).unwrap_or_default(),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        length_is(&mut self.disk, expected)
    }

    /// Takes back a part of a commit that failed, so that no half line is ever in the middle.
    fn take_back(&mut self) -> Result<(), JournalError> {
        if planted::is(Bug::HalfLineStays) {
            return Ok(());
        }
        self.disk
            .truncate(self.bytes)
            .and_then(|()| length_is(&mut self.disk, self.bytes))
            .map_err(|error| JournalError::broken("take a half-written line back", &error))
    }
}

impl FileJournal<RealDisk> {
    /// Opens `name` in an evidence folder that is there, with its reserve beside the folder.
    ///
    /// # Errors
    /// As [`FileJournal::open`].
    pub fn in_folder(folder: &Path, name: &str) -> Result<Opened<Self>, JournalError> {
        Self::open(RealDisk::in_folder(folder, name))
    }
}

impl<D: Disk> Journal for FileJournal<D> {
    fn fence(&self) -> u64 {
        self.fence
    }

    fn head(&self) -> &Head {
        &self.head
    }

    async fn commit(&mut self, records: &[String]) -> Result<Head, JournalError> {
        if let Some(error) = &self.broken {
            return Err(error.clone());
        }
        if records.is_empty() {
            return Ok(self.head);
        }
        for (place, json) in (1..).zip(records) {
            line::admit(place, json)?;
        }
        let found = self.head.seq.saturating_add(u64::try_from(records.len()).unwrap_or(u64::MAX));
        if found > RECORDS_MAX {
            return Err(JournalError::TooMuch { what: "lines", found, most: RECORDS_MAX });
        }
        self.write(records).inspect_err(|error| self.broken = Some(error.clone()))
    }

    fn warning(&self) -> Option<&str> {
        self.warning.as_deref()
    }

    async fn close(mut self, leave: Leave) -> Result<(), JournalError> {
        self.give_back(leave)?;
        self.broken.map_or(Ok(()), Err)
    }
}

/// One writer at a time.
fn hold_alone(disk: &mut impl Disk) -> Result<(), JournalError> {
    if planted::is(Bug::LockIgnored) {
        return Ok(());
    }
    disk.lock().map_err(|error| match error {
        LockError::Held(holder) => JournalError::Held { holder, until: None },
        LockError::Failed(error) => JournalError::unreadable("lock", &error),
    })
}

/// Every opening is told from those before it.
fn next_fence(last: u64) -> u64 {
    if planted::is(Bug::FenceReused) {
        return last.max(1);
    }
    last.saturating_add(1)
}

/// A commit counts from here on.
fn sync(disk: &mut impl Disk) -> Result<(), JournalError> {
    if planted::is(Bug::NoSync) {
        return Ok(());
    }
    if planted::is(Bug::SyncErrorIgnored) {
        let _ = disk.sync_data();
        return Ok(());
    }
    disk.sync_data().map_err(|error| JournalError::broken("sync it to the disk", &error))
}

/// The file is found again after a crash.
fn sync_folder(disk: &mut impl Disk) -> Result<(), JournalError> {
    if planted::is(Bug::NoFolderSync) {
        return Ok(());
    }
    disk.sync_folder().map_err(|error| JournalError::broken("sync its folder to the disk", &error))
}

/// A disk may say that it wrote what it did not, and another process may write what it must not.
fn length_is(disk: &mut impl Disk, expected: u64) -> io::Result<()> {
    let found = disk.length()?;
    if found == expected {
        return Ok(());
    }
    Err(io::Error::other(format!("it has {found} bytes, and {expected} were written to it")))
}
