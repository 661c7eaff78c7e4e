//! Two runners of one release, its journal in a real PostgreSQL: one is stopped past its lease, the other takes over, and
//! the first one goes on.
//!
//! ```text
//! SPARK_RACES=1000 SPARK_LANES=8 cargo test -p spark-cli --test it kills::shared::stopped -- --nocapture
//! ```

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Child, Command, Output};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use spark_runtime::journal::JournalError;
use spark_runtime::journal::postgres::{PostgresConfig, PostgresStore, Standing};

use super::oracle;
use super::site::{Site, script};
use super::{Dice, number};
use crate::cases::{run, text};
use crate::postgres_server::PostgresServer;

const RULES: &str = "edition 2026
evaluate every 250ms
signal p95 { is duration  from metrics latency_seconds  stale after 2s  expect <= 200ms }
trigger latency { rollback when p95 > 400ms for 500ms }
plan canary {
  stage 5%   for 1s
  stage 25%  for 1s
  stage 100% for 1s
  proceed when every signal meets its expectation
}
";

/// Moves the traffic as a good effect does: whoever has an older fence than one that was seen is refused. The oracle
/// compares each effect with the intents of the journal.
const EFFECT: &str = r#"exec 9>>fence.lock; flock 9
if [ "$SPARK_FENCE" -lt "$(cat fence)" ]; then echo "$SPARK_STEP $SPARK_FENCE $1" >> refused; exit 9; fi
echo "$SPARK_FENCE" > fence
echo "begin $SPARK_STEP $SPARK_FENCE $1" >> effects
case $(( $$ % 5 )) in 0) sleep 0.4;; 1) sleep 0.05;; esac
echo "do $SPARK_STEP $SPARK_FENCE $1 recorded" >> effects
echo "$1" > "share.$$" && mv "share.$$" share
"#;

/// A newer runner's look is enough to refuse the older one's effects.
const PROBE: &str = r#"exec 9>>fence.lock; flock 9
if [ "$SPARK_FENCE" -ge "$(cat fence)" ]; then echo "$SPARK_FENCE" > fence; echo "probe $SPARK_STEP $SPARK_FENCE" >> effects; fi
cat share
"#;

/// How long anything may take on a busy machine.
pub(super) const PATIENCE: Duration = Duration::from_secs(120);

pub(super) struct Shared {
    pub(super) site: Site,
    server: &'static PostgresServer,
    store: PostgresStore,
    runtime: tokio::runtime::Runtime,
    schema: String,
}

impl Shared {
    fn new(release: &str, schema: &str) -> Self {
        Self::at(PostgresServer::shared(), release, schema)
    }

    pub(super) fn at(server: &'static PostgresServer, release: &str, schema: &str) -> Self {
        let site = Site::with(release, RULES, EFFECT);
        let (dir, url) = (site.dir.path(), server.url());
        script(dir, "probe", PROBE);
        fs::write(dir.join("fence"), "0\n").unwrap();
        fs::write(dir.join("database.url"), &url).unwrap();
        fs::set_permissions(dir.join("database.url"), fs::Permissions::from_mode(0o600)).unwrap();
        let config = fs::read_to_string(dir.join("spark.yaml")).unwrap();
        let journal = format!(
            "journal: {{ postgres: {{ url: {{ file: database.url }}, lease: 5s, schema: {schema} }} }}\n"
        );
        fs::write(dir.join("spark.yaml"), config + &journal).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let begun = Instant::now();
        let store = loop {
            match runtime.block_on(Self::connect(server, schema)) {
                Ok(store) => break store,
                Err(error) => pause(begun, &error),
            }
        };
        Self { site, server, store, runtime, schema: schema.to_owned() }
    }

    async fn connect(server: &PostgresServer, schema: &str) -> Result<PostgresStore, JournalError> {
        let mut config = PostgresConfig::new(server.url(), "oracle");
        config.schema = schema.to_owned();
        PostgresStore::connect(config).await
    }

    pub(super) fn start(&self) -> Child {
        self.site.spawn(Command::new(env!("CARGO_BIN_EXE_spark")).args(self.site.words()).arg("--stand-by"))
    }

    pub(super) fn standing(&mut self) -> Option<Standing> {
        let begun = Instant::now();
        loop {
            match self.runtime.block_on(self.store.standing(&self.site.release)) {
                Ok(standing) => return standing,
                // where the machine stands still, the database cuts the test's own connection too
                Err(error) => pause(begun, &error),
            }
            if let Ok(store) = self.runtime.block_on(Self::connect(self.server, &self.schema)) {
                self.store = store;
            }
        }
    }

    /// The journal as it is stored.
    pub(super) fn journal(&self) -> String {
        let (schema, release) = (&self.schema, &self.site.release);
        let sql = format!("SELECT line FROM {schema}.spark_journal WHERE release = '{release}' ORDER BY seq");
        self.server.ask(&sql) + "\n"
    }

    pub(super) fn spark(&self, words: &str) -> Output {
        run(self.site.dir.path(), &format!("spark {words}"))
    }
}

fn pause(begun: Instant, error: &JournalError) {
    assert!(begun.elapsed() < PATIENCE, "{error}");
    std::thread::sleep(Duration::from_millis(200));
}

pub(super) fn signal(child: &Child, name: &str) {
    assert!(Command::new("kill").args([name, &child.id().to_string()]).status().unwrap().success());
}

pub(super) fn ended(child: &mut Child, told: &str) -> i32 {
    let begun = Instant::now();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status.code().unwrap_or(-1);
        }
        assert!(begun.elapsed() < PATIENCE, "{told}: it does not come to its end");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[derive(Debug, Default)]
struct Tally {
    races: u64,
    rollouts: u64,
    completed: u64,
    rolled_back: u64,
    /// Runners that lost their lease without being stopped.
    lost: u64,
    /// Runners that were stopped before they wrote a line: they stand by again, and nothing was theirs to lose.
    unbegun: u64,
    /// Effects of a stopped runner that came late and were refused by their fence.
    refused: usize,
    leftovers: u64,
}

/// A runner that is stopped past its lease and goes on does nothing any more, says so, and ends with 1; the other one has taken over,
/// and nothing is lost, doubled or contradicted. `SPARK_RACES=1000` makes it long.
#[test]
fn stopped_past_its_lease() {
    let (races, seed) = (number("SPARK_RACES", 3), number("SPARK_SEED", 20_260_105));
    let (tally, next, begun) = (Mutex::new(Tally::default()), Mutex::new(0_u64), Instant::now());
    std::thread::scope(|scope| {
        for _ in 0..number("SPARK_LANES", 2).min(races) {
            scope.spawn(|| {
                while tally.lock().unwrap().races < races {
                    let place = {
                        let mut next = next.lock().unwrap();
                        *next += 1;
                        *next
                    };
                    one(seed, place, races.min(8), &tally);
                }
            });
        }
    });
    let tally = tally.into_inner().unwrap();
    println!("seed {seed}, {:?}: {tally:?}", begun.elapsed());
    assert!(tally.races >= races);
}

fn one(seed: u64, place: u64, most: u64, tally: &Mutex<Tally>) {
    let mut dice = Dice::new(seed, place);
    let mut shared = Shared::new(&format!("s{seed}-{place}"), "races");
    let bad_after = (dice.roll(2) == 0).then(|| Duration::from_millis(dice.roll(30_000)));
    let (begun, told) = (Instant::now(), format!("seed {seed}, rollout {place}, bad after {bad_after:?}"));
    let mut runners = [shared.start(), shared.start()];
    let (mut races, mut lost, mut journals, mut unbegun) = (0, 0, Vec::new(), Vec::new());
    let last = loop {
        if bad_after.is_some_and(|after| begun.elapsed() >= after) {
            shared.site.turn_bad();
        }
        let standing = shared.standing();
        let finished = standing.as_ref().is_some_and(|standing| standing.finished);
        if let Some(over) = runners.iter_mut().position(|child| child.try_wait().unwrap().is_some()) {
            if finished {
                break over;
            }
            let code = runners[over].wait().unwrap().code();
            // it may have ended between the two looks
            if shared.standing().is_some_and(|standing| standing.finished) {
                break over;
            }
            // on a busy machine a runner may lose its lease, or its connection, by itself
            assert_eq!(code, Some(1), "{told}\n{}", shared.site.said());
            lost += 1;
            runners[over] = shared.start();
            continue;
        }
        let Some(now) = standing.filter(|standing| standing.live && standing.head.seq > 0) else {
            assert!(
                begun.elapsed() < PATIENCE.saturating_mul(4),
                "{told}: nobody has it\n{}",
                shared.site.said()
            );
            std::thread::sleep(Duration::from_millis(20));
            continue;
        };
        let process: u32 = now.holder.rsplit(':').next().unwrap().parse().unwrap();
        let Some(holder) = runners.iter().position(|child| child.id() == process) else {
            std::thread::sleep(Duration::from_millis(20));
            continue;
        };
        std::thread::sleep(Duration::from_millis(dice.roll(1_500)));
        // of one that is over there is nothing left to take over but to write its evidence: another test does that
        let over = || shared.journal().contains("\"fact\":\"end\"");
        if races >= most || runners[holder].try_wait().unwrap().is_some() || over() {
            continue;
        }
        signal(&runners[holder], "-STOP");
        let stopped = Instant::now();
        // the other one takes over by the database's clock; if the first one had ended before, there is no race
        let taken = loop {
            let standing = shared.standing().unwrap();
            if standing.fence > now.fence && standing.head.seq > now.head.seq {
                break !standing.finished;
            }
            if standing.finished {
                break false;
            }
            assert!(stopped.elapsed() < PATIENCE, "{told}: nobody takes over\n{}", shared.site.said());
            // it may have been on its way out, its own lease being lost
            let other = 1 - holder;
            if runners[other].try_wait().unwrap().is_some_and(|status| status.code() == Some(1)) {
                lost += 1;
                runners[other] = shared.start();
            }
            std::thread::sleep(Duration::from_millis(20));
        };
        journals.push(shared.journal());
        std::thread::sleep(Duration::from_millis(dice.roll(600)));
        signal(&runners[holder], "-CONT");
        // it came to its end before it was stopped, or in that moment
        if !taken || journals.last().is_some_and(|journal| journal.contains("\"fact\":\"end\"")) {
            continue;
        }
        // before its first line a runner has taken nothing up: it stands by again, or ends as any that lost its lease
        if !journals.last().is_some_and(|journal| journal.contains(&lines_of(now.fence))) {
            unbegun.push(lines_of(now.fence));
            continue;
        }
        assert_eq!(ended(&mut runners[holder], &told), 1, "{told}\n{}", shared.site.said());
        // it may have said so before it was stopped, having lost its lease by itself
        let why = format!("the rollout is no longer this runner's: its fence is {}, ", now.fence);
        assert!(shared.site.said().contains(&why), "{told}: it does not say why\n{}", shared.site.said());
        races += 1;
        runners[holder] = shared.start();
    };
    let journal = shared.journal();
    assert!(!unbegun.iter().any(|lines| journal.contains(lines)), "{told}: {unbegun:?}\n{journal}");
    {
        let mut tally = tally.lock().unwrap();
        tally.lost += lost;
        tally.unbegun += unbegun.len() as u64;
    }
    finish(&mut shared, runners, last, &journals, &told, races, tally);
}

/// What stands in each line of the journal that a runner of this fence wrote, and in no other.
fn lines_of(fence: u64) -> String {
    format!("\"fence\":{fence},\"ack\":")
}

/// How often a runner said that it lost the rollout.
pub(super) fn fenced(site: &Site) -> usize {
    site.said().matches("the rollout is no longer this runner's").count()
}

fn finish(
    shared: &mut Shared,
    mut runners: [Child; 2],
    last: usize,
    journals: &[String],
    told: &str,
    races: u64,
    tally: &Mutex<Tally>,
) {
    // the other one stands by, and is told that there is nothing left to do
    let _ = ended(&mut runners[1 - last], told);
    let ends: Vec<i32> = runners.iter_mut().map(|child| ended(child, told)).collect();
    let place = ends.iter().position(|code| matches!(code, 0 | 11));
    let place = place.unwrap_or_else(|| panic!("{told}: {ends:?}\n{}", shared.site.said()));
    assert!([1, ends[place]].contains(&ends[1 - place]), "{told}: {ends:?}\n{}", shared.site.said());
    let status = runners[place].wait().unwrap();
    let output = Output { status, stdout: Vec::new(), stderr: Vec::new() };
    assert_eq!(shared.site.journal(), shared.journal(), "{told}: what was exported is what is stored");
    let seen = oracle::check(&shared.site, &output, journals, told);
    let folder = format!("evidence/{}", shared.site.release);
    let verified = shared.spark(&format!("evidence verify {folder} --config spark.yaml"));
    assert_eq!(verified.status.code(), Some(0), "{told}: {}", text(&verified.stderr));
    let refused = fs::read_to_string(shared.site.dir.path().join("refused")).unwrap_or_default();
    let mut tally = tally.lock().unwrap();
    tally.races += races;
    tally.rollouts += 1;
    tally.completed += u64::from(seen.completed);
    tally.rolled_back += u64::from(!seen.completed);
    tally.leftovers += seen.leftovers;
    tally.refused += refused.lines().count();
    if tally.rollouts.is_multiple_of(10) {
        println!("{tally:?}");
    }
}

/// A rollout whose journal is shared: `kill -9` of its runner, another one takes over after the lease; anybody who can reach the
/// database sees where it is and speaks to it; its evidence is the stored bytes, and the database finds a folder that is older.
#[test]
fn taken_over_and_spoken_to() {
    let mut shared = Shared::new("shared-1", "spoken");
    let mut first = shared.start();
    let told = "one rollout";
    let begun = Instant::now();
    while shared.standing().is_none_or(|standing| standing.head.seq < 20) {
        assert!(begun.elapsed() < PATIENCE, "{}", shared.site.said());
        std::thread::sleep(Duration::from_millis(20));
    }
    let held = shared.spark("run release.rules --config spark.yaml --release shared-1");
    assert_eq!(held.status.code(), Some(1));
    assert!(
        text(&held.stderr).contains("one runner writes a rollout (its lease ends at"),
        "{}",
        text(&held.stderr)
    );
    // as from another machine: its evidence folder is elsewhere
    let far = "--config spark.yaml --evidence elsewhere --by ayse";
    let hold = shared.spark(&format!("hold {far} --because slow"));
    assert_eq!(text(&hold.stdout).trim(), "release shared-1: hold is recorded", "{}", text(&hold.stderr));
    let refused = shared.spark(&format!("approve {far} --because why-not"));
    assert!(text(&refused.stderr).contains("refused: "), "{}", text(&refused.stderr));
    let status = shared.spark("status --config spark.yaml --evidence elsewhere --format json");
    let status: serde_json::Value = serde_json::from_slice(&status.stdout).unwrap();
    assert_eq!((&status["running"], &status["held"]["by"]), (&true.into(), &"ayse".into()), "{status}");

    first.kill().unwrap();
    first.wait().unwrap();
    let mut second = shared.start();
    while shared.standing().unwrap().fence < 2 {
        assert!(begun.elapsed() < PATIENCE, "{}", shared.site.said());
        std::thread::sleep(Duration::from_millis(20));
    }
    // the hold is in the record, and stays
    let resumed = shared.spark(&format!("resume {far} --because fast-again"));
    assert_eq!(
        text(&resumed.stdout).trim(),
        "release shared-1: resume is recorded",
        "{}",
        text(&resumed.stderr)
    );
    assert_eq!(ended(&mut second, told), 0, "{}", shared.site.said());
    assert_eq!(shared.site.journal(), shared.journal());
    assert_eq!(shared.journal().matches("\"fact\":\"word\"").count(), 2);
    let verify = |shared: &Shared| shared.spark("evidence verify evidence/shared-1 --config spark.yaml");
    assert_eq!(verify(&shared).status.code(), Some(0), "{}", text(&verify(&shared).stderr));

    // the database knows of one line more than the folder: the folder is an older one
    let sql = "UPDATE spoken.spark_rollouts SET head_seq = head_seq + 1";
    PostgresServer::shared().ask(sql);
    let older = verify(&shared);
    assert_eq!(older.status.code(), Some(13), "{}", text(&older.stderr));
    assert!(text(&older.stderr).contains("an older copy may have been put back"), "{}", text(&older.stderr));
    let nobody = shared.spark(&format!("hold {far} --release shared-1"));
    assert!(text(&nobody.stderr).contains("nobody runs release shared-1"), "{}", text(&nobody.stderr));
}
