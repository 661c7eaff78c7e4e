//! `spark replay`: what would have been decided.

use std::path::PathBuf;

use clap::{ArgGroup, Args, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};
use spark_core::{TimeSpan, Timestamp};
use spark_runtime::replay::{Event, Instants, Recording, Replay, Summary, look_back, replay_with};

use crate::console::{Console, state, strong, verdict};
use crate::exit::{Exit, Failure};
use crate::rules::Rules;
use crate::samples::{self, HttpArgs};
use crate::table;

#[derive(Debug, Args)]
#[command(
    override_usage = "spark replay <RULES> --samples <FILE>... [OPTIONS]
       spark replay <RULES> --prometheus <URL> --from <T> --to <T> [OPTIONS]",
    group = ArgGroup::new("source").required(true).args(["samples", "prometheus"]),
    after_help = "Examples:
  spark replay release.rules --samples monday.csv
  spark replay release.rules --samples - --format jsonl < monday.csv
  spark replay release.rules --prometheus http://localhost:9090 --from 2026-01-05T08:00:00Z --to 2026-01-05T10:00:00Z"
)]
pub(crate) struct ReplayArgs {
    /// The rules
    rules: PathBuf,
    /// Sample files: CSV, JSON lines, the JSON of Prometheus' query_range, OpenMetrics text; - is standard input
    #[arg(long, num_args = 1.., value_name = "FILE", conflicts_with_all = ["from", "to"])]
    samples: Vec<PathBuf>,
    /// A Prometheus, for its history between --from and --to
    #[arg(long, value_name = "URL", value_parser = samples::parse_address, requires_all = ["from", "to"])]
    prometheus: Option<String>,
    /// The first instant, in RFC 3339 or Unix seconds
    #[arg(long, value_name = "T", value_parser = samples::parse_time)]
    from: Option<Timestamp>,
    /// The last instant
    #[arg(long, value_name = "T", value_parser = samples::parse_time)]
    to: Option<Timestamp>,
    /// The time between evaluations, in place of the rules' own
    #[arg(long, value_name = "D", value_parser = samples::parse_span)]
    every: Option<TimeSpan>,
    /// Not yet: thresholds tried side by side
    #[arg(long, value_name = "SWEEP", hide = true)]
    what_if: Option<String>,
    #[command(flatten)]
    http: HttpArgs,
    /// How it is written
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people
    Text,
    /// For programs: one JSON object a line
    Jsonl,
    /// Not yet
    #[value(hide = true)]
    Html,
}

pub(crate) fn run(console: &mut Console, args: &ReplayArgs) -> Result<Exit, Failure> {
    if args.what_if.is_some() {
        return Err(Failure::bad_arguments("`--what-if` is not there yet: replay with edited rules instead"));
    }
    if args.format == Format::Html {
        return Err(Failure::bad_arguments("`--format html` is not there yet: use `text` or `jsonl`"));
    }
    let rules = Rules::load(console, &args.rules)?;
    let every = args.every.unwrap_or(rules.policy.every());
    let Found { recording, history, instants } = source(args, &rules, every)?;
    let bar = progress(console, instants.count());
    let mut replay = match history {
        Some(from) => Replay::after_history(&rules.policy, &recording, from, instants),
        None => Replay::new(&rules.policy, &recording, instants),
    };
    let mut summary = None;
    let decided = replay_with(
        &mut replay,
        &recording,
        |event| {
            match (args.format, event) {
                (Format::Jsonl, event) => console.line(event.to_json()),
                (_, Event::Summary(told)) => summary = Some(told.clone()),
                (_, event) => console.line(line(event)),
            }
            // a reader that went away wants no more of it
            if console.closed() { Err(()) } else { Ok(()) }
        },
        |done, _| {
            if let Some(bar) = &bar {
                bar.set_position(done);
            }
        },
    );
    if let Some(bar) = bar {
        bar.finish_and_clear();
    }
    if let (Ok(Some(decision)), Some(summary)) = (decided, summary) {
        let engine = replay.engine();
        console.line("");
        console.line(told(&summary));
        console.line(table::headline(&decision));
        table::print(console, &rules, &decision, &engine.trigger_reports(), &engine.expectation_reports());
    }
    Ok(Exit::Done)
}

/// What is replayed.
struct Found {
    recording: Recording,
    /// Where the recording's history before the first instant begins, where it was asked for one.
    history: Option<Timestamp>,
    instants: Instants,
}

fn source(args: &ReplayArgs, rules: &Rules, every: TimeSpan) -> Result<Found, Failure> {
    let failed = |error| Failure::of(&error);
    let policy = &rules.policy;
    if let (Some(url), Some(from), Some(to)) = (&args.prometheus, args.from, args.to) {
        if from > to {
            return Err(Failure::bad_arguments(format!("`--from {from}` is after `--to {to}`")));
        }
        let instants = Instants::within(from, to, every).map_err(failed)?;
        let source = samples::prometheus(url, &args.http)?;
        // clocks start at instants, which may be further apart than the rules' own
        let back = look_back(policy).plus(every.times(2));
        let asked = instants.preceded_by(back).map_err(failed)?;
        let range = source.range(policy, asked.from(), asked.to(), every);
        let samples = samples::block_on(range)?.map_err(|error| Failure::of(&error))?;
        let recording = Recording::from_samples(samples).counted_from(instants.from());
        return Ok(Found { recording, history: Some(asked.from()), instants });
    }
    let recording = samples::read_files(&args.samples, policy)?;
    let instants = recording.instants(every).map_err(failed)?;
    Ok(Found { recording, history: None, instants })
}

/// A progress bar, where somebody sees it and it is not over at once.
fn progress(console: &Console, instants: u64) -> Option<ProgressBar> {
    /// Evaluations that take less than a blink.
    const WORTH_SHOWING: u64 = 50_000;
    if instants < WORTH_SHOWING || !console.shows_progress() {
        return None;
    }
    let bar = ProgressBar::new(instants);
    if let Ok(style) = ProgressStyle::with_template("{bar:40} {pos}/{len} evaluations, {eta} left") {
        bar.set_style(style);
    }
    Some(bar)
}

/// An event in one line.
pub(crate) fn line(event: &Event) -> String {
    match event {
        Event::Trigger(change) => {
            let mut text = format!(
                "{}  {}  {} since {}",
                change.at,
                state(change.state, 8),
                change.trigger,
                change.since
            );
            if let Some(value) = &change.value {
                text.push_str(&format!(", at {}", table::short(value)));
            }
            if let Some(margin) = &change.margin {
                text.push_str(&format!(" (margin {})", table::short(margin)));
            }
            if let Some(cause) = &change.cause {
                text.push_str(&format!(": {cause}"));
            }
            text
        }
        Event::Decision(decision) => {
            let because = match decision.because.as_slice() {
                [] => String::new(),
                names => format!(" because {}", names.join(", ")),
            };
            format!("{}  {} {}{because}", decision.at, strong("decision"), verdict(decision.decision))
        }
        Event::Summary(summary) => told(summary),
    }
}

fn told(summary: &Summary) -> String {
    format!(
        "{} evaluations from {} to {}, {} samples ({} late and dropped, {} in conflict)",
        summary.evaluations, summary.from, summary.to, summary.samples, summary.dropped, summary.conflicts
    )
}
