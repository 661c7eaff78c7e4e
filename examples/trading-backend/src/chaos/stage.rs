//! Where scenarios are played: the whole backend, Spark beside it, and who clears up.

use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use spark_core::{TimeSpan, Verdict};
use spark_runtime::action::{
    Actions as _, HaproxyActions, HaproxyAddress, HaproxySettings, Order, TOLERANCE_BP,
};

use super::clients::Clients;
use super::scenario::Scenario;
use super::table::Row;
use super::watch::Watch;
use super::{Failure, wal};
use crate::client::Client;
use crate::config::GuardMode;
use crate::local::{Addresses, Local, UpSettings};
use crate::reconcile::reconcile;

/// How long Spark may take to say what is expected: the longest of its rules' own times is seven seconds, and a busy machine has others.
const DECIDED_WITHIN: Duration = Duration::from_secs(30);

/// How long what has to be held is held: long enough for every rule that would roll back.
const HELD_FOR: Duration = Duration::from_secs(6);

/// How long it may take until Spark would let the release go on again.
const WELL_WITHIN: Duration = Duration::from_secs(60);

/// How long HAProxy may take to see an instance that just started.
const SHARED_WITHIN: Duration = Duration::from_secs(20);

/// The canary's share while all is well, in hundredths of a percent: enough requests for its percentiles.
const SHARE_BP: u16 = 5_000;

/// The backend, and what stands round it.
pub(super) struct Stage {
    /// The folder that `up` was given.
    pub(super) up: PathBuf,
    pub(super) at: Addresses,
    /// The file system of the write-ahead log.
    pub(super) wal: Option<PathBuf>,
    client: Client,
    actions: HaproxyActions,
    watch: Watch,
    /// Orders that were accepted so far.
    accepted: i64,
    /// Clears up when this process ends, however it ends.
    sweeper: Child,
}

impl Stage {
    /// Starts everything.
    pub(super) async fn set(own_wal: bool) -> Result<Self, Failure> {
        let mut name = [0_u8; 8];
        getrandom::fill(&mut name)?;
        let name: String = name.iter().map(|byte| format!("{byte:02x}")).collect();
        let parent = std::env::temp_dir().join(format!("trading-backend-chaos-{name}"));
        std::fs::create_dir(&parent)?;
        std::fs::set_permissions(&parent, std::fs::Permissions::from_mode(0o711))?;
        let (up, wal) = (parent.join("up"), own_wal.then(|| parent.join("wal")));
        // a sweeper first: it waits for the end of a pipe that only this process holds open
        let sweeper = Command::new("sh")
            .args(["-c", "cat >/dev/null; \"$1\" down \"$2/up\"; umount \"$2/wal\"; rm -rf \"$2\"", "sh"])
            .arg(std::env::current_exe()?)
            .arg(&parent)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()?;
        if let Some(wal) = &wal {
            wal::mount(wal)?;
        }
        let at = Local::up(UpSettings {
            folder: up.clone(),
            // its own clients count their orders
            rate: 0,
            canary_share: u32::from(SHARE_BP) / 100,
            // what is decided here is decided by who stands beside it
            guard: GuardMode::Off,
            // longer than the suite: who repeats an order is known
            idempotency_ttl: 3_600,
            memory_limit: 512,
            cpu_limit: 0.5,
            pool: 20,
            seed: 1,
            beside: 0,
            fault_proxy: true,
            wal_folder: wal.clone(),
        })
        .await?;
        let actions = HaproxyActions::new(HaproxySettings {
            socket: HaproxyAddress::Tcp(at.haproxy_admin.parse()?),
            backend: "trading".to_owned(),
            canary: vec!["canary".to_owned()],
            stable: vec!["baseline".to_owned()],
            tolerance_bp: TOLERANCE_BP,
            drain: false,
            shutdown_sessions: false,
            deadline: TimeSpan::from_seconds(5),
        })?;
        let watch = Watch::start(&at)?;
        Ok(Self { up, at, wal, client: Client::default(), actions, watch, accepted: 0, sweeper })
    }

    /// Plays a scenario: all is well, it is broken, Spark decides, orders are placed again, all is well, nothing is lost.
    pub(super) async fn play(&mut self, scenario: Scenario) -> Result<Row, Failure> {
        if scenario == Scenario::WalFull && self.wal.is_none() {
            return Err(wal::NOT_ALLOWED.into());
        }
        let clients = Clients::start(scenario.name(), &self.at.front);
        let played = self.broken(scenario, &clients).await;
        let accepted = clients.finish().await;
        let mut row = played?;
        self.accepted = self.accepted.saturating_add(accepted?);
        row.reconciled = Some(reconcile(&self.at, self.accepted, 0).await?);
        Ok(row)
    }

    async fn broken(&mut self, scenario: Scenario, clients: &Clients) -> Result<Row, Failure> {
        clients.served().await?;
        self.watch.until("proceed before", WELL_WITHIN, |seen| seen.proceeds()).await?;
        self.watch.mark(scenario.seen_by());
        let from = Instant::now();
        let decided = match scenario.begin(self).await {
            Ok(()) => self.decided(scenario).await,
            Err(error) => Err(error),
        };
        let (decided, served) = match (decided, scenario.expected()) {
            // who is sent back takes no more orders, and those that do are not broken: that is what going back is for
            (Ok(decided), Verdict::Rollback) => {
                self.share(0).await?;
                let served = clients.served().await;
                scenario.end(self).await?;
                (decided, served?)
            }
            (decided, _) => {
                scenario.end(self).await?;
                (decided?, clients.served().await?)
            }
        };
        self.share(SHARE_BP).await?;
        self.watch.until("proceed after", WELL_WITHIN, |seen| seen.proceeds()).await?;
        if let (Verdict::Hold, Some(rollback)) = (scenario.expected(), self.watch.seen().rollback) {
            return Err(format!("expected hold, found {}", rollback.words()).into());
        }
        Ok(Row::played(scenario, decided.at.duration_since(from), decided.because, served))
    }

    /// Waits for the expected decision; where that is to hold, for it to stay so.
    async fn decided(&self, scenario: Scenario) -> Result<super::watch::Decided, Failure> {
        let rolls_back = scenario.expected() == Verdict::Rollback;
        let expected = scenario.expected().as_str();
        let of =
            |seen: &super::watch::Seen| if rolls_back { seen.rollback.clone() } else { seen.hold.clone() };
        let seen = self.watch.until(expected, DECIDED_WITHIN, |seen| of(seen).is_some()).await?;
        if !rolls_back {
            tokio::time::sleep(HELD_FOR).await;
            let seen = self.watch.seen();
            if let Some(rollback) = seen.rollback {
                return Err(format!("expected hold, found {}", rollback.words()).into());
            }
            if seen.proceeds() {
                return Err("expected hold, found proceed while it was broken".into());
            }
        }
        let decided = of(&seen).ok_or_else(|| format!("no {expected}"))?;
        if !decided.is_because_of(scenario.seen_by()) {
            let by = scenario.seen_by().join(", ");
            return Err(format!("expected {expected} because of {by}, found {}", decided.words()).into());
        }
        Ok(decided)
    }

    /// Whether the next scenario can be played: orders are accepted, and Spark would let the release go on.
    pub(super) async fn is_well(&mut self) -> bool {
        if self.share(SHARE_BP).await.is_err() {
            return false;
        }
        let clients = Clients::start("is-well", &self.at.front);
        let well = clients.served().await.is_ok()
            && self.watch.until("proceed", WELL_WITHIN, |seen| seen.proceeds()).await.is_ok();
        // what a scenario that failed left is not known
        self.accepted = match (clients.finish().await, self.count().await) {
            (Ok(_), Ok(count)) => count,
            _ => return false,
        };
        well
    }

    async fn count(&self) -> Result<i64, Failure> {
        use sqlx::Connection as _;
        let mut database = sqlx::PgConnection::connect(&self.at.postgres).await?;
        Ok(sqlx::query_scalar("SELECT count(*) FROM orders").fetch_one(&mut database).await?)
    }

    /// Gives the canary a share of the orders, as a rollout does; who just started is seen by HAProxy's next look.
    async fn share(&mut self, share_bp: u16) -> Result<(), Failure> {
        let order = Order {
            release: "chaos".to_owned(),
            key: format!("chaos/1.{share_bp}"),
            fence: 1,
            stage: 0,
            share_bp,
            reason: String::new(),
            deadline: TimeSpan::from_seconds(5),
        };
        let from = Instant::now();
        loop {
            let outcome = if share_bp == 0 {
                self.actions.roll_back(&order).await
            } else {
                self.actions.set_share(&order).await
            };
            if outcome.succeeded() {
                return Ok(());
            }
            if from.elapsed() > SHARED_WITHIN {
                return Err(outcome.status.into());
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Turns a fault switch of the canary.
    pub(super) async fn fault(&self, method: &str, path: &str, wanted: Value) -> Result<(), Failure> {
        let token = format!("Bearer {}", self.at.admin_token);
        let url = format!("{}/faults{path}", self.at.canary.admin);
        self.ask(method, &url, &[("authorization", &token)], &wanted).await
    }

    /// Puts a toxic on one of the fault proxy's proxies.
    pub(super) async fn toxic(&self, proxy: &str, toxic: Value) -> Result<(), Failure> {
        let url = format!("{}/proxies/{proxy}/toxics", self.fault_proxy()?);
        self.ask("POST", &url, &[], &toxic).await
    }

    /// Takes all toxics away.
    pub(super) async fn no_toxics(&self) -> Result<(), Failure> {
        self.ask("POST", &format!("{}/reset", self.fault_proxy()?), &[], &Value::Null).await
    }

    fn fault_proxy(&self) -> Result<&str, Failure> {
        self.at.fault_proxy.as_deref().ok_or_else(|| "the backend has no fault proxy".into())
    }

    async fn ask(
        &self,
        method: &str,
        url: &str,
        headers: &[(&str, &str)],
        body: &Value,
    ) -> Result<(), Failure> {
        let reply = self.client.send(method, url, headers, body.to_string()).await?;
        if reply.status.is_success() {
            return Ok(());
        }
        Err(format!("{method} {url}: {} {}", reply.status, reply.body).into())
    }

    /// Stops everything, and leaves nothing.
    pub(super) fn strike(mut self) -> Result<(), Failure> {
        drop(self.sweeper.stdin.take());
        self.sweeper.wait()?;
        Ok(())
    }
}
