//! Two runners of one release on one machine: one has the journal, and the other is told so.

use std::time::{Duration, Instant};

use super::oracle;
use super::site::Site;
use super::{Dice, number};

/// Of two runners that begin at once, one has the rollout and the other is refused and touches nothing; when the first is killed, the next one
/// takes over. `SPARK_RACES=200` makes it long.
#[test]
fn one_at_a_time() {
    let (races, seed) = (number("SPARK_RACES", 5), number("SPARK_SEED", 20_260_105));
    let (mut dice, mut done, mut place, begun) = (Dice::new(seed, 0), 0, 0, Instant::now());
    while done < races {
        place += 1;
        let site = Site::new(&format!("r{seed}-{place}"));
        done += race(&site, &mut dice, (races - done).min(10), &format!("seed {seed}, rollout {place}"));
    }
    println!("seed {seed}, {done} races in {place} rollouts, {:?}", begun.elapsed());
}

/// Races until the rollout is over, at most so often with a kill; gives how many there were.
fn race(site: &Site, dice: &mut Dice, most: u64, told: &str) -> u64 {
    let (mut races, mut journals) = (0, Vec::new());
    loop {
        let before = site.said().matches("one runner writes a rollout").count();
        let mut both = [site.start(), site.start()];
        let started = Instant::now();
        // one of them is refused, soon
        let refused = loop {
            if let Some(place) = both.iter_mut().position(|child| child.try_wait().unwrap().is_some()) {
                break place;
            }
            assert!(started.elapsed() < Duration::from_secs(20), "{told}: both run");
            std::thread::sleep(Duration::from_millis(2));
        };
        let [first, second] = &mut both;
        let (gone, lives) = if refused == 0 { (first, second) } else { (second, first) };
        races += 1;
        let code = gone.wait().unwrap().code();
        assert_eq!(code, Some(1), "{told}: {}", site.said());
        assert!(
            site.said().matches("one runner writes a rollout").count() > before,
            "{told}: {}",
            site.said()
        );
        // the one that lives goes on, a third is refused while it does
        if races < most {
            std::thread::sleep(Duration::from_millis(dice.roll(900)));
            if lives.try_wait().unwrap().is_none() {
                lives.kill().unwrap();
                lives.wait().unwrap();
                journals.push(site.journal());
                continue;
            }
        }
        let output =
            std::process::Output { status: lives.wait().unwrap(), stdout: Vec::new(), stderr: Vec::new() };
        oracle::check(site, &output, &journals, told);
        return races;
    }
}
