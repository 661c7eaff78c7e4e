//! `spark run`: walks a rollout, live.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use spark_core::{Policy, Step, Verdict};
use spark_runtime::action::{CommandActions, CommandSettings};
use spark_runtime::config::{self, ActionConfig, ActionsConfig, Config, ExposeSecret, KeyConfig};
use spark_runtime::evidence::{self, ReleaseId};
use spark_runtime::live::LiveSource;
use spark_runtime::replay::{Event, Events};
use spark_runtime::runner::{self, Ending, Outcome, Release, RunEvent, SystemClock};

use crate::ceilings;
use crate::command::replay::line;
use crate::console::{Console, ConsoleArgs, say, verdict};
use crate::exit::{Exit, Failure};
use crate::rules::Rules;
use crate::samples::block_on;
use crate::table;

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
    let release =
        Release { id, policy: Arc::clone(&rules.policy), plan, rules: rules.texts(), evidence: root };
    let actions = actions(config.actions, config.folder)?;
    let source = LiveSource::new(config.source, Arc::clone(&rules.policy)).map_err(|e| Failure::of(&e))?;
    let source = source.telling_ceilings(ceilings::teller(&rules, said.quiet));
    let walk = runner::run(release, source, actions, SystemClock, Teller::new(said), interrupted());
    let outcome = block_on(walk)?.map_err(|error| Failure::of(&error))?;
    let sealed = outcome.seal(&key).map_err(|error| Failure::of(&error));
    console.line(told(&outcome));
    let folder = outcome.evidence.path().display();
    match &sealed {
        Ok(sealed) => console.line(format!("evidence: {folder} ({} files, sealed)", sealed.files)),
        Err(failure) => say(&format!("warning: the evidence in {folder} is not sealed: {failure}")),
    }
    match (ended(&outcome)?, sealed) {
        // the traffic is back, and the exit code must say so
        (exit, Ok(_)) | (exit @ Exit::Rollback, Err(_)) => Ok(exit),
        (_, Err(failure)) => Err(failure),
    }
}

fn signing_key(config: &Config) -> Result<evidence::SecretKey, Failure> {
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

fn actions(config: ActionsConfig, folder: PathBuf) -> Result<CommandActions, Failure> {
    let ActionsConfig { deadline, action } = config;
    match action {
        ActionConfig::Command(command) => Ok(CommandActions {
            set: command.set,
            rollback: command.rollback,
            probe: Some(command.probe),
            deadline,
            settings: CommandSettings { dir: folder, environment: command.env, ..CommandSettings::default() },
        }),
        ActionConfig::Haproxy(_) | ActionConfig::Webhook(_) => {
            Err(Failure::could_not_run("this release of Spark moves traffic by `command` alone"))
        }
    }
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

/// Done at Ctrl-C, when the service manager asks to end, or when the terminal goes away.
async fn interrupted() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let kinds = (signal(SignalKind::terminate()), signal(SignalKind::hangup()));
        if let (Ok(mut terminated), Ok(mut hung_up)) = kinds {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminated.recv() => {}
                _ = hung_up.recv() => {}
            }
            return;
        }
    }
    let _ = tokio::signal::ctrl_c().await;
}

fn told(outcome: &Outcome) -> String {
    match &outcome.ending {
        Ending::Completed => format!("{} every stage was served", verdict(Verdict::Proceed)),
        Ending::RolledBack { stage, because } => format!(
            "{} in stage {} because {}",
            verdict(Verdict::Rollback),
            stage.saturating_add(1),
            because.join(", ")
        ),
        Ending::Stopped => {
            let where_it_is = outcome.stages.last().map_or("no traffic", |stage| stage.share.as_str());
            format!(
                "{} stopped on request: nothing was moved, the canary stays at {where_it_is}",
                verdict(Verdict::Hold)
            )
        }
        Ending::Failed { reason } => format!("failed: {reason}"),
    }
}

fn ended(outcome: &Outcome) -> Result<Exit, Failure> {
    if let Some(reason) = &outcome.unrecorded {
        say(&format!("warning: the journal does not tell everything: {reason}"));
    }
    match &outcome.ending {
        Ending::Completed => Ok(Exit::Done),
        Ending::RolledBack { .. } => Ok(Exit::Rollback),
        Ending::Stopped => Ok(Exit::Hold),
        Ending::Failed { reason } => Err(Failure::could_not_run(reason.clone())),
    }
}

/// Tells on standard error what happens.
struct Teller {
    said: ConsoleArgs,
    events: Events,
}

impl Teller {
    fn new(said: ConsoleArgs) -> Self {
        Self { said, events: Events::default() }
    }
}

impl runner::Observer for Teller {
    fn on(&mut self, event: &RunEvent<'_>) {
        if self.said.quiet {
            return;
        }
        match event {
            RunEvent::Started { at, plan } => {
                say(&format!("{at}  plan {} of {} stages", plan.name, plan.stages.len()));
            }
            RunEvent::Acting { at, step, failure } => {
                if let Some(failure) = failure {
                    say(&format!("{at}  {failure}"));
                }
                if let Step::RollBack { stage, because } = step {
                    let stage = stage.saturating_add(1);
                    say(&format!("{at}  rolling back in stage {stage} because {}", because.join(", ")));
                }
            }
            RunEvent::Acted { at, step, outcome } => {
                if !matches!(step, Step::Complete) {
                    say(&format!("{at}  {}: {}", outcome.command.join(" "), outcome.status));
                }
                for text in [&outcome.stdout, &outcome.stderr] {
                    if !outcome.succeeded() || self.said.verbose {
                        text.lines().for_each(|line| say(&format!("    {line}")));
                    }
                }
            }
            RunEvent::StageEntered { at, stage, share_bp } => {
                let share = spark_runtime::action::percent(*share_bp);
                say(&format!("{at}  stage {}: {share}%", stage.saturating_add(1)));
            }
            RunEvent::Decided { decision, rollout, .. } => {
                for event in self.events.of(decision) {
                    if !matches!(event, Event::Summary(_)) {
                        say(&line(&event));
                    }
                }
                if self.said.verbose {
                    say(&format!("{}; served {}", table::headline(decision), rollout.served()));
                }
            }
            RunEvent::StageLeft { summary } => {
                let met = summary.signals.iter().filter(|signal| signal.met == Some(true)).count();
                let (all, stage) = (summary.signals.len(), summary.stage.saturating_add(1));
                say(&format!("    stage {stage} left: {met} of {all} signals meet their expectation"));
            }
            RunEvent::Unrecorded { reason } => {
                say(&format!("the journal cannot be written, so no stage is entered: {reason}"));
            }
            _ => {}
        }
    }
}
