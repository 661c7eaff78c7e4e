//! Replaying rules over history, whole processes: `spark replay` beside `promtool test rules`, and with `--servers` beside
//! range queries of Prometheus and VictoriaMetrics and vmalert's replay. `--series --hours --step --rules --pairs` say the
//! size; the defaults are small.
//!
//! Equality first: a state machine of the harness says when each rule is pending, fires and clears on each series.
//! Spark's events must be those; promtool passes only if its firing samples and the starts of its runs add up to the
//! same for every rule and series; a server's answers are compared in the same way.

mod answers;
mod compare;
mod download;
mod peers;
pub(crate) mod series;
mod server;

use std::process::Command;
use std::time::Duration;

use ::parquet::basic::Compression;

use self::series::{Size, Story};
use crate::ingest::write_parquet;
use crate::options;
use crate::process::{Cost, Scratch, expect_code, ratio, row, spark, spread};

/// Runs of Spark for each of promtool.
const RUNS: usize = 5;

/// What every side is given, and what must come out.
struct Input {
    size: Size,
    values: Vec<Vec<u64>>,
    /// For each series, each rule's story.
    stories: Vec<Vec<Story>>,
    folder: Scratch,
}

impl Input {
    fn new(size: Size) -> Result<Self, String> {
        let values: Vec<Vec<u64>> = (0..size.series).map(|series| series::values(size, series)).collect();
        let stories: Vec<Vec<Story>> = values
            .iter()
            .map(|values| {
                (0..size.rules).map(|rule| series::story(size, values, size.threshold(rule))).collect()
            })
            .collect();
        let folder = Scratch::new()?;
        folder.write("rules.yml", &series::prometheus_rules(size))?;
        folder.write("test.yml", &series::promtool_test(size, &values, &stories))?;
        folder.write("replay.rules", &series::spark_rules(size))?;
        folder.write("samples.csv", &series::csv(size, &values))?;
        let input = Self { size, values, stories, folder };
        input.parquet()?;
        Ok(input)
    }

    /// The same samples series by series, as a table that is sorted by its signals: uncompressed.
    fn parquet(&self) -> Result<(), String> {
        let names: Vec<String> = (0..self.size.series).map(|series| format!("s{series}")).collect();
        let step = u32::try_from(self.size.step).map_err(|error| error.to_string())?;
        let rows = (0..).zip(&self.values).flat_map(|(series, values)| {
            let at = |n: u32| n.saturating_mul(step);
            let value = |value: &u64| u32::try_from(*value).map_or(0.0, f64::from);
            (0..).zip(values).map(move |(n, one)| (at(n), series, value(one)))
        });
        write_parquet(&self.folder.path("samples.parquet"), &names, Compression::UNCOMPRESSED, rows)
    }
}

/// Measures both, interleaved.
pub(crate) fn run() -> Result<String, String> {
    let size = Size::asked()?;
    let input = Input::new(size)?;
    let binary = spark()?;
    let said = input.folder.path("said");
    let spark_of = |samples: &str| {
        let mut command = Command::new(&binary);
        command.arg("replay").arg(input.folder.path("replay.rules"));
        command.arg("--samples").arg(input.folder.path(samples)).args(["--format", "jsonl"]);
        expect_code(0, &mut command, &said)
    };
    let spark_once = || spark_of("samples.csv");
    let promtool_once = || {
        let mut command = Command::new("promtool");
        command.args(["test", "rules"]).arg(input.folder.path("test.yml"));
        expect_code(0, &mut command, &input.folder.path("promtool"))
    };
    // all are right before one is timed
    spark_of("samples.parquet")?;
    compare::replay(&input, &said)?;
    spark_once()?;
    let events = compare::replay(&input, &said)?;
    promtool_once()?;

    let (mut ours, mut columns, mut theirs) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..size.pairs {
        // promtool takes so long that some runs of Spark beside it cost nothing, and one alone says little
        for _ in 0..RUNS {
            ours.push(spark_once()?);
            columns.push(spark_of("samples.parquet")?);
        }
        theirs.push(promtool_once()?);
    }
    let cpu = |costs: &[Cost]| costs.iter().map(|cost| cost.cpu).collect::<Vec<_>>();
    let wall = |costs: &[Cost]| costs.iter().map(|cost| cost.wall).collect::<Vec<_>>();
    let peak = |costs: &[Cost]| costs.iter().map(|cost| cost.peak_bytes).max().unwrap_or(0) >> 20;
    let mut table = format!(
        "replay of {} series × {} h × {} s × {} rules `for 5m`, whole processes (medians of {} interleaved rounds)\n\
         equal: {events} changes of state at their times; firing samples and starts of runs as promtool has them\n\
         {}   {:.2} ns a rule and sample, {} MiB\n{}   {:.2} ns a rule and sample, {} MiB\n\
         {}   {:.0} ns a rule and sample, {} MiB\n\
         ratio of CPU {:.0} (Parquet {:.0}), of wall {:.0} (Parquet {:.0})",
        size.series,
        size.hours,
        size.step,
        size.rules,
        size.pairs,
        row("spark replay, CSV, CPU", &cpu(&ours)),
        each(&cpu(&ours), size),
        peak(&ours),
        row("spark replay, Parquet, CPU", &cpu(&columns)),
        each(&cpu(&columns), size),
        peak(&columns),
        row("promtool test rules, CPU", &cpu(&theirs)),
        each(&cpu(&theirs), size),
        peak(&theirs),
        ratio(&cpu(&theirs), &cpu(&ours)),
        ratio(&cpu(&theirs), &cpu(&columns)),
        ratio(&wall(&theirs), &wall(&ours)),
        ratio(&wall(&theirs), &wall(&columns)),
    );
    if options::flag("servers") {
        table.push('\n');
        table.push_str(&peers::run(&input, &mut || Ok(spark_once()?.wall))?);
    }
    Ok(table)
}

fn each(times: &[Duration], size: Size) -> f64 {
    spread(times).0.as_secs_f64() * 1e9 / size.work() as f64
}
