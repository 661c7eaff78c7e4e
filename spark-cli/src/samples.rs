//! Samples from files, standard input and Prometheus.

use std::fs::File;
use std::path::{Path, PathBuf};

use clap::Args;
use spark_core::{Policy, TimeSpan, Timestamp};
use spark_runtime::http::{HttpConfig, check_address};
use spark_runtime::replay::{Recorder, Recording};
use spark_runtime::source::file;
use spark_runtime::source::prometheus::{PrometheusConfig, PrometheusSource};

use crate::exit::Failure;

/// How HTTP sources are asked; beside sample files it would mean nothing.
#[derive(Debug, Clone, Args)]
pub(crate) struct HttpArgs {
    /// File with a bearer token for the source
    #[arg(long, value_name = "FILE", conflicts_with = "samples")]
    token_file: Option<PathBuf>,
    /// PEM file with the only certificates to be trusted
    #[arg(long, value_name = "FILE", conflicts_with = "samples")]
    ca_file: Option<PathBuf>,
    /// Longest time for one answer, as in 5s
    #[arg(long, value_name = "D", default_value = "10s", value_parser = parse_span, conflicts_with = "samples")]
    timeout: TimeSpan,
}

impl HttpArgs {
    pub(crate) fn config(&self) -> HttpConfig {
        let files = HttpConfig {
            token_file: self.token_file.clone(),
            ca_file: self.ca_file.clone(),
            ..HttpConfig::default()
        };
        files.within(self.timeout.to_std())
    }
}

/// A length of time on the command line, longer than none.
pub(crate) fn parse_span(text: &str) -> Result<TimeSpan, String> {
    match spark_core::quantity::parse_duration(text) {
        Some(span) if !span.is_zero() => Ok(span),
        _ => Err("expected a duration above zero, such as 15s".to_owned()),
    }
}

/// An instant on the command line.
pub(crate) fn parse_time(text: &str) -> Result<Timestamp, String> {
    Timestamp::parse(text)
        .ok_or_else(|| "expected RFC 3339, as in 2026-01-01T00:15:00Z, or Unix seconds".to_owned())
}

/// The address of a source on the command line.
pub(crate) fn parse_address(text: &str) -> Result<String, String> {
    check_address(text).map(|()| text.to_owned())
}

/// The records of sample files in their order; `-` is standard input.
pub(crate) fn read_files(files: &[PathBuf], policy: &Policy) -> Result<Recording, Failure> {
    let mut recorder = Recorder::default();
    let mut stdin_taken = false;
    for path in files {
        let read = if path.as_os_str() == "-" {
            if std::mem::replace(&mut stdin_taken, true) {
                return Err(Failure::bad_arguments("standard input can be read once: `-` stands twice"));
            }
            file::record_from("standard input", &mut std::io::stdin().lock(), policy, &mut recorder)
        } else {
            let mut stream = File::open(path).map_err(|error| {
                Failure::could_not_run(format!("cannot read `{}`: {error}", path.display()))
            })?;
            file::record_file(&path.display().to_string(), &mut stream, policy, &mut recorder)
        };
        read.map_err(|error| Failure::of(&error))?;
    }
    Ok(recorder.finish())
}

/// A Prometheus as a source.
pub(crate) fn prometheus(url: &str, http: &HttpArgs) -> Result<PrometheusSource, Failure> {
    let config = PrometheusConfig {
        token_file: http.token_file.clone(),
        ca_file: http.ca_file.clone(),
        timeout: http.timeout.to_std(),
        ..PrometheusConfig::new(url)
    };
    PrometheusSource::new(config).map_err(|error| Failure::of(&error))
}

/// Files that must be to be had before anything is begun: those of the loop and its signals, four requests, and a command
/// with its three pipes. With fewer the loop would not fail in words, but end in its midst.
const FILES_MIN: usize = 32;

/// Whether so many files can be open at once, besides those that are.
fn room_for_files() -> Result<(), Failure> {
    // nothing is read of it; every system that has limits has it
    let null = Path::new("/dev/null");
    if !null.exists() {
        return Ok(());
    }
    let files: std::io::Result<Vec<_>> = (0..FILES_MIN).map(|_| File::open(null)).collect();
    files.map(drop).map_err(|error| {
        Failure::could_not_run(format!(
            "cannot open {FILES_MIN} files at once: {error}; raise the limit of open files (`ulimit -n`)"
        ))
    })
}

/// The program's asynchronous part, on as many threads as it needs.
pub(crate) fn block_on<T>(work: impl Future<Output = T>) -> Result<T, Failure> {
    room_for_files()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime =
        runtime.map_err(|error| Failure::could_not_run(format!("cannot start its threads: {error}")))?;
    Ok(runtime.block_on(work))
}
