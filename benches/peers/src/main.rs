//! One decision over twenty triggers and eight signals: Spark's engine beside the engines that a user would take instead,
//! and beside the function written by hand. `cargo run --release --manifest-path benches/peers/Cargo.toml`.
//!
//! Every engine's answers to all inputs are compared with the reference before anything is timed. Peers get their inputs
//! in their own form, made ahead: what is timed is deciding. Spark gets samples, and its time includes taking them in.

mod clock;
mod live;
mod peer;
mod triggers;

use crate::clock::{Entry, measure, table};
use crate::peer::{ByHand, Peer, cedar, cel, regorus, rhai, rtlola, spark, zen};
use crate::triggers::{INPUTS, SIGNALS, inputs, native, random, reference};

/// Inputs of which each differs from the one before in one signal, the first from the last too.
fn one_by_one(lowest: i64, below: i64) -> Vec<[i64; SIGNALS]> {
    let mut random = random(3);
    let first: [i64; SIGNALS] = std::array::from_fn(|_| lowest + random(below));
    let mut now = first;
    let mut all = vec![first];
    for n in 1..INPUTS {
        let signal = n % SIGNALS;
        now[signal] = lowest + random(below);
        if n >= INPUTS - SIGNALS && signal > 0 {
            now[signal] = first[signal];
        }
        all.push(now);
    }
    all
}

/// Two laps through all inputs: every mask is the reference's.
fn check(name: &str, inputs: &[[i64; SIGNALS]], peer: &mut dyn Peer) {
    for lap in 0..2 {
        for (n, values) in inputs.iter().enumerate() {
            assert_eq!(peer.mask(n), reference(values), "{name}, lap {lap}, input {n}: {values:?}");
        }
    }
}

fn main() {
    let full = inputs();
    let (hovering, calm) = (one_by_one(100, 900), one_by_one(100, 90));
    let mut fired = 0;
    for values in full.iter().chain(&hovering).chain(&calm) {
        assert_eq!(native(values), reference(values), "by hand: {values:?}");
        fired |= reference(values);
    }
    assert_eq!(fired, (1 << triggers::TRIGGERS) - 1, "a trigger never fires: the check would not see it");

    let mut peers: Vec<(&'static str, &[[i64; SIGNALS]], Box<dyn Peer>)> = vec![
        ("spark, full: 8 fresh samples", &full, Box::new(spark::Spark::new(&full, false))),
        (
            "spark, incremental, hovering: 1 fresh sample",
            &hovering,
            Box::new(spark::Spark::new(&hovering, true)),
        ),
        ("spark, incremental, calm: 1 fresh sample", &calm, Box::new(spark::Spark::new(&calm, true))),
        ("by hand", &full, Box::new(ByHand(full.clone()))),
        ("zen-expression, 20 expressions", &full, Box::new(zen::Zen::new(&full))),
        ("rhai, 20 expressions", &full, Box::new(rhai::Rhai::new(&full))),
        ("cel, 20 programs", &full, Box::new(cel::Cel::new(&full))),
        ("rtlola-interpreter, 20 triggers", &full, Box::new(rtlola::Rtlola::new(&full))),
        ("regorus, bytecode machine", &full, Box::new(regorus::Machine::new(&full))),
        ("regorus, interpreter", &full, Box::new(regorus::Interpreter::new(&full))),
        ("cedar-policy, 20 forbid policies", &full, Box::new(cedar::Cedar::new(&full))),
    ];
    for (name, inputs, peer) in &mut peers {
        check(name, inputs, peer.as_mut());
    }
    let mut entries: Vec<Entry<'_>> = peers
        .iter_mut()
        .map(|(name, _, peer)| Entry {
            name,
            lap: Box::new(|_| (0..INPUTS).for_each(|input| peer.decide(input))),
            each: INPUTS,
        })
        .collect();
    let times = measure(&mut entries);
    println!(
        "one decision, 20 triggers over 8 signals, {INPUTS} inputs, all masks equal; thread CPU time, medians of {} interleaved rounds\n{}\n",
        clock::ROUNDS,
        table(&entries, &times, &[("spark, full", 0), ("spark, incr. calm", 2), ("by hand", 3)])
    );
    println!("{}", live::run());
}
