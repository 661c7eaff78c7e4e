//! Files: bills of materials, provenance, the release's identity, flags, and programs that measure.

use std::path::{Path, PathBuf};
use std::process::Command;

use spark_runtime::probe::{FlagsFile, Identity, Program, Provenance, Sbom};

use super::{fails, holds, measured, passes};

fn write(folder: &Path, name: &str, text: &str) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, text).unwrap();
    path
}

const CYCLONE: &str = r#"{"bomFormat":"CycloneDX","specVersion":"1.6","components":[
{"type":"library","name":"serde","version":"1.0.1","licenses":[{"expression":"MIT OR Apache-2.0"}]},
{"type":"library","group":"@scope","name":"left","licenses":[{"license":{"id":"MIT"}}],"components":[
  {"type":"library","name":"inner","licenses":[{"license":{"id":"ISC"}}]}]}]}"#;

const SPDX: &str = r#"{"spdxVersion":"SPDX-2.3","packages":[
{"name":"serde","licenseConcluded":"NOASSERTION","licenseDeclared":"MIT OR Apache-2.0"},
{"name":"@scope/left","licenseConcluded":"GPL-3.0-only","licenseDeclared":"MIT"},
{"name":"inner","licenseDeclared":"NONE"},
{"name":"new","licenseConcluded":"made up"}]}"#;

/// Both formats are read, and what changed in licences between two bills is seen, whatever their formats are.
#[tokio::test]
async fn bills() {
    let folder = tempfile::tempdir().unwrap();
    let (cyclone, spdx) = (write(folder.path(), "a.json", CYCLONE), write(folder.path(), "b.json", SPDX));
    let allow = Some(["MIT", "Apache-2.0", "ISC"].map(str::to_owned).to_vec());
    let found =
        measured(Sbom { file: cyclone.clone(), before: Some(cyclone.clone()), allow: allow.clone() }).await;
    holds(
        &found,
        &[
            ("components", "3"),
            ("without_licence", "0"),
            ("invalid_licences", "0"),
            ("not_allowed", "0"),
            ("licences_changed", "0"),
            ("licences_new", "0"),
            ("components_new", "0"),
        ],
    );
    let found = measured(Sbom { file: spdx, before: Some(cyclone.clone()), allow }).await;
    holds(
        &found,
        &[
            ("components", "4"),
            ("without_licence", "1"),
            ("invalid_licences", "1"),
            ("not_allowed", "2"),
            ("licences_changed", "2"),
            ("licences_new", "2"),
            ("components_new", "1"),
        ],
    );
    let found = measured(Sbom { file: cyclone, before: None, allow: None }).await;
    assert!(found.unwrap().value("licences_changed").known().is_none());
    for (text, expected) in [
        ("{}", "neither CycloneDX nor SPDX"),
        ("{", "no JSON"),
        (r#"{"bomFormat":"CycloneDX"}"#, "no component"),
    ] {
        let file = write(folder.path(), "bad.json", text);
        let error = measured(Sbom { file, before: None, allow: None }).await.unwrap_err();
        assert!(error.contains(expected), "{error}");
    }
    let gone = Sbom { file: folder.path().join("gone"), before: None, allow: None };
    assert!(measured(gone).await.is_err());
}

/// Bills that npm 11 made of the editor's extension, in both formats: they say the same; a licence that changed, and one that is
/// gone, are seen in either.
#[tokio::test]
async fn bills_of_npm() {
    let folder = tempfile::tempdir().unwrap();
    let bills = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/bills");
    let (cyclone, spdx) = (bills.join("npm.cdx.json"), bills.join("npm.spdx.json"));
    let allow = Some(["MIT", "Apache-2.0", "ISC", "0BSD"].map(str::to_owned).to_vec());
    let probe =
        |file: &Path| Sbom { file: file.to_owned(), before: Some(cyclone.clone()), allow: allow.clone() };
    for bill in [&cyclone, &spdx] {
        let found = measured(probe(bill)).await;
        holds(&found, &[("components", "11"), ("components_new", "0")]);
        passes("sbom", &found);
        passes("licence_drift", &found);
        let text = std::fs::read_to_string(bill).unwrap();
        let other = write(folder.path(), "other.json", &text.replacen("\"MIT\"", "\"GPL-3.0-only\"", 1));
        let found = measured(probe(&other)).await;
        holds(&found, &[("licences_changed", "1"), ("licences_new", "1"), ("not_allowed", "1")]);
        fails("licence_drift", &found);
        let lacking =
            text.replacen("\"licenses\"", "\"was\"", 2).replacen("\"licenseDeclared\"", "\"was\"", 1);
        let found = measured(probe(&write(folder.path(), "lacking.json", &lacking))).await;
        holds(&found, &[("without_licence", "1")]);
        fails("sbom", &found);
    }
}

/// A statement is of the very file, and signed by the very key; another file, another key, a changed payload and another builder
/// are seen. The envelope is signed by OpenSSL.
#[tokio::test]
async fn provenance() {
    use base64::Engine as _;
    use sha2::Digest as _;
    let base64 = |bytes: &[u8]| base64::engine::general_purpose::STANDARD.encode(bytes);
    let folder = tempfile::tempdir().unwrap();
    let openssl = |words: &[&str]| {
        let output = Command::new("openssl").current_dir(folder.path()).args(words).output().unwrap();
        assert!(output.status.success(), "{output:?}");
    };
    for name in ["own", "other"] {
        openssl(&["genpkey", "-algorithm", "ed25519", "-out", &format!("{name}.key")]);
        openssl(&["pkey", "-in", &format!("{name}.key"), "-pubout", "-out", &format!("{name}.pub")]);
    }
    let artifact = write(folder.path(), "service", "the service");
    let sum: String = sha2::Sha256::digest("the service").iter().map(|byte| format!("{byte:02x}")).collect();
    let statement = format!(
        r#"{{"_type":"https://in-toto.io/Statement/v1","subject":[{{"name":"service","digest":{{"sha256":"{sum}"}}}}],"predicateType":"https://slsa.dev/provenance/v1","predicate":{{"runDetails":{{"builder":{{"id":"https://ci.example/builder"}}}}}}}}"#
    );
    let kind = "application/vnd.in-toto+json";
    let message = format!("DSSEv1 {} {kind} {} {statement}", kind.len(), statement.len());
    write(folder.path(), "message", &message);
    openssl(&["pkeyutl", "-sign", "-rawin", "-inkey", "own.key", "-in", "message", "-out", "signature"]);
    let signature = base64(&std::fs::read(folder.path().join("signature")).unwrap());
    let envelope = |statement: &str| {
        format!(
            r#"{{"payloadType":"{kind}","payload":"{}","signatures":[{{"keyid":"x","sig":"{signature}"}}]}}"#,
            base64(statement.as_bytes())
        )
    };
    let probe = |text: &str, artifact: &Path, key: &str| Provenance {
        file: write(folder.path(), "provenance.json", text),
        artifacts: vec![artifact.to_owned()],
        key: Some(folder.path().join(key)),
        builder: Some("https://ci.example/builder".to_owned()),
    };
    let found = measured(probe(&envelope(&statement), &artifact, "own.pub")).await;
    holds(
        &found,
        &[
            ("provenance", "true"),
            ("subjects", "1"),
            ("matched", "1"),
            ("unmatched", "0"),
            ("signed", "true"),
            ("builder", "true"),
        ],
    );
    passes("provenance", &found);
    let found = measured(probe(&envelope(&statement), &artifact, "other.pub")).await;
    holds(&found, &[("signed", "false")]);
    fails("provenance", &found);
    let changed = statement.replace("ci.example", "evil.example");
    holds(
        &measured(probe(&envelope(&changed), &artifact, "own.pub")).await,
        &[("signed", "false"), ("builder", "false")],
    );
    let other = write(folder.path(), "other", "another service");
    holds(
        &measured(probe(&statement, &other, "own.pub")).await,
        &[("signed", "false"), ("matched", "0"), ("unmatched", "1")],
    );
    assert!(measured(probe("{}", &other, "own.pub")).await.unwrap_err().contains("no statement"));
}

/// A release is what its tag says, with nothing changed beside it; a tag elsewhere, a change, no key and no repository are seen.
#[tokio::test]
async fn identity() {
    let folder = tempfile::tempdir().unwrap();
    let git = |words: &[&str]| {
        let output = Command::new("git")
            .current_dir(folder.path())
            .args(["-c", "user.name=x", "-c", "user.email=x@example", "-c", "commit.gpgsign=false"])
            .args(words)
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
    };
    let probe = |key: Option<PathBuf>| Identity {
        repository: folder.path().to_owned(),
        tag: "v1".to_owned(),
        files: vec![folder.path().join("file")],
        key,
    };
    write(folder.path(), "file", "one");
    assert!(measured(probe(None)).await.unwrap_err().contains("there is no commit"));
    git(&["init", "-q"]);
    git(&["add", "file"]);
    git(&["commit", "-q", "-m", "one"]);
    let found = measured(probe(None)).await;
    holds(&found, &[("tagged", "false"), ("changed", "0")]);
    fails("identity", &found);
    git(&["tag", "-a", "v1", "-m", "x"]);
    let (_, public) = spark_runtime::evidence::keygen(&folder.path().join("release.key")).unwrap();
    assert!(public.exists());
    let found = measured(probe(Some(folder.path().join("release.key")))).await;
    holds(&found, &[("tagged", "true"), ("changed", "0"), ("files", "1"), ("sealed", "true")]);
    passes("identity", &found);
    assert!(
        found.unwrap().details["sealed"]
            .as_str()
            .unwrap()
            .contains("7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed")
    );
    write(folder.path(), "file", "two");
    let found = measured(probe(Some(folder.path().join("gone.key")))).await;
    holds(&found, &[("tagged", "true"), ("changed", "1")]);
    assert!(found.unwrap().value("sealed").why_unknown().is_some());
    git(&["commit", "-q", "-a", "-m", "two"]);
    holds(&measured(probe(None)).await, &[("tagged", "false"), ("changed", "0")]);
}

/// Flags of a file are what they have to be, or are told.
#[tokio::test]
async fn flags() {
    let folder = tempfile::tempdir().unwrap();
    let probe = |text: &str| FlagsFile {
        file: write(folder.path(), "flags.json", text),
        expected: [("a".to_owned(), "true".to_owned()), ("b".to_owned(), "off".to_owned())].into(),
    };
    holds(
        &measured(probe(r#"{"a":true,"b":"off"}"#)).await,
        &[("different", "0"), ("missing", "0"), ("unexpected", "0")],
    );
    holds(
        &measured(probe(r#"{"a":false,"c":1}"#)).await,
        &[("different", "1"), ("missing", "1"), ("unexpected", "1")],
    );
    assert!(measured(probe("[]")).await.unwrap_err().contains("no object of flags"));
}

/// A program's values are read in their units; one that fails, prints something else or too much measured nothing.
#[tokio::test]
async fn programs() {
    let probe = |script: &str| Program {
        words: ["sh", "-c", script].map(str::to_owned).to_vec(),
        env: Vec::new(),
        folder: PathBuf::from("."),
    };
    let found = measured(probe(
        r#"echo '{"values":{"lag":"450ms","n":3,"x":{"unknown":"why"},"y":"many","z":0.5}}'"#,
    ))
    .await;
    holds(&found, &[("lag", "450ms"), ("n", "3"), ("x", "unknown: why")]);
    let found = found.unwrap();
    assert!(found.value("y").known().is_none() && found.value("z").known().is_none());
    for (script, expected) in [
        ("echo hello", "no JSON"),
        ("echo '{}'", "no `values`"),
        ("echo it broke >&2; exit 3", "it broke"),
        ("yes x | head -c 5000000", "longer than"),
    ] {
        let error = measured(probe(script)).await.unwrap_err();
        assert!(error.contains(expected), "{error}");
    }
    let gone = Program { words: vec!["./gone".to_owned()], ..probe("") };
    assert!(measured(gone).await.unwrap_err().contains("does not start"));
}
