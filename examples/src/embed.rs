//! Spark embedded in a program: rules and samples in, decisions out; no file, no clock, no network.
//!
//! `cargo run -p spark-examples --bin embed`
//!
//! A service that embeds the engine measures by its own means and evaluates when it likes. Here twenty minutes of
//! samples are made up, which takes no longer than to decide them: time is an argument.

use std::error::Error;
use std::sync::Arc;

use spark_core::{Engine, Quantity, Reading, Sample, Timestamp, Track, Verdict};

const RULES: &str = r#"
edition 2026

evaluate every 15s

signal p95 "API latency, 95th percentile" { is duration  from push  expect <= 200ms }

trigger api_latency { hold when p95 > 300ms for 3m  rollback when p95 > 400ms for 5m }
"#;

fn main() -> Result<(), Box<dyn Error>> {
    // the rules are one text here; a `use` would be answered by the closure
    let loaded = spark_rules::load("rules", RULES, &mut |path| Err(format!("there is no `{path}`")))?;
    let policy = Arc::new(loaded.policy);
    let p95 = policy.signal_id("p95").ok_or("the rules declare no `p95`")?;
    let start = Timestamp::parse("2026-01-05T09:00:00Z").ok_or("no such instant")?;

    let mut engine = Engine::new(Arc::clone(&policy));
    for n in 0..=80 {
        let at = start.plus(policy.every().times(n));
        let latency = if n < 40 { "180ms" } else { "450ms" };
        let reading = Reading::Value(Quantity::parse(latency)?.value);
        // what became of the sample: kept, late, repeated, in conflict; here it is always kept
        let _ = engine.observe(&Sample { signal: p95, track: Track::Canary, at, reading });

        let decision = engine.evaluate(at);
        for change in &decision.changes {
            println!("{at}  {} is {}", change.name, change.state);
        }
        if decision.verdict == Verdict::Rollback {
            println!("{at}  {}, because of {}", decision.verdict, decision.because.join(", "));
            break;
        }
    }
    Ok(())
}
