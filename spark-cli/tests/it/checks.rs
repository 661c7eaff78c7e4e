//! `spark preflight`, `redteam` and `blast`, as whoever releases uses them. What is measured comes of small programs: the probes
//! themselves have their tests against real parts.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::cases::{printed, run, text};

/// A check of each kind in preflight, and one in blast.
const RULES: &str = "edition 2026
check pool \"P3 pool\" {
  in preflight  probe pool  measure saturation is ratio  measure waiting is count
  pass when saturation < 90% and waiting == 0  else no-go  within 5s  evidence \"pool.json\"
  owner \"database\"  runbook \"https://runbooks.example/pool\"
}
check ready \"ready\" {
  in preflight  probe pool  measure ready is flag
  pass when ready  else warn  within 5s  evidence \"ready.json\"
}
check health { in blast  probe health  measure failed is count  pass when failed == 0  else no-go  within 1s  evidence \"health.json\" }
";

/// A folder with rules and a configuration whose probes print what stands in the files `pool` and `health`.
fn folder(more: &str) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(dir.path().join(name), text).unwrap();
    write("checks.rules", RULES);
    write(
        "spark.yaml",
        &format!(
            "spark: 1\nsources: {{ prometheus: {{ url: \"http://127.0.0.1:1\" }} }}\n\
             actions: {{ command: {{ set: [sh, -c, \"true\"], rollback: [sh, -c, \"true\"], probe: [sh, -c, \"true\"] }} }}\n\
             probes:\n  pool: {{ program: {{ command: [cat, pool] }} }}\n  health: {{ program: {{ command: [sh, -c, \". ./health\"] }} }}\n{more}"
        ),
    );
    pool(dir.path(), "95%");
    pool(dir.path(), "41%");
    write("health", "echo '{\"values\":{\"failed\":0}}'");
    dir
}

fn pool(dir: &Path, saturation: &str) {
    let told = format!(
        r#"{{"values":{{"saturation":"{saturation}","waiting":0,"ready":true}},"details":{{"rows":7}}}}"#
    );
    fs::write(dir.join("pool"), told).unwrap();
}

/// GO where every check passes, NO-GO with owner and runbook where one does not, and a warning alone is GO.
#[test]
fn go_and_no_go() {
    let dir = folder("");
    let go = printed(dir.path(), "spark preflight --config spark.yaml", 0);
    assert!(go.contains("preflight GO: 2 checks in"), "{go}");
    pool(dir.path(), "95%");
    let no_go = printed(dir.path(), "spark preflight --config spark.yaml checks.rules", 14);
    for words in [
        "NO-GO, 1 of 2 lines",
        "P3 pool: `saturation` is 95%, not < 90%",
        "owner: database",
        "runbooks.example/pool",
    ] {
        assert!(no_go.contains(words), "{no_go}");
    }
    fs::write(dir.path().join("pool"), r#"{"values":{"saturation":"1%","waiting":0,"ready":false}}"#)
        .unwrap();
    let warned = printed(dir.path(), "spark preflight", 0);
    assert!(warned.contains("GO, with 1 warning"), "{warned}");
    let output = run(dir.path(), "spark preflight");
    assert!(text(&output.stderr).contains("pass"), "a line for each check as it comes");
}

/// What nobody knows is NO-GO, with its cause: a probe that is not configured, that fails, that is late, a measure it does not
/// bring or brings in another unit, and a phase in which there is nothing to check.
#[test]
fn unknown_is_no_go() {
    let dir = folder("");
    for (values, cause) in [
        (r#"{"values":{"waiting":0,"ready":true}}"#, "measures no `saturation`"),
        (r#"{"values":{"saturation":"5ms","waiting":0,"ready":true}}"#, "must be a ratio"),
        (r#"{"values":{"saturation":{"unknown":"nobody asked"},"waiting":0,"ready":true}}"#, "nobody asked"),
        ("nothing", "no JSON"),
    ] {
        fs::write(dir.path().join("pool"), values).unwrap();
        let told = printed(dir.path(), "spark preflight", 14);
        assert!(told.contains("unknown: ") && told.contains(cause), "{told}");
    }
    fs::write(dir.path().join("health"), "sleep 30").unwrap();
    let late = printed(dir.path(), "spark blast", 14);
    assert!(late.contains("no answer within 1s"), "{late}");
    let empty = printed(dir.path(), "spark redteam", 14);
    assert!(empty.contains("the rules have no check `in redteam`"), "{empty}");
    fs::write(dir.path().join("checks.rules"), RULES.replace("probe health", "probe helth")).unwrap();
    let missing = printed(dir.path(), "spark blast", 14);
    assert!(missing.contains("the configuration has no probe `helth`"), "{missing}");
}

/// What cannot run is no NO-GO: the codes say which it is.
#[test]
fn could_not_run() {
    let dir = folder("");
    for (line, code) in [
        ("spark preflight --config gone.yaml", 1),
        ("spark preflight --config spark.yaml gone.rules", 1),
        ("spark preflight --sign nobody", 2),
        ("spark preflight --release ../x", 2),
        ("spark preflight --evidence e", 2),
    ] {
        printed(dir.path(), line, code);
    }
    fs::write(dir.path().join("checks.rules"), "check {").unwrap();
    printed(dir.path(), "spark preflight", 12);
}

/// Roles that have to sign are NO-GO until they did, are remembered over the phases of a release, and stand in its list.
#[test]
fn sign_off_and_evidence() {
    let dir = folder("sign-off: [release-manager, risk]\n");
    let told = printed(dir.path(), "spark preflight --release r1 --sign risk=Ay|se", 14);
    assert!(told.contains("release-manager: nobody"), "{told}");
    let told = printed(dir.path(), "spark preflight --release r1 --sign release-manager=Mehmet", 0);
    assert!(told.contains("risk: Ay|se") && told.contains("release-manager: Mehmet"), "{told}");
    printed(dir.path(), "spark blast --release r1", 0);
    let folder = dir.path().join("evidence/r1");
    let json = |name: &str| -> Value {
        serde_json::from_slice(&fs::read(folder.join("before").join(name)).unwrap()).unwrap()
    };
    assert_eq!(json("pool.json")["measured"]["details"]["rows"], 7);
    assert_eq!(json("preflight.json")["checks"].as_array().unwrap().len(), 2);
    assert_eq!(json("health.json")["verdict"], "pass");
    let page = fs::read_to_string(folder.join("go-no-go.md")).unwrap();
    for words in
        ["## preflight: GO", "## blast: GO", "| P3 pool | check pool | pass |", "| risk | Ay\\|se | pass |"]
    {
        assert!(page.contains(words), "{page}");
    }
    // a rollout begins in the folder that the checks left, and then takes no more of them
    fs::write(folder.join("journal.jsonl"), "").unwrap();
    printed(dir.path(), "spark blast --release r1", 1);
    // a folder of somebody else's is left alone
    fs::create_dir_all(dir.path().join("evidence/r2")).unwrap();
    fs::write(dir.path().join("evidence/r2/own.txt"), "").unwrap();
    printed(dir.path(), "spark blast --release r2", 1);
    // no check may take the file of another part of the evidence
    fs::write(dir.path().join("checks.rules"), RULES.replace("health.json", "release.json")).unwrap();
    printed(dir.path(), "spark blast --release r3", 1);
}

/// What programs read has the keys of its schema, no more and no less.
#[test]
fn schema() {
    let dir = folder("sign-off: [risk]\n");
    let told = printed(dir.path(), "spark preflight --release r1 --format json --sign risk=x", 0);
    let told: Value = serde_json::from_str(&told).unwrap();
    assert_eq!(told["decision"], "go");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/schemas/checks.schema.json");
    let schema: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    for (found, schema) in [
        (&told, &schema),
        (&told["checks"][0], &schema["$defs"]["check"]),
        (&told["sign_off"][0], &schema["$defs"]["line"]),
    ] {
        let keys = |value: &Value| -> Vec<String> {
            let mut keys: Vec<String> = value.as_object().unwrap().keys().cloned().collect();
            keys.sort_unstable();
            keys
        };
        assert_eq!(keys(found), keys(&schema["properties"]));
        let mut required: Vec<&str> =
            schema["required"].as_array().unwrap().iter().map(|key| key.as_str().unwrap()).collect();
        required.sort_unstable();
        assert_eq!(keys(found), required);
    }
}
