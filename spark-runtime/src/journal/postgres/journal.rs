//! One rollout's journal, while its lease runs.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::super::line::{self, Place, RECORDS_MAX};
use super::super::{Head, Journal, JournalError, Leave, Record};
use super::look::read_lines;
use super::row::{RolloutRow, lock_row, signed};
use super::session::{Session, Trouble, within};
use super::words::{OnItsWay, mark_taken};
use super::{PostgresConfig, millis};

/// The first wait before the database is tried again; each one is twice as long, up to a second.
const FIRST_WAIT: Duration = Duration::from_millis(50);
const LONGEST_WAIT: Duration = Duration::from_secs(1);

/// A rollout's journal in PostgreSQL, this runner's for the time of its lease.
#[derive(Debug)]
pub struct PostgresJournal {
    pub(super) session: Session,
    pub(super) release: String,
    pub(super) fence: u64,
    head: Head,
    lease: Duration,
    patience: Duration,
    broken: Option<JournalError>,
    /// A commit is under way; still so at the next call, its future was dropped.
    underway: bool,
    pub(super) on_its_way: OnItsWay,
    pub(super) was_finished: bool,
}

/// What a transaction of ours came to.
enum Came {
    /// Through.
    Through,
    /// The row did not let it.
    Refused(RolloutRow),
    /// There is no row.
    Gone,
}

impl PostgresJournal {
    pub(super) fn new(
        session: Session,
        config: &PostgresConfig,
        release: String,
        fence: u64,
        head: Head,
    ) -> Self {
        let PostgresConfig { lease, patience, .. } = *config;
        let on_its_way = OnItsWay::default();
        Self {
            session,
            release,
            fence,
            head,
            lease,
            patience,
            broken: None,
            underway: false,
            on_its_way,
            was_finished: false,
        }
    }

    /// Whether whoever had it before has ended it, and let go of it.
    pub const fn was_finished(&self) -> bool {
        self.was_finished
    }

    /// Closes the connection; the next call makes another one. One that was made by a runtime does not work in the next.
    pub fn disconnect(&mut self) {
        self.session.forget();
    }

    /// The lines up to the head, each byte as it is stored, with what they say.
    ///
    /// # Errors
    /// As [`super::PostgresStore::read_only`].
    pub async fn lines(&mut self) -> Result<Vec<(String, Record)>, JournalError> {
        let mut head = self.head;
        if self.broken.is_some() {
            // the last commit may have come through after all
            match self.look().await.map_err(|trouble| trouble.unreadable("read"))? {
                Some(row) if row.fence != self.fence => return Err(row.fenced(self.fence)),
                Some(row) => head = row.head,
                None => {}
            }
        }
        read_lines(&mut self.session, &self.release, head).await
    }

    /// Asks the database whether the rollout is still this runner's, also where the journal is broken, and renews the lease
    /// where it is not.
    ///
    /// # Errors
    /// [`JournalError::Fenced`] where it is not; the database cannot be asked.
    pub async fn confirm(&mut self) -> Result<(), JournalError> {
        match &self.broken {
            None => return self.renew().await,
            Some(error) if error.is_fenced() => return Err(error.clone()),
            Some(_) => {}
        }
        match self.look().await.map_err(|trouble| trouble.unreadable("ask for"))? {
            Some(row) if row.fence == self.fence => Ok(()),
            Some(row) => Err(row.fenced(self.fence)),
            None => Err(JournalError::Missing(self.release.clone())),
        }
    }

    /// Moves the head to `next` with the lines that lead there, in one transaction.
    async fn attempt(&mut self, next: Head, lines: &[String], word: Option<i64>) -> Result<Came, Trouble> {
        let deadline = self.session.deadline();
        let connection = self.session.begin().await?;
        let moved = sqlx::query(
            "UPDATE spark_rollouts SET head_seq = $5, head_sum = $6, \
             lease_until = clock_timestamp() + $7 * interval '1 millisecond' \
             WHERE release = $1 AND fence = $2 AND head_seq = $3 AND head_sum = $4 AND lease_until > clock_timestamp()",
        )
        .persistent(false)
        .bind(&self.release)
        .bind(signed(self.fence))
        .bind(signed(self.head.seq))
        .bind(self.head.sum.to_string())
        .bind(signed(next.seq))
        .bind(next.sum.to_string())
        .bind(millis(self.lease))
        .execute(&mut *connection);
        if within(deadline, moved).await?.rows_affected() == 0 {
            let row = within(deadline, lock_row(connection, &self.release)).await?;
            self.session.roll_back().await;
            return Ok(row.map_or(Came::Gone, Came::Refused));
        }
        if !lines.is_empty() {
            let insert = sqlx::query(
                "INSERT INTO spark_journal (release, seq, line) \
                 SELECT $1, $2 + place, line FROM unnest($3::text[]) WITH ORDINALITY AS new (line, place)",
            )
            .persistent(false)
            .bind(&self.release)
            .bind(signed(self.head.seq))
            .bind(lines)
            .execute(&mut *connection);
            within(deadline, insert).await?;
        }
        if let Some(id) = word {
            within(deadline, mark_taken(connection, &self.release, id)).await?;
        }
        self.session.commit().await?;
        Ok(Came::Through)
    }

    /// What the row says, once every transaction before has ended.
    async fn look(&mut self) -> Result<Option<RolloutRow>, Trouble> {
        self.session.forget();
        let deadline = self.session.deadline();
        let connection = self.session.begin().await?;
        let row = within(deadline, lock_row(connection, &self.release)).await?;
        self.session.roll_back().await;
        Ok(row)
    }

    /// Tries until it is through or known that it will not be. An attempt whose outcome is not known is looked up
    /// before there is another.
    async fn push(&mut self, next: Head, lines: &[String], word: Option<i64>) -> Result<(), JournalError> {
        let until = Instant::now().checked_add(self.patience);
        let mut wait = FIRST_WAIT;
        let mut trouble = match self.attempt(next, lines, word).await {
            Ok(came) => return self.weigh(came),
            Err(trouble) => trouble,
        };
        let late = || until.is_none_or(|until| Instant::now() >= until);
        loop {
            self.session.forget();
            if trouble.lasting {
                return Err(trouble.broken("write to the database"));
            }
            sleep(wait).await;
            wait = wait.saturating_mul(2).min(LONGEST_WAIT);
            // also when it is late: a process that stood still has not asked yet
            let row = match self.look().await {
                Ok(Some(row)) => row,
                Ok(None) => return self.weigh(Came::Gone),
                Err(again) if late() => return Err(again.broken("write to the database")),
                Err(again) => {
                    trouble = again;
                    continue;
                }
            };
            if row.fence == self.fence && row.head == next && next != self.head {
                return Ok(());
            }
            if row.fence != self.fence || row.head != self.head {
                return self.weigh(Came::Refused(row));
            }
            match self.attempt(next, lines, word).await {
                Ok(came) => return self.weigh(came),
                Err(again) if late() => {
                    self.session.forget();
                    return Err(again.broken("write to the database"));
                }
                Err(again) => trouble = again,
            }
        }
    }

    fn weigh(&self, came: Came) -> Result<(), JournalError> {
        match came {
            Came::Through => Ok(()),
            Came::Gone => {
                let why = "the rollout's row is gone".to_owned();
                Err(JournalError::Damaged { line: 1, why })
            }
            Came::Refused(row) if fence_holds(&row, self.fence) => {
                if row.head.seq < self.head.seq {
                    return Err(JournalError::SetBack { expected: self.head, found: row.head });
                }
                let why = format!("the rollout's head is {}, and this runner's {}", row.head, self.head);
                Err(JournalError::Damaged { line: row.head.seq, why })
            }
            Came::Refused(row) => Err(row.fenced(self.fence)),
        }
    }

    /// Every write goes through here: after a failure there is none.
    async fn guarded(&mut self, next: Head, lines: &[String], word: Option<i64>) -> Result<(), JournalError> {
        if self.underway && self.broken.is_none() {
            let why = "a commit was given up while it was under way".to_owned();
            self.broken = Some(JournalError::Broken { doing: "write to the database", why });
        }
        if let Some(error) = &self.broken {
            return Err(error.clone());
        }
        self.underway = true;
        let done = self.push(next, lines, word).await;
        self.underway = false;
        done.inspect_err(|error| self.broken = Some(error.clone()))
    }

    /// Sets the row free.
    async fn release_row(&mut self, leave: Leave) -> Result<(), Trouble> {
        let deadline = self.session.deadline();
        let connection = self.session.begin().await?;
        let freed = sqlx::query(
            "UPDATE spark_rollouts SET lease_until = '-infinity', \
             finished_at = CASE WHEN $3 THEN clock_timestamp() END WHERE release = $1 AND fence = $2",
        )
        .persistent(false)
        .bind(&self.release)
        .bind(signed(self.fence))
        .bind(leave == Leave::Finished)
        .execute(connection);
        within(deadline, freed).await?;
        self.session.commit().await
    }
}

impl Journal for PostgresJournal {
    fn fence(&self) -> u64 {
        self.fence
    }

    fn head(&self) -> &Head {
        &self.head
    }

    async fn commit(&mut self, records: &[String]) -> Result<Head, JournalError> {
        for (place, json) in (1..).zip(records) {
            line::admit(place, json)?;
        }
        let found = self.head.seq.saturating_add(u64::try_from(records.len()).unwrap_or(u64::MAX));
        if found > RECORDS_MAX {
            return Err(JournalError::TooMuch { what: "lines", found, most: RECORDS_MAX });
        }
        let mut head = self.head;
        let mut lines = Vec::with_capacity(records.len());
        for json in records {
            let mut text = String::new();
            head = line::write(&mut text, Place { head, fence: self.fence, ack: self.head.seq }, json);
            text.pop();
            lines.push(text);
        }
        if lines.is_empty() {
            return self.broken.clone().map_or(Ok(head), Err);
        }
        let word = self.on_its_way.recorded_by(records);
        self.guarded(head, &lines, word).await?;
        if let Some(id) = word {
            self.on_its_way.arrived(id);
        }
        self.head = head;
        Ok(head)
    }

    /// A journal that is broken may be another runner's by now: the row is asked, and tells.
    async fn renew(&mut self) -> Result<(), JournalError> {
        if matches!(self.broken, Some(JournalError::Broken { .. }))
            && let Ok(Some(row)) = self.look().await
            && row.fence != self.fence
        {
            self.broken = Some(row.fenced(self.fence));
        }
        self.guarded(self.head, &[], None).await
    }

    fn lease(&self) -> Option<Duration> {
        Some(self.lease)
    }

    async fn close(mut self, leave: Leave) -> Result<(), JournalError> {
        // one that is broken is let go of as well: another runner need not wait, and only a row of this fence is touched
        let released = self.release_row(leave).await;
        if let Some(error) = self.broken {
            return Err(error);
        }
        released.map_err(|trouble| trouble.broken("let go of the rollout"))
    }
}

/// Whether a row is still the writer's: its fence, and its lease.
const fn fence_holds(row: &RolloutRow, ours: u64) -> bool {
    row.fence == ours && row.live
}
