//! Probes against real parts: each has a case that passes, one that fails, and says that it does not know where it cannot.

mod database;
mod documented;
mod documents;
mod pool;
mod restores;
mod rules_of_prometheus;
mod services;
mod settings;
mod time;

use std::path::Path;
use std::time::Duration;

use rust_decimal::Decimal;
use spark_runtime::config::SecretSource;
use spark_runtime::http::AllowedHost;
use spark_runtime::probe::{Measured, Probe, Web, probe};

/// The longest that a probe of a test may take on a busy machine.
const WITHIN: Duration = Duration::from_secs(60);

/// What a probe measures, held to the manual, or its error in words.
async fn measured<P: Probe + Sync>(what: P) -> Result<Measured, String> {
    let result = probe(&what, WITHIN).await.result;
    result.inspect(documented::hold::<P>).map_err(|error| error.to_string())
}

/// Holds what a probe measures to texts, name by name.
#[track_caller]
fn holds(measured: &Result<Measured, String>, expected: &[(&str, &str)]) {
    let measured = measured.as_ref().unwrap();
    for (name, text) in expected {
        assert_eq!(
            measured.value(name).to_string(),
            *text,
            "{name} of {}",
            serde_json::to_string_pretty(measured).unwrap()
        );
    }
}

/// Words before a program whose clock is ahead. The library itself is named: its own wrapper stays as long as any child of it, and
/// its end is not theirs.
fn ahead(span: &str) -> Vec<String> {
    let folders = std::fs::read_dir("/usr/lib").unwrap().map(|entry| entry.unwrap().path());
    let library = folders.map(|folder| folder.join("faketime/libfaketime.so.1")).find(|path| path.exists());
    let Some(library) = library else {
        panic!("`libfaketime.so.1` is not there: install it: apt-get install faketime");
    };
    let library = format!("LD_PRELOAD={}", library.display());
    ["env", &library, "FAKETIME_DONT_FAKE_MONOTONIC=1", &format!("FAKETIME={span}")]
        .map(str::to_owned)
        .to_vec()
}

/// A value in its base unit.
#[track_caller]
fn number(measured: &Result<Measured, String>, name: &str) -> Decimal {
    let value = measured.as_ref().unwrap().value(name);
    value.known().unwrap_or_else(|| panic!("{name} is {value}")).value
}

/// Where an address is, as a configuration says it.
fn secret(folder: &Path, text: &str) -> SecretSource {
    static COUNT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
    let path = folder.join(format!("secret-{}", COUNT.fetch_add(1, std::sync::atomic::Ordering::Relaxed)));
    std::fs::write(&path, text).unwrap();
    SecretSource::File(path)
}

/// How a service on this machine is asked.
fn web(ports: &[u16]) -> Web {
    let allow = ports.iter().map(|port| format!("127.0.0.1:{port}").parse::<AllowedHost>().unwrap());
    Web {
        token_file: None,
        ca_file: None,
        timeout: spark_core::TimeSpan::from_seconds(10),
        allow: allow.collect(),
    }
}
