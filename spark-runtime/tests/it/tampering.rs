//! Tampering: whatever is done to a sealed folder is found, and the first bad file and line are named.
//!
//! The campaign flips every bit of a small folder; with `--nocapture` it says how many and how fast. One of
//! `SPARK_TAMPER_STRIDE` bits is flipped where that is set, for a quick look.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

use ed25519_dalek::VerifyingKey;
use sha2::{Digest, Sha256};
use spark_core::Timestamp;
use spark_runtime::evidence::{self, EvidenceError, SEAL_NAME, Sealed, SecretKey};

/// Of how many bits one is flipped when nothing else is asked for: each.
const STRIDE: usize = 1;

/// Lines of a journal as the format says, written without the code that checks them.
pub(crate) fn journal(records: &[&str]) -> String {
    let (mut text, mut prev) = (String::new(), "0".repeat(64));
    for (place, record) in records.iter().enumerate() {
        let content = format!(
            "{{\"v\":2,\"seq\":{},\"fence\":1,\"ack\":{place},\"prev\":\"{prev}\",\"record\":{record}",
            place + 1
        );
        prev = Sha256::digest(&content).iter().map(|byte| format!("{byte:02x}")).collect();
        text.push_str(&format!("{content},\"sum\":\"{prev}\"}}\n"));
    }
    text
}

/// A small folder of a release: path and content.
fn content() -> BTreeMap<PathBuf, Vec<u8>> {
    let records = [
        r#"{"fact":"start","release":"1.0"}"#,
        r#"{"fact":"intent","id":{"epoch":1,"number":1},"step":{"do":"set_share","stage":0,"share_bp":100}}"#,
        r#"{"fact":"outcome","id":{"epoch":1,"number":1},"end":"succeeded","status":"exit status 0"}"#,
        r#"{"fact":"probed","share_bp":100,"words":"1%"}"#,
        r#"{"fact":"end","ending":{"ended":"completed"}}"#,
    ];
    BTreeMap::from(
        [
            ("journal.jsonl", journal(&records)),
            ("rules/0-release.rules", "edition 2026\n".to_owned()),
            ("stages/1-summary.json", "{\"stage\":1,\"share\":\"1%\"}\n".to_owned()),
            ("result.json", "{\"result\":\"completed\"}\n".to_owned()),
        ]
        .map(|(path, text)| (PathBuf::from(path), text.into_bytes())),
    )
}

fn write(dir: &Path, content: &BTreeMap<PathBuf, Vec<u8>>) {
    for (path, bytes) in content {
        let path = dir.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }
}

struct Folder {
    _root: tempfile::TempDir,
    dir: PathBuf,
    key: SecretKey,
    sealed: Sealed,
}

impl Folder {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let dir = root.path().join("1.0");
        write(&dir, &content());
        let key = evidence::throw_away_key().unwrap();
        let sealed = evidence::seal_at(&dir, "1.0", Timestamp::from_millis(1_767_605_400_000), &key).unwrap();
        Self { _root: root, dir, key, sealed }
    }

    fn public(&self) -> VerifyingKey {
        self.key.verifying_key()
    }

    fn verify(&self) -> Result<Sealed, EvidenceError> {
        evidence::verify(&self.dir, &self.public())
    }

    /// The first bad place of a folder that must not hold: path, line and words.
    fn bad(&self, what: &str) -> (String, Option<u64>, String) {
        let error = self.verify().err().unwrap_or_else(|| panic!("{what} was not found"));
        assert!(error.is_untrue(), "{what}: {error}");
        let first = error.first_bad().unwrap();
        (first.path, first.line, error.to_string())
    }
}

/// Flips every `stride`-th bit of every file of a folder, one part of `parts`; gives how many were flipped, and what was
/// missed or named wrongly.
fn flip(folder: &Folder, stride: usize, part: usize, parts: usize) -> (usize, Vec<String>) {
    let mut files: Vec<PathBuf> = content().into_keys().collect();
    files.push(PathBuf::from(SEAL_NAME));
    let (mut flips, mut wrong) = (0, Vec::new());
    for path in files {
        let full = folder.dir.join(&path);
        let good = std::fs::read(&full).unwrap();
        for bit in (part * stride..good.len() * 8).step_by(stride * parts) {
            let mut changed = good.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            std::fs::write(&full, &changed).unwrap();
            flips += 1;
            let line =
                u64::try_from(good[..bit / 8].iter().filter(|byte| **byte == b'\n').count() + 1).unwrap();
            let line = (path == Path::new("journal.jsonl")).then_some(line);
            let named =
                folder.verify().err().filter(EvidenceError::is_untrue).and_then(|error| error.first_bad());
            if named.as_ref().is_none_or(|first| Path::new(&first.path) != path || first.line != line) {
                wrong.push(format!("{} bit {bit}: {named:?}", path.display()));
            }
        }
        std::fs::write(&full, &good).unwrap();
    }
    assert_eq!(folder.verify().unwrap(), folder.sealed, "the folder is as it was");
    (flips, wrong)
}

/// No bit of any file, the seal included, flips unnoticed, and the file and the journal's line are named.
#[test]
fn every_bit() {
    let stride = std::env::var("SPARK_TAMPER_STRIDE").map_or(STRIDE, |text| text.parse().unwrap());
    let parts = std::thread::available_parallelism().unwrap().get();
    let began = Instant::now();
    let found: Vec<(usize, Vec<String>)> = std::thread::scope(|scope| {
        let threads: Vec<_> =
            (0..parts).map(|part| scope.spawn(move || flip(&Folder::new(), stride, part, parts))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let flips: usize = found.iter().map(|(flips, _)| flips).sum();
    let wrong: Vec<&String> = found.iter().flat_map(|(_, wrong)| wrong).collect();
    let took = began.elapsed().as_secs_f64();
    println!(
        "tampering: {flips} bits flipped (every {stride}), {} missed or misnamed, {took:.1} s, {:.0} checks/s",
        wrong.len(),
        flips as f64 / took
    );
    assert!(flips > 1_000 && wrong.is_empty(), "{wrong:?}");
}

/// Every line of the journal taken away, doubled, swapped with every other, or put in from another release is found
/// where it is.
#[test]
fn every_line() {
    let folder = Folder::new();
    let path = folder.dir.join("journal.jsonl");
    let good = std::fs::read_to_string(&path).unwrap();
    let lines: Vec<&str> = good.split_inclusive('\n').collect();
    let other = journal(&[r#"{"fact":"start","release":"0.9"}"#; 5]);
    let other: Vec<&str> = other.split_inclusive('\n').collect();
    let check = |what: String, changed: Vec<&str>, line: usize| {
        std::fs::write(&path, changed.concat()).unwrap();
        let (file, named, told) = folder.bad(&what);
        let line = u64::try_from(line + 1).unwrap();
        assert_eq!((file.as_str(), named), ("journal.jsonl", Some(line)), "{what}: {told}");
    };
    for place in 0..lines.len() {
        let mut fewer = lines.clone();
        fewer.remove(place);
        check(format!("line {place} taken away"), fewer, place);
        let mut doubled = lines.clone();
        doubled.insert(place, lines[place]);
        check(format!("line {place} doubled"), doubled, place + 1);
        let mut spliced = lines.clone();
        spliced[place] = other[place];
        check(format!("line {place} of another release"), spliced, place);
        let mut cut = lines.clone();
        cut[place] = &cut[place][..cut[place].len() / 2];
        cut.truncate(place + 1);
        check(format!("line {place} cut"), cut, place);
        for second in place + 1..lines.len() {
            let mut swapped = lines.clone();
            swapped.swap(place, second);
            check(format!("lines {place} and {second} swapped"), swapped, place);
        }
    }
    check("a whole journal of another release".to_owned(), other, 0);
    check("nothing left".to_owned(), Vec::new(), 0);
}

/// A journal that was written anew with a whole chain of its own is found at the line where it parts from the sealed one.
#[test]
fn written_anew() {
    let folder = Folder::new();
    let path = folder.dir.join("journal.jsonl");
    let good = std::fs::read_to_string(&path).unwrap();
    let record =
        |line: &str| line.split_once("\"record\":").unwrap().1.rsplit_once(",\"sum\"").unwrap().0.to_owned();
    let records: Vec<String> = good.lines().map(record).collect();
    for place in 0..records.len() {
        let mut changed: Vec<&str> = records.iter().map(String::as_str).collect();
        changed[place] = "{\"fact\":\"noted\"}";
        std::fs::write(&path, journal(&changed)).unwrap();
        let (file, line, told) = folder.bad("written anew");
        assert_eq!(
            (file.as_str(), line),
            ("journal.jsonl", Some(u64::try_from(place + 1).unwrap())),
            "{told}"
        );
        assert!(told.contains("it was written anew"), "{told}");
    }
}

/// What a full disk leaves of the last line is sealed and told of; damage before the end never verifies, seal or not.
#[test]
fn damaged_before() {
    let check = |bytes: &dyn Fn(&str) -> String| {
        let root = tempfile::tempdir().unwrap();
        let dir = root.path().join("1.0");
        write(&dir, &content());
        let path = dir.join("journal.jsonl");
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, bytes(&text)).unwrap();
        let key = evidence::throw_away_key().unwrap();
        evidence::seal(&dir, "1.0", &key).unwrap();
        evidence::verify(&dir, &key.verifying_key())
    };
    let cut = check(&|text| text[..text.len() - 20].to_owned()).unwrap();
    assert_eq!(cut.broken.unwrap().line, 5);
    assert_eq!(cut.journal.unwrap().seq, 4);
    let error = check(&|text| text.replacen("start", "stArt", 1)).unwrap_err();
    let first = error.first_bad().unwrap();
    assert_eq!((first.path.as_str(), first.line), ("journal.jsonl", Some(1)));
    assert!(error.to_string().contains("damaged before it was sealed"), "{error}");
}

/// A folder is sealed once; again only where what was sealed is still there, and the new seal names the old one.
#[test]
fn sealed_again() {
    let folder = Folder::new();
    let at = Timestamp::from_millis(1_767_691_800_000);
    let refused = evidence::seal(&folder.dir, "1.0", &folder.key).unwrap_err();
    assert!(matches!(refused, EvidenceError::SealedAlready(_)));
    let other = evidence::throw_away_key().unwrap();
    assert!(evidence::seal_again(&folder.dir, at, &other).unwrap_err().is_untrue());
    std::fs::create_dir(folder.dir.join("after")).unwrap();
    std::fs::write(folder.dir.join("after/hour-00.json"), "{}").unwrap();
    let path = folder.dir.join("journal.jsonl");
    let text = std::fs::read_to_string(&path).unwrap();
    let records: Vec<&str> = text
        .lines()
        .map(|line| line.split_once("\"record\":").unwrap().1.rsplit_once(",\"sum\"").unwrap().0)
        .collect();
    let longer = journal(&[&records[..], &["{\"fact\":\"noted\"}"]].concat());
    assert!(longer.starts_with(&text));
    std::fs::write(&path, &longer).unwrap();
    assert!(folder.verify().unwrap_err().to_string().contains("it goes on after the 5 sealed lines"));
    let again = evidence::seal_again(&folder.dir, at, &folder.key).unwrap();
    assert_eq!((again.seal, again.at, again.journal.as_ref().unwrap().seq), (2, at, 6));
    assert_eq!(again.previous.as_deref(), Some(folder.sealed.digest.as_str()));
    assert_eq!(folder.verify().unwrap(), again);
    // what was sealed may not have changed in between: neither the journal nor a file
    for (path, bytes) in [("journal.jsonl", longer.replacen("1%", "2%", 1)), ("result.json", "{}".to_owned())]
    {
        let full = folder.dir.join(path);
        let good = std::fs::read(&full).unwrap();
        std::fs::write(&full, bytes).unwrap();
        let refused = evidence::seal_again(&folder.dir, at, &folder.key).unwrap_err();
        assert_eq!(refused.first_bad().unwrap().path, path);
        std::fs::write(&full, good).unwrap();
    }
    let rewritten =
        journal(&[&["{\"fact\":\"start\",\"release\":\"1.1\"}"], &records[1..], &["{}"]].concat());
    std::fs::write(&path, rewritten).unwrap();
    assert!(evidence::seal_again(&folder.dir, at, &folder.key).is_err());
}

/// Ten thousand files of one release are read in one pass, and how far it has come is told.
#[test]
fn many_files() {
    let root = tempfile::tempdir().unwrap();
    let dir = root.path().join("1.0");
    std::fs::create_dir_all(dir.join("samples")).unwrap();
    for number in 0..10_000 {
        std::fs::write(dir.join(format!("samples/{number}.csv")), number.to_string()).unwrap();
    }
    let key = evidence::throw_away_key().unwrap();
    let sealed = evidence::seal(&dir, "1.0", &key).unwrap();
    assert_eq!(sealed.files, 10_000);
    let mut last = None;
    let verified =
        evidence::verify_with(&dir, &key.verifying_key(), &mut |progress| last = Some(progress)).unwrap();
    assert_eq!(verified, sealed);
    let last = last.unwrap();
    assert_eq!((last.files, last.bytes, last.expected), (10_000, sealed.bytes, Some(sealed.bytes)));
}
