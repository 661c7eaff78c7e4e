//! `spark config`: the configuration, checked before anything runs.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde::Serialize;
use spark_runtime::config::{self, Config, ConfigError, ConfigFinding, FindingSeverity};

use super::format::Format;
use crate::console::{Console, some};
use crate::exit::{Exit, Failure};

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  spark config check spark.yaml
  spark config schema > spark.schema.json")]
pub(crate) struct ConfigArgs {
    #[command(subcommand)]
    command: ConfigCommand,
}

#[derive(Debug, Subcommand)]
enum ConfigCommand {
    /// All that is wrong with a configuration, and what it needs and this machine does not have; exit code 1 then
    #[command(after_help = "Nothing is run, asked or changed.

Example:
  spark config check spark.yaml --format json")]
    Check {
        /// The configuration
        #[arg(value_name = "FILE", default_value = "spark.yaml")]
        file: PathBuf,
        /// How findings are written
        #[arg(long, value_enum, default_value_t = Format::Text)]
        format: Format,
        /// Treat warnings as errors
        #[arg(long)]
        deny_warnings: bool,
    },
    /// Print the JSON Schema of the configuration, for editors and other programs
    #[command(after_help = "Example:\n  spark config schema > spark.schema.json")]
    Schema,
}

/// A finding and its file, as JSON has it.
#[derive(Serialize)]
struct Told<'a> {
    file: String,
    #[serde(flatten)]
    finding: &'a ConfigFinding,
}

#[derive(Serialize)]
struct Findings<'a> {
    diagnostics: Vec<Told<'a>>,
}

pub(crate) fn run(console: &mut Console, args: &ConfigArgs) -> Result<Exit, Failure> {
    match &args.command {
        ConfigCommand::Check { file, format, deny_warnings } => check(console, file, *format, *deny_warnings),
        ConfigCommand::Schema => {
            console.text(config::SCHEMA);
            Ok(Exit::Done)
        }
    }
}

/// The configuration of a command, which must be able to run: what is missing is told before anything moves.
pub(crate) fn load(console: &Console, file: &Path) -> Result<Config, Failure> {
    let config = Config::load(file).map_err(|error| match error {
        ConfigError::Wrong(errors) => Failure::could_not_run(
            errors.to_string().replace(&format!("\n{}:", errors.file), &format!("\nerror: {}:", errors.file)),
        ),
        other => Failure::of(&other),
    })?;
    let findings = config.look(&config::of_process);
    let (errors, warnings): (Vec<_>, Vec<_>) =
        findings.iter().partition(|found| found.severity == FindingSeverity::Error);
    for warning in warnings {
        console.note(format!("warning: {}", place(file, warning)));
    }
    match errors.is_empty() {
        true => Ok(config),
        false => {
            let words: Vec<String> = errors.iter().map(|error| place(file, error)).collect();
            Err(Failure::could_not_run(words.join("\nerror: ")))
        }
    }
}

fn check(console: &mut Console, file: &Path, format: Format, deny_warnings: bool) -> Result<Exit, Failure> {
    let findings = match Config::load(file) {
        Ok(config) => config.look(&config::of_process),
        Err(ConfigError::Wrong(errors)) => errors.findings,
        Err(other) => return Err(Failure::of(&other)),
    };
    match format {
        Format::Text => text(console, file, &findings),
        Format::Json => {
            let told = |finding| Told { file: file.display().to_string(), finding };
            let findings = Findings { diagnostics: findings.iter().map(told).collect() };
            console.line(serde_json::to_string(&findings).map_err(|error| Failure::of(&error))?);
        }
    }
    let bad = findings.iter().any(|found| deny_warnings || found.severity == FindingSeverity::Error);
    Ok(if bad { Exit::CouldNotRun } else { Exit::Done })
}

fn text(console: &mut Console, file: &Path, findings: &[ConfigFinding]) {
    for finding in findings {
        console.line(format!("{}: {}", finding.severity, place(file, finding)));
    }
    if console.quiet() {
        return;
    }
    let count = |severity| findings.iter().filter(|found| found.severity == severity).count();
    let counted: Vec<String> = [(FindingSeverity::Error, "error"), (FindingSeverity::Warning, "warning")]
        .into_iter()
        .map(|(severity, word)| (count(severity), word))
        .filter(|(count, _)| *count > 0)
        .map(|(count, word)| some(count, word))
        .collect();
    let told = if counted.is_empty() { "all is well".to_owned() } else { counted.join(", ") };
    console.line(format!("{} checked: {told}", file.display()));
}

fn place(file: &Path, finding: &ConfigFinding) -> String {
    format!("{}:{}:{}: {}", file.display(), finding.line, finding.column, finding.words)
}
