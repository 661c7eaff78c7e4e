//! `spark.yaml`: what is read, what is refused and with which words, what this machine lacks.

mod freezes;
mod schema;

use std::path::{Path, PathBuf};

use spark_core::TimeSpan;
use spark_runtime::config::{
    ActionConfig, CONFIG_BYTES_MAX, Config, DEPTH_MAX, FindingSeverity, JournalConfig, NODES_MAX, NOTIFY_MAX,
    NotifyAddress, NotifyConfig, PROBLEMS_MAX, SecretSource, SourceConfig, TEXT_BYTES_MAX, WINDOWS_MAX,
};

pub(super) const GOOD: &str = r#"spark: 1
sources:
  prometheus: { url: "http://prom:9090" }
actions:
  command:
    set: [./set, "{share}"]
    rollback: [./back, "{reason}", "{stage}"]
    probe: [./share]
"#;

const WHOLE: &str = r#"spark: 1
sources:
  scrape:
    canary: ["http://10.0.0.2:9100/metrics", "http://${HOST}:9100/metrics"]
    baseline: ["http://10.0.0.1:9100/probe?module=x"]
    token-file: token
    timeout: 3s
  allow: [10.0.0.1:9100, 10.0.0.2:9100, "${HOST}:9100"]
actions:
  deadline: 20s
  webhook: { set: "https://t/set", rollback: "https://t/back", probe: "https://t/share", secret: { env: KEY } }
rollout: { verify-within: 40s, rollback-within: 2m, retry-after: 1s, probe-every: 10s }
freeze:
  - { from: "09:55", to: "10:10", days: mon-fri, zone: Europe/Istanbul, because: opening auction }
  - { from: "2026-12-24 18:00", to: "2026-12-27 08:00", zone: UTC, because: "no" }
notify:
  - { command: [./tell, "$${HOME}"], env: [HOME] }
  - { webhook: { env: CHAT }, secret: { file: chat.key }, timeout: 2s }
journal: { postgres: { url: { env: DATABASE }, lease: 10s, schema: trading } }
evidence: { dir: "${HOST}/evidence", key: { file: release.key } }
"#;

fn lookup(name: &str) -> Option<String> {
    (name == "HOST").then(|| "canary2".to_owned())
}

pub(super) fn read(text: &str) -> Result<Config, String> {
    Config::parse(Path::new("conf/spark.yaml"), text.as_bytes(), &lookup).map_err(|errors| errors.to_string())
}

/// All that can be said is read, paths are those of the configuration's folder, and the rest has its defaults.
#[test]
fn reads_everything() {
    let config = read(WHOLE).unwrap();
    let SourceConfig::Scrape { targets, http } = &config.source else { panic!("no scrape") };
    assert_eq!(targets.len(), 3);
    assert_eq!(targets[1].url, "http://canary2:9100/metrics");
    assert_eq!(http.token_file, Some(PathBuf::from("conf/token")));
    assert_eq!(http.allow.as_ref().map(Vec::len), Some(3));
    let ActionConfig::Webhook(webhook) = &config.actions.action else { panic!("no webhook") };
    assert_eq!(webhook.secret, SecretSource::Env("KEY".to_owned()));
    assert_eq!(config.pace.rollback_within, TimeSpan::from_seconds(120));
    assert_eq!(config.freeze.windows().len(), 2);
    let [NotifyConfig::Command { command, .. }, NotifyConfig::Webhook { url, .. }] = config.notify.as_slice()
    else {
        panic!("{:?}", config.notify)
    };
    assert_eq!(command.fill(&[]), ["./tell", "${HOME}"]);
    assert_eq!(*url, NotifyAddress::Hidden(SecretSource::Env("CHAT".to_owned())));
    let JournalConfig::Postgres(postgres) = &config.journal else { panic!("no postgres") };
    assert_eq!((postgres.schema.as_str(), postgres.lease), ("trading", TimeSpan::from_seconds(10)));
    assert_eq!(config.evidence.dir, Some(PathBuf::from("conf/canary2/evidence")));
    assert_eq!(config.evidence.key, Some(SecretSource::File(PathBuf::from("conf/release.key"))));

    let config = read(GOOD).unwrap();
    assert_eq!(config.actions.deadline, TimeSpan::from_seconds(30));
    assert_eq!(config.allow.iter().map(ToString::to_string).collect::<Vec<_>>(), ["prom:9090"]);
    assert_eq!(config.journal, JournalConfig::File);
    read(&format!("\u{feff}{GOOD}")).unwrap();
    read(&GOOD.replace('\n', "\r\n")).unwrap();
    let haproxy = "  haproxy: { socket: s, backend: api, canary: [c1], stable: [s1, s2] }\n";
    read(&format!("{}{haproxy}", &GOOD[..GOOD.find("  command").unwrap()])).unwrap();
}

/// Every mistake names its place, what stands there, and what would be right; nothing else is told of it.
#[test]
fn mistakes() {
    let cases = include_str!("mistakes.txt");
    let mut checked = 0;
    for case in cases.split("\n====\n").skip(1) {
        let (edit, expected) = case.split_once("\n=> ").unwrap();
        let (from, to) = edit.split_once("\n-> ").unwrap();
        let text = if from == "END" { format!("{GOOD}{to}\n") } else { GOOD.replacen(from, to, 1) };
        assert_ne!(text, GOOD, "{from} is not there");
        let told = read(&text).map(drop).expect_err(&text);
        assert_eq!(told.replace("conf/spark.yaml:", ""), expected.trim_end(), "{text}");
        assert!(!told.contains("hunter2"), "{told}");
        checked += 1;
    }
    assert!(checked > 60, "{checked}");
}

/// All that is wrong comes in one go, sorted, and no more than anybody reads.
#[test]
fn all_in_one_go() {
    let text = GOOD.replace("spark: 1", "spark: 2").replace("url", "ulr").replace("set:", "sett:");
    let told = read(&text).unwrap_err();
    let lines: Vec<&str> = told.lines().map(|line| line.split(':').nth(1).unwrap()).collect();
    assert_eq!(lines, ["1", "3", "6"], "{told}");
    let many: String = (0..200).map(|n| format!("key{n}: 1\n")).collect();
    let told = read(&format!("{GOOD}{many}")).unwrap_err();
    assert_eq!(told.lines().count(), PROBLEMS_MAX);
    assert!(told.ends_with("(and 150 more)"), "{told}");
}

/// What is too much is refused at its limit, and not before.
#[test]
fn limits() {
    let padded = |bytes: usize| format!("{GOOD}#{}\n", "x".repeat(bytes - GOOD.len() - 2));
    read(&padded(CONFIG_BYTES_MAX)).unwrap();
    let check = |text: &str, expected: &str| {
        let told = read(text).unwrap_err();
        assert!(told.contains(expected), "{told}");
    };
    check(&padded(CONFIG_BYTES_MAX + 1), "it is longer than 262144 bytes");
    check(&"[".repeat(100_000), "it is no YAML: recursion limit exceeded");
    check(&"[".repeat(DEPTH_MAX + 1), &format!("it is nested more than {DEPTH_MAX} deep"));
    check(&"a: {".repeat(DEPTH_MAX + 1), &format!("it is nested more than {DEPTH_MAX} deep"));
    check(&"- x\n".repeat(NODES_MAX), &format!("it has more than {NODES_MAX} values"));
    let word = |bytes: usize| GOOD.replace("./share", &"x".repeat(bytes));
    read(&word(TEXT_BYTES_MAX)).unwrap();
    check(&word(TEXT_BYTES_MAX + 1), &format!("this text is longer than {TEXT_BYTES_MAX} bytes"));
    let notify = |count: usize| format!("{GOOD}notify:\n{}", "  - { command: [x] }\n".repeat(count));
    read(&notify(NOTIFY_MAX)).unwrap();
    check(&notify(NOTIFY_MAX + 1), "17 are to be told: expected at most 16");
    let window = "  - { from: \"01:00\", to: \"02:00\", zone: UTC, because: x }\n";
    let freeze = |count: usize| format!("{GOOD}freeze:\n{}", window.repeat(count));
    read(&freeze(WINDOWS_MAX)).unwrap();
    check(&freeze(WINDOWS_MAX + 1), "1001 windows: expected at most 1000");
}

/// A laugh of anchors ends at its first one, at once.
#[test]
fn billion_laughs() {
    let mut text = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for level in 1..12 {
        let all = vec![format!("*a{}", level - 1); 10].join(", ");
        text.push_str(&format!("a{level}: &a{level} [{all}]\n"));
    }
    let told = read(&text).unwrap_err();
    assert!(told.contains("1:5: an anchor (`&`) is refused"), "{told}");
}

/// What a rollout could not do on this machine is told with the place that asks for it, before anything is done.
#[cfg(unix)]
#[test]
fn looks_at_the_machine() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, mode: u32| {
        let path = folder.path().join(name);
        std::fs::write(&path, "hunter2").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    file("set", 0o755);
    file("back", 0o644);
    file("token", 0o644);
    file("ca.pem", 0o644);
    let text = r#"spark: 1
sources:
  prometheus: { url: "http://prom:9090", token-file: token, ca-file: gone.pem }
actions:
  command: { set: [./set], rollback: [./back], probe: [no-such-program], env: [GONE] }
notify:
  - { webhook: "http://chat.example/hook", secret: { env: GONE } }
  - { command: [./gone] }
evidence: { key: { file: token } }
"#;
    let config = Config::parse(&folder.path().join("spark.yaml"), text.as_bytes(), &|_| None).unwrap();
    let found = config.look(&|name| (name == "PATH").then(|| "/bin".to_owned()));
    let told: Vec<String> = found
        .iter()
        .map(|found| format!("{} {}:{}: {}", found.severity, found.line, found.column, found.words))
        .collect();
    let told = told.join("\n").replace(&format!("{}/", folder.path().display()), "");
    let expected = "\
warning 3:54: others than its owner can read `token` (mode 644): `chmod 600 token`
error 3:70: file of certificates `gone.pem`: No such file or directory (os error 2)
error 5:39: the program `back` is not executable: `chmod +x back`
error 5:56: there is no program `no-such-program` in any folder of PATH; one beside this file is `./no-such-program`
warning 5:80: the environment variable `GONE` is not set, so the command will not have it
warning 7:16: `http://chat.example/hook` is not encrypted: who is on the way can read and hold back what moves traffic; use https
error 7:59: the environment variable `GONE`, which is to hold a secret, is not set or empty
error 8:17: the program `gone` cannot be used: No such file or directory (os error 2)
error 9:26: `token` can be read or changed by others (mode 0644): make a new key if they may have, or `chmod 600` it";
    assert_eq!(told, expected);
    assert!(found.iter().any(|found| found.severity == FindingSeverity::Warning));
}

/// What is planted as a secret, wherever it does not belong, comes back in no error.
#[test]
fn secrets_are_not_repeated() {
    for (from, to) in [
        ("http://prom:9090", "http://me:hunter2@prom:9090"),
        ("http://prom:9090", "http://hunter2@prom:9090"),
        ("http://prom:9090", "http://prom:9090/?token=hunter2"),
        ("http://prom:9090", "postgres://me:hunter2@prom"),
        ("http://prom:9090", "me:hunter2@prom:9090"),
        ("END", "evidence: { key: hunter2 }"),
        ("END", "evidence: { key: { env: hunter2- } }"),
        ("END", "evidence: { key: \"-----BEGIN PRIVATE KEY----- hunter2\" }"),
        ("END", "journal: { postgres: { url: \"postgres://me:hunter2@db/spark\" } }"),
        ("END", "notify: [ { webhook: \"https://chat/?sig=hunter2\" } ]"),
    ] {
        let text = if from == "END" { format!("{GOOD}{to}\n") } else { GOOD.replacen(from, to, 1) };
        let told = read(&text).map(drop).expect_err(to);
        assert!(!told.contains("hunter2"), "{told}");
    }
    // nor what comes from the environment
    let text = GOOD.replace("http://prom:9090", "${SECRET}");
    let errors =
        Config::parse(Path::new("c.yaml"), text.as_bytes(), &|_| Some("hunter2 !".to_owned())).unwrap_err();
    assert!(!errors.to_string().contains("hunter2"), "{errors}");
}
