//! Many rollouts, and what they say together.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use sha2::{Digest, Sha256};
use spark_core::planted::{Bug, plant};

use crate::fault::{Counts, Fault};
use crate::policies::{self, Rules};
use crate::rng::Rng;
use crate::rollout::{self, End, Ran};

/// How often each kind of fault has to be brought for a run to count, in a hundred thousand rollouts.
const FAULTS_MIN: u64 = 10_000;

#[derive(Debug, Clone, Copy)]
pub struct Settings {
    pub rollouts: u64,
    pub seed: u64,
    pub threads: usize,
}

impl Settings {
    /// From the command line; none where it is not understood.
    pub fn read(args: &[String]) -> Option<Self> {
        let mut settings = Self { rollouts: 100_000, seed: 1, threads: 2 };
        for pair in args.chunks(2) {
            let [name, value] = pair else { return None };
            match name.as_str() {
                "--rollouts" => settings.rollouts = value.parse().ok()?,
                "--seed" => settings.seed = value.parse().ok()?,
                "--threads" => settings.threads = value.parse().ok().filter(|count| *count > 0)?,
                _ => return None,
            }
        }
        Some(settings)
    }
}

/// The seed of a campaign's rollout.
fn seed_of(campaign: u64, place: u64) -> u64 {
    Rng::new(campaign.wrapping_mul(0x9E37_79B9).wrapping_add(place)).next()
}

/// What many rollouts come to; in whatever order they are added.
#[derive(Debug, Clone, Default)]
struct Total {
    counts: Counts,
    ends: BTreeMap<&'static str, u64>,
    rollouts: u64,
    nanos: i128,
    decisions: u64,
    facts: u64,
    resumed: u64,
    digest: u128,
    violated: Vec<(u64, String)>,
}

impl Total {
    fn add(&mut self, seed: u64, ran: Ran) {
        self.counts.merge(&ran.counts);
        *self.ends.entry(ran.end.words()).or_default() += 1;
        self.rollouts += 1;
        self.nanos += i128::from(ran.nanos);
        self.decisions += ran.decisions;
        self.facts += ran.facts;
        self.resumed += ran.resumed;
        let sum = Sha256::digest(ran.trace.as_bytes());
        let mut part = [0; 16];
        part.copy_from_slice(&sum[..16]);
        self.digest = self.digest.wrapping_add(u128::from_be_bytes(part));
        if let Some(words) = ran.violation {
            self.violated.push((seed, words));
        }
    }

    fn merge(&mut self, other: Self) {
        self.counts.merge(&other.counts);
        for (end, count) in other.ends {
            *self.ends.entry(end).or_default() += count;
        }
        self.rollouts += other.rollouts;
        self.nanos += other.nanos;
        self.decisions += other.decisions;
        self.facts += other.facts;
        self.resumed += other.resumed;
        self.digest = self.digest.wrapping_add(other.digest);
        self.violated.extend(other.violated);
    }
}

/// Seconds of processor time that this process has had.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let rest = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let ticks: f64 =
        rest.split_whitespace().skip(11).take(2).filter_map(|part| part.parse::<f64>().ok()).sum();
    ticks / 100.0
}

fn all(settings: &Settings, told: bool) -> Total {
    let rules = policies::all();
    let (next, failed, begun) = (AtomicU64::new(0), AtomicBool::new(false), Instant::now());
    let mut total = Total::default();
    std::thread::scope(|scope| {
        let work = || {
            let mut part = Total::default();
            loop {
                let place = next.fetch_add(1, Ordering::Relaxed);
                if place >= settings.rollouts || failed.load(Ordering::Relaxed) {
                    return part;
                }
                if told && place > 0 && place % 10_000 == 0 {
                    eprintln!("{place} rollouts, {:.0} s", begun.elapsed().as_secs_f64());
                }
                let seed = seed_of(settings.seed, place);
                let ran = caught(seed, &rules, false);
                part.add(seed, ran);
                if part.violated.len() >= 10 {
                    failed.store(true, Ordering::Relaxed);
                }
            }
        };
        let threads: Vec<_> = (0..settings.threads).map(|_| scope.spawn(work)).collect();
        for thread in threads {
            match thread.join() {
                Ok(part) => total.merge(part),
                Err(_) => total.violated.push((0, "a thread ended".to_owned())),
            }
        }
    });
    total
}

/// One rollout; a panic in it is a violation.
fn caught(seed: u64, rules: &[Arc<Rules>], story: bool) -> Ran {
    catch_unwind(AssertUnwindSafe(|| rollout::run(seed, rules, story))).unwrap_or_else(|cause| {
        let words = cause
            .downcast_ref::<String>()
            .cloned()
            .or_else(|| cause.downcast_ref::<&str>().map(|words| (*words).to_owned()))
            .unwrap_or_default();
        Ran {
            end: End::Violated,
            violation: Some(format!("a panic: {words}")),
            counts: Counts::default(),
            nanos: 0,
            decisions: 0,
            facts: 0,
            resumed: 0,
            trace: String::new(),
            story: Vec::new(),
        }
    })
}

/// Runs rollouts and tells of them; whether all is well.
pub fn run(settings: &Settings) -> bool {
    let (begun, cpu) = (Instant::now(), cpu_seconds());
    let total = all(settings, true);
    let (wall, cpu) = (begun.elapsed().as_secs_f64(), cpu_seconds() - cpu);
    println!("seed {}, {} rollouts, digest {:032x}", settings.seed, total.rollouts, total.digest);
    let hours = total.nanos as f64 / 3.6e12;
    println!(
        "{hours:.0} simulated hours in {cpu:.0} CPU seconds ({wall:.0} s): {:.1} simulated hours per CPU second",
        hours / cpu.max(0.01)
    );
    println!(
        "{} facts, {} decisions, {} restarts after a crash",
        total.facts, total.decisions, total.resumed
    );
    println!("\nrollouts by end");
    for end in End::ALL {
        println!("{:>12}  {}", total.ends.get(end.words()).copied().unwrap_or(0), end.words());
    }
    println!("\nfaults by kind, with their rows in the fault table");
    let floor = FAULTS_MIN.saturating_mul(settings.rollouts) / 100_000;
    let mut well = true;
    for fault in Fault::ALL {
        let count = total.counts.of(*fault);
        let few = count < floor;
        well &= !few;
        println!("{count:>12}  {:>2}  {}{}", fault.row(), fault.words(), if few { "  TOO FEW" } else { "" });
    }
    println!("{:>12}      all of {} kinds", total.counts.0.iter().sum::<u64>(), Fault::ALL.len());
    println!("\nrules broken: {}", total.violated.len());
    for (seed, words) in &total.violated {
        println!("  one --seed {seed}: {words}");
    }
    well && total.violated.is_empty()
}

/// Tells one rollout.
pub fn one(settings: &Settings) -> bool {
    let ran = caught(settings.seed, &policies::all(), true);
    for line in &ran.story {
        println!("{line}");
    }
    println!("{}", ran.end.words());
    if let Some(words) = &ran.violation {
        println!("{words}");
    }
    ran.violation.is_none()
}

/// Runs the same rollouts twice, on other threads.
pub fn twice(settings: &Settings) -> bool {
    let first = all(settings, false).digest;
    let second = all(&Settings { threads: 1, ..*settings }, false).digest;
    println!("{first:032x}\n{second:032x}");
    first == second
}

/// Plants each mistake until it is found.
pub fn planted(settings: &Settings) -> bool {
    let rules = policies::all();
    let next = AtomicU64::new(0);
    let most = settings.rollouts;
    // a planted mistake may well end in a panic: it is told in the table
    std::panic::set_hook(Box::new(|_| {}));
    let mut found: Vec<(usize, u64, String, f64)> = Vec::new();
    std::thread::scope(|scope| {
        let work = || {
            let mut part = Vec::new();
            loop {
                let place = next.fetch_add(1, Ordering::Relaxed) as usize;
                let Some(bug) = Bug::ALL.get(place) else { return part };
                let begun = Instant::now();
                plant(Some(*bug));
                let hit = (0..most).find_map(|number| {
                    let ran = caught(seed_of(settings.seed, number), &rules, false);
                    ran.violation.map(|words| (number + 1, words))
                });
                plant(None);
                let (after, words) = hit.unwrap_or((0, "NOT FOUND".to_owned()));
                part.push((place, after, words, begun.elapsed().as_secs_f64()));
            }
        };
        let threads: Vec<_> = (0..settings.threads).map(|_| scope.spawn(work)).collect();
        found.extend(threads.into_iter().filter_map(|thread| thread.join().ok()).flatten());
    });
    found.sort_by_key(|(place, ..)| *place);
    let missed = Bug::ALL.len() - found.iter().filter(|(_, after, ..)| *after > 0).count();
    println!("rollouts  seconds  mistake, and how it was found");
    for (place, after, words, seconds) in &found {
        println!("{after:>8}  {seconds:>7.2}  {}\n{:>19}{words}", Bug::ALL[*place].words(), "");
    }
    println!("{} of {} planted mistakes found", Bug::ALL.len() - missed, Bug::ALL.len());
    missed == 0
}
