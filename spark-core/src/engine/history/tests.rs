//! Histories beside plain lists, and the size of a head.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::super::fixed::scaled;
use super::super::runs::Covered;
use super::*;

fn at(second: u32) -> Timestamp {
    Timestamp::EPOCH.plus(TimeSpan::from_seconds(second))
}

fn add(history: &mut History, at: Timestamp, reading: &Reading) -> Observed {
    history.take_in(at, reading, Word::of(reading), None, &Needed::default())
}

/// A failure stands where its time is: before a newer sample, after an older one, whenever it was told of.
#[test]
fn failures_have_their_time() {
    let value = Reading::Value(Decimal::ONE);
    let failed = Reading::Failed("down".to_owned());
    let mut history = History::default();
    assert_eq!(add(&mut history, at(0), &value), Observed::Kept);
    assert_eq!(add(&mut history, at(15), &failed), Observed::Kept);
    assert_eq!(add(&mut history, at(30), &value), Observed::Kept);
    assert_eq!(add(&mut history, at(100), &failed), Observed::Kept);
    for (second, known) in
        [(0, true), (15, false), (29, false), (30, true), (99, true), (100, false), (200, false)]
    {
        assert_eq!(matches!(history.newest(at(second)), Newest::Point(_)), known, "{second}");
    }
    assert_eq!(add(&mut history, at(50), &failed), Observed::Late);
    assert_eq!(add(&mut history, at(60), &value), Observed::Kept);
    assert_eq!(history.newest(at(100)), Newest::Failed, "an older sample does not end a newer failure");
    assert_eq!(add(&mut history, at(101), &value), Observed::Kept);
    assert!(matches!(history.newest(at(101)), Newest::Point(_)));
}

/// A window that an evicted sample was in is covered by nothing.
#[test]
fn evicted_samples_are_missing() {
    let value = Reading::Value(Decimal::ONE);
    let mut history = History::default();
    for second in 0..=1_200 {
        add(&mut history, at(second), &value);
    }
    let whole = TimeSpan::from_seconds(1_000);
    assert_eq!(history.covered(at(1_200), whole, TimeSpan::from_seconds(45)), whole);
    history.rest_mut().evicted = Some(at(300));
    assert_eq!(history.covered(at(1_200), whole, TimeSpan::from_seconds(45)), TimeSpan::ZERO);
    let part = TimeSpan::from_seconds(900);
    assert_eq!(history.covered(at(1_200), part, TimeSpan::from_seconds(45)), part);
}

/// What a series was told, and the evaluations between.
#[derive(Debug, Clone)]
enum Told {
    /// So many milliseconds after the newest sample, or before it.
    Sample(i64, Reading),
    Evaluated(i64),
    /// Written and read again.
    Saved,
}

fn a_word() -> impl Strategy<Value = Told> {
    let value = prop_oneof![
        8 => (-900..900_i64, 0..4_u32).prop_map(|(value, places)| Decimal::new(value, places)),
        1 => (any::<i64>(), 0..29_u32).prop_map(|(value, places)| Decimal::new(value, places)),
        1 => Just(Decimal::MAX),
    ];
    let reading = prop_oneof![
        30 => value.prop_map(Reading::Value),
        1 => Just(Reading::NotANumber),
        1 => Just(Reading::Infinite { negative: true }),
        1 => Just(Reading::Failed("down".to_owned())),
    ];
    let step = prop_oneof![10 => Just(1_000_i64), 5 => 1..3_000_i64, 1 => -2_000..1_i64, 1 => 0..90_000_i64];
    prop_oneof![
        10 => (step, reading).prop_map(|(step, reading)| Told::Sample(step, reading)),
        8 => prop_oneof![4 => Just(0_i64), 1 => -3_000..9_000_i64].prop_map(Told::Evaluated),
        1 => Just(Told::Saved),
    ]
}

/// All that a series was told and kept, in plain lists.
#[derive(Debug, Default)]
struct Plain {
    samples: BTreeMap<Timestamp, Reading>,
    failures: Vec<Timestamp>,
}

impl Plain {
    fn observe(&mut self, at: Timestamp, reading: &Reading) -> Observed {
        let newest = self.samples.last_key_value();
        let newest_at = newest.map(|(newest, _)| *newest);
        if let Reading::Failed(_) = reading {
            return match newest_at.max(self.failures.last().copied()) {
                Some(last) if at < last => Observed::Late,
                _ if self.failures.last() == Some(&at) => Observed::Repeated,
                _ => {
                    self.failures.push(at);
                    Observed::Kept
                }
            };
        }
        match newest {
            Some((newest, _)) if at < *newest => Observed::Late,
            Some((newest, same)) if at == *newest && same == reading => Observed::Repeated,
            Some((newest, _)) if at == *newest => Observed::Conflict,
            _ => {
                self.samples.insert(at, reading.clone());
                Observed::Kept
            }
        }
    }

    fn newest(&self, at: Timestamp) -> Newest {
        let failed = self.failures.iter().rfind(|failed| **failed <= at);
        match self.samples.range(..=at).next_back() {
            Some((seen, reading)) if failed.is_none_or(|failed| seen > failed) => {
                Newest::Point(Point { at: *seen, reading: reading.clone() })
            }
            _ if failed.is_some() => Newest::Failed,
            _ => Newest::Nothing,
        }
    }

    fn window(&self, at: Timestamp, over: TimeSpan) -> Vec<Point> {
        let inside = self.samples.iter().filter(|(time, _)| at.minus(over) < **time && **time <= at);
        inside.map(|(at, reading)| Point { at: *at, reading: reading.clone() }).collect()
    }
}

fn check(history: &History, plain: &Plain, now: Timestamp, needed: &Needed) -> Result<(), TestCaseError> {
    let wide =
        (0..history.len()).filter_map(|place| history.get(place)).filter(|kept| kept.word.is_elsewhere());
    prop_assert_eq!(history.rest().map_or(0, |rest| rest.wide.len()), wide.count());
    let newest = history.newest(now);
    prop_assert_eq!(&newest, &plain.newest(now));
    let shown = match newest {
        Newest::Point(point) => Some((point.at, point.reading.value().and_then(|value| scaled(value, 6)))),
        Newest::Nothing | Newest::Failed => None,
    };
    prop_assert_eq!(history.shown(now, 6), shown);
    for part in 1..=3 {
        let over = TimeSpan::from_nanos(needed.times.nanos() * part / 3);
        let inside = plain.window(now, over);
        let gaps = inside.windows(2).map(|pair| pair[1].at.since(pair[0].at));
        let expected = Covered {
            count: inside.len() as u64,
            oldest: inside.first().map(|point| point.at),
            newest: inside.last().map(|point| point.at),
            largest_gap: gaps.max(),
        };
        prop_assert_eq!(history.times(now, over), expected);
        let over = TimeSpan::from_nanos(needed.samples.nanos() * part / 3);
        if !over.is_zero() {
            let inside = plain.window(now, over);
            prop_assert!(history.window(now, over).eq(inside.iter().cloned()));
            let numbers = history.numbers(now, over);
            prop_assert_eq!((numbers.end - numbers.start) as usize, inside.len());
            prop_assert!(history.numbered(&numbers).eq(inside.iter().cloned()));
            prop_assert!(numbers.map_while(|number| history.point(number)).eq(inside));
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    /// Of all that is asked at the last evaluation or later, a history knows what plain lists of everything know, to each digit;
    /// and where it was written and read, or let go what it may, it is the same.
    #[test]
    fn nothing_that_is_needed_is_forgotten(
        told in proptest::collection::vec(a_word(), 0..120),
        samples in prop_oneof![Just(0_u32), Just(7), Just(30)],
        times in prop_oneof![Just(10_u32), Just(60)],
    ) {
        let needed = Needed {
            samples: TimeSpan::from_seconds(samples),
            times: TimeSpan::from_seconds(times.max(samples)),
        };
        let (mut history, mut plain) = (History::default(), Plain::default());
        let mut last: Option<Timestamp> = None;
        for word in told {
            let newest = history.last().unwrap_or(at(1_000));
            match word {
                Told::Sample(after, reading) => {
                    let time = Timestamp::from_nanos(newest.nanos() + after * 1_000_000);
                    let became = history.take_in(time, &reading, Word::of(&reading), last, &needed);
                    prop_assert_eq!(became, plain.observe(time, &reading));
                }
                Told::Evaluated(after) => {
                    last = last.max(Some(Timestamp::from_nanos(newest.nanos() + after * 1_000_000)));
                }
                Told::Saved => {
                    if let Some(last) = last {
                        history.forget_before(last, &needed);
                    }
                    let text = serde_json::to_string(&history).unwrap();
                    let read: History = serde_json::from_str(&text).unwrap();
                    prop_assert_eq!(&read, &history);
                    prop_assert_eq!(serde_json::to_string(&read).unwrap(), text);
                    history = read;
                }
            }
            if let Some(last) = last {
                check(&history, &plain, last, &needed)?;
                check(&history, &plain, last.plus(TimeSpan::from_seconds(2)), &needed)?;
            }
        }
    }
}

/// The head of a history is one line of a cache, and regular samples of which each is seen need nothing else.
#[test]
fn the_head_is_one_line() {
    assert!(size_of::<History>() <= 64, "{}", size_of::<History>());
    let (mut history, needed) = (History::default(), Needed::default());
    for second in 0..1_000_u32 {
        let reading = Reading::Value(Decimal::from(second));
        let last = second.checked_sub(1).map(at);
        assert_eq!(history.take_in(at(second), &reading, Word::of(&reading), last, &needed), Observed::Kept);
    }
    assert!(history.rest.is_none());
    assert_eq!(history.times(at(999), TimeSpan::from_seconds(300)).count, 300);
}
