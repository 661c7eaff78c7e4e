//! The faster ways that a user has: range queries of Prometheus and VictoriaMetrics, and vmalert's replay. Wall time, since
//! servers work on all cores; `for` is rewritten as `min_over_time` for the queries, and each answer compared.

#![expect(
    clippy::arithmetic_side_effects,
    reason = "small numbers of a measurement; an overflow would end it"
)]

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use super::series::START;
use super::server::{Server, escaped};
use super::{Input, answers, download};
use crate::process::{expect_code, ratio, row};

/// How long what was written may take to be seen: VictoriaMetrics shows it after a second or two.
const SEEN_MAX: Duration = Duration::from_secs(30);

/// One rule after the other, asked over the whole range.
fn queries(input: &Input, server: &Server, more: &str) -> Result<(Duration, Vec<String>), String> {
    let size = input.size;
    let end = START + size.hours * 3_600;
    let mut bodies = Vec::new();
    let start = Instant::now();
    for rule in 0..size.rules {
        // half a second more than 5 minutes: the sample of 5 minutes ago is in the window, whether or not its left end is
        let query = format!("min_over_time(sig[300500ms]) > {}", size.threshold(rule));
        let query = escaped(&query);
        let path =
            format!("/api/v1/query_range?query={query}&start={START}&end={end}&step={}{more}", size.step);
        bodies.push(server.get(&path)?);
    }
    Ok((start.elapsed(), bodies))
}

fn compared(input: &Input, who: &str, bodies: &[String]) -> Result<(), String> {
    for (rule, body) in bodies.iter().enumerate() {
        answers::range(input, rule, body).map_err(|words| format!("{who}: {words}"))?;
    }
    Ok(())
}

/// Every sample as a line of text: `sig{s="s0"} 200 TIME`, the time in such parts of a second.
fn lines(input: &Input, parts: u64, end: &str) -> String {
    let mut text = String::from("# TYPE sig gauge\n");
    for (series, values) in input.values.iter().enumerate() {
        for (n, value) in (0..).zip(values) {
            let at = (START + n * input.size.step) * parts;
            // writing to a string cannot fail
            let _ = writeln!(text, "sig{{s=\"s{series}\"}} {value} {at}");
        }
    }
    text.push_str(end);
    text
}

fn prometheus(input: &Input) -> Result<Server, String> {
    let folder = &input.folder;
    let recording = folder.write("samples.om", &lines(input, 1, "# EOF\n"))?;
    let blocks = folder.path("blocks");
    let mut command = Command::new("promtool");
    command.args(["tsdb", "create-blocks-from", "openmetrics"]).args([&recording, &blocks]);
    expect_code(0, &mut command, &folder.path("blocks.said"))?;
    let config = folder.write("prometheus.yml", "global: {}\n")?;
    Server::start("/-/ready", |address| {
        let mut command = Command::new("prometheus");
        command
            .arg(format!("--web.listen-address={address}"))
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.tsdb.path={}", blocks.display()))
            .arg("--storage.tsdb.retention.time=100y");
        command
    })
}

fn victoria(input: &Input, program: &PathBuf) -> Result<Server, String> {
    let server = Server::start("/health", |address| {
        let mut command = Command::new(program);
        command
            .arg(format!("-httpListenAddr={address}"))
            .arg(format!("-storageDataPath={}", input.folder.path("victoria").display()))
            .args(["-retentionPeriod=100y", "-search.disableCache", "-search.latencyOffset=0s"]);
        command
    })?;
    server.post("/api/v1/import/prometheus", &lines(input, 1_000, ""))?;
    Ok(server)
}

fn vmalert(input: &Input, program: &PathBuf, server: &Server) -> Result<Duration, String> {
    let (address, step) = (server.address(), input.size.step);
    let end = START + input.size.hours * 3_600;
    let instant = |seconds: u64| {
        let at = spark_core::Timestamp::from_millis(i64::try_from(seconds * 1_000).unwrap_or_default());
        at.to_string()
    };
    let mut command = Command::new(program);
    command
        .arg(format!("-rule={}", input.folder.path("rules.yml").display()))
        .args([format!("-datasource.url={address}"), format!("-remoteWrite.url={address}")])
        .args([format!("-replay.timeFrom={}", instant(START)), format!("-replay.timeTo={}", instant(end))])
        // both, or it fires nothing
        .args([format!("-evaluationInterval={step}s"), format!("-datasource.queryStep={step}s")])
        .args(["-replay.rulesDelay=0s", "-replay.maxDatapointsPerQuery=100000"])
        .args(["-remoteWrite.flushInterval=100ms", "-httpListenAddr=127.0.0.1:0"]);
    Ok(expect_code(0, &mut command, &input.folder.path("vmalert.said"))?.wall)
}

/// Waits until what was written is seen.
fn seen(mut check: impl FnMut() -> Result<(), String>) -> Result<(), String> {
    let start = Instant::now();
    loop {
        match check() {
            Err(_) if start.elapsed() < SEEN_MAX => thread::sleep(Duration::from_millis(200)),
            other => return other,
        }
    }
}

/// The table of walls, each interleaved with a run of Spark.
pub(super) fn run(
    input: &Input,
    spark: &mut dyn FnMut() -> Result<Duration, String>,
) -> Result<String, String> {
    let prometheus = prometheus(input)?;
    let (_, bodies) = queries(input, &prometheus, "")?;
    compared(input, "Prometheus", &bodies)?;

    let program = |name| download::program(&input.folder, "victoria-metrics", name);
    let alerting = program("vmalert")?;
    let victoria = victoria(input, &program("victoria-metrics")?)?;
    let asked = || queries(input, &victoria, "&nocache=1");
    seen(|| compared(input, "VictoriaMetrics", &asked()?.1))?;
    vmalert(input, &alerting, &victoria)?;
    let wanted = escaped("ALERTS{alertstate=\"firing\"}");
    seen(|| {
        let text = victoria.get(&format!("/api/v1/export?match[]={wanted}"))?;
        answers::export(input, &text).map_err(|words| format!("vmalert: {words}"))
    })?;

    let mut walls: [Vec<Duration>; 4] = Default::default();
    for _ in 0..input.size.pairs {
        let [ours, theirs, victorias, alerts] = &mut walls;
        ours.push(spark()?);
        theirs.push(queries(input, &prometheus, "")?.0);
        victorias.push(asked()?.0);
        alerts.push(vmalert(input, &alerting, &victoria)?);
    }
    let [ours, theirs, victorias, alerts] = &walls;
    let mut table = row("spark replay, wall", ours);
    for (name, times) in [
        ("Prometheus query_range, wall", theirs),
        ("VictoriaMetrics query_range, wall", victorias),
        ("vmalert -replay, wall", alerts),
    ] {
        let _ = write!(table, "\n{}   ratio {:.1}", row(name, times), ratio(times, ours));
    }
    Ok(table)
}
