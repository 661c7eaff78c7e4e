//! What stands around a release: servers of time, a Prometheus with its Alertmanager, keys, what is deployed, what it is made of and who built it.

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::Failure;
use crate::client::Client;
use crate::local::{Addresses, FreePorts, Local};

/// How long a server may take to answer on a busy machine.
const READY: Duration = Duration::from_secs(30);

/// The licences that what is released may be under.
const LICENCES: [&str; 9] = [
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-3-Clause",
    "CDLA-Permissive-2.0",
    "ISC",
    "MIT",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];

/// Where what was started is.
pub(super) struct Surroundings {
    pub(super) prometheus: String,
    pub(super) alertmanager: String,
    pub(super) time: [String; 2],
}

/// Starts two servers of time, a Prometheus and its Alertmanager; `down` of the backend ends them with it.
pub(super) async fn start(folder: &Path, backend: &Path, at: &Addresses) -> Result<Surroundings, Failure> {
    let [time_1, time_2, prometheus, alertmanager] = {
        let mut free = FreePorts::default();
        [free.next()?, free.next()?, free.next()?, free.next()?]
    };
    let chronyd = chronyd()?;
    for (place, port) in [(1, time_1), (2, time_2)] {
        let path = folder.join(format!("chrony-{place}.conf"));
        let pid = folder.join(format!("chrony-{place}.pid"));
        fs::write(
            &path,
            format!(
                "port {port}\nbindaddress 127.0.0.1\nallow 127.0.0.1\nlocal stratum 3\ncmdport 0\nbindcmdaddress /\npidfile {}\n",
                pid.display()
            ),
        )?;
        let user = said(Command::new("id").arg("-un"))?;
        // it sets no clock (-x) and needs no rights (-U)
        let words = ["-d", "-x", "-U", "-u", user.trim(), "-f"].map(str::to_owned);
        let words = words.into_iter().chain([path.display().to_string()]);
        Local::add(
            backend,
            &format!("chrony-{place}"),
            [chronyd.clone()].into_iter().chain(words).collect(),
        )?;
    }
    let targets =
        [&at.baseline, &at.canary].map(|instance| instance.url.trim_start_matches("http://").to_owned());
    let own = format!("127.0.0.1:{prometheus}");
    let scrapes = json!([
        { "job_name": "trading", "static_configs": [{ "targets": targets }] },
        { "job_name": "prometheus", "static_configs": [{ "targets": [own] }] },
    ]);
    let tells = format!("127.0.0.1:{alertmanager}");
    // JSON is YAML
    let config = json!({
        "global": { "scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s" },
        "rule_files": ["alerts.yml"],
        "scrape_configs": scrapes,
        "alerting": { "alertmanagers": [{ "static_configs": [{ "targets": [tells] }] }] },
    });
    fs::write(folder.join("prometheus.yml"), config.to_string())?;
    let alerts = json!({ "groups": [{ "name": "market-data", "interval": "1s", "rules": [{
        "alert": "FeedStale",
        "expr": "time() - market_data_last_message_timestamp_seconds > 120",
        "for": "2s",
    }] }] });
    fs::write(folder.join("alerts.yml"), alerts.to_string())?;
    start_alertmanager(folder, backend, &tells)?;
    let words = [
        "prometheus".to_owned(),
        format!("--config.file={}", folder.join("prometheus.yml").display()),
        format!("--storage.tsdb.path={}", folder.join("prometheus").display()),
        format!("--web.listen-address={own}"),
        "--web.enable-remote-write-receiver".to_owned(),
    ];
    Local::add(backend, "prometheus", words.to_vec())?;
    let prometheus = format!("http://{own}");
    until_scraped(&prometheus).await?;
    Ok(Surroundings {
        prometheus,
        alertmanager: format!("http://{tells}"),
        time: [time_1, time_2].map(|port| format!("127.0.0.1:{port}")),
    })
}

/// Starts an Alertmanager that has an alert at once, and tells nobody.
fn start_alertmanager(folder: &Path, backend: &Path, at: &str) -> Result<(), Failure> {
    let config = json!({
        "route": { "receiver": "nobody", "group_wait": "1s" },
        "receivers": [{ "name": "nobody" }],
    });
    let path = folder.join("alertmanager.yml");
    fs::write(&path, config.to_string())?;
    let words = [
        "prometheus-alertmanager".to_owned(),
        format!("--config.file={}", path.display()),
        format!("--storage.path={}", folder.join("alertmanager").display()),
        format!("--web.listen-address={at}"),
        // alone: it looks for no others
        "--cluster.listen-address=".to_owned(),
    ];
    Local::add(backend, "alertmanager", words.to_vec())
}

/// Waits until Prometheus has read all that it is to read, and twice: a rate is of two readings.
async fn until_scraped(prometheus: &str) -> Result<(), Failure> {
    let client = Client::default();
    let begun = Instant::now();
    loop {
        let asked = format!(
            "{prometheus}/api/v1/query?query=sum(up)*(sum(rate(http_requests_total[10s]))%3Ebool%200)"
        );
        let reply = client.get(&asked).await;
        let up = reply.ok().and_then(|reply| serde_json::from_str::<Value>(&reply.body).ok());
        if up.as_ref().and_then(|up| up.pointer("/data/result/0/value/1")?.as_str()) == Some("3") {
            return Ok(());
        }
        if begun.elapsed() > READY {
            return Err(format!("{prometheus} does not read its 3 targets within {READY:?}").into());
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Where chronyd is: installed, or unpacked beside the build by `./test`.
fn chronyd() -> Result<String, Failure> {
    let program = std::env::current_exe()?;
    let unpacked = program.ancestors().nth(2).map(|target| target.join("parts/usr/sbin/chronyd"));
    let found =
        [Some(PathBuf::from("/usr/sbin/chronyd")), unpacked].into_iter().flatten().find(|path| path.exists());
    let found =
        found.ok_or("`chronyd` is not there; install it: apt-get install chrony (`./test` unpacks it)")?;
    Ok(found.display().to_string())
}

/// What a program says; it has to succeed.
pub(super) fn said(command: &mut Command) -> Result<String, Failure> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.output().map_err(|error| format!("`{name}` does not start: {error}"))?;
    match output.status.success() {
        true => Ok(String::from_utf8(output.stdout)?),
        false => Err(format!("`{name}` failed: {}", String::from_utf8_lossy(&output.stderr).trim()).into()),
    }
}

/// What is deployed, in a repository of its own, under the release's tag.
pub(super) fn deployment(folder: &Path, release: &str, program: &Path) -> Result<(), Failure> {
    let repository = folder.join("deployment");
    fs::create_dir(&repository)?;
    let deployed = json!({ "release": release, "program": { "sha256": sum_of(program)? } });
    fs::write(repository.join("deployment.json"), serde_json::to_string_pretty(&deployed)?)?;
    fs::write(repository.join("flags.json"), json!({ "new-matching": false }).to_string())?;
    let tag = format!("v{release}");
    let message = format!("Deploy {release}");
    for words in [&["init", "-q"][..], &["add", "."], &["commit", "-q", "-m", &message], &["tag", &tag]] {
        let mut git = Command::new("git");
        git.arg("-C").arg(&repository);
        // nobody's own settings: no hooks, no signatures
        for setting in [
            "user.name=release",
            "user.email=release@localhost",
            "commit.gpgsign=false",
            "core.hooksPath=/dev/null",
        ] {
            git.args(["-c", setting]);
        }
        said(git.args(words))?;
    }
    Ok(())
}

fn sum_of(path: &Path) -> Result<String, Failure> {
    let mut file = fs::File::open(path)?;
    let (mut sum, mut part) = (Sha256::new(), vec![0; 1 << 20]);
    loop {
        match file.read(&mut part)? {
            0 => break,
            read => sum.update(part.get(..read).unwrap_or_default()),
        }
    }
    Ok(sum.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

/// The allowed licences, as the configuration lists them.
pub(super) fn licences() -> String {
    LICENCES.join(", ")
}

/// A bill of materials in CycloneDX: what cargo resolved for this program.
pub(super) fn bill_of_materials(folder: &Path, source: &Path) -> Result<(), Failure> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let manifest = source.join("Cargo.toml");
    let metadata = said(
        Command::new(cargo)
            .args(["metadata", "--format-version", "1", "--locked", "--offline", "--filter-platform"])
            .arg(format!("{}-unknown-linux-gnu", std::env::consts::ARCH))
            .arg("--manifest-path")
            .arg(manifest),
    )?;
    let metadata: Value = serde_json::from_str(&metadata)?;
    let text =
        |value: &Value, name: &str| value.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let list = |value: Option<&Value>| value.and_then(Value::as_array).cloned().unwrap_or_default();
    // what this package needs at run time, and what that needs
    let nodes = list(metadata.pointer("/resolve/nodes"));
    let mut left = vec![text(metadata.get("resolve").unwrap_or(&Value::Null), "root")];
    let mut used = std::collections::BTreeSet::new();
    while let Some(id) = left.pop() {
        if !used.insert(id.clone()) {
            continue;
        }
        for dependency in
            nodes.iter().filter(|node| text(node, "id") == id).flat_map(|node| list(node.get("deps")))
        {
            let kinds = list(dependency.get("dep_kinds"));
            if kinds.iter().any(|kind| kind.get("kind").is_none_or(Value::is_null)) {
                left.push(text(&dependency, "pkg"));
            }
        }
    }
    let components: Vec<Value> = list(metadata.get("packages"))
        .iter()
        .filter(|package| used.contains(&text(package, "id")))
        .map(|package| {
            // an old way of writing `OR`
            let licence = text(package, "license").replace('/', " OR ");
            json!({
                "type": "library", "name": text(package, "name"), "version": text(package, "version"),
                "licenses": [{ "expression": licence }],
            })
        })
        .collect();
    let bill =
        json!({ "bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1, "components": components });
    let bill = serde_json::to_string_pretty(&bill)?;
    // the release before was built from the same lock file
    fs::write(folder.join("sbom-before.json"), &bill)?;
    Ok(fs::write(folder.join("sbom.json"), bill)?)
}

/// Who built the program: a statement of provenance, signed with the builder's key in an envelope of DSSE.
pub(super) fn provenance(folder: &Path, program: &Path) -> Result<(), Failure> {
    const KIND: &str = "application/vnd.in-toto+json";
    let statement = json!({
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{ "name": "trading-backend", "digest": { "sha256": sum_of(program)? } }],
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": {
            "buildDefinition": { "buildType": "urn:spark:example:cargo", "externalParameters": {} },
            "runDetails": { "builder": { "id": "urn:spark:example:this-machine" } },
        },
    })
    .to_string();
    let message = folder.join("provenance.message");
    fs::write(&message, format!("DSSEv1 {} {KIND} {} {statement}", KIND.len(), statement.len()))?;
    let payload = base64(statement.as_bytes(), folder)?;
    let signature = folder.join("provenance.signature");
    said(
        Command::new("openssl")
            .args(["pkeyutl", "-sign", "-rawin", "-inkey"])
            .arg(folder.join("builder.key"))
            .arg("-in")
            .arg(&message)
            .arg("-out")
            .arg(&signature),
    )?;
    let signature_text = base64(&fs::read(&signature)?, folder)?;
    for path in [message, signature] {
        fs::remove_file(path)?;
    }
    let envelope = json!({
        "payloadType": KIND, "payload": payload, "signatures": [{ "keyid": "builder", "sig": signature_text }],
    });
    Ok(fs::write(folder.join("provenance.json"), envelope.to_string())?)
}

fn base64(bytes: &[u8], folder: &Path) -> Result<String, Failure> {
    let path = folder.join("base64.in");
    fs::write(&path, bytes)?;
    let text = said(Command::new("openssl").args(["base64", "-A", "-in"]).arg(&path));
    fs::remove_file(&path)?;
    text
}
