//! Live rules: twenty `signal > threshold for 5m` over one signal, a sample a second: Spark's engine and a stream monitor.

use spark_core::{Engine, Ruling, TimeSpan, Timestamp};

use crate::clock::{Entry, measure, table};
use crate::peer::rtlola::Live;
use crate::peer::spark::{look, mask, policy, sample};
use crate::triggers::random;

const SAMPLES: usize = 8_192;

/// A day's stretch: around 200, with bursts over some of the thresholds that last longer than `for` or do not.
fn values() -> Vec<i64> {
    let mut random = random(2);
    let (mut left, mut centre) = (0, 0);
    (0..SAMPLES)
        .map(|_| {
            if left == 0 && random(600) == 0 {
                (left, centre) = (200 + random(400), 350 + random(500));
            }
            left = (left - 1).max(0);
            if left > 0 { centre - 50 + random(100) } else { 160 + random(81) }
        })
        .collect()
}

/// The reference: seconds that each rule's condition has held, above 300 it fires.
fn reference(thresholds: &[i64], runs: &mut [u64], value: i64) -> u32 {
    let mut fired = 0;
    for (n, (threshold, run)) in thresholds.iter().zip(runs).enumerate() {
        *run = if value > *threshold { *run + 1 } else { 0 };
        fired |= u32::from(*run > 300) << n;
    }
    fired
}

fn rules(thresholds: &[i64]) -> String {
    let rule = |(n, threshold): (usize, &i64)| {
        format!("trigger r{n} {{ rollback when s > {threshold}ms for 5m }}\n")
    };
    let rules: String = thresholds.iter().enumerate().map(rule).collect();
    format!("edition 2026\nevaluate every 1s\nsignal s {{ is duration from push }}\n{rules}")
}

/// Checks both against the reference, then times them.
pub(crate) fn run() -> String {
    let thresholds: Vec<i64> = (0..20).map(|n| 250 + 30 * n).collect();
    let values = values();
    let samples: Vec<_> = values.iter().map(|value| sample(0, *value)).collect();
    let (mut engine, mut at) = (Engine::new(policy(&rules(&thresholds))), Timestamp::EPOCH);
    let mut push = |n: usize, see: &mut dyn FnMut(&Ruling<'_>)| {
        at = at.plus(TimeSpan::from_seconds(1));
        let mut sample = samples[n].clone();
        sample.at = at;
        engine.observe(&sample);
        see(&engine.decide(at));
    };
    let mut monitor = Live::new(&thresholds);
    let (mut runs, mut firing) = ([0; 20], 0);
    for (n, value) in values.iter().enumerate() {
        let expected = reference(&thresholds, &mut runs, *value);
        push(n, &mut |ruling| assert_eq!(mask(ruling, 'r'), expected, "spark at sample {n}"));
        assert_eq!(monitor.push(*value), expected, "rtlola at sample {n}");
        firing += expected.count_ones();
    }
    assert!(firing > 0, "nothing fires: the check would check nothing");
    let mut entries = [
        Entry {
            name: "spark engine: observe, decide",
            lap: Box::new(|_| (0..SAMPLES).for_each(|n| push(n, &mut look))),
            each: SAMPLES,
        },
        Entry {
            name: "rtlola-interpreter",
            lap: Box::new(|_| {
                for value in &values {
                    std::hint::black_box(monitor.push(*value));
                }
            }),
            each: SAMPLES,
        },
    ];
    let times = measure(&mut entries);
    format!(
        "a live sample, 20 rules `> threshold for 5m` over one signal; {firing} firing of {} checks, all equal\n{}",
        SAMPLES * thresholds.len(),
        table(&entries, &times, &[("spark", 0)])
    )
}
