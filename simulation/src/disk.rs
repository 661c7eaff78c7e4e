//! A disk that fails as disks do.

use std::io;

use spark_runtime::journal::{Disk, Holder, LockError};

use crate::fault::Fault;
use crate::rng::Rng;
use crate::world::{Shared, World, lock};

#[derive(Debug, Clone)]
enum Op {
    /// At this place; lost where a sync failed and dropped it.
    Append(usize, Vec<u8>, bool),
    Cut(usize),
}

/// One journal's file.
#[derive(Debug, Clone, Default)]
pub struct DiskState {
    exists: bool,
    /// The folder was synced since the file was made.
    linked: bool,
    /// What survives a loss of power.
    pub durable: Vec<u8>,
    /// What readers see.
    pub cache: Vec<u8>,
    ops: Vec<Op>,
    reserve: bool,
    /// Bytes that are left.
    pub room: Option<usize>,
    pub sector: usize,
    pub holder: Option<usize>,
}

impl DiskState {
    /// An empty disk that writes pages of so many bytes.
    pub fn new(sector: usize) -> Self {
        Self { sector, ..Self::default() }
    }

    /// Applies what was not synced to what was: all, or as a loss of power leaves it.
    fn settle(&self, mut chance: Option<&mut Rng>) -> Vec<u8> {
        let mut file = self.durable.clone();
        let through = match &mut chance {
            None => self.ops.len(),
            Some(rng) => rng.below(self.ops.len() as u64 + 1) as usize,
        };
        // the last of those that got through may have got through in part
        for (place, op) in self.ops.iter().take(through).enumerate() {
            let torn = place + 1 == through;
            match op {
                Op::Cut(length) => file.resize(*length, 0),
                Op::Append(at, bytes, lost) => {
                    if *lost {
                        continue;
                    }
                    let end = match &mut chance {
                        Some(rng) if torn => rng.below(bytes.len() as u64 + 1) as usize,
                        _ => bytes.len(),
                    };
                    if file.len() < at + end {
                        file.resize(at + end, 0);
                    }
                    for (offset, byte) in bytes[..end].iter().enumerate() {
                        file[at + offset] = *byte;
                    }
                    if let Some(rng) = &mut chance {
                        lose_sectors(&mut file, *at, at + end, self.sector, rng);
                    }
                }
            }
        }
        file
    }

    /// The machine's power is lost. What was never synced is there or not.
    pub fn power_lost(&mut self, rng: &mut Rng) {
        if !self.linked && rng.permille(500) {
            let (sector, room) = (self.sector, self.room);
            *self = Self { sector, room, ..Self::default() };
            return;
        }
        self.durable = self.settle(Some(rng));
        self.cache = self.durable.clone();
        self.ops.clear();
        self.holder = None;
    }
}

fn lose_sectors(file: &mut [u8], from: usize, to: usize, sector: usize, rng: &mut Rng) {
    if !rng.permille(400) {
        return;
    }
    let mut at = from;
    while at < to {
        let end = ((at / sector + 1) * sector).min(to);
        if rng.permille(500) {
            file[at..end].fill(0);
        }
        at = end;
    }
}

/// The disk as one process has it.
#[derive(Debug)]
pub struct SimDisk {
    pub world: Shared,
    pub process: usize,
}

impl std::fmt::Debug for World {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("World")
    }
}

fn killed() -> io::Error {
    io::Error::other("killed")
}

/// Whether the process is killed at this operation.
fn burns(world: &mut World, process: usize) -> bool {
    let slot = &mut world.processes[process];
    if slot.doomed {
        return true;
    }
    match &mut slot.fuse {
        Some(0) => {
            slot.doomed = true;
            world.happens(Fault::KilledInWrite);
            true
        }
        Some(left) => {
            *left -= 1;
            false
        }
        None => false,
    }
}

impl Disk for SimDisk {
    fn open(&mut self) -> io::Result<bool> {
        let mut world = lock(&self.world);
        let made = !world.disk.exists;
        if made {
            let (sector, room) = (world.disk.sector, world.disk.room);
            world.disk = DiskState { exists: true, sector, room, ..DiskState::default() };
        }
        if world.disk.ops.iter().any(|op| matches!(op, Op::Append(_, _, true))) {
            // pages that a failed sync gave up are read from the disk again
            world.disk.durable = world.disk.settle(None);
            world.disk.cache = world.disk.durable.clone();
            world.disk.ops.clear();
        }
        Ok(made)
    }

    fn lock(&mut self) -> Result<(), LockError> {
        let mut world = lock(&self.world);
        match world.disk.holder {
            Some(other) if other != self.process => Err(LockError::Held(Holder::Process(other as u32))),
            _ => {
                world.disk.holder = Some(self.process);
                Ok(())
            }
        }
    }

    fn read_at(&mut self, at: u64, into: &mut [u8]) -> io::Result<usize> {
        let world = lock(&self.world);
        let rest = world.disk.cache.get(at as usize..).unwrap_or_default();
        let count = rest.len().min(into.len());
        into[..count].copy_from_slice(&rest[..count]);
        Ok(count)
    }

    fn length(&mut self) -> io::Result<u64> {
        Ok(lock(&self.world).disk.cache.len() as u64)
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut world = lock(&self.world);
        let world = &mut *world;
        let (mut count, mut told) = (bytes.len(), bytes.len());
        let burnt = burns(world, self.process);
        if burnt {
            count = world.rng.below(bytes.len() as u64 + 1) as usize;
        } else {
            let part = world.weather.disk;
            if let Some(room) = world.disk.room
                && room < bytes.len()
            {
                world.happens(Fault::DiskFull);
                return Err(io::ErrorKind::StorageFull.into());
            }
            if world.strikes(part, Fault::ShortWrite) {
                // a page that a failed sync gives up takes all that was written to it, so that no piece is one byte long
                count = match bytes.len() {
                    0..4 => bytes.len(),
                    length => world.rng.range(2, length as i64 - 1) as usize,
                };
                told = count;
            } else if world.strikes(part / 2, Fault::LyingWrite) {
                count = world.rng.below(bytes.len() as u64) as usize;
            } else if world.strikes(part / 2, Fault::DiskFull) {
                world.disk.room = Some(0);
                return Err(io::ErrorKind::StorageFull.into());
            }
        }
        let disk = &mut world.disk;
        let at = disk.cache.len();
        disk.cache.extend_from_slice(&bytes[..count]);
        disk.ops.push(Op::Append(at, bytes[..count].to_vec(), false));
        if let Some(room) = &mut disk.room {
            *room = room.saturating_sub(count);
        }
        if burnt { Err(killed()) } else { Ok(told) }
    }

    fn truncate(&mut self, length: u64) -> io::Result<()> {
        let mut world = lock(&self.world);
        if burns(&mut world, self.process) {
            return Err(killed());
        }
        let disk = &mut world.disk;
        disk.cache.resize(length as usize, 0);
        disk.ops.push(Op::Cut(length as usize));
        Ok(())
    }

    fn sync_data(&mut self) -> io::Result<()> {
        let mut world = lock(&self.world);
        let world = &mut *world;
        if burns(world, self.process) {
            return Err(killed());
        }
        if world.strikes(world.weather.disk, Fault::SyncFails) {
            // the pages are taken for clean from now on, and some never reach the disk
            let World { disk, rng, .. } = world;
            for op in &mut disk.ops {
                if let Op::Append(_, _, lost) = op {
                    *lost |= rng.permille(700);
                }
            }
            return Err(io::Error::other("EIO"));
        }
        let disk = &mut world.disk;
        let plain = disk.ops.iter().all(|op| matches!(op, Op::Append(_, _, false)));
        if plain && disk.cache.len() >= disk.durable.len() {
            let from = disk.durable.len();
            disk.durable.extend_from_slice(&disk.cache[from..]);
        } else {
            disk.durable = disk.settle(None);
        }
        disk.ops.clear();
        Ok(())
    }

    fn sync_folder(&mut self) -> io::Result<()> {
        let mut world = lock(&self.world);
        if burns(&mut world, self.process) {
            return Err(killed());
        }
        world.disk.linked = true;
        Ok(())
    }

    fn keep_reserve(&mut self) -> io::Result<()> {
        let mut world = lock(&self.world);
        if world.disk.room.is_some() {
            return Err(io::ErrorKind::StorageFull.into());
        }
        world.disk.reserve = true;
        Ok(())
    }

    fn free_reserve(&mut self) -> io::Result<bool> {
        let mut world = lock(&self.world);
        let had = std::mem::take(&mut world.disk.reserve);
        if had && world.disk.room.is_some() {
            world.disk.room = Some(spark_runtime::journal::RESERVE_BYTES as usize);
        }
        Ok(had)
    }
}

impl Drop for SimDisk {
    fn drop(&mut self) {
        // the scheduler drops futures without the world's lock
        let mut world = lock(&self.world);
        if world.disk.holder == Some(self.process) {
            world.disk.holder = None;
        }
    }
}
