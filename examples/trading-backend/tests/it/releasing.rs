//! A whole release in compressed time: what it leaves is complete, sealed, and tells of every change.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use crate::backend::PROGRAM;

/// A folder for a release; its parts end and it goes with the test, however that ends.
struct Place {
    folder: PathBuf,
    watcher: Child,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::Builder::new().prefix("release-").tempdir().unwrap().keep();
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o711)).unwrap();
        let stop =
            format!("cat >/dev/null; {PROGRAM} down {0}/release/backend; rm -rf {0}", folder.display());
        let watcher = Command::new("sh")
            .args(["-c", &stop])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .unwrap();
        Self { folder, watcher }
    }

    /// Where the release is made.
    fn release(&self) -> PathBuf {
        self.folder.join("release")
    }

    fn make(&self, words: &[&str]) -> Output {
        let output = Command::new(PROGRAM).arg("release").arg(self.release()).args(words).output().unwrap();
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{told}");
        output
    }

    /// The exit code of `spark evidence verify` on the copy, by the key that stands elsewhere.
    fn verify(&self) -> Option<i32> {
        let spark = Path::new(PROGRAM).with_file_name("spark");
        let mut verify = Command::new(spark);
        verify.args(["evidence", "verify", "elsewhere/1.0.0", "--key", "release.key.pub"]);
        verify.current_dir(self.release()).output().unwrap().status.code()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        drop(self.watcher.stdin.take());
        let _ = self.watcher.wait();
    }
}

/// A healthy release walks its five stages and its night: 40 data points with value and decision, every file that the inventory
/// names, above 50, under a seal that holds elsewhere and for no other byte.
#[test]
fn a_whole_release() {
    let place = Place::new();
    let told = place.make(&["--quick"]);
    let told = String::from_utf8_lossy(&told.stderr);
    assert!(told.contains("40 data points, 40 of them with a value and a decision"), "{told}");
    let copy = place.release().join("elsewhere/1.0.0");
    let table = fs::read_to_string(copy.join("data-points.csv")).unwrap();
    let mut points: Vec<(&str, &str)> = Vec::new();
    for row in table.lines().skip(1) {
        let [stage, _, at, signal, value, limit, met, ..] = row.split(',').collect::<Vec<_>>()[..] else {
            panic!("{row}")
        };
        assert!([at, value, limit].iter().all(|cell| !cell.is_empty()) && met == "yes", "{row}");
        points.push((stage, signal));
    }
    points.sort_unstable();
    points.dedup();
    assert_eq!(points.len(), 40, "eight signals in each of five stages: {points:?}");

    let mut files = Vec::new();
    let mut folders = vec![copy.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { folders.push(path) } else { files.push(path) }
        }
    }
    assert!(files.len() >= 50, "{}", files.len());
    // what probes found at each stage's end is known
    for stage in 1..=5 {
        for part in ["database", "pgbouncer"] {
            let path = copy.join(format!("stages/{stage}-{part}.json"));
            let health: serde_json::Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
            let looks = health["looks"].as_array().unwrap();
            assert!(!looks.is_empty() && looks.iter().all(|look| look["unanswered"].is_null()), "{health}");
        }
    }
    let signed = fs::read_to_string(copy.join("go-no-go.md")).unwrap();
    for line in ["preflight: GO", "redteam: GO", "blast: GO", "Ayşe Kaya"] {
        assert!(signed.contains(line), "{line}: {signed}");
    }

    assert_eq!(place.verify(), Some(0));
    for name in
        ["journal.jsonl", "stages/3-database.json", "before/sbom.json", "after/hour-13.json", "seal.json"]
    {
        let path = copy.join(name);
        let good = fs::read(&path).unwrap();
        let mut changed = good.clone();
        changed[good.len() / 2] ^= 1;
        fs::write(&path, changed).unwrap();
        assert_eq!(place.verify(), Some(13), "{name}");
        fs::write(&path, good).unwrap();
    }
    assert_eq!(place.verify(), Some(0));
}

/// A fault of the canary ends the release in a rollback, and its evidence says of what.
#[test]
fn a_release_that_goes_back() {
    let place = Place::new();
    place.make(&["--quick", "--fault", "float_money", "--at-stage", "2"]);
    let copy = place.release().join("elsewhere/1.0.0");
    let result: serde_json::Value =
        serde_json::from_slice(&fs::read(copy.join("result.json")).unwrap()).unwrap();
    assert_eq!(result["result"], "rolled back: decimal_precision");
    assert_eq!((result["share_bp"].as_u64(), result["rollback"]["stage"].as_u64()), (Some(0), Some(1)));
    assert!(fs::read_to_string(copy.join("post-mortem.md")).unwrap().contains("decimal_precision"));
    assert_eq!(place.verify(), Some(0));
}
