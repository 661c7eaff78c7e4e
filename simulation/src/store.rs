//! A leased store that keeps to the contract of the journal in PostgreSQL: a commit goes through while the fence is the
//! row's and the lease runs, and every opening has a higher fence.

use spark_core::planted::{self, Bug};
use spark_runtime::journal::{Head, Holder, JournalError, Opened, Record, Sum};

use crate::fault::Fault;
use crate::world::{SECOND, Shared, lock, turn, wait};

/// How long a runner has a rollout after a commit.
pub const LEASE: i64 = 6 * SECOND;

/// The row and its lines.
#[derive(Debug, Default)]
pub struct StoreState {
    pub fence: u64,
    pub lease_until: i64,
    pub records: Vec<Record>,
}

#[derive(Debug)]
pub struct SimStore {
    pub world: Shared,
    pub process: usize,
    pub fence: u64,
    head: Head,
    broken: Option<JournalError>,
}

fn sum_of(seq: u64) -> Sum {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seq.to_be_bytes());
    Sum::from_bytes(bytes)
}

impl SimStore {
    pub fn open(shared: &Shared, process: usize) -> Result<Opened<Self>, JournalError> {
        let mut world = lock(shared);
        let now = world.now;
        let row = &mut world.store;
        if row.lease_until > now {
            return Err(JournalError::Held { holder: Holder::Runner("the other".to_owned()), until: None });
        }
        row.fence = match planted::is(Bug::FenceReused) {
            true => row.fence.max(1),
            false => row.fence + 1,
        };
        row.lease_until = now + LEASE;
        let records = row.records.clone();
        let head = records.last().map_or(Head::EMPTY, Record::head);
        let journal = Self { world: shared.clone(), process, fence: row.fence, head, broken: None };
        Ok(Opened { journal, records, cut: None })
    }

    pub const fn head(&self) -> &Head {
        &self.head
    }

    async fn push(&mut self, records: &[String]) -> Result<Head, JournalError> {
        let broken = |why: &str| JournalError::Broken { doing: "write to the database", why: why.to_owned() };
        let (fails, unsure) = {
            let mut world = lock(&self.world);
            let part = world.weather.disk;
            (world.strikes(part / 2, Fault::StoreFails), world.strikes(part / 2, Fault::StoreUnsure))
        };
        // on its way there
        let pause = lock(&self.world).rng.range(0, SECOND / 50);
        let until = lock(&self.world).now + pause;
        wait(&self.world, self.process, until).await;
        if fails {
            return Err(broken("no answer"));
        }
        {
            let mut world = lock(&self.world);
            let now = world.now;
            let row = &mut world.store;
            if row.fence != self.fence || row.lease_until <= now {
                let theirs = row.fence;
                return Err(JournalError::Fenced {
                    ours: self.fence,
                    theirs,
                    why: "its lease ended".to_owned(),
                });
            }
            for json in records {
                let seq = row.records.len() as u64 + 1;
                row.records.push(Record { seq, fence: self.fence, sum: sum_of(seq), json: json.clone() });
            }
            row.lease_until = now + LEASE;
            self.head = row.records.last().map_or(Head::EMPTY, Record::head);
        }
        // and back
        turn(&self.world, self.process).await;
        match unsure {
            true => Err(broken("the connection was lost while it answered")),
            false => Ok(self.head),
        }
    }

    pub async fn commit(&mut self, records: &[String]) -> Result<Head, JournalError> {
        if let Some(error) = &self.broken {
            return Err(error.clone());
        }
        let done = self.push(records).await;
        if let Err(error) = &done {
            self.broken = Some(error.clone());
        }
        done
    }

    pub fn close(&self) {
        let mut world = lock(&self.world);
        if world.store.fence == self.fence {
            world.store.lease_until = i64::MIN;
        }
    }
}
