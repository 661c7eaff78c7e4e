//! Probes against real parts: each has a case that passes, one that fails, and says that it does not know where it cannot.
//!
//! What passes and fails is said by the shipped rules. `docs/checks.md` lists the tests by `passes("CHECK"` and `fails("CHECK"`.

mod database;
mod documented;
mod documents;
mod hostile;
mod pages;
mod pool;
mod restores;
mod rules_of_prometheus;
mod services;
mod settings;
mod time;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::OnceLock;
use std::time::Duration;

use rust_decimal::Decimal;
use spark_core::Truth;
use spark_core::check::{Check, Finding, Judged};
use spark_runtime::config::SecretSource;
use spark_runtime::http::AllowedHost;
use spark_runtime::probe::{Measured, Probe, Value, Web, probe};

/// The longest that a probe of a test may take on a busy machine.
const WITHIN: Duration = Duration::from_secs(60);

/// What a probe measures, held to the manual, or its error in words.
async fn measured<P: Probe + Sync>(what: P) -> Result<Measured, String> {
    let result = probe(&what, WITHIN).await.result;
    result.inspect(documented::hold::<P>).map_err(|error| error.to_string())
}

/// A check of the shipped rules, judged on what a probe measured.
#[track_caller]
fn judged(name: &str, found: &Result<Measured, String>) -> Judged {
    static PACK: OnceLock<Vec<Check>> = OnceLock::new();
    let pack = PACK.get_or_init(|| {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../rules");
        let read = |path: &str| std::fs::read_to_string(folder.join(path)).map_err(|error| error.to_string());
        let loaded =
            spark_rules::load("checks.rules", &read("checks.rules").unwrap(), &mut |path| read(path));
        loaded.unwrap().policy.checks().to_vec()
    });
    let check = pack.iter().find(|check| check.name == name);
    let check = check.unwrap_or_else(|| panic!("the shipped rules have no check `{name}`"));
    let found = match found {
        Ok(found) => found,
        Err(why) => return check.unanswered(why),
    };
    let finding = |name: &str| match found.value(name) {
        Value::Known(quantity) => Finding::Value(quantity),
        Value::Flag(so) => Finding::Flag(so),
        Value::Unknown(why) => Finding::Missing(why),
    };
    let measures = check.measures.iter().map(|measure| (measure.name.clone(), finding(&measure.name)));
    check.judge(&measures.collect::<BTreeMap<_, _>>())
}

/// The check passes.
#[track_caller]
fn passes(check: &str, found: &Result<Measured, String>) {
    let judged = judged(check, found);
    assert_eq!(judged.truth, Truth::True, "{check}: {}", judged.words);
}

/// The check fails by what was measured.
#[track_caller]
fn fails(check: &str, found: &Result<Measured, String>) {
    let judged = judged(check, found);
    assert_eq!(judged.truth, Truth::False, "{check}: {}", judged.words);
}

/// The check does not pass, as something of it is not known.
#[track_caller]
fn unknown(check: &str, found: &Result<Measured, String>) {
    let judged = judged(check, found);
    assert_eq!(judged.truth, Truth::Unknown, "{check}: {}", judged.words);
}

/// What a probe measures at the first try that passes; of a busy machine's clocks not every one does.
async fn until_it_passes<P: Probe + Sync>(check: &str, what: impl Fn() -> P) -> Result<Measured, String> {
    for _ in 0..40 {
        let found = measured(what()).await;
        if judged(check, &found).truth == Truth::True {
            return found;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    measured(what()).await
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
