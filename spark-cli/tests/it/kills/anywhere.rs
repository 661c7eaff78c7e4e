//! A kill, EIO and ENOSPC at every system call on the evidence of a short release, by `strace -e inject`.
//!
//! `SPARK_STRIDE=1` takes every call; CI takes some of them.
//!
//! A release whose journal fails holds, and says so. Every other one of them is left alone then, and must not move: it is asked to stop, and
//! taken up again. The service of the others turns bad: they must roll back, and say that nothing recorded it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::Mutex;
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
fn traced(site: &Site, paths: &BTreeSet<String>, inject: Option<&str>, then: Then) -> ExitStatus {
    let mut strace = Command::new("strace");
    strace.args(["-f", "-q", "-o", "trace", "-e", "signal=none", "-e", &format!("trace={CALLS}")]);
    for path in paths {
        strace.args(["-P", path]);
    }
    if let Some(inject) = inject {
        strace.args(["-e", inject]);
    }
    let mut child = site.spawn(strace.arg(env!("CARGO_BIN_EXE_spark")).args(site.words()));
    wait(&mut child, site, then)
}

/// What happens to a release whose journal has failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Then {
    Stop,
    TurnBad,
}

/// How long a release is watched that must not move.
const STILL: Duration = Duration::from_millis(500);

/// How a release says that its journal has failed.
const BROKEN: &str = "the journal cannot be written, so nothing advances";

/// How often the canary was given traffic.
fn raised(site: &Site) -> usize {
    site.effects().lines().filter(|line| line.starts_with("begin") && !line.ends_with(" 0")).count()
}

fn wait(child: &mut std::process::Child, site: &Site, then: Then) -> ExitStatus {
    // an earlier run may have said it too
    let says = || site.said().matches(BROKEN).count();
    let (begun, said, mut broken) = (Instant::now(), says(), None);
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status;
        }
        if broken.is_none() && says() > said {
            // what had begun may end
            std::thread::sleep(Duration::from_millis(50));
            broken = Some((Instant::now(), raised(site)));
            if then == Then::TurnBad {
                site.turn_bad();
            }
        }
        if let Some((since, moves)) = broken {
            // a rollout that was moving its traffic may take it back
            assert_eq!(raised(site), moves, "traffic was given without a record: {}", site.said());
            // without traffic there is nothing to be taken back
            if since.elapsed() > STILL && (then == Then::Stop || moves == 0) {
                for id in site.runners() {
                    let _ = Command::new("kill").args(["-TERM", &id]).stderr(Stdio::null()).status();
                }
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

/// What became of the releases that something happened to.
#[derive(Debug, Default)]
struct Tally {
    /// Injections that were tried, by call and kind.
    places: BTreeMap<String, usize>,
    /// Those that hit.
    hit: BTreeMap<String, usize>,
    /// How the first run ended.
    ends: BTreeMap<String, usize>,
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
    assert!(wait(&mut child, &first, Then::Stop).success(), "{}", first.said());
    let mut made = BTreeSet::new();
    below(&first.dir.path().join("evidence"), &mut made);
    let root = format!("{}/", first.dir.path().display());
    let mut made: BTreeSet<String> =
        made.iter().map(|path| path.strip_prefix(&root).unwrap().replace("first", "one")).collect();
    made.extend(["evidence/one.seal.new", "evidence/one.reserve", "evidence/one.pub.new"].map(str::to_owned));
    let again = site("one");
    assert!(traced(&again, &paths_of(&again, &made), None, Then::Stop).success(), "{}", again.said());
    let mut points = Vec::new();
    for (call, most) in calls_of(&again) {
        for kind in ["signal=KILL", "error=EIO", "error=ENOSPC"] {
            points.extend((1..=most).map(|at| (format!("{call}, {kind}"), at)));
        }
    }
    let all = points.len();
    let points: Vec<(String, u64)> = points.into_iter().skip(stride / 2).step_by(stride).collect();
    let (next, tally, begun) = (AtomicUsize::new(0), Mutex::new(Tally::default()), Instant::now());
    std::thread::scope(|scope| {
        for _ in 0..number("SPARK_LANES", 3) {
            scope.spawn(|| {
                loop {
                    let place = next.fetch_add(1, Ordering::SeqCst);
                    let Some((what, at)) = points.get(place) else { break };
                    let then = if place.is_multiple_of(2) { Then::Stop } else { Then::TurnBad };
                    let (hit, end) = one(&made, what, *at, then);
                    let mut tally = tally.lock().unwrap();
                    *tally.places.entry(what.clone()).or_default() += 1;
                    *tally.hit.entry(what.clone()).or_default() += usize::from(hit);
                    *tally.ends.entry(end).or_default() += 1;
                }
            });
        }
    });
    let tally = tally.into_inner().unwrap();
    let hit: usize = tally.hit.values().sum();
    println!("{} of {all} places, {hit} hit, {:?}\n{tally:#?}", points.len(), begun.elapsed());
    // how often a release writes differs a little from one to the next
    assert!(hit * 10 >= points.len() * 7, "{hit} of {} were hit: {tally:#?}", points.len());
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

/// One release to which this happens; gives whether it did, and how the first run ended.
fn one(made: &BTreeSet<String>, what: &str, at: u64, then: Then) -> (bool, String) {
    let site = site("one");
    let (call, kind) = what.split_once(", ").unwrap();
    let told = format!("{what} at {at}, then {then:?}");
    let inject = format!("inject={call}:{kind}:when={at}");
    let status = traced(&site, &paths_of(&site, made), Some(&inject), then);
    let trace = fs::read_to_string(site.dir.path().join("trace")).unwrap();
    let injected = trace.contains("(INJECTED)") || status.code().is_none();
    let (before, broken) = (site.journal(), site.said().contains(BROKEN));
    assert!(!site.said().contains("panicked"), "{told}: {}", site.said());
    let end = match status.code() {
        None => "killed".to_owned(),
        Some(code) => format!("exit {code}{}", if broken { ", the journal failed" } else { "" }),
    };
    // a release whose very end could not be recorded was complete before
    let complete = status.code() == Some(0) && site.share() == "100";
    if broken && site.bad_since().is_some() && raised(&site) > 0 && !complete {
        assert_eq!(status.code(), Some(11), "{told}: {}", site.said());
        assert_eq!(site.share(), "0", "{told}: {}", site.said());
    }
    assert!(!broken || site.said().contains(oracle::UNRECORDED), "{told}: {}", site.said());
    let sealed = fs::exists(site.dir.path().join("evidence/one/seal.json")).unwrap();
    if sealed {
        oracle::sealed(&site, &told);
    }
    let moves = site.begun();
    let status = wait(&mut site.start(), &site, then);
    if sealed && status.code() == Some(1) && site.said().ends_with(oracle::OVER) {
        // it came to its end all the same, and is not taken up again
        assert_eq!(site.begun(), moves, "{told}: {}", site.said());
        return (injected, end);
    }
    assert!(!sealed || broken, "{told}: it was taken up again: {}", site.said());
    let output = std::process::Output { status, stdout: Vec::new(), stderr: Vec::new() };
    oracle::check_ended(&site, &output, &[before], &told);
    (injected, end)
}
