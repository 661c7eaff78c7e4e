//! The real binary, killed in mid-rollout and started again, again and again; and an oracle that it knows nothing of.
//!
//! In CI each campaign is short. The long ones are the same tests with a number in the environment:
//!
//! ```text
//! SPARK_KILLS=2000 cargo test --release -p spark-cli --test it kills:: -- --nocapture
//! ```
//!
//! `SPARK_SEED` sets the seed; it says when a service turns bad and when a kill falls, not how the machine schedules.

mod anywhere;
mod back;
mod ends;
mod oracle;
mod races;
mod raises;
mod shared;
mod site;

use std::sync::Mutex;
use std::time::{Duration, Instant};

use self::site::{Seen, Site};

/// Kills in CI.
const KILLS: u64 = 12;

/// Most kills of one rollout: then it is left alone, and has to come to its end.
const KILLS_OF_ONE: u64 = 12;

/// A number from the environment.
fn number(name: &str, standard: u64) -> u64 {
    std::env::var(name)
        .map_or(standard, |text| text.parse().unwrap_or_else(|_| panic!("${name} is `{text}`")))
}

/// Numbers that follow from a seed.
struct Dice(u64);

impl Dice {
    fn new(seed: u64, stream: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ stream.wrapping_mul(0xd1b5_4a32_d192_ed03))
    }

    /// One of `0..below`.
    fn roll(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % below
    }
}

/// What a campaign has seen.
#[derive(Debug, Default)]
struct Tally {
    kills: u64,
    in_action: u64,
    leftovers: u64,
    rollouts: u64,
    completed: u64,
    rolled_back: u64,
}

/// A rollout that is killed anywhere, also in the middle of an action, goes on: nothing is lost, doubled or contradicted, and it ends where its
/// service says.
#[test]
fn anywhere_in_time() {
    let (kills, seed) = (number("SPARK_KILLS", KILLS), number("SPARK_SEED", 20_260_105));
    let (tally, next, begun) = (Mutex::new(Tally::default()), Mutex::new(0_u64), Instant::now());
    std::thread::scope(|scope| {
        for _ in 0..number("SPARK_LANES", 3) {
            scope.spawn(|| {
                while tally.lock().unwrap().kills < kills {
                    let place = {
                        let mut next = next.lock().unwrap();
                        *next += 1;
                        *next
                    };
                    one(seed, place, kills.div_ceil(3), &tally);
                }
            });
        }
    });
    let tally = tally.into_inner().unwrap();
    println!("seed {seed}, {:?}: {tally:?}", begun.elapsed());
    assert!(tally.kills >= kills);
}

fn one(seed: u64, place: u64, most: u64, tally: &Mutex<Tally>) {
    let mut dice = Dice::new(seed, place);
    let site = Site::new(&format!("k{seed}-{place}"));
    let bad_after = (dice.roll(2) == 0).then(|| Duration::from_millis(dice.roll(6_000)));
    let begun = Instant::now();
    let told = format!("seed {seed}, rollout {place}, bad after {bad_after:?}");
    let (mut kills, mut in_action, mut journals) = (0, 0, Vec::new());
    let output = loop {
        let mut child = site.start();
        // half of the kills fall while an action runs
        let acting = dice.roll(2) == 0;
        let patience = Duration::from_millis(match acting {
            true => 1_500,
            false => 20 + dice.roll(1_000),
        });
        let started = Instant::now();
        let (effects, pause) = (site.begun(), Duration::from_millis(dice.roll(80)));
        let last = kills >= KILLS_OF_ONE.min(most);
        let ended = loop {
            if bad_after.is_some_and(|after| begun.elapsed() >= after) {
                site.turn_bad();
            }
            if child.try_wait().unwrap().is_some() {
                break true;
            }
            if !last && acting && site.begun() > effects {
                std::thread::sleep(pause);
                in_action += 1;
                break false;
            }
            if !last && started.elapsed() >= patience {
                break false;
            }
            assert!(started.elapsed() < Duration::from_secs(120), "{told}: it does not come to its end");
            std::thread::sleep(Duration::from_millis(3));
        };
        if ended {
            break child.wait_with_output().unwrap();
        }
        child.kill().unwrap();
        kills += 1;
        child.wait().unwrap();
        journals.push(site.journal());
    };
    let Seen { completed, leftovers } = oracle::check(&site, &output, &journals, &told);
    let mut tally = tally.lock().unwrap();
    tally.kills += kills;
    tally.in_action += in_action;
    tally.leftovers += leftovers;
    tally.rollouts += 1;
    tally.completed += u64::from(completed);
    tally.rolled_back += u64::from(!completed);
    if tally.rollouts.is_multiple_of(20) {
        println!("{tally:?}");
    }
}
