//! `spark demo`: the main job, with nothing installed.
//!
//! Two versions of a small order service run as child processes, real HTTP traffic flows, Spark scrapes both, decides
//! by rules, moves the traffic, and meets a fault. The live loop, the journal and the seal are the ones of
//! `spark run`; what is here is the service, the traffic, the fault, and the telling.

mod chance;
mod effect;
mod ending;
mod frame;
mod instance;
mod load;
mod rollout;
mod rules;
mod screen;
pub(crate) mod service;
mod source;
mod traffic;
mod view;

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use spark_core::rollout::{Ending, Pace};
use spark_core::{Plan, Policy, TimeSpan, Track};
use spark_runtime::causes::in_one_line;
use spark_runtime::evidence::ReleaseId;
use spark_runtime::release::{Left, OpenRelease};
use spark_runtime::runner::{NoWords, Ports, Release, RunEnd, SystemClock};

use self::instance::Instance;
use self::load::USERS_PER_SECOND;
use self::rollout::{DemoActions, Fault, Shared, Teller};
use self::screen::Screen;
use self::source::DemoSource;
use self::traffic::{Addresses, Traffic};
use crate::exit::Exit;

/// The release's name in the evidence.
const RELEASE: &str = "demo";

/// Longest that the rollout may take: a healthy one needs about 45 s, and the whole demo stays below 90 s.
const ROLLOUT_WITHIN: Duration = Duration::from_secs(75);

/// The times that the demo's rollout keeps to: its traffic is in this process, and moves at once.
const PACE: Pace = Pace {
    verify_within: TimeSpan::from_seconds(5),
    rollback_within: TimeSpan::from_seconds(20),
    retry_after: TimeSpan::from_seconds(1),
    probe_every: TimeSpan::from_seconds(5),
    hour: Pace::HOUR,
};

/// How long the split may take to be set.
const ACTION_DEADLINE: TimeSpan = TimeSpan::from_seconds(5);

/// How long the stable version gets traffic before the rollout begins, so that there is something to compare with.
const WARM_UP: Duration = Duration::from_secs(2);

/// Time between two looks at whether both versions still run.
const LOOK_AFTER_EVERY: Duration = Duration::from_millis(500);

/// Watch Spark decide about a release: real processes, real traffic, a real fault, in under a minute
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  spark demo              the new version turns slow, and is rolled back (exit code 11)\n  \
                        spark demo --healthy    nothing goes wrong: all the way to 100 % (exit code 0)\n  \
                        spark demo --fault errors   another fault\n  \
                        spark demo --rules      the rules that decide"
)]
pub(crate) struct DemoArgs {
    /// Inject no fault: walk to 100 %
    #[arg(long)]
    healthy: bool,
    /// What goes wrong with the new version at 25 %
    #[arg(long, value_enum, default_value = "slow", conflicts_with = "healthy")]
    fault: Injected,
    /// The folder below which the evidence is written, in `demo/`
    #[arg(long, value_name = "DIR", default_value = "evidence")]
    evidence: PathBuf,
    /// Print the rules that decide, and end
    #[arg(long)]
    rules: bool,
}

/// What goes wrong with the new version: each has a trigger that looks for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Injected {
    /// Orders take half a second
    Slow,
    /// Every tenth order fails
    Errors,
    /// The market data stand still
    Stale,
    /// The page breaks its content security policy three times as often
    Csp,
    /// Every tenth order with an idempotency key conflicts
    Conflicts,
}

impl Injected {
    /// The page that switches it on, and what it means.
    const fn page_and_words(self) -> (&'static str, &'static str) {
        match self {
            Self::Slow => ("/fault?kind=slow", "the new version now needs half a second for an order"),
            Self::Errors => ("/fault?kind=errors", "every tenth order to the new version now fails"),
            Self::Stale => ("/fault?kind=stale", "the new version's market data now stand still"),
            Self::Csp => {
                ("/fault?kind=csp", "the new version's page now breaks its CSP three times as often")
            }
            Self::Conflicts => {
                ("/fault?kind=conflicts", "every tenth keyed order to the new version now conflicts")
            }
        }
    }
}

/// Why the demo could not run, in words.
#[derive(Debug)]
pub(crate) struct Failure(String);

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Runs the demo; `quiet` shows its end alone. Exit codes: 11 after the rollback, 0 at 100 %, 1 where it could not run.
pub(crate) fn run(args: &DemoArgs, quiet: bool) -> ExitCode {
    if args.rules {
        return print_rules();
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let result = match runtime {
        Ok(runtime) => runtime.block_on(demo(args, quiet)),
        Err(error) => Err(Failure(format!("the runtime does not start: {error}"))),
    };
    match result {
        Ok(exit) => ExitCode::from(exit as u8),
        Err(failure) => {
            crate::console::say(&format!("error: the demo could not run: {failure}"));
            ExitCode::from(Exit::CouldNotRun as u8)
        }
    }
}

fn print_rules() -> ExitCode {
    use std::io::Write;
    match std::io::stdout().write_all(rules::TEXT.as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

async fn demo(args: &DemoArgs, quiet: bool) -> Result<Exit, Failure> {
    let policy = rules::policy()?;
    let Some(plan) = policy.plan(rules::PLAN).cloned() else {
        return Err(Failure(format!("the demo's rules have no plan `{}`", rules::PLAN)));
    };
    let id = ReleaseId::new(RELEASE).map_err(|error| Failure(error.to_string()))?;
    make_room(&args.evidence)?;
    let open = OpenRelease::open(&args.evidence, &id).map_err(|error| Failure(in_one_line(&error)))?;
    let stable = Instance::start(Track::Baseline).await?;
    let new = Instance::start(Track::Canary).await?;
    let shared = Shared::new(Screen::new(quiet));
    say_what_is_seen(&shared, &stable, &new);
    let addresses = Addresses { baseline: stable.url(""), canary: new.url("") };
    let traffic = Traffic::start(addresses.clone())?;
    let release = Release {
        id: RELEASE.to_owned(),
        policy: Arc::clone(&policy),
        plan: rules::PLAN.to_owned(),
        rules: rules::as_evidence(),
        pace: PACE,
        opens: None,
    };
    let fault = (!args.healthy).then(|| {
        let (page, words) = args.fault.page_and_words();
        Fault { url: new.url(page), words }
    });
    let actions = DemoActions::new(Arc::clone(&shared), Arc::clone(&traffic), fault);
    let stage = Stage { shared, traffic, addresses, versions: [stable, new] };
    let left = stage.walk(&policy, &plan, release, open, actions).await?;
    let ended = stage.end(left, args).await;
    stage.leave().await;
    ended
}

/// What the demo has on stage.
#[derive(Debug)]
struct Stage {
    shared: Arc<Shared>,
    traffic: Arc<Traffic>,
    addresses: Addresses,
    versions: [Instance; 2],
}

impl Stage {
    /// Walks the plan, with the live loop of `spark run`.
    async fn walk(
        &self,
        policy: &Arc<Policy>,
        plan: &Plan,
        release: Release,
        open: OpenRelease,
        actions: DemoActions,
    ) -> Result<Left, Failure> {
        tokio::time::sleep(WARM_UP).await;
        let source = DemoSource::new(Arc::clone(policy), &self.addresses, Arc::clone(&self.shared))?;
        let teller = Teller::new(
            Arc::clone(&self.shared),
            Arc::clone(&self.traffic),
            Arc::clone(policy),
            plan.clone(),
        );
        let OpenRelease { folder, journal, folded, .. } = open;
        let ports = Ports {
            source,
            actions,
            journal,
            clock: SystemClock::start(),
            inbox: NoWords,
            observer: teller,
            freeze: Box::new(|_| None),
            reload: Box::new(spark_runtime::runner::no_reload),
            look: Box::new(spark_runtime::runner::no_look),
            deadline: ACTION_DEADLINE,
        };
        let begin = OpenRelease::begin(folded, || release);
        let outcome = spark_runtime::runner::run(begin, ports, self.ended_early())
            .await
            .map_err(|error| Failure(in_one_line(&error)))?;
        Left::of(outcome, folder).await.map_err(|error| Failure(in_one_line(&error)))
    }

    /// Done once the rollout cannot come to its end.
    async fn ended_early(&self) {
        let look_after = async {
            loop {
                tokio::time::sleep(LOOK_AFTER_EVERY).await;
                for version in &self.versions {
                    if let Err(failure) = version.check_alive() {
                        self.shared.end(failure);
                    }
                }
            }
        };
        tokio::select! {
            () = self.shared.ended() => {}
            () = tokio::time::sleep(ROLLOUT_WITHIN) => {
                self.shared.end(Failure(format!("the rollout was not through within {ROLLOUT_WITHIN:?}")));
            }
            () = look_after => {}
            _ = tokio::signal::ctrl_c() => self.shared.end(Failure("it was interrupted".to_owned())),
        }
    }

    /// Verifies what the rollout did, and tells how it ended.
    async fn end(&self, left: Left, args: &DemoArgs) -> Result<Exit, Failure> {
        let effect = match &left.end {
            RunEnd::Ended(Ending::RolledBack { .. }) => {
                let (new, stable) = (&self.addresses.canary, &self.addresses.baseline);
                let look = || self.shared.refresh(&self.traffic, None);
                let effect = effect::verify(&self.traffic, new, stable, look).await;
                look();
                Some(effect)
            }
            _ => None,
        };
        self.traffic.stop();
        ending::tell(&self.shared, &self.traffic, left, effect, args.healthy).await
    }

    /// Lets both versions end.
    async fn leave(self) {
        self.traffic.stop();
        for version in self.versions {
            version.stop().await;
        }
    }
}

/// The first lines: what the reader is about to see.
fn say_what_is_seen(shared: &Shared, stable: &Instance, new: &Instance) {
    let mut screen = shared.screen();
    screen.say(&format!(
        "Spark decides whether a release goes on, waits or goes back. Here it releases\n\
         an order service: a stable version (port {}) and a new one (port {}) run,\n\
         with {USERS_PER_SECOND} real orders a second; {NAME} decides (read it: spark demo --rules).\n",
        stable.port(),
        new.port(),
        NAME = rules::NAME,
    ));
}

/// Takes the evidence of an earlier demo away; anything else is left alone, and is an error.
fn make_room(root: &Path) -> Result<(), Failure> {
    let folder = root.join(RELEASE);
    if !folder.exists() {
        return Ok(());
    }
    let failed = |what: &str| Failure(format!("`{}` {what}", folder.display()));
    if !folder.join("rules").join(format!("0-{}", rules::NAME)).is_file() {
        return Err(failed("is there, and is not of a demo: say another place with --evidence DIR"));
    }
    std::fs::remove_dir_all(&folder).map_err(|error| failed(&format!("cannot be written anew: {error}")))
}
