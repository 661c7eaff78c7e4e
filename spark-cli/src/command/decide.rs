//! `spark decide`: one decision; the exit code says it.

use std::path::PathBuf;
use std::sync::Arc;

use clap::{ArgGroup, Args};
use serde::Serialize;
use spark_core::metrics::MetricsReader;
use spark_core::{Decision, Engine, Report, State, TimeSpan, Timestamp, Track, Verdict};
use spark_runtime::replay::{Instants, Recording, Replay, look_back};
use spark_runtime::runner::{Clock, SystemClock};
use spark_runtime::source::prometheus::SourceError;
use spark_runtime::source::scrape::{Scraper, Target};

use super::format::Format;
use crate::ceilings;
use crate::console::Console;
use crate::exit::{Exit, Failure};
use crate::rules::Rules;
use crate::samples::{self, HttpArgs};
use crate::{table, unread};

#[derive(Debug, Args)]
#[command(
    override_usage = "spark decide <RULES> --samples <FILE>... [OPTIONS]
       spark decide <RULES> --prometheus <URL> [OPTIONS]
       spark decide <RULES> --scrape <URL>... [--baseline <URL>...] [OPTIONS]",
    group = ArgGroup::new("source").required(true).args(["samples", "prometheus", "scrape"]),
    after_help = "Exit codes: 0 proceed, 10 hold, 11 rollback.

Examples:
  spark decide release.rules --prometheus http://localhost:9090 && promote
  spark decide release.rules --scrape http://canary:9100/metrics --baseline http://stable:9100/metrics
  spark decide release.rules --samples monday.csv --format json"
)]
pub(crate) struct DecideArgs {
    /// The rules
    rules: PathBuf,
    /// Sample files, decided at the last instant that `replay` evaluates; - is standard input
    #[arg(long, num_args = 1.., value_name = "FILE")]
    samples: Vec<PathBuf>,
    /// A Prometheus, now, with the history that windows and `for` need
    #[arg(long, value_name = "URL", value_parser = samples::parse_address)]
    prometheus: Option<String>,
    /// Instances of the canary, looked at once: what needs history is unknown
    #[arg(long, num_args = 1.., value_name = "URL", value_parser = samples::parse_address)]
    scrape: Vec<String>,
    /// Instances of the stable version beside --scrape
    #[arg(long, num_args = 1.., value_name = "URL", value_parser = samples::parse_address, requires = "scrape")]
    baseline: Vec<String>,
    #[command(flatten)]
    http: HttpArgs,
    /// How it is written
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

pub(crate) fn run(console: &mut Console, args: &DecideArgs) -> Result<Exit, Failure> {
    let rules = Rules::load(console, &args.rules)?;
    if !rules.can_hold() {
        return Err(Failure::could_not_run(format!(
            "nothing in `{}` can hold a release, so to proceed would mean nothing: write a trigger, or `expect` in a signal",
            args.rules.display()
        )));
    }
    let (decision, engine) = if let Some(url) = &args.prometheus {
        from_prometheus(console, args, &rules, url)?
    } else if args.scrape.is_empty() {
        let recording = samples::read_files(&args.samples, &rules.policy)?;
        ceilings::tell(console, &rules, &recording.ceilings(&rules.policy));
        unread::tell(console, &rules, &recording);
        let instants = recording.instants(rules.policy.every()).map_err(|error| Failure::of(&error))?;
        last(&rules, &recording, instants)?
    } else {
        from_scrape(console, args, &rules)?
    };
    let (triggers, expectations) = (engine.trigger_reports(), engine.expectation_reports());
    match args.format {
        Format::Json => console.line(to_json(&decision, &triggers, &expectations)?),
        Format::Text => {
            console.line(table::headline(&decision));
            table::print(console, &rules, &decision, &triggers, &expectations);
        }
    }
    Ok(Exit::from(decision.verdict))
}

/// The last decision of a replay.
fn last(rules: &Rules, recording: &Recording, instants: Instants) -> Result<(Decision, Engine), Failure> {
    let mut replay = Replay::new(&rules.policy, recording, instants);
    let mut last = None;
    while let Some(decision) = replay.step() {
        last = Some(decision);
    }
    let decision = last.ok_or_else(|| Failure::could_not_run("there was no instant to decide at"))?;
    Ok((decision, replay.engine().clone()))
}

/// Replays as much history as the rules look back on, then decides now.
fn from_prometheus(
    console: &Console,
    args: &DecideArgs,
    rules: &Rules,
    url: &str,
) -> Result<(Decision, Engine), Failure> {
    let source = samples::prometheus(url, &args.http)?;
    let policy = &rules.policy;
    let (every, now) = (policy.every(), SystemClock::start().now());
    let from = now.minus(look_back(policy));
    let instants = Instants::within(from, now, every).map_err(|error| Failure::of(&error))?;
    let found = samples::block_on(async {
        // a server that gave no history at all is not asked again
        let history = source.range(policy, instants.from(), instants.to(), every).await?;
        let ceilings = source.ceilings(policy, instants.from(), now);
        Ok((history, tokio::join!(source.instant(policy, now), ceilings)))
    })?;
    let (history, (newest, ceilings)) = found.map_err(|error: SourceError| Failure::of(&error))?;
    ceilings::tell(console, rules, &ceilings.known().collect::<Vec<_>>());
    let (_, mut engine) = last(rules, &Recording::from_samples(history), instants)?;
    for sample in &newest {
        // one that the history gave already is dropped, as everywhere
        let _ = engine.observe(sample);
    }
    Ok((engine.evaluate(now), engine))
}

/// Looks at instances once.
fn from_scrape(console: &Console, args: &DecideArgs, rules: &Rules) -> Result<(Decision, Engine), Failure> {
    let targets = |urls: &[String], track| -> Vec<Target> {
        urls.iter().map(|url| Target { url: url.clone(), track }).collect()
    };
    let mut all = targets(&args.scrape, Track::Canary);
    all.extend(targets(&args.baseline, Track::Baseline));
    let scraper = Scraper::new(all, args.http.config()).map_err(|error| Failure::of(&error))?;
    let mut reader = MetricsReader::live(Arc::clone(&rules.policy));
    let now = SystemClock::start().now();
    samples::block_on(scraper.scrape_into(&mut reader, now))?;
    ceilings::tell(console, rules, &reader.ceilings().known().collect::<Vec<_>>());
    let mut engine = Engine::new(Arc::clone(&rules.policy));
    for sample in reader.samples_at(now) {
        let _ = engine.observe(&sample);
    }
    Ok((engine.evaluate(now), engine))
}

#[derive(Serialize)]
struct Told<'a> {
    decision: Verdict,
    at: Timestamp,
    because: &'a [String],
    triggers: Vec<ToldReport<'a>>,
    expectations: Vec<ToldReport<'a>>,
}

#[derive(Serialize)]
struct ToldReport<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    trigger: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    signal: Option<&'a str>,
    state: State,
    since: Timestamp,
    value: Option<String>,
    margin: Option<String>,
    evidence: ToldEvidence,
    cause: Option<&'a str>,
    would_change: Option<&'a str>,
}

#[derive(Serialize)]
struct ToldEvidence {
    samples: u64,
    oldest: Option<Timestamp>,
    newest: Option<Timestamp>,
    largest_gap: Option<TimeSpan>,
}

impl<'a> ToldReport<'a> {
    fn of(report: &'a Report, is_trigger: bool) -> Self {
        let name = report.name.as_str();
        let evidence = &report.evidence;
        Self {
            trigger: is_trigger.then_some(name),
            signal: (!is_trigger).then_some(name),
            state: report.state,
            since: report.since,
            value: report.value.map(|value| value.to_string()),
            margin: report.margin.map(|margin| margin.to_string()),
            evidence: ToldEvidence {
                samples: evidence.samples,
                oldest: evidence.oldest,
                newest: evidence.newest,
                largest_gap: evidence.largest_gap,
            },
            cause: report.cause.as_deref(),
            would_change: report.would_change.as_deref(),
        }
    }
}

fn to_json(decision: &Decision, triggers: &[Report], expectations: &[Report]) -> Result<String, Failure> {
    let told = Told {
        decision: decision.verdict,
        at: decision.at,
        because: &decision.because,
        triggers: triggers.iter().map(|report| ToldReport::of(report, true)).collect(),
        expectations: expectations.iter().map(|report| ToldReport::of(report, false)).collect(),
    };
    serde_json::to_string(&told).map_err(|error| Failure::of(&error))
}
