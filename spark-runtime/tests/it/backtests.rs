//! Backtests: variants beside the rules are what they are alone, and pictures lose no spike.

use std::sync::Arc;

use proptest::prelude::*;
use rust_decimal::Decimal;
use spark_core::{Policy, Reading, Sample, SignalId, TimeSpan, Timestamp, Track};
use spark_runtime::replay::{Backtest, Recording, Seen, Tried, backtest, replay};

const RULES: &str = "edition 2026
signal p95 { is duration  from push  expect <= 200ms }
trigger slow {
  hold     when p95 > 300ms for 1m
  rollback when p95 > 400ms for 2m
  clear    when p95 < 250ms for 30s
  given    count(p95 over 1m) >= 2
  unknown  hold, then rollback after 3m
}
";

fn load(text: &str) -> spark_rules::Loaded {
    spark_rules::load("r.rules", text, &mut |_| Err(String::new())).unwrap()
}

fn run(
    policy: &Arc<Policy>,
    variants: &[Arc<Policy>],
    recording: &Recording,
    tried: Vec<Tried>,
) -> (Backtest, Vec<String>) {
    let instants = recording.instants(policy.every()).unwrap();
    let mut events = Vec::new();
    let seen = Seen { pictures: true, tried };
    let told: Result<_, ()> = backtest(
        policy,
        variants,
        recording,
        None,
        instants,
        &seen,
        |event| {
            events.push(event.to_json());
            Ok(())
        },
        |_, _| Ok(()),
    );
    (told.unwrap().unwrap(), events)
}

/// Milliseconds every 15 s; none is a sample that is missing, and zero one that is no number.
fn recording(values: &[Option<u16>]) -> Recording {
    let step = TimeSpan::from_seconds(15);
    let at = |place: usize| Timestamp::EPOCH.plus(step.times(u32::try_from(place).unwrap()));
    let sample = |(place, value): (usize, &Option<u16>)| {
        let reading = match (*value)? {
            0 => Reading::NotANumber,
            value => Reading::Value(Decimal::new(i64::from(value), 3)),
        };
        Some(Sample { signal: SignalId(0), track: Track::Canary, at: at(place), reading })
    };
    Recording::from_samples(values.iter().enumerate().filter_map(sample).collect())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// A variant's story is that of the edited rules alone, and the events are those of a replay without variants.
    #[test]
    fn variants_are_what_they_are_alone(
        values in prop::collection::vec(prop::option::weighted(0.85, prop_oneof![1 => Just(0u16), 12 => 100u16..600]), 2..120),
        thresholds in prop::collection::btree_set(100u16..600, 1..5),
        length in 0u32..12,
    ) {
        let recording = recording(&values);
        prop_assume!(recording.instants(TimeSpan::from_seconds(15)).is_ok());
        let loaded = load(RULES);
        let policy = Arc::new(loaded.policy.clone());
        let list: Vec<String> = thresholds.iter().map(|value| format!("{value}ms")).collect();
        let sweeps = [
            format!("slow.rollback.threshold={}", list.join(",")),
            format!("slow.rollback.for={}s", length * 15),
        ];
        let what_if = spark_rules::sweep::what_if(&loaded.policy, &loaded.files, &sweeps).unwrap();
        let policies: Vec<Arc<Policy>> =
            what_if.variants.iter().map(|variant| Arc::new(variant.policy.clone().unwrap())).collect();
        let tried = Tried::Level(spark_core::TriggerId(0), spark_core::Severity::Rollback);
        let (together, events) = run(&policy, &policies, &recording, vec![tried]);

        let mut plain = Vec::new();
        replay(&policy, &recording, recording.instants(policy.every()).unwrap(), |event| plain.push(event.to_json()));
        prop_assert_eq!(events, plain);

        for (variant, beside) in what_if.variants.iter().zip(&together.variants) {
            let edited = RULES.replace(
                "p95 > 400ms for 2m",
                &format!("p95 > {} for {}", variant.values[0], variant.values[1]),
            );
            let edited = Arc::new(load(&edited).policy);
            let (alone, _) = run(&edited, &[], &recording, Vec::new());
            prop_assert_eq!(&alone.story.decision, &beside.story.decision);
            let (a, b) = (tried.of(&alone.story).unwrap(), tried.of(&beside.story).unwrap());
            prop_assert_eq!((a.fires, a.first, a.time), (b.fires, b.first, b.time));
            prop_assert_eq!(a.closest.map(|close| close.measured.margin), b.closest.map(|close| close.measured.margin));
            if variant.present {
                prop_assert_eq!(beside.change, None);
                prop_assert_eq!(&beside.story.decision, &together.story.decision);
            }
        }
    }

    /// Time is counted once: the shares make up the whole, and so do a trigger's states.
    #[test]
    fn time_is_counted_once(values in prop::collection::vec(prop::option::of(100u16..600), 2..200)) {
        let recording = recording(&values);
        prop_assume!(recording.instants(TimeSpan::from_seconds(15)).is_ok());
        let policy = Arc::new(load(RULES).policy);
        let (told, _) = run(&policy, &[], &recording, Vec::new());
        let whole = told.story.axis.to().since(told.story.axis.from());
        let sum = |times: &mut dyn Iterator<Item = TimeSpan>| times.fold(TimeSpan::ZERO, TimeSpan::plus);
        prop_assert_eq!(sum(&mut told.story.decision.times.into_iter()), whole);
        let trigger = &told.story.triggers[0];
        prop_assert_eq!(sum(&mut trigger.times.values().copied()), whole);
        for level in &trigger.levels {
            prop_assert_eq!(sum(&mut level.spells.iter().map(|spell| spell.lasted)), level.time);
            prop_assert_eq!(level.spells.len() as u64, level.fires);
        }
        let unknown = sum(&mut trigger.unknown.iter().map(|unknown| unknown.time));
        prop_assert_eq!(unknown, trigger.times.get("unknown").copied().unwrap_or_default());
    }
}

/// The highest and the lowest sample of a long time are in its picture, which has no more pieces than a screen.
#[test]
fn pictures_keep_spikes() {
    let mut values: Vec<Option<u16>> = (0..20_000u16).map(|place| Some(200 + place % 50)).collect();
    values[12_345] = Some(599);
    values[6_789] = Some(101);
    values[15_000..15_040].fill(None);
    let recording = recording(&values);
    let policy = Arc::new(load(RULES).policy);
    let (told, _) = run(&policy, &[], &recording, Vec::new());
    let picture = &told.pictures[0];
    assert_eq!(picture.cells.len(), spark_runtime::replay::BUCKETS_MAX);
    let highest = picture.cells.iter().flatten().map(|cell| cell.high.value).max();
    let lowest = picture.cells.iter().flatten().map(|cell| cell.low.value).min();
    assert_eq!((lowest, highest), (Some(Decimal::new(101, 3)), Some(Decimal::new(599, 3))));
    assert_eq!(picture.gaps.len(), 1, "{:?}", picture.gaps);
    let (from, to) = picture.gaps[0];
    assert_eq!(to.since(from), TimeSpan::from_seconds(41 * 15 - 45), "believed for 45 s more");
    assert!(picture.is_broken(from, to) && !picture.is_broken(Timestamp::EPOCH, from));
}
