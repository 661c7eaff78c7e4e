//! A disk in memory that keeps what was synced, may lose what was not, and fails where it is told to.

use std::io;
use std::sync::{Arc, Mutex};

use spark_runtime::journal::{Disk, Holder, LockError, RESERVE_BYTES};

/// What a disk writes as a whole.
pub(super) const SECTOR: usize = 512;

/// How an operation fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// The power goes before it.
    Crash,
    /// It says EIO and did nothing.
    Error,
    /// The disk is full.
    Full,
    /// A write takes some bytes only, and the next one fails.
    Short,
    /// A write says that it took bytes which it did not.
    Lie,
}

pub(super) const FAULTS: [Fault; 5] = [Fault::Crash, Fault::Error, Fault::Full, Fault::Short, Fault::Lie];

/// The state of the medium and of the cache above it.
#[derive(Debug, Default)]
pub(super) struct State {
    /// What a crash leaves for sure; none where the folder was never synced.
    pub(super) durable: Option<Vec<u8>>,
    /// What the process sees.
    pub(super) cached: Option<Vec<u8>>,
    reserve: bool,
    locked: bool,
    /// How many operations there were.
    pub(super) operations: usize,
    /// At which operation what happens.
    pub(super) fault: Option<(usize, Fault)>,
    pub(super) crashed: bool,
    fail_next_append: bool,
}

/// A disk that outlives the processes that use it.
#[derive(Debug, Clone, Default)]
pub(super) struct SimDisk(pub(super) Arc<Mutex<State>>);

impl SimDisk {
    pub(super) fn with(bytes: &[u8]) -> Self {
        let bytes = Some(bytes.to_vec());
        Self(Arc::new(Mutex::new(State { durable: bytes.clone(), cached: bytes, ..State::default() })))
    }

    /// Every content that the file can have after a crash now: each length between what is durable and what was written,
    /// and each choice of sectors that got to the disk.
    pub(super) fn after_crash(&self) -> Vec<Option<Vec<u8>>> {
        let state = self.0.lock().unwrap();
        let Some(cached) = &state.cached else { return vec![None] };
        let base = state.durable.clone().unwrap_or_default();
        let mut states = vec![state.durable.clone()];
        let (short, long) = (base.len().min(cached.len()), base.len().max(cached.len()));
        for length in short..=long {
            let mut file = cached.clone();
            file.resize(length.min(cached.len()), 0);
            if length > cached.len() {
                file.extend_from_slice(&base[cached.len()..length]);
            }
            states.push(Some(file));
        }
        // all sectors that hold unsynced bytes, each there or not
        let first = short / SECTOR;
        let sectors = cached.len().div_ceil(SECTOR).saturating_sub(first).min(6);
        for choice in 0..(1_u32 << sectors) {
            let mut file = cached.clone();
            for sector in (0..sectors).filter(|sector| choice & (1 << sector) == 0) {
                let from = ((first + sector) * SECTOR).max(short).min(file.len());
                let to = ((first + sector + 1) * SECTOR).min(file.len());
                file[from..to].fill(0);
            }
            states.push(Some(file));
        }
        states
    }

    /// A process that dies leaves its lock.
    pub(super) fn unlock(&self) {
        self.0.lock().unwrap().locked = false;
    }

    fn operate<T>(&self, work: impl FnOnce(&mut State, Option<Fault>) -> io::Result<T>) -> io::Result<T> {
        let mut state = self.0.lock().unwrap();
        let now = state.operations;
        state.operations += 1;
        let fault = state.fault.filter(|(at, _)| *at == now).map(|(_, fault)| fault);
        if fault == Some(Fault::Crash) {
            state.crashed = true;
        }
        if state.crashed {
            return Err(io::Error::other("the power is gone"));
        }
        match fault {
            Some(Fault::Error) => Err(io::Error::other("input/output error")),
            Some(Fault::Full) => Err(io::ErrorKind::StorageFull.into()),
            other => work(&mut state, other),
        }
    }
}

impl Disk for SimDisk {
    fn open(&mut self) -> io::Result<bool> {
        self.operate(|state, _| {
            let made = state.cached.is_none();
            state.cached.get_or_insert_default();
            Ok(made)
        })
    }

    fn lock(&mut self) -> Result<(), LockError> {
        self.operate(|state, _| Ok(std::mem::replace(&mut state.locked, true))).map_or_else(
            |error| Err(LockError::Failed(error)),
            |held| if held { Err(LockError::Held(Holder::Process(7))) } else { Ok(()) },
        )
    }

    fn read_at(&mut self, at: u64, into: &mut [u8]) -> io::Result<usize> {
        self.operate(|state, _| {
            let file = state.cached.as_deref().unwrap();
            let rest = file.get(at as usize..).unwrap_or_default();
            let count = rest.len().min(into.len());
            into[..count].copy_from_slice(&rest[..count]);
            Ok(count)
        })
    }

    fn length(&mut self) -> io::Result<u64> {
        self.operate(|state, _| Ok(state.cached.as_deref().unwrap().len() as u64))
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.operate(|state, fault| {
            if std::mem::take(&mut state.fail_next_append) {
                return Err(io::ErrorKind::StorageFull.into());
            }
            let file = state.cached.as_mut().unwrap();
            match fault {
                Some(Fault::Short) => {
                    file.extend_from_slice(&bytes[..bytes.len() / 2]);
                    state.fail_next_append = true;
                    Ok(bytes.len() / 2)
                }
                Some(Fault::Lie) => Ok(bytes.len().min(7)),
                _ => {
                    file.extend_from_slice(bytes);
                    Ok(bytes.len())
                }
            }
        })
    }

    fn truncate(&mut self, length: u64) -> io::Result<()> {
        self.operate(|state, _| {
            state.cached.as_mut().unwrap().resize(length as usize, 0);
            Ok(())
        })
    }

    fn sync_data(&mut self) -> io::Result<()> {
        self.operate(|state, _| {
            if state.durable.is_some() {
                state.durable.clone_from(&state.cached);
            }
            Ok(())
        })
    }

    fn sync_folder(&mut self) -> io::Result<()> {
        self.operate(|state, _| {
            state.durable.get_or_insert_default();
            Ok(())
        })
    }

    fn keep_reserve(&mut self) -> io::Result<()> {
        assert_eq!(RESERVE_BYTES, 1024 * 1024);
        self.operate(|state, _| {
            state.reserve = true;
            Ok(())
        })
    }

    fn free_reserve(&mut self) -> io::Result<bool> {
        self.operate(|state, _| Ok(std::mem::take(&mut state.reserve)))
    }
}
