//! A kill, EIO and ENOSPC at every system call on the evidence of a short release, by `strace -e inject`.
//!
//! `SPARK_STRIDE=1` takes every call; CI takes some of them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::{Command, ExitStatus};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::number;
use super::oracle;
use super::site::Site;

/// Calls that change a file, or could.
const CALLS: &str = "openat,write,fdatasync,fsync,ftruncate,fallocate,rename,renameat,renameat2,unlink,unlinkat,mkdir,mkdirat,flock";

const RULES: &str = "edition 2026
evaluate every 100ms
signal p95 { is duration  from metrics latency_seconds  stale after 500ms  expect <= 200ms }
trigger latency { rollback when p95 > 400ms for 300ms }
plan canary {
  stage 5%   for 300ms
  stage 100% for 300ms
  proceed when every signal meets its expectation
}
";

/// As quick as it can be.
const EFFECT: &str = r#"echo "begin $SPARK_STEP $SPARK_FENCE $1" >> effects
echo "do $SPARK_STEP $SPARK_FENCE $1 recorded" >> effects
echo "$1" > "share.$$" && mv "share.$$" share
"#;

fn site(name: &str) -> Site {
    Site::with(name, RULES, EFFECT)
}

/// Runs the rollout under strace, which looks at what concerns its evidence alone: an injected failure of a wake-up inside the process would be
/// no failure that a disk has.
fn traced(site: &Site, paths: &BTreeSet<String>, inject: Option<&str>) -> ExitStatus {
    let mut strace = Command::new("strace");
    strace.args(["-f", "-q", "-o", "trace", "-e", "signal=none", "-e", &format!("trace={CALLS}")]);
    for path in paths {
        strace.args(["-P", path]);
    }
    if let Some(inject) = inject {
        strace.args(["-e", inject]);
    }
    let mut child = site.spawn(strace.arg(env!("CARGO_BIN_EXE_spark")).args(site.words()));
    wait(&mut child, site)
}

fn wait(child: &mut std::process::Child, site: &Site) -> ExitStatus {
    let begun = Instant::now();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status;
        }
        // a rollout whose journal is broken holds where it is, for ever: it is asked to stop
        if begun.elapsed() > Duration::from_secs(5) && site.said().contains("the journal cannot be written") {
            for id in site.runners() {
                let _ = Command::new("kill").args(["-TERM", &id]).status();
            }
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "no end: {}", site.said());
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Every file below a folder, and the folders.
fn below(dir: &Path, into: &mut BTreeSet<String>) {
    into.insert(dir.display().to_string());
    for entry in fs::read_dir(dir).unwrap().flatten() {
        match entry.path().is_dir() {
            true => below(&entry.path(), into),
            false => drop(into.insert(entry.path().display().to_string())),
        }
    }
}

/// The files that a release writes, as paths of another place.
fn paths_of(site: &Site, made: &BTreeSet<String>) -> BTreeSet<String> {
    let place = site.dir.path().display();
    made.iter().map(|path| format!("{place}/{path}")).chain(made.iter().cloned()).collect()
}

/// Wherever a release is killed, or its disk fails, the same command brings it to its end: nothing is lost, doubled or
/// contradicted, and nothing was done without a record.
#[test]
fn every_call() {
    let stride = usize::try_from(number("SPARK_STRIDE", 37)).unwrap();
    let first = site("first");
    let status = Command::new("strace").arg("-V").output();
    assert!(status.is_ok(), "no strace; install it: apt-get install strace");
    // what it writes is known from a release that nothing happens to
    let mut child = first.start();
    assert!(wait(&mut child, &first).success(), "{}", first.said());
    let mut made = BTreeSet::new();
    below(&first.dir.path().join("evidence"), &mut made);
    let root = format!("{}/", first.dir.path().display());
    let mut made: BTreeSet<String> =
        made.iter().map(|path| path.strip_prefix(&root).unwrap().replace("first", "one")).collect();
    made.extend(["evidence/one.seal.new", "evidence/one.reserve", "evidence/one.pub.new"].map(str::to_owned));
    let again = site("one");
    assert!(traced(&again, &paths_of(&again, &made), None).success(), "{}", again.said());
    let mut points = Vec::new();
    for (call, most) in calls_of(&again) {
        for kind in ["signal=KILL", "error=EIO", "error=ENOSPC"] {
            points.extend((1..=most).map(|at| format!("inject={call}:{kind}:when={at}")));
        }
    }
    let all = points.len();
    let points: Vec<String> = points.into_iter().skip(stride / 2).step_by(stride).collect();
    let (next, hit, begun) = (AtomicUsize::new(0), AtomicUsize::new(0), Instant::now());
    std::thread::scope(|scope| {
        for _ in 0..number("SPARK_LANES", 3) {
            scope.spawn(|| {
                while let Some(point) = points.get(next.fetch_add(1, Ordering::SeqCst)) {
                    hit.fetch_add(usize::from(one(&made, point)), Ordering::SeqCst);
                }
            });
        }
    });
    let hit = hit.into_inner();
    println!("{} of {all} places, {hit} hit, {:?}", points.len(), begun.elapsed());
    assert!(hit * 10 >= points.len() * 7, "{hit} of {} were hit", points.len());
}

/// How often each call is made by the thread that makes it most: an injection counts each call of each thread by itself.
fn calls_of(site: &Site) -> BTreeMap<String, u64> {
    let trace = fs::read_to_string(site.dir.path().join("trace")).unwrap();
    let mut of = BTreeMap::<(&str, &str), u64>::new();
    for line in trace.lines() {
        let Some((thread, rest)) = line.split_once(' ') else { continue };
        let Some((call, _)) = rest.trim_start().split_once('(') else { continue };
        *of.entry((call, thread)).or_default() += 1;
    }
    let mut most = BTreeMap::new();
    for ((call, _), count) in of {
        let known = most.entry(call.to_owned()).or_insert(0);
        *known = count.max(*known);
    }
    most
}

fn one(made: &BTreeSet<String>, inject: &str) -> bool {
    let site = site("one");
    traced(&site, &paths_of(&site, made), Some(inject));
    let trace = fs::read_to_string(site.dir.path().join("trace")).unwrap();
    let injected = trace.contains("(INJECTED)") || trace.contains("killed by SIGKILL");
    let before = site.journal();
    assert!(!site.said().contains("panicked"), "{inject}: {}", site.said());
    if fs::exists(site.dir.path().join("evidence/one/seal.json")).unwrap() {
        // it came to its end all the same
        let told = format!("{inject}, sealed");
        oracle::sealed(&site, &told);
        return injected;
    }
    let mut child = site.start();
    let status = wait(&mut child, &site);
    let output = std::process::Output { status, stdout: Vec::new(), stderr: Vec::new() };
    oracle::check_ended(&site, &output, &[before], inject);
    injected
}
