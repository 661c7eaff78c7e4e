//! `spark import`: rules of other systems.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use spark_core::Severity;
use spark_rules::import::{self, FILE_BYTES_MAX, ImportOptions};

use super::export::overwrites;
use crate::console::{Console, say};
use crate::exit::{Exit, Failure};

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  spark import prometheus alerts.yml > alerts.rules
  spark import prometheus alerts.yml alerts_test.yml --output alerts.rules
  spark import prometheus alerts.yml --level critical=hold")]
pub(crate) struct ImportArgs {
    #[command(subcommand)]
    system: System,
}

#[derive(Debug, Subcommand)]
enum System {
    /// Alerting rules of Prometheus, its operator's PrometheusRule objects, and promtool's unit tests
    Prometheus(PrometheusArgs),
}

#[derive(Debug, Args)]
struct PrometheusArgs {
    /// Rule files and test files; `-` is standard input
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// Where the rules are written; standard output when absent
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Which level a value of the label `severity` is: warn, hold or rollback
    #[arg(long, value_name = "SEVERITY=LEVEL")]
    level: Vec<String>,
    /// Write over a file that is there
    #[arg(long, requires = "output")]
    force: bool,
}

pub(crate) fn run(console: &mut Console, args: &ImportArgs) -> Result<Exit, Failure> {
    let System::Prometheus(args) = &args.system;
    let options = options(&args.level)?;
    args.output.as_deref().map_or(Ok(()), |output| overwrites(output, args.force))?;
    let mut files = Vec::new();
    for path in &args.files {
        files.push((path.display().to_string(), read(path)?));
    }
    let named: Vec<(&str, &str)> = files.iter().map(|(name, text)| (base(name), text.as_str())).collect();
    let imported =
        import::prometheus(&named, &options).map_err(|error| Failure::could_not_run(error.to_string()))?;
    fits(&imported.text)?;
    match &args.output {
        None => console.line(imported.text.trim_end_matches('\n')),
        Some(path) => std::fs::write(path, &imported.text)
            .map_err(|error| Failure::could_not_run(format!("cannot write `{}`: {error}", path.display())))?,
    }
    for words in &imported.not_imported {
        say(&format!("not imported: {words}"));
    }
    console.note(imported.summary.to_string());
    let nothing = imported.summary.triggers == 0;
    Ok(if nothing { Exit::CouldNotRun } else { Exit::Done })
}

/// Refuses rules that no command would read afterwards: they say more than the files that they are of.
fn fits(text: &str) -> Result<(), Failure> {
    let most = spark_rules::limits::TEXT_BYTES_MAX;
    if text.len() <= most {
        return Ok(());
    }
    let bytes = text.len();
    Err(Failure::could_not_run(format!(
        "nothing was written: it would be {bytes} bytes of rules, more than the {most} of a file; import a part at a time"
    )))
}

/// The last part of a path: what a comment names stays the same wherever the file lies.
fn base(name: &str) -> &str {
    Path::new(name).file_name().and_then(|name| name.to_str()).unwrap_or(name)
}

fn options(levels: &[String]) -> Result<ImportOptions, Failure> {
    let mut options = ImportOptions::default();
    for text in levels {
        let (word, level) = text.split_once('=').unwrap_or((text, ""));
        let level = match level.trim() {
            "warn" => Severity::Warn,
            "hold" => Severity::Hold,
            "rollback" => Severity::Rollback,
            _ => {
                let words =
                    format!("`--level {text}`: expected SEVERITY=warn, SEVERITY=hold or SEVERITY=rollback");
                return Err(Failure::bad_arguments(words));
            }
        };
        options.levels.insert(word.trim().to_owned(), level);
    }
    Ok(options)
}

/// Reads a file, no more of it than a rule file may have and one byte.
fn read(path: &Path) -> Result<String, Failure> {
    let failed = |words: String| Failure::could_not_run(format!("cannot read `{}`: {words}", path.display()));
    let most = u64::try_from(FILE_BYTES_MAX).unwrap_or(u64::MAX).saturating_add(1);
    let mut bytes = Vec::new();
    let result = match path == Path::new("-") {
        true => std::io::stdin().lock().take(most).read_to_end(&mut bytes),
        false => File::open(path).and_then(|file| file.take(most).read_to_end(&mut bytes)),
    };
    result.map_err(|error| failed(error.to_string()))?;
    String::from_utf8(bytes)
        .map_err(|error| failed(format!("it is not UTF-8 after byte {}", error.utf8_error().valid_up_to())))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is imported can be read: more is refused before a byte of it is written.
    #[test]
    fn no_more_than_is_read() {
        let most = spark_rules::limits::TEXT_BYTES_MAX;
        assert!(fits(&"x".repeat(most)).is_ok());
        assert!(fits(&"x".repeat(most + 1)).unwrap_err().words.starts_with("nothing was written"));
    }
}
