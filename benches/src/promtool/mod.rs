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

use self::series::{Size, Story};
use crate::options;
use crate::process::{Scratch, expect_code, ratio, row, spark, spread};

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
        Ok(Self { size, values, stories, folder })
    }
}

/// Measures both, interleaved.
pub(crate) fn run() -> Result<String, String> {
    let size = Size::asked()?;
    let input = Input::new(size)?;
    let binary = spark()?;
    let said = input.folder.path("said");
    let spark_once = || {
        let mut command = Command::new(&binary);
        command.arg("replay").arg(input.folder.path("replay.rules"));
        command.arg("--samples").arg(input.folder.path("samples.csv")).args(["--format", "jsonl"]);
        expect_code(0, &mut command, &said)
    };
    let promtool_once = || {
        let mut command = Command::new("promtool");
        command.args(["test", "rules"]).arg(input.folder.path("test.yml"));
        expect_code(0, &mut command, &input.folder.path("promtool"))
    };
    // both are right before either is timed
    spark_once()?;
    let events = compare::replay(&input, &said)?;
    promtool_once()?;

    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..size.pairs {
        ours.push(spark_once()?);
        theirs.push(promtool_once()?);
    }
    let cpu = |costs: &[crate::process::Cost]| costs.iter().map(|cost| cost.cpu).collect::<Vec<_>>();
    let wall = |costs: &[crate::process::Cost]| costs.iter().map(|cost| cost.wall).collect::<Vec<_>>();
    let peak =
        |costs: &[crate::process::Cost]| costs.iter().map(|cost| cost.peak_bytes).max().unwrap_or(0) >> 20;
    let mut table = format!(
        "replay of {} series × {} h × {} s × {} rules `for 5m`, whole processes (medians of {} interleaved pairs)\n\
         equal: {events} changes of state at their times; firing samples and starts of runs as promtool has them\n\
         {}   {:.1} ns a rule and sample, {} MiB\n{}   {:.1} ns a rule and sample, {} MiB\n\
         ratio of CPU {:.0}, of wall {:.0}",
        size.series,
        size.hours,
        size.step,
        size.rules,
        size.pairs,
        row("spark replay, CPU", &cpu(&ours)),
        each(&cpu(&ours), size),
        peak(&ours),
        row("promtool test rules, CPU", &cpu(&theirs)),
        each(&cpu(&theirs), size),
        peak(&theirs),
        ratio(&cpu(&theirs), &cpu(&ours)),
        ratio(&wall(&theirs), &wall(&ours)),
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
