//! The rules that are walked, and what the check of each rollout knows of them by itself.

use std::sync::Arc;

use rust_decimal::Decimal;
use spark_core::Policy;

/// What a signal must be for a decision to proceed.
#[derive(Debug, Clone, Copy)]
pub enum Need {
    /// At most this.
    AtMost(Decimal),
    /// Known: a trigger reads it, and unknown holds.
    Known(&'static str),
    /// At most so many times the baseline.
    AtMostBaseline(Decimal),
}

/// A signal, as the world makes it.
#[derive(Debug, Clone)]
pub struct Made {
    pub good: Decimal,
    pub bad: Decimal,
    pub counter: bool,
    pub baseline: bool,
    pub need: Option<Need>,
}

#[derive(Debug, Clone)]
pub struct Rules {
    pub text: &'static str,
    pub policy: Arc<Policy>,
    pub plan: &'static str,
    /// By signal, in the order of their declaration.
    pub signals: Vec<Made>,
    /// The same rules, stricter.
    pub stricter: Reload,
    /// The same rules, looser: a running release never takes them.
    pub looser: Reload,
}

/// Rules that are loaded again.
#[derive(Debug, Clone)]
pub struct Reload {
    pub text: String,
    pub policy: Arc<Policy>,
}

fn reload(text: String) -> Reload {
    let policy = Arc::new(compiled(&text));
    Reload { text, policy }
}

fn compiled(text: &str) -> Policy {
    let loaded = spark_rules::load("sim.rules", text, &mut |_| Err("no other file".to_owned()));
    loaded.unwrap_or_else(|failed| panic!("{failed}")).policy
}

fn number(text: &str) -> Decimal {
    text.parse().unwrap_or_else(|error| panic!("`{text}` is no number: {error}"))
}

fn made(good: &str, bad: &str, need: Option<Need>) -> Made {
    Made { good: number(good), bad: number(bad), counter: false, baseline: false, need }
}

const SIMPLE: &str = "edition 2026
evaluate every 1s
signal p95 { is duration  from push  stale after 3s  expect <= 200ms }
trigger slow { rollback when p95 > 400ms for 2s }
plan p {
  stage 1% for 3s
  stage 25% for 4s
  stage 100% for 3s
  proceed when every signal meets its expectation
}
";

const RICH: &str = "edition 2026
evaluate every 1s
signal p95 { is duration  from push  stale after 3s  expect <= 200ms }
signal errors { is ratio  from push  stale after 2s }
signal requests { is counter  from push  stale after 4s }
trigger failing {
  hold when errors > 1% for 2s
  rollback when errors > 3% for 2s
  clear when errors < 0.8% for 1s
  unknown hold, then rollback after 8s
}
trigger slow { rollback when p95 > 400ms for 2s  given increase(requests over 3s) >= 2  unless failing }
plan p {
  stage 1% for 2s needs approval
  stage 10% for 3s
  stage 50% for 3s needs approval
  stage 100% for 3s
  warmup 2s
  watch 4s
  proceed when every signal meets its expectation for 2s
}
";

const BASED: &str = "edition 2026
evaluate every 1s
signal p95 { is duration  from push  stale after 3s  expect <= baseline + 50% }
signal queue { is count  from push  stale after 3s }
trigger creep { hold when queue > 2x previous stage for 2s }
plan p {
  stage 5% for 4s
  stage 50% for 4s
  stage 100% for 4s
  warmup 1s
  proceed when queue < 50
}
";

const BARE: &str = "edition 2026
evaluate every 1s
signal errors { is ratio  from push  stale after 2s  expect <= 1% }
trigger broken { rollback when errors > 10% for 1s }
plan p {
  stage 10% for 2s
  stage 30% for 2s needs approval
  stage 60% for 2s needs approval
  stage 80% for 2s needs approval
  stage 100% for 2s
  watch 2s
}
";

fn load(text: &'static str, change: [&str; 3], signals: Vec<Made>) -> Arc<Rules> {
    let policy = Arc::new(compiled(text));
    assert_eq!(policy.signals().len(), signals.len());
    let [from, stricter, looser] = change;
    assert!(text.contains(from));
    let stricter = reload(text.replace(from, stricter));
    let looser = reload(text.replace(from, looser));
    Arc::new(Rules { text, policy, plan: "p", signals, stricter, looser })
}

/// All of them.
pub fn all() -> Vec<Arc<Rules>> {
    let at_most = |text: &str| Some(Need::AtMost(number(text)));
    let counter = Made { counter: true, ..made("5", "0", None) };
    let based =
        Made { baseline: true, ..made("0.1", "0.5", Some(Need::AtMostBaseline(Decimal::new(15, 1)))) };
    vec![
        load(SIMPLE, ["> 400ms", "> 300ms", "> 500ms"], vec![made("0.1", "0.5", at_most("0.2"))]),
        load(
            RICH,
            ["errors > 3%", "errors > 2%", "errors > 4%"],
            vec![
                made("0.1", "0.5", at_most("0.2")),
                made("0.002", "0.05", Some(Need::Known("failing"))),
                counter,
            ],
        ),
        load(BASED, ["+ 50%", "+ 40%", "+ 60%"], vec![based, made("10", "90", None)]),
        load(BARE, ["> 10%", "> 8%", "> 12%"], vec![made("0.001", "0.2", at_most("0.01"))]),
    ]
}
