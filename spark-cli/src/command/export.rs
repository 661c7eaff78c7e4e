//! `spark export`: rules for other systems.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use spark_core::metrics::{LabelMatch, LabelMatcher};
use spark_rules::Loaded;
use spark_rules::export::{self, ExportOptions, Refusal};

use crate::console::{Console, say};
use crate::exit::{Exit, Failure};
use crate::rules::{count, load, render};

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  spark export prometheus release.rules                        to standard output
  spark export prometheus release.rules --output rules/ --tests
                                                               rules/release.yml and rules/release_test.yml
  spark export prometheus release.rules --metric pool=pgbouncer_use
  spark export grafana release.rules --output dashboard.json")]
pub(crate) struct ExportArgs {
    #[command(subcommand)]
    system: System,
}

#[derive(Debug, Subcommand)]
enum System {
    /// A Prometheus rule file whose alerts fire where Spark shows their level, for Prometheus 2.42 and later
    Prometheus(PrometheusArgs),
    /// A Grafana dashboard of what the exported rule file records
    Grafana(GrafanaArgs),
}

#[derive(Debug, Args)]
struct PrometheusArgs {
    #[command(flatten)]
    common: CommonArgs,
    /// Write the test blocks as well, as a test file for promtool, beside the rule file
    #[arg(long, requires = "output")]
    tests: bool,
    /// Write alerts with an expression and a `for` alone, as by hand; where samples are missing, they forget what Spark holds
    #[arg(long, conflicts_with = "tests")]
    plain: bool,
    /// Write what can be said, and list what cannot in the file and on standard error
    #[arg(long)]
    partial: bool,
}

#[derive(Debug, Args)]
struct GrafanaArgs {
    #[command(flatten)]
    common: CommonArgs,
}

#[derive(Debug, Args)]
struct CommonArgs {
    /// The rules
    rules: PathBuf,
    /// A file, or a folder that gets one named after the rules; standard output when absent
    #[arg(long, short, value_name = "PATH")]
    output: Option<PathBuf>,
    /// Write over files that are there, as a pipeline does that exports again
    #[arg(long, requires = "output")]
    force: bool,
    /// What the names of recorded series begin with: two files in one Prometheus need two
    #[arg(long, default_value = "spark", value_name = "NAME")]
    prefix: String,
    /// The PromQL that stands for a signal of another source
    #[arg(long, value_name = "SIGNAL=PROMQL")]
    metric: Vec<String>,
    /// Labels that series of the canary have [default: a `track` other than baseline]
    #[arg(long, value_name = "LABEL=VALUE", conflicts_with = "one_version")]
    canary: Vec<String>,
    /// Labels that series of the baseline have [default: track=baseline]
    #[arg(long, value_name = "LABEL=VALUE", conflicts_with = "one_version")]
    baseline: Vec<String>,
    /// The Prometheus sees one version alone: match no track
    #[arg(long)]
    one_version: bool,
}

pub(crate) fn run(console: &mut Console, args: &ExportArgs) -> Result<Exit, Failure> {
    match &args.system {
        System::Prometheus(args) => prometheus(console, args),
        System::Grafana(args) => grafana(console, &args.common),
    }
}

fn prometheus(console: &mut Console, args: &PrometheusArgs) -> Result<Exit, Failure> {
    let common = &args.common;
    let options = options(common)?;
    let loaded = loaded(console, common)?;
    let exported = match args.plain {
        true => export::prometheus_plain(&loaded, &options),
        false => export::prometheus(&loaded, &options),
    };
    tell_refused(&exported.refused);
    if !exported.refused.is_empty() && !args.partial {
        let words = "nothing was written: `--partial` writes the rest, and lists what is missing in the file";
        return Err(Failure::could_not_run(words));
    }
    if exported.subjects == 0 {
        return Err(Failure::could_not_run(nothing(exported.refused.len())));
    }
    let path = target(common, "yml");
    let beside = path.as_deref().filter(|_| args.tests).map(tests_beside);
    for written in [&path, &beside].into_iter().flatten() {
        overwrites(written, common.force)?;
    }
    write(console, path.as_deref(), &exported.rules)?;
    for note in &exported.notes {
        console.note(format!("to know: {note}"));
    }
    if let (Some(beside), Some(path)) = (&beside, &path) {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or("rules.yml");
        let written = export::promtool_tests(&loaded, &options, name);
        write(console, Some(beside), &written.tests)?;
        for words in &written.skipped {
            console.note(format!("not in the tests: {words}"));
        }
        let of = loaded.tests.len();
        console.note(format!("{} of {of} tests: `promtool test rules {}`", written.count, beside.display()));
    }
    if let Some(path) = &path {
        let alerts = exported.alerts;
        console.note(format!("{alerts} alerts in `{}`", path.display()));
    }
    Ok(Exit::Done)
}

fn grafana(console: &mut Console, args: &CommonArgs) -> Result<Exit, Failure> {
    let options = options(args)?;
    let loaded = loaded(console, args)?;
    let exported = export::prometheus(&loaded, &options);
    tell_refused(&exported.refused);
    let stem = args.rules.file_stem().and_then(|stem| stem.to_str()).unwrap_or("rules");
    let dashboard = export::grafana(&loaded, &options, stem);
    let path = target(args, "json");
    path.as_deref().map_or(Ok(()), |path| overwrites(path, args.force))?;
    write(console, path.as_deref(), &dashboard)?;
    Ok(Exit::Done)
}

fn loaded(console: &Console, args: &CommonArgs) -> Result<Loaded, Failure> {
    let loaded = load(&args.rules)?.map_err(|failed| {
        for diagnostic in &failed.diagnostics {
            say(render(&failed.files, diagnostic).trim_end());
        }
        let words = format!("`{}` {}", args.rules.display(), count(&failed.diagnostics));
        Failure { exit: Exit::BadRules, words }
    })?;
    if !loaded.warnings.is_empty() {
        let words = count(&loaded.warnings);
        console.note(format!("`{0}` {words}: see `spark check {0}`", args.rules.display()));
    }
    for name in args.metric.iter().filter_map(|pair| pair.split_once('=')).map(|(name, _)| name.trim()) {
        if loaded.policy.signal_id(name).is_none() {
            return Err(Failure::bad_arguments(format!("`--metric {name}=…`: there is no signal `{name}`")));
        }
    }
    Ok(loaded)
}

fn options(args: &CommonArgs) -> Result<ExportOptions, Failure> {
    if !export::is_prefix(&args.prefix) {
        let words = format!("`{}` cannot begin a metric's name: letters, digits, `_` and `:`", args.prefix);
        return Err(Failure::bad_arguments(words));
    }
    let mut metrics = BTreeMap::new();
    for (name, query) in pairs("--metric", &args.metric)? {
        if query.is_empty() {
            return Err(Failure::bad_arguments(format!("`--metric {name}=` has no query")));
        }
        if metrics.insert(name.clone(), query).is_some() {
            return Err(Failure::bad_arguments(format!("`--metric {name}=…` stands twice")));
        }
    }
    let standard = ExportOptions::default();
    let labels = |option: &str, given: &[String], otherwise: &[LabelMatcher]| {
        let pairs = pairs(option, given)?;
        let matchers = pairs.into_iter().map(|(label, value)| LabelMatcher {
            label,
            operator: LabelMatch::Equal,
            value,
        });
        let matchers: Vec<_> = matchers.collect();
        for matcher in &matchers {
            if !export::is_prefix(&matcher.label) || matcher.label.contains(':') {
                return Err(Failure::bad_arguments(format!("`{}` is no label's name", matcher.label)));
            }
        }
        Ok(match (args.one_version, matchers.is_empty()) {
            (true, _) => Vec::new(),
            (false, true) => otherwise.to_vec(),
            (false, false) => matchers,
        })
    };
    Ok(ExportOptions {
        prefix: args.prefix.clone(),
        metrics,
        canary: labels("--canary", &args.canary, &standard.canary)?,
        baseline: labels("--baseline", &args.baseline, &standard.baseline)?,
    })
}

fn pairs(option: &str, given: &[String]) -> Result<Vec<(String, String)>, Failure> {
    let pair = |text: &String| match text.split_once('=') {
        Some((name, value)) if !name.trim().is_empty() => {
            Ok((name.trim().to_owned(), value.trim().to_owned()))
        }
        _ => Err(Failure::bad_arguments(format!("`{option} {text}`: expected NAME=VALUE"))),
    };
    given.iter().map(pair).collect()
}

fn tell_refused(refused: &[Refusal]) {
    for refusal in refused {
        say(&format!("{refusal}"));
    }
}

/// The file that is written: the one that is named, or in the folder that is named one named after the rules.
fn target(args: &CommonArgs, extension: &str) -> Option<PathBuf> {
    let output = args.output.as_ref()?;
    let folder = output.is_dir() || output.to_string_lossy().ends_with(std::path::MAIN_SEPARATOR);
    Some(match folder {
        true => {
            let stem = args.rules.file_stem().unwrap_or(std::ffi::OsStr::new("rules"));
            output.join(stem).with_extension(extension)
        }
        false => output.clone(),
    })
}

/// The test file beside a rule file.
fn tests_beside(path: &Path) -> PathBuf {
    let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or("rules");
    path.with_file_name(format!("{stem}_test.yml"))
}

/// Why there is nothing to write.
fn nothing(refused: usize) -> String {
    match refused {
        0 => "there is nothing to export: no trigger and no expectation".to_owned(),
        1 => {
            "nothing was written: the one trigger or expectation that there is cannot be said, as told above"
                .to_owned()
        }
        _ => format!(
            "nothing was written: what these rules have cannot be said, {refused} reasons stand above"
        ),
    }
}

/// Refuses to write over a file, unless that is wished.
pub(super) fn overwrites(path: &Path, force: bool) -> Result<(), Failure> {
    if force || !path.exists() {
        return Ok(());
    }
    let words = format!("`{}` is there already: `--force` writes over it", path.display());
    Err(Failure::could_not_run(words))
}

fn write(console: &mut Console, path: Option<&Path>, text: &str) -> Result<(), Failure> {
    let Some(path) = path else {
        console.line(text.trim_end_matches('\n'));
        return Ok(());
    };
    let failed =
        |error: std::io::Error| Failure::could_not_run(format!("cannot write `{}`: {error}", path.display()));
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        fs::create_dir_all(folder).map_err(failed)?;
    }
    fs::write(path, text).map_err(failed)
}
