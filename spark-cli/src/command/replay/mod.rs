//! `spark replay`: what would have been decided, and what would have been with other values.

mod events;
mod grid;
mod html;
mod report;
mod source;
mod strip;
mod variants;
mod what_if;

use std::path::PathBuf;

use clap::{ArgGroup, Args, ValueEnum};
use spark_core::{Policy, TimeSpan, Timestamp};
use spark_runtime::replay::{Event, Replay, Seen, backtest, replay_lines};

use self::events::Told;
pub(crate) use self::events::line;
use self::source::{Found, Progress};
use self::what_if::WhatIf;
use crate::console::{Console, harmless};
use crate::exit::{Exit, Failure};
use crate::rules::Rules;
use crate::samples::{self, HttpArgs};
use crate::table;

/// Most signals that a note names: a line of them.
const SHORT_MAX: usize = 4;

#[derive(Debug, Args)]
#[command(
    override_usage = "spark replay <RULES> --samples <FILE>... [OPTIONS]
       spark replay <RULES> --prometheus <URL> --from <T> --to <T> [OPTIONS]",
    group = ArgGroup::new("source").required(true).args(["samples", "prometheus"]),
    after_help = "Examples:
  spark replay release.rules --samples monday.csv
  spark replay release.rules --samples - --format jsonl < monday.csv
  spark replay release.rules --samples january.parquet --every 1m
  spark replay release.rules --samples monday.csv --what-if 'api_latency.rollback.threshold=300ms..600ms step 50ms'
  spark replay release.rules --samples monday.csv --format html > monday.html
  spark replay release.rules --prometheus http://localhost:9090 --from 2026-01-05T08:00:00Z --to 2026-01-05T10:00:00Z"
)]
pub(crate) struct ReplayArgs {
    /// The rules
    rules: PathBuf,
    /// Sample files: CSV, Parquet, JSON lines, the JSON of Prometheus' query_range, OpenMetrics text; - is standard input
    #[arg(long, num_args = 1.., value_name = "FILE")]
    samples: Vec<PathBuf>,
    /// A Prometheus, for its history between --from and --to
    #[arg(long, value_name = "URL", value_parser = samples::parse_address, requires_all = ["from", "to"])]
    prometheus: Option<String>,
    /// The first instant, in RFC 3339 or Unix seconds; what comes before it is history
    #[arg(long, value_name = "T", value_parser = samples::parse_time)]
    from: Option<Timestamp>,
    /// The last instant
    #[arg(long, value_name = "T", value_parser = samples::parse_time)]
    to: Option<Timestamp>,
    /// The time between evaluations, in place of the rules' own
    #[arg(long, value_name = "D", value_parser = samples::parse_span)]
    every: Option<TimeSpan>,
    /// Try other values beside the rules' own, as in 'slow.rollback.threshold=300ms..600ms step 50ms' or
    /// 'slow.hold.for=1m,2m,5m'; several make a grid
    #[arg(long, value_name = "SWEEP")]
    what_if: Vec<String>,
    #[command(flatten)]
    http: HttpArgs,
    /// How it is written
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// Write it to a file; with --format html
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people
    Text,
    /// For programs: one JSON object a line
    Jsonl,
    /// A page for people, in one file
    Html,
}

pub(crate) fn run(console: &mut Console, args: &ReplayArgs) -> Result<Exit, Failure> {
    if args.output.is_some() && args.format != Format::Html {
        return Err(Failure::bad_arguments("`--output` goes with `--format html`"));
    }
    let rules = Rules::load(console, &args.rules)?;
    // before anything is read or asked: a mistyped path should not cost a minute
    let what_if = WhatIf::read(&rules, &args.what_if)?;
    let every = args.every.unwrap_or(rules.policy.every());
    if let Some(words) = args.every.and_then(|every| never_held(&rules.policy, every)) {
        console.note(words);
    }
    let found = source::find(console, args, &rules, every)?;
    if args.format == Format::Jsonl && what_if.is_none() {
        events(console, &rules, &found);
        return Ok(Exit::Done);
    }
    let variants = what_if.as_ref().map(WhatIf::policies).unwrap_or_default();
    let tried = what_if.as_ref().map(WhatIf::tried).unwrap_or_default();
    let seen = Seen { pictures: args.format == Format::Html, tried };
    let mut told = Told::new(&rules.policy, args.format, console.verbose());
    let mut summary = None;
    let mut progress = Progress::new(console, &found, variants.len());
    let began = std::time::Instant::now();
    let result = backtest(
        &rules.policy,
        &variants,
        &found.recording,
        found.history,
        found.instants,
        &seen,
        |event| {
            match event {
                Event::Summary(_) => summary = Some(event.to_json()),
                event if args.format == Format::Jsonl => console.line(event.to_json()),
                event => told.take(console, event),
            }
            // a reader that went away wants no more of it
            if console.closed() { Err(()) } else { Ok(()) }
        },
        |done, _| {
            progress.at(done);
            Ok(())
        },
    );
    let took = began.elapsed();
    progress.end();
    let Ok(Some(backtest)) = result else { return Ok(Exit::Done) };
    match args.format {
        Format::Text => {
            told.finish(console);
            report::print(console, &rules, &backtest);
            if let Some(what_if) = &what_if {
                variants::print(console, what_if, &backtest);
            }
        }
        Format::Jsonl => {
            if let Some(what_if) = &what_if {
                variants::lines(what_if, &backtest).iter().for_each(|line| console.line(line));
            }
            console.line(summary.unwrap_or_default());
        }
        Format::Html => {
            // signs that turn the direction of reading would show another page than is written
            let page = html::page(&rules, what_if.as_ref(), &backtest);
            let page = harmless(&page);
            match &args.output {
                None => console.text(&page),
                Some(path) => std::fs::write(path, page.as_bytes()).map_err(|error| {
                    Failure::could_not_run(format!("cannot write `{}`: {error}", path.display()))
                })?,
            }
        }
    }
    if what_if.is_some() {
        let tried = variants.len();
        let evaluations = backtest.summary.evaluations;
        console.note(format!(
            "{tried} variants over {evaluations} evaluations took {:.1} s",
            took.as_secs_f64()
        ));
    }
    if args.format == Format::Text && console.verbose() {
        ending(console, &rules, &found);
    }
    Ok(Exit::Done)
}

/// Why nothing that reads some signals can hold `for` any time, where evaluations are that far apart: `stale after` stays
/// what the rules say, or what follows from their own `evaluate every`.
fn never_held(policy: &Policy, every: TimeSpan) -> Option<String> {
    let short: Vec<String> = policy
        .signals()
        .iter()
        .filter(|signal| signal.stale_after < every)
        .map(|signal| format!("`{}` ({})", signal.name, signal.stale_after))
        .collect();
    let (first, more) = short.split_at_checked(SHORT_MAX).unwrap_or((&short, &[]));
    let more = if more.is_empty() { String::new() } else { format!(" and {} more", more.len()) };
    (!short.is_empty()).then(|| {
        format!(
            "`--every {every}` is longer than samples are believed of {}{more}: no `for` that reads one of them can hold",
            first.join(", ")
        )
    })
}

/// The events alone, as they come.
fn events(console: &mut Console, rules: &Rules, found: &Found) {
    let mut progress = Progress::new(console, found, 0);
    // only the reader ends it
    let _ = replay_lines(
        &rules.policy,
        &found.recording,
        found.history,
        found.instants,
        |lines| {
            console.lines(lines);
            if console.closed() { Err(()) } else { Ok(()) }
        },
        |done, _| progress.at(done),
    );
    progress.end();
}

/// What every trigger and expectation shows at the end.
fn ending(console: &mut Console, rules: &Rules, found: &Found) {
    let mut replay = replay_of(rules, found);
    let mut last = None;
    while let Some(decision) = replay.step() {
        last = Some(decision);
    }
    if let Some(decision) = last {
        let engine = replay.engine();
        console.line("");
        console.line(table::headline(&decision));
        table::print(console, rules, &decision, &engine.trigger_reports(), &engine.expectation_reports());
    }
}

fn replay_of<'a>(rules: &Rules, found: &'a Found) -> Replay<'a> {
    Replay::beside(&rules.policy, &[], &found.recording, found.history, found.instants)
}
