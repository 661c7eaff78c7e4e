//! `spark run`: walks a rollout, live.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use clap::Args;
use spark_core::rollout::{Controller, Ended, Fact, RolloutState};
use spark_core::{Policy, Timestamp};
use spark_runtime::action::{ConfiguredActions, percent};
use spark_runtime::config::{self, Config, ExposeSecret, KeyConfig};
#[cfg(unix)]
use spark_runtime::control::ControlSocket;
use spark_runtime::control::{self, Keeper, Speaker};
use spark_runtime::evidence::{self, EvidenceFolder, ReleaseId};
use spark_runtime::journal::{AnyJournal, Journal as _, JournalError, Leave};
use spark_runtime::live::LiveSource;
use spark_runtime::notify::{Herald, Notifier};
use spark_runtime::probe::StageProbes;
use spark_runtime::release::{JournalPlace, Left, OpenRelease, Relay, ReleaseError};
use spark_runtime::replay::{Event, Events};
use spark_runtime::runner::{self, Ports, Release, SystemClock};

use crate::ceilings;
use crate::command::closing::{self, close};
use crate::command::facts::fact_line;
use crate::command::interrupt::interrupted;
use crate::command::replay::line;
use crate::console::{Console, ConsoleArgs, say};
use crate::exit::{Exit, Failure};
use crate::rules::{Rules, RulesWatch};
use crate::samples::block_on;
use crate::screen::Screen;
use crate::table;

/// How long the last messages may take after the rollout: its exit code waits for them.
const NOTIFY_WITHIN: std::time::Duration = std::time::Duration::from_secs(10);

/// How often a runner that stands by looks whether the rollout is free.
const STAND_BY_EVERY: std::time::Duration = std::time::Duration::from_millis(500);

/// How long it goes on where the database cannot be asked: longer than a restart of it takes.
const UNREACHED_MAX: std::time::Duration = std::time::Duration::from_secs(60);

#[derive(Debug, Args)]
#[command(
    after_help = "Exit codes: 0 every stage was served; 10 stopped with Ctrl-C, nothing moved; 11 rolled back;
1 could not run, or the rollback command failed.

When the command that sets a share fails, nobody knows where the traffic is: it is rolled back.

Example:
  spark run release.rules --release 2026-01-05.1 --config spark.yaml

  # spark.yaml; `spark config check` checks it, `spark config schema` has all keys
  spark: 1
  sources:
    scrape:                            # or prometheus: { url: http://… }
      canary: [http://10.0.0.2:9100/metrics]
      baseline: [http://10.0.0.1:9100/metrics]
  actions:
    deadline: 30s
    command:                           # words, no shell; {share} is in percent, {stage} counts from 1
      set: [./set-traffic, \"{share}\"]
      rollback: [./roll-back, \"{reason}\", \"{stage}\"]
      probe: [./share-now]             # prints the share that the canary really has
  evidence:
    key: { file: release.key }         # from `spark evidence keygen`"
)]
pub(crate) struct RunArgs {
    /// The rules
    rules: PathBuf,
    /// The release's name; its evidence goes into a folder of that name
    #[arg(long, value_name = "ID")]
    release: String,
    /// The plan to walk, where the rules have several
    #[arg(long, value_name = "NAME")]
    plan: Option<String>,
    /// Where samples come from and what moves traffic
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// The folder below which the evidence is written [default: the configuration's, else evidence]
    #[arg(long, value_name = "DIR")]
    evidence: Option<PathBuf>,
    /// T-0, RFC 3339: no stage is entered before [default: at once]
    #[arg(long, value_name = "T", value_parser = instant)]
    opens: Option<Timestamp>,
    /// While another runner has the rollout, wait for it, and take it up when that one is gone
    #[arg(long)]
    stand_by: bool,
}

fn instant(text: &str) -> Result<Timestamp, String> {
    Timestamp::parse(text).ok_or_else(|| "expected RFC 3339 as 2026-01-05T10:00:00Z".to_owned())
}

pub(crate) fn run(console: &mut Console, args: &RunArgs, said: ConsoleArgs) -> Result<Exit, Failure> {
    let id = ReleaseId::new(&args.release).map_err(|error| Failure::bad_arguments(error.to_string()))?;
    let config = crate::command::config::load(console, &args.config)?;
    let rules = Rules::load(console, &args.rules)?;
    let plan = plan(args, &rules.policy)?;
    // read before anything moves: a key that is missing at the end would leave the evidence unsealed
    let key = signing_key(&config)?;
    if config.evidence.key.is_none() {
        console.note("no `evidence.key` is configured: the evidence is sealed with a throw-away key");
    }
    let root =
        args.evidence.clone().or(config.evidence.dir.clone()).unwrap_or_else(|| PathBuf::from("evidence"));
    let (keeper, (speaker, words)) = (Keeper::default(), control::words());
    let place = place(&config)?;
    let open = match args.stand_by {
        true => stand_by(&root, &id, &place, &keeper)?,
        false => open(&root, &id, &place, &keeper)?,
    };
    if open.is_over() {
        console
            .note("the rollout was over when its runner was killed; its evidence is written and sealed now");
        let left = block_on(Left::of_over(open))?;
        return close(console, left, &key, config.evidence.anchors.as_deref());
    }
    let OpenRelease { folder, journal, folded, .. } = open;
    let desk = Relay::desk(&journal);
    // a release is pinned to the rules that it began with; what stands in the file now is looked at as a change
    let (policy, seen) = match &folded {
        Some(folded) => (Arc::clone(folded.controller.engine().policy()), folded.rules.clone()),
        None => (Arc::clone(&rules.policy), rules.texts()),
    };
    let mut watch = RulesWatch::new(args.rules.clone(), seen);
    let clock = match &folded {
        Some(folded) => SystemClock::resume(folded.clock.as_ref(), folded.last),
        None => SystemClock::start(),
    };
    let screen = Screen::of_run(&keeper, clock.clone(), said);
    let begin = OpenRelease::begin(folded, || Release {
        id: args.release.clone(),
        policy: Arc::clone(&policy),
        plan,
        rules: rules.texts(),
        pace: config.pace,
        opens: args.opens,
    });
    let (calendar, deadline) = (config.freeze, config.actions.deadline);
    let notify_folder = config.folder.clone();
    let probes =
        StageProbes::configured(&config.evidence, &config.probes, &config.actions.hidden, &args.release);
    let look = Box::new(move |stage| probes.look(stage));
    let actions =
        ConfiguredActions::new(config.actions, config.folder).map_err(|error| Failure::of(&error))?;
    let source = LiveSource::new(config.source, policy).map_err(|e| Failure::of(&e))?;
    let ports = |observer| Ports {
        source: source.telling_ceilings(ceilings::teller(&rules, said.quiet)),
        actions,
        journal,
        clock,
        inbox: words,
        observer,
        freeze: Box::new(move |at| calendar.frozen_at(at)),
        reload: Box::new(move || watch.look()),
        look,
        deadline,
    };
    let left = block_on(async {
        let notifier = Notifier::configured(&config.notify, &notify_folder).map_err(|e| Failure::of(&e))?;
        let notifier = Arc::new(notifier);
        let herald = Herald::new(Arc::clone(&notifier), args.release.clone());
        let _served = serve(&folder, &keeper, &speaker);
        let _relay = Relay::start(desk, speaker.clone());
        let ports = ports((Teller::new(said), (keeper.clone(), herald)));
        let stop = interrupted(&screen, &speaker);
        let outcome = runner::run(begin, ports, stop).await.map_err(|error| Failure::of(&error))?;
        keeper.set_running(false);
        drop(screen);
        if let Some(notifier) = Arc::into_inner(notifier) {
            closing::tell_of_lost(&notifier.finish(NOTIFY_WITHIN).await);
        }
        Ok::<_, Failure>(Left::of(outcome, folder).await)
    })??;
    close(console, left, &key, config.evidence.anchors.as_deref())
}

/// Where the journal is, by the configuration.
pub(crate) fn place(config: &Config) -> Result<JournalPlace, Failure> {
    JournalPlace::configured(&config.journal, &config::of_process).map_err(|error| Failure::of(&error))
}

/// Opens a release; `keeper` is told what happened so far.
pub(super) fn open(
    root: &Path,
    id: &ReleaseId,
    place: &JournalPlace,
    keeper: &Keeper,
) -> Result<OpenRelease, Failure> {
    try_open(root, id, place, keeper)?.map_err(|error| Failure::of(&error))
}

/// Opens a release, as soon as no other runner has it.
fn stand_by(
    root: &Path,
    id: &ReleaseId,
    place: &JournalPlace,
    keeper: &Keeper,
) -> Result<OpenRelease, Failure> {
    let (mut told, mut reached) = (false, Instant::now());
    loop {
        match try_open(root, id, place, keeper)? {
            // a runner that stands still may hold its row for a moment, and a database may restart
            Err(ReleaseError::Journal(JournalError::Unreadable { .. }))
                if reached.elapsed() < UNREACHED_MAX =>
            {
                std::thread::sleep(STAND_BY_EVERY);
            }
            Err(ReleaseError::Journal(error @ JournalError::Held { .. })) => {
                reached = Instant::now();
                if !std::mem::replace(&mut told, true) {
                    say(&format!("stands by: {error}"));
                }
                std::thread::sleep(STAND_BY_EVERY);
            }
            Ok(OpenRelease { journal: AnyJournal::Postgres(journal), .. }) if journal.was_finished() => {
                // whoever ended it may be writing its evidence now
                let _ = block_on(journal.close(Leave::Finished))?;
                return Err(Failure::could_not_run(format!("release {} is over", id.as_str())));
            }
            opened => return opened.map_err(|error| Failure::of(&error)),
        }
    }
}

fn try_open(
    root: &Path,
    id: &ReleaseId,
    place: &JournalPlace,
    keeper: &Keeper,
) -> Result<Result<OpenRelease, ReleaseError>, Failure> {
    let opened = block_on(OpenRelease::open_at(root, id, place, &mut keeper.clone()))?;
    if let Ok(OpenRelease { cut: Some(cut), .. }) = &opened {
        say(&format!(
            "warning: the journal ended in a line that was never acknowledged, and it was cut: {cut}"
        ));
    }
    Ok(opened)
}

/// Listens for operators' words, as long as the answer is kept. Without that, signals still reach the rollout.
#[cfg(unix)]
pub(super) fn serve(folder: &EvidenceFolder, keeper: &Keeper, speaker: &Speaker) -> Option<ControlSocket> {
    keeper.set_running(true);
    let warn = |error: &_| {
        say(&format!("warning: `spark status` and operators' words do not reach this run: {error}"));
    };
    ControlSocket::bind(folder.path(), keeper.clone(), speaker.clone()).inspect_err(warn).ok()
}

#[cfg(not(unix))]
pub(super) fn serve(_: &EvidenceFolder, keeper: &Keeper, _: &Speaker) {
    keeper.set_running(true);
}

pub(super) fn signing_key(config: &Config) -> Result<evidence::SecretKey, Failure> {
    let key = match &config.evidence.key {
        None => evidence::throw_away_key(),
        Some(KeyConfig::File(path)) => evidence::private_key(path),
        Some(source @ KeyConfig::Env(name)) => {
            let text = source.read(&config::of_process).map_err(|error| Failure::of(&error))?;
            evidence::private_key_of(text.expose_secret(), &format!("${name}"))
        }
    };
    key.map_err(|error| Failure::of(&error))
}

/// The plan that is named, or the only one.
fn plan(args: &RunArgs, policy: &Policy) -> Result<String, Failure> {
    let names: Vec<&str> = policy.plans().iter().map(|plan| plan.name.as_str()).collect();
    match (&args.plan, names.as_slice()) {
        (Some(name), names) if names.contains(&name.as_str()) => Ok(name.clone()),
        (None, [only]) => Ok((*only).to_owned()),
        (_, []) => Err(Failure::bad_arguments(format!("`{}` has no plan to walk", args.rules.display()))),
        (Some(name), names) => {
            Err(Failure::bad_arguments(format!("there is no plan `{name}`; there is {}", names.join(", "))))
        }
        (None, names) => {
            Err(Failure::bad_arguments(format!("say with --plan which plan to walk: {}", names.join(", "))))
        }
    }
}

/// Tells on standard error what happens.
pub(super) struct Teller {
    said: ConsoleArgs,
    events: Events,
    stage: Option<u32>,
}

impl Teller {
    pub(super) fn new(said: ConsoleArgs) -> Self {
        Self { said, events: Events::default(), stage: None }
    }

    fn decided(&mut self, decision: &spark_core::Decision, controller: &Controller) {
        for event in self.events.of(decision) {
            if !matches!(event, Event::Summary(_)) {
                say(&line(&event));
            }
        }
        if self.said.verbose {
            say(&format!("{}; served {}", table::headline(decision), controller.rollout().served()));
        }
    }

    fn outcome(&self, fact: &Fact) {
        let Fact::Outcome { at, end, status, command, output, .. } = fact else { return };
        say(&format!("{at}  {}: {status}", command.join(" ")));
        if *end != Ended::Succeeded || self.said.verbose {
            output.lines().for_each(|line| say(&format!("    {line}")));
        }
    }
}

impl runner::Observer for Teller {
    fn on(&mut self, fact: &Fact, controller: &Controller) {
        if self.said.quiet {
            return;
        }
        match fact {
            Fact::Decided { decision } => self.decided(decision, controller),
            Fact::Outcome { .. } => self.outcome(fact),
            Fact::Sample(_) | Fact::End { .. } => {}
            Fact::Probed { at, words, .. } => {
                if let RolloutState::Stage { stage } = controller.rollout().state()
                    && self.stage != Some(stage)
                {
                    self.stage = Some(stage);
                    let share = percent(controller.rollout().expected_bp());
                    say(&format!("{at}  stage {}: {share}%", stage.saturating_add(1)));
                } else if self.said.verbose {
                    say(&format!("{at}  {words}"));
                }
            }
            fact => say(&fact_line(fact)),
        }
    }
}
