//! The row of a rollout: who has it, until when, and where its journal ends.

use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row as _};

use super::super::{Head, Holder, JournalError, Sum};
use super::session::Trouble;

/// What a rollout's row says.
#[derive(Debug, Clone)]
pub(super) struct RolloutRow {
    pub(super) fence: u64,
    pub(super) holder: String,
    pub(super) lease_until: String,
    pub(super) live: bool,
    pub(super) head: Head,
}

impl RolloutRow {
    /// That somebody else has the rollout.
    pub(super) fn held(self) -> JournalError {
        JournalError::Held { holder: Holder::Runner(self.holder), until: Some(self.lease_until) }
    }

    /// That whoever wrote under `ours` has it no more.
    pub(super) fn fenced(self, ours: u64) -> JournalError {
        let why = if self.fence == ours {
            format!("its lease ended at {}", self.lease_until)
        } else {
            format!("`{}` has taken it over", self.holder)
        };
        JournalError::Fenced { ours, theirs: self.fence, why }
    }
}

/// Reads the row and locks it, so that a transaction that is still under way ends first.
pub(super) async fn lock_row(
    connection: &mut PgConnection,
    release: &str,
) -> Result<Option<RolloutRow>, sqlx::Error> {
    sqlx::query(
        "SELECT fence, holder, lease_until::text AS lease_until, lease_until > clock_timestamp() AS live, \
         head_seq, head_sum FROM spark_rollouts WHERE release = $1 FOR UPDATE",
    )
    .persistent(false)
    .bind(release)
    .fetch_optional(connection)
    .await?
    .map(|row| read_row(&row))
    .transpose()
}

fn read_row(row: &PgRow) -> Result<RolloutRow, sqlx::Error> {
    Ok(RolloutRow {
        fence: unsigned(row.try_get("fence")?),
        holder: row.try_get("holder")?,
        lease_until: row.try_get("lease_until")?,
        live: row.try_get("live")?,
        head: read_head(row)?,
    })
}

/// The head in a row with `head_seq` and `head_sum`.
pub(super) fn read_head(row: &PgRow) -> Result<Head, sqlx::Error> {
    let sum: String = row.try_get("head_sum")?;
    let sum: Sum = sum.parse().map_err(|error: String| sqlx::Error::Decode(error.into()))?;
    Ok(Head { seq: unsigned(row.try_get("head_seq")?), sum })
}

/// A column that is never negative: the tables' checks say so.
pub(super) fn unsigned(value: i64) -> u64 {
    u64::try_from(value).unwrap_or(0)
}

/// A number as the database takes it; those of a journal are far below its limit.
pub(super) fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

impl Trouble {
    /// The trouble of something that changed nothing.
    pub(super) fn unreadable(self, doing: &'static str) -> JournalError {
        JournalError::Unreadable { doing, why: self.why }
    }

    /// The trouble of something that may have changed something.
    pub(super) fn broken(self, doing: &'static str) -> JournalError {
        JournalError::Broken { doing, why: self.why }
    }
}
