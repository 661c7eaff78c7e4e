//! The six ways to break it, and what is expected of Spark.

use serde_json::json;
use spark_core::Verdict;

use super::Failure;
use super::stage::Stage;
use super::wal;
use crate::local::{Local, wait_ready};

/// One of the ways.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Scenario {
    /// PostgreSQL hangs.
    DatabasePaused,
    /// The canary's pool is used up.
    PoolExhausted,
    /// The canary hears nothing of the venues.
    FeedCut,
    /// The canary's way to the database is slow, and its connections break.
    LatencyAndLoss,
    /// The disk of the write-ahead log is full.
    WalFull,
    /// The canary is killed.
    CanaryKilled,
}

impl Scenario {
    /// All of them, in the order in which they are played.
    pub const ALL: [Self; 6] = [
        Self::DatabasePaused,
        Self::PoolExhausted,
        Self::FeedCut,
        Self::LatencyAndLoss,
        Self::CanaryKilled,
        Self::WalFull,
    ];

    /// How it is called.
    pub fn name(self) -> &'static str {
        match self {
            Self::DatabasePaused => "database-paused",
            Self::PoolExhausted => "pool-exhausted",
            Self::FeedCut => "feed-cut",
            Self::LatencyAndLoss => "latency-and-loss",
            Self::WalFull => "wal-full",
            Self::CanaryKilled => "canary-killed",
        }
    }

    /// What is done.
    pub fn what(self) -> &'static str {
        match self {
            Self::DatabasePaused => "PostgreSQL and its servers are stopped (SIGSTOP)",
            Self::PoolExhausted => {
                "all connections of the canary's pgBouncer pool are held in open transactions"
            }
            Self::FeedCut => "the fault proxy lets no market data through to the canary (`timeout`)",
            Self::LatencyAndLoss => {
                "between the canary and pgBouncer: 300 ms ± 100 ms (`latency`), and half of the connections break after 20 kB (`limit_data`)"
            }
            Self::WalFull => "the file system of PostgreSQL's write-ahead log is full",
            Self::CanaryKilled => "the canary's process is killed (SIGKILL)",
        }
    }

    /// What Spark has to decide: what both versions suffer from is no reason to go back.
    pub fn expected(self) -> Verdict {
        match self {
            Self::DatabasePaused | Self::WalFull => Verdict::Hold,
            Self::PoolExhausted | Self::FeedCut | Self::LatencyAndLoss | Self::CanaryKilled => {
                Verdict::Rollback
            }
        }
    }

    /// The triggers that can know of it: a decision because of others alone is about something else.
    pub(super) fn seen_by(self) -> &'static [&'static str] {
        match self {
            // orders are not answered, or with errors, and the age of the oldest event cannot be asked
            Self::DatabasePaused | Self::WalFull => &["api_latency", "outbox_lag", "server_errors"],
            Self::PoolExhausted => &["pgbouncer_saturation"],
            Self::FeedCut | Self::CanaryKilled => &["bist_feed_stale"],
            Self::LatencyAndLoss => &["api_latency", "server_errors"],
        }
    }

    /// Breaks it.
    pub(super) async fn begin(self, stage: &Stage) -> Result<(), Failure> {
        match self {
            Self::DatabasePaused => Local::pause(&stage.up, "postgres"),
            Self::PoolExhausted => {
                stage.fault("POST", "/pool_exhaustion", json!({ "on": true, "level": 100 })).await
            }
            Self::FeedCut => {
                let silence = json!({ "type": "timeout", "attributes": { "timeout": 0 } });
                stage.toxic("canary-feed", silence).await
            }
            Self::LatencyAndLoss => {
                let latency = json!({
                    "type": "latency", "stream": "upstream", "attributes": { "latency": 300, "jitter": 100 },
                });
                let loss =
                    json!({ "type": "limit_data", "toxicity": 0.5, "attributes": { "bytes": 20_000 } });
                stage.toxic("canary-database", latency).await?;
                stage.toxic("canary-database", loss).await
            }
            Self::WalFull => wal::fill(stage).await,
            Self::CanaryKilled => Local::kill(&stage.up, "canary"),
        }
    }

    /// Mends it.
    pub(super) async fn end(self, stage: &Stage) -> Result<(), Failure> {
        match self {
            Self::DatabasePaused => Local::resume(&stage.up, "postgres"),
            Self::PoolExhausted => stage.fault("DELETE", "", json!(null)).await,
            Self::FeedCut | Self::LatencyAndLoss => stage.no_toxics().await,
            Self::WalFull => {
                wal::free(stage)?;
                wal::bring_back(stage).await
            }
            Self::CanaryKilled => {
                Local::start(&stage.up, "canary")?;
                wait_ready(&stage.at.canary.url).await
            }
        }
    }
}
