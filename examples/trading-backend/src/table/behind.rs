//! One switch at a time on the canary behind HAProxy: each row is a rollout of its own, walked as `spark run` walks one.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use spark_core::rollout::{Controller, Fact, Pace, RolloutState};
use spark_core::{Decision, TimeSpan, Timestamp, Track, Verdict};
use spark_runtime::action::{Actions, HaproxyActions, HaproxyAddress, HaproxySettings, Order, TOLERANCE_BP};
use spark_runtime::config::SourceConfig;
use spark_runtime::http::HttpConfig;
use spark_runtime::journal::FileJournal;
use spark_runtime::live::LiveSource;
use spark_runtime::runner::{
    ACTION_DEADLINE, Begin, Clock, NoWords, Ports, Release, RunEnd, SystemClock, no_look, no_reload, run,
};
use spark_runtime::source::scrape::Target;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot};

use super::Failure;
use super::case::Case;
use super::pack::{PLAN, Pack};
use super::row::{Healthy, Row, seconds};
use crate::client::Client;
use crate::local::{Addresses, InstanceAddresses, Local, wait_ready};

/// How long a canary may take to be seen well, at speed 1; the pack's longest window is ten minutes.
const WELL_WITHIN: TimeSpan = TimeSpan::from_seconds(1_500);

/// Real time that is given beside the rules' own: levels such as 120 s of silence are no lengths of time.
const BESIDE: TimeSpan = TimeSpan::from_seconds(180);

/// How long a fault may take to tidy up.
const TIDY: Duration = Duration::from_secs(2);

/// A running backend, and the rules that it is measured with.
pub(super) struct Behind {
    pub(super) at: Addresses,
    pub(super) pack: Pack,
    /// The folder that it was started in.
    pub(super) up: PathBuf,
    pub(super) clock: SystemClock,
    pub(super) client: Client,
}

/// What the runner tells.
enum Told {
    Decided(Decision),
    Stage(u32),
    Drained(Timestamp),
}

/// What was seen of a rollout from the moment on which is waited for.
#[derive(Default)]
struct Seen {
    decisions: Vec<Decision>,
    drained: Option<Timestamp>,
}

impl Behind {
    /// Walks a rollout, switches a fault on in its second stage, and waits for what is decided.
    ///
    /// # Errors
    /// Parts that do not answer, a canary that is not well before its fault is switched on.
    pub(super) async fn row(&self, case: Case, limit: TimeSpan) -> Result<Row, Failure> {
        self.begin_anew().await?;
        let meant = self.pack.meant(case.fault)?;
        let (on, seen) = self.walk(Some(case), self.pack.at_speed(limit).plus(BESIDE)).await?;
        let after = |at: Timestamp| at.since(on).to_std();
        let first = |verdict: Verdict| seen.decisions.iter().find(|decision| decision.verdict >= verdict);
        let back = first(Verdict::Rollback);
        Ok(Row {
            case,
            meant,
            hold: first(Verdict::Hold).map(|decision| after(decision.at)),
            rollback: back.map(|decision| after(decision.at)),
            because: back.map(|decision| decision.because.clone()).unwrap_or_default(),
            drained: seen.drained.map(after),
            meant_after: None,
            watched: seen.decisions.last().map(|decision| after(decision.at)).unwrap_or_default(),
        })
    }

    /// Walks a rollout without any fault for so long.
    ///
    /// # Errors
    /// As [`Self::row`].
    pub(super) async fn healthy(&self, lasting: Duration) -> Result<Healthy, Failure> {
        self.begin_anew().await?;
        let nanos = i64::try_from(lasting.as_nanos()).unwrap_or(i64::MAX);
        let (_, seen) = self.walk(None, TimeSpan::from_nanos(nanos)).await?;
        let of = |verdict: Verdict| seen.decisions.iter().filter(move |decision| decision.verdict == verdict);
        let because = of(Verdict::Rollback).flat_map(|decision| decision.because.clone()).collect();
        Ok(Healthy {
            watched: lasting,
            decisions: seen.decisions.len(),
            holds: of(Verdict::Hold).count(),
            rollbacks: of(Verdict::Rollback).count(),
            because,
        })
    }

    /// Starts the canary anew: what the last row left in its memory and its counters is not the next row's.
    async fn begin_anew(&self) -> Result<(), Failure> {
        Local::stop(&self.up, "canary")?;
        Local::start(&self.up, "canary")?;
        wait_ready(&self.at.canary.url).await?;
        // HAProxy looks twice a second: until it has, there is nobody to give traffic to
        let until = self.clock.now().plus(BESIDE);
        while self.clock.now() < until {
            let mut console = TcpStream::connect(&self.at.haproxy_admin).await?;
            console.write_all(b"show stat trading 4 -1\n").await?;
            let mut servers = String::new();
            console.read_to_string(&mut servers).await?;
            if servers.lines().any(|line| line.starts_with("trading,canary,") && line.contains(",UP,")) {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        Err("HAProxy does not see that the canary is up".into())
    }

    async fn walk(&self, case: Option<Case>, lasting: TimeSpan) -> Result<(Timestamp, Seen), Failure> {
        let name = case.map_or("healthy", |case| case.fault.switch().name);
        let folder = self.up.join("journals").join(name);
        std::fs::create_dir_all(&folder)?;
        let journal = FileJournal::in_folder(&folder, "journal")?.journal;
        let (tell, told) = mpsc::unbounded_channel();
        let (stop, stopped) = oneshot::channel::<()>();
        let release = Release {
            id: name.to_owned(),
            policy: Arc::clone(&self.pack.policy),
            plan: case.map_or(PLAN, Case::plan).to_owned(),
            rules: self.pack.texts.clone(),
            pace: Pace::default(),
            opens: None,
        };
        let ports = Ports {
            source: source(&self.at.canary, &self.at.baseline, &self.pack)?,
            actions: self.actions()?,
            journal,
            clock: self.clock.clone(),
            inbox: NoWords,
            observer: teller(tell),
            freeze: Box::new(|_| None),
            reload: Box::new(no_reload),
            look: Box::new(no_look),
            deadline: ACTION_DEADLINE,
        };
        let running = run(Begin::New(release), ports, async {
            // who watches is gone: it ends as well
            let _ = stopped.await;
        });
        let (outcome, watched) = tokio::join!(running, self.watch(case, lasting, told, stop));
        let end = outcome?.end;
        all_off(&self.client, &self.at, &self.at.canary).await?;
        // some faults tidy up in the database after themselves
        tokio::time::sleep(TIDY).await;
        // a row that was given up leaves the canary its traffic
        self.take_back().await?;
        if let RunEnd::Fenced(why) | RunEnd::Halted(why) = end {
            return Err(why.into());
        }
        watched
    }

    /// Waits until the second stage is reached and all is well, switches the fault on, and gathers what is decided.
    async fn watch(
        &self,
        case: Option<Case>,
        lasting: TimeSpan,
        mut told: mpsc::UnboundedReceiver<Told>,
        stop: oneshot::Sender<()>,
    ) -> Result<(Timestamp, Seen), Failure> {
        let late = self.clock.now().plus(self.pack.at_speed(WELL_WITHIN)).plus(BESIDE);
        let settles = case.map_or(TimeSpan::ZERO, |case| self.pack.at_speed(case.settles()));
        let mut settled = None;
        let mut last = None;
        loop {
            match told.recv().await {
                Some(Told::Stage(stage)) => settled = (stage > 0).then(|| self.clock.now().plus(settles)),
                Some(Told::Decided(decision))
                    if settled.is_some_and(|settled| decision.at >= settled)
                        && decision.verdict == Verdict::Proceed =>
                {
                    break;
                }
                Some(Told::Decided(decision)) => last = Some(decision),
                Some(Told::Drained(_)) => {}
                None => return Err(ill(last.as_ref())),
            }
            if self.clock.now() > late {
                return Err(ill(last.as_ref()));
            }
        }
        if let Some(case) = case {
            switch(&self.client, &self.at, &self.at.canary, case).await?;
        }
        let on = self.clock.now();
        let mut seen = Seen::default();
        let until = on.plus(lasting);
        loop {
            let left = until.since(self.clock.now()).to_std();
            match tokio::time::timeout(left, told.recv()).await {
                Ok(Some(Told::Decided(decision))) if decision.at > on => {
                    if decision.verdict > Verdict::Proceed
                        && seen.decisions.iter().all(|before| before.verdict < decision.verdict)
                    {
                        let after = seconds(decision.at.since(on).to_std());
                        let because = decision.because.join(", ");
                        eprintln!("  {after}: {} {because}", decision.verdict);
                    }
                    seen.decisions.push(decision);
                }
                Ok(Some(Told::Drained(at))) if at > on => seen.drained = Some(at),
                Ok(Some(_)) => {}
                // the rollout is over
                Ok(None) => break,
                Err(_) => {
                    // it may have ended by itself
                    let _ = stop.send(());
                    break;
                }
            }
        }
        Ok((on, seen))
    }

    fn actions(&self) -> Result<HaproxyActions, Failure> {
        Ok(HaproxyActions::new(HaproxySettings {
            socket: HaproxyAddress::Tcp(self.at.haproxy_admin.parse()?),
            backend: "trading".to_owned(),
            canary: vec!["canary".to_owned()],
            stable: vec!["baseline".to_owned()],
            tolerance_bp: TOLERANCE_BP,
            drain: false,
            shutdown_sessions: false,
            deadline: ACTION_DEADLINE,
        })?)
    }

    async fn take_back(&self) -> Result<(), Failure> {
        let order = Order {
            release: "table".to_owned(),
            key: "table/1.1".to_owned(),
            fence: 1,
            stage: 0,
            share_bp: 0,
            reason: String::new(),
            deadline: ACTION_DEADLINE,
        };
        let outcome = self.actions()?.roll_back(&order).await;
        if outcome.succeeded() { Ok(()) } else { Err(outcome.status.into()) }
    }
}

/// Why no fault was switched on.
fn ill(last: Option<&Decision>) -> Failure {
    let why = last.map_or_else(
        || "there was no decision".to_owned(),
        |decision| {
            format!("the last decision was {} because of {}", decision.verdict, decision.because.join(", "))
        },
    );
    format!("the canary was not well before its fault was switched on: {why}").into()
}

/// Tells what happens to a rollout.
fn teller(tell: mpsc::UnboundedSender<Told>) -> impl FnMut(&Fact, &Controller) + Send {
    let mut stage = None;
    move |fact, controller| {
        // nobody listens any more once the row is over
        if let RolloutState::Stage { stage: now } = controller.rollout().state()
            && stage != Some(now)
        {
            stage = Some(now);
            let _ = tell.send(Told::Stage(now));
        }
        match fact {
            Fact::Decided { decision } => {
                let _ = tell.send(Told::Decided(decision.clone()));
            }
            Fact::Probed { at, share_bp: Some(0), .. } => {
                let _ = tell.send(Told::Drained(*at));
            }
            _ => {}
        }
    }
}

/// Both instances, scraped as `spark run` scrapes them.
pub(super) fn source(
    canary: &InstanceAddresses,
    baseline: &InstanceAddresses,
    pack: &Pack,
) -> Result<LiveSource, Failure> {
    let target = |at: &InstanceAddresses, track| Target { url: format!("{}/metrics", at.url), track };
    let targets = vec![target(canary, Track::Canary), target(baseline, Track::Baseline)];
    let config = SourceConfig::Scrape { targets, http: HttpConfig::default() };
    Ok(LiveSource::new(config, Arc::clone(&pack.policy))?)
}

/// Switches a fault of an instance on.
pub(super) async fn switch(
    client: &Client,
    at: &Addresses,
    instance: &InstanceAddresses,
    case: Case,
) -> Result<(), Failure> {
    let url = format!("{}/faults/{}", instance.admin, case.fault.switch().name);
    ask(client, at, "POST", &url, case.on().to_string()).await
}

/// Switches all faults of an instance off.
pub(super) async fn all_off(
    client: &Client,
    at: &Addresses,
    instance: &InstanceAddresses,
) -> Result<(), Failure> {
    ask(client, at, "DELETE", &format!("{}/faults", instance.admin), String::new()).await
}

async fn ask(client: &Client, at: &Addresses, method: &str, url: &str, body: String) -> Result<(), Failure> {
    let token = format!("Bearer {}", at.admin_token);
    // an instance whose threads are blocked answers at its next free moment
    for _ in 0..3 {
        if let Ok(reply) = client.send(method, url, &[("authorization", &token)], body.clone()).await {
            let status = reply.status;
            return if status.is_success() {
                Ok(())
            } else {
                Err(format!("{url}: {status} {}", reply.body).into())
            };
        }
    }
    Err(format!("{url} does not answer").into())
}
