//! The real file journal over a simulated disk, or the leased store; watched, so that what was acknowledged is known.

use spark_core::TimeSpan;
use spark_runtime::journal::{FileJournal, Head, Journal, JournalError, Leave, Opened, Record};

use crate::disk::SimDisk;
use crate::store::{LEASE, SimStore};
use crate::world::{Shared, World, lock, turn};

#[derive(Debug)]
enum Kind {
    File(FileJournal<SimDisk>),
    Store(SimStore),
}

#[derive(Debug)]
pub struct SimJournal {
    kind: Kind,
    world: Shared,
    process: usize,
}

impl SimJournal {
    /// Opens it, and holds what it gives to what was acknowledged.
    pub fn open(world: &Shared, process: usize, leased: bool) -> Result<(Self, Vec<Record>), JournalError> {
        let (kind, records) = if leased {
            let Opened { journal, records, .. } = SimStore::open(world, process)?;
            (Kind::Store(journal), records)
        } else {
            let disk = SimDisk { world: world.clone(), process };
            let Opened { journal, records, .. } = FileJournal::open(disk)?;
            (Kind::File(journal), records)
        };
        let journal = Self { kind, world: world.clone(), process };
        let fence = journal.fence();
        let mut world = lock(world);
        world.processes[process].fence = fence;
        if !leased && world.disk.holder != Some(process) {
            world.violated("a file is written that nobody has locked".to_owned());
        }
        if world.damaged {
            world.violated("what was damaged is taken for whole".to_owned());
        }
        let found = records.iter().map(|record| record.json.as_str());
        let acked = world.recorded.acked.len();
        if records.len() < acked {
            let words = format!("{acked} records were acknowledged, and {} are left", records.len());
            world.violated(words);
        } else if let Some(place) =
            (0..acked).find(|place| world.recorded.acked[*place] != records[*place].json)
        {
            world.violated(format!("acknowledged record {} was changed", place + 1));
        } else {
            let more: Vec<&str> = found.skip(acked).collect();
            let known = leased
                || more.is_empty()
                || world.recorded.unsure.iter().any(|unsure| {
                    unsure.len() >= more.len() && unsure.iter().zip(&more).all(|(a, b)| a == b)
                });
            if !known {
                world.violated(format!("record {} was never committed", acked + 1));
            }
        }
        if let Some(last) = records.last()
            && fence <= last.fence
        {
            world.violated(format!("a runner opened with fence {fence}, and {} was before it", last.fence));
        }
        world.recorded.acked = records.iter().map(|record| record.json.clone()).collect();
        world.recorded.unsure.clear();
        world.processes[process].told = records.len();
        drop(world);
        Ok((journal, records))
    }
}

impl World {
    fn acknowledged(&mut self, records: &[String]) {
        let acked = &mut self.recorded.acked;
        match self.leased {
            false => acked.extend_from_slice(records),
            // what the other runner had written without being told stands there too
            true => {
                let more = self.store.records.iter().skip(acked.len()).map(|record| record.json.clone());
                acked.extend(more);
            }
        }
    }

    fn failed(&mut self, process: usize, error: &JournalError) {
        let slot = &mut self.processes[process];
        match error.is_fenced() {
            true => slot.fenced = true,
            false => slot.unrecorded = true,
        }
    }
}

impl Journal for SimJournal {
    fn fence(&self) -> u64 {
        match &self.kind {
            Kind::File(journal) => journal.fence(),
            Kind::Store(journal) => journal.fence,
        }
    }

    fn head(&self) -> &Head {
        match &self.kind {
            Kind::File(journal) => journal.head(),
            Kind::Store(journal) => journal.head(),
        }
    }

    async fn commit(&mut self, records: &[String]) -> Result<Head, JournalError> {
        turn(&self.world, self.process).await;
        lock(&self.world).recorded.unsure.push(records.to_vec());
        let done = match &mut self.kind {
            Kind::File(journal) => journal.commit(records).await,
            Kind::Store(journal) => journal.commit(records).await,
        };
        {
            let mut world = lock(&self.world);
            match &done {
                Ok(_) => {
                    world.recorded.unsure.pop();
                    world.acknowledged(records);
                }
                Err(error) => {
                    world.failed(self.process, error);
                    let words = error.to_string();
                    world.tell(|| format!("commit failed: {words}"));
                }
            }
        }
        turn(&self.world, self.process).await;
        done
    }

    async fn renew(&mut self) -> Result<(), JournalError> {
        turn(&self.world, self.process).await;
        match &mut self.kind {
            Kind::File(_) => Ok(()),
            Kind::Store(journal) => {
                let done = journal.commit(&[]).await.map(drop);
                if let Err(error) = &done {
                    lock(&self.world).failed(self.process, error);
                }
                done
            }
        }
    }

    fn lease(&self) -> Option<std::time::Duration> {
        match &self.kind {
            Kind::File(_) => None,
            Kind::Store(_) => Some(TimeSpan::from_nanos(LEASE).to_std()),
        }
    }

    async fn close(self, leave: Leave) -> Result<(), JournalError> {
        match self.kind {
            Kind::File(journal) => journal.close(leave).await,
            Kind::Store(journal) => {
                journal.close();
                Ok(())
            }
        }
    }
}
