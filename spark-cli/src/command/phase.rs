//! `spark preflight`, `redteam` and `blast`: the checks before a release, and GO or NO-GO.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anstyle::AnsiColor;
use clap::Args;
use serde::Serialize;
use spark_core::check::{CheckPhase, CheckVerdict};
use spark_runtime::evidence::{EvidenceFolder, ReleaseId};
use spark_runtime::probe::{self, CheckReport, PhaseReport, SignOff, SignOffLine};

use super::format::Format;
use crate::console::{Console, coloured, say, some};
use crate::exit::{Exit, Failure};
use crate::rules::Rules;
use crate::samples::block_on;

#[derive(Debug, Args)]
pub(crate) struct PhaseArgs {
    /// The rules with the checks [default: `checks.rules` beside the configuration]
    rules: Option<PathBuf>,
    /// The configuration, with its `probes`
    #[arg(long, value_name = "FILE", default_value = "spark.yaml")]
    config: PathBuf,
    /// The release's name; what is found is kept in a folder of that name
    #[arg(long, value_name = "ID")]
    release: Option<String>,
    /// The folder below which the evidence is written [default: the configuration's, else evidence]
    #[arg(long, value_name = "DIR", requires = "release")]
    evidence: Option<PathBuf>,
    /// Sign for a role, by name; again for each role
    #[arg(long, value_name = "ROLE=NAME", value_parser = signature)]
    sign: Vec<(String, String)>,
    /// How the result is written
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

fn signature(text: &str) -> Result<(String, String), String> {
    let expected = || "expected a role and a name, such as release-manager=\"Ayşe Kaya\"".to_owned();
    let (role, name) = text.split_once('=').ok_or_else(expected)?;
    let (role, name) = (role.trim(), name.trim());
    let plain = |text: &str| !text.is_empty() && !text.chars().any(char::is_control);
    if plain(role) && plain(name) { Ok((role.to_owned(), name.to_owned())) } else { Err(expected()) }
}

/// The result as JSON has it.
#[derive(Serialize)]
struct Told<'a> {
    decision: &'static str,
    #[serde(flatten)]
    report: &'a PhaseReport,
    sign_off: &'a [SignOffLine],
}

pub(crate) fn run(console: &mut Console, args: &PhaseArgs, phase: CheckPhase) -> Result<Exit, Failure> {
    let id = args.release.as_deref().map(ReleaseId::new).transpose();
    let id = id.map_err(|error| Failure::bad_arguments(error.to_string()))?;
    let config = crate::command::config::load(console, &args.config)?;
    let beside = || args.config.parent().unwrap_or(Path::new("")).join("checks.rules");
    let rules = Rules::load(console, &args.rules.clone().unwrap_or_else(beside))?;
    let folder = match &id {
        Some(id) => {
            let root = args.evidence.clone().or(config.evidence.dir.clone());
            let root = root.unwrap_or_else(|| PathBuf::from("evidence"));
            let folder = EvidenceFolder::open(&root, id).map_err(|error| Failure::of(&error))?;
            if folder.has_begun() {
                let why = format!(
                    "the rollout of `{}` began: what is found now was not known before it",
                    id.as_str()
                );
                return Err(Failure::could_not_run(why));
            }
            Some(folder)
        }
        None => None,
    };
    let mut signed = match &folder {
        Some(folder) => probe::signed_before(folder).map_err(|error| Failure::of(&error))?,
        None => BTreeMap::new(),
    };
    signed.extend(args.sign.iter().cloned());
    let json = args.format == Format::Json;
    let quiet = console.quiet();
    let report = block_on(async {
        let mut told = |check: &CheckReport| {
            // a line each as it comes: on standard error where the result is for programs
            if !quiet {
                say(&line(check));
            }
        };
        probe::check(phase, rules.policy.checks(), &config.probes, args.release.as_deref(), &mut told).await
    })?;
    let list = SignOff::of(&report, &config.sign_off, &signed);
    if let Some(folder) = &folder {
        probe::keep(folder, &report, &list, &signed).map_err(|error| Failure::of(&error))?;
    }
    match json {
        true => {
            let decision = if list.go { "go" } else { "no-go" };
            let told = Told { decision, report: &report, sign_off: &list.lines };
            console.line(serde_json::to_string(&told).map_err(|error| Failure::of(&error))?);
        }
        false => text(console, &report, &list),
    }
    Ok(if list.go { Exit::Done } else { Exit::NotGood })
}

/// A check's line: what it says, how long it took, what it is called, and why.
fn line(check: &CheckReport) -> String {
    let title = check.title.as_deref().unwrap_or(&check.check);
    format!("{} {:>8}  {title}: {}", word(check.judged.verdict), check.took, check.judged.words)
}

fn word(verdict: CheckVerdict) -> String {
    let colour = match verdict {
        CheckVerdict::Pass => AnsiColor::Green,
        CheckVerdict::Warn => AnsiColor::Yellow,
        CheckVerdict::NoGo => AnsiColor::Red,
    };
    coloured(colour, &format!("{:5}", verdict.as_str()))
}

fn text(console: &mut Console, report: &PhaseReport, list: &SignOff) {
    console.line("sign-off:");
    for line in &list.lines {
        let by = line.by.as_deref().unwrap_or("nobody");
        console.line(format!("  {} {}: {by}", word(line.verdict), line.line));
    }
    for check in report.checks.iter().filter(|check| check.judged.verdict != CheckVerdict::Pass) {
        let title = check.title.as_deref().unwrap_or(&check.check);
        console.line(format!("{}: {}", title, check.judged.words));
        if let Some(owner) = &check.owner {
            console.line(format!("  owner: {owner}"));
        }
        if let Some(runbook) = &check.runbook {
            console.line(format!("  runbook: {runbook}"));
        }
    }
    if report.checks.is_empty() {
        console.line(format!(
            "the rules have no check `in {}`: there is nothing that a GO would rest on",
            report.phase
        ));
    }
    let warned = list.lines.iter().filter(|line| line.verdict == CheckVerdict::Warn).count();
    let failed = list.lines.iter().filter(|line| line.verdict == CheckVerdict::NoGo).count();
    let counted = format!("{} in {}", some(report.checks.len(), "check"), report.took);
    let decision = match list.go {
        true if warned > 0 => format!("GO, with {}: {counted}", some(warned, "warning")),
        true => format!("GO: {counted}"),
        false => format!("NO-GO, {failed} of {}: {counted}", some(list.lines.len(), "line")),
    };
    let colour = if list.go { AnsiColor::Green } else { AnsiColor::Red };
    console.line(format!("{} {}", report.phase, coloured(colour, &decision)));
}
