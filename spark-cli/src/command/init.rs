//! `spark init`: starter rules with tests, and samples to try them on.

use std::fmt::Write as _;
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use clap::Args;
use spark_core::{TimeSpan, Timestamp};

use crate::console::Console;
use crate::exit::{Exit, Failure};

/// The starter rules.
const RULES: &str = include_str!("../starter/release.rules");
/// The configuration of a rollout by them.
const CONFIG: &str = include_str!("../starter/spark.yaml");
/// What to do with them.
const README: &str = include_str!("../starter/README.md");

#[derive(Debug, Args)]
#[command(after_help = "Example:
  spark init release && spark replay release/release.rules --samples release/samples.csv")]
pub(crate) struct InitArgs {
    /// Where the files go
    #[arg(value_name = "DIR", default_value = ".")]
    dir: PathBuf,
}

pub(crate) fn run(console: &mut Console, args: &InitArgs) -> Result<Exit, Failure> {
    let samples = samples();
    let files = [
        ("release.rules", RULES),
        ("samples.csv", samples.as_str()),
        ("spark.yaml", CONFIG),
        ("README.md", README),
    ];
    let failed = |path: &Path, error: std::io::Error| {
        Failure::could_not_run(format!("cannot write `{}`: {error}", path.display()))
    };
    // all of it or nothing: what is there is never touched
    if let Some((name, _)) = files.iter().find(|(name, _)| args.dir.join(name).symlink_metadata().is_ok()) {
        let path = args.dir.join(name);
        let words = format!("`{}` is there already, and nothing is overwritten", path.display());
        return Err(Failure::could_not_run(words));
    }
    fs::create_dir_all(&args.dir).map_err(|error| failed(&args.dir, error))?;
    for (name, text) in files {
        let path = args.dir.join(name);
        let file = OpenOptions::new().write(true).create_new(true).open(&path);
        file.and_then(|mut file| file.write_all(text.as_bytes())).map_err(|error| failed(&path, error))?;
        console.line(format!("wrote {}", path.display()));
    }
    let at = |name: &str| args.dir.join(name).display().to_string();
    console.note(format!("next: spark replay {} --samples {}", at("release.rules"), at("samples.csv")));
    Ok(Exit::Done)
}

/// Twenty minutes of a release: good for ten, then slow.
fn samples() -> String {
    let step = TimeSpan::from_seconds(15);
    let start = Timestamp::from_millis(1_767_603_600_000);
    let mut text = "time,signal,value\n".to_owned();
    for place in 0..=80u32 {
        let at = start.plus(step.times(place));
        let p95 = if place < 40 { "180ms" } else { "450ms" };
        // text into a string cannot fail
        let _ = write!(text, "{at},p95,{p95}\n{at},errors,0.2%\n");
    }
    text
}
