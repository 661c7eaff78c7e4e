//! A column against a plain list of the same samples.
#![expect(clippy::arithmetic_side_effects, reason = "an overflow fails the test")]

use proptest::prelude::*;

use super::*;
use crate::condition::Relation;

/// The samples that the rules of arrival keep, and what became of each.
fn plain(samples: &[(i64, Reading)]) -> (Vec<(i64, Reading)>, Vec<Observed>) {
    let mut kept: Vec<(i64, Reading)> = Vec::new();
    let became = samples.iter().map(|(at, reading)| match kept.last() {
        Some((newest, _)) if at < newest => Observed::Late,
        Some((newest, last)) if at == newest && last == reading => Observed::Repeated,
        Some((newest, _)) if at == newest => Observed::Conflict,
        _ => {
            kept.push((*at, reading.clone()));
            Observed::Kept
        }
    });
    let became = became.collect();
    (kept, became)
}

fn column(samples: &[(i64, Reading)]) -> (Column, Vec<Observed>) {
    let mut column = Column::default();
    let became =
        samples.iter().map(|(at, reading)| column.observe(Timestamp::from_nanos(*at), reading)).collect();
    (column, became)
}

fn reading() -> impl Strategy<Value = Reading> {
    prop_oneof![
        30 => (-30i64..30, 0u32..3).prop_map(|(m, s)| Reading::Value(Decimal::new(m, s))),
        1 => (any::<i64>(), 0u32..20).prop_map(|(m, s)| Reading::Value(Decimal::new(m, s))),
        1 => Just(Reading::NotANumber),
    ]
}

/// Mostly even times, with gaps, repeats and steps back; values in stretches, so that there are runs.
fn samples() -> impl Strategy<Value = Vec<(i64, Reading)>> {
    let step = prop_oneof![20 => Just(10i64), 1 => Just(0), 1 => Just(-10), 2 => 1i64..50];
    let piece = (reading(), 1usize..400, step);
    proptest::collection::vec(piece, 0..20).prop_map(|pieces| {
        let mut at = 0;
        let mut samples = Vec::new();
        for (reading, len, step) in pieces {
            at += step;
            for _ in 0..len {
                samples.push((at, reading.clone()));
                at += 10;
            }
        }
        samples
    })
}

fn value(reading: &Reading) -> Option<Decimal> {
    reading.value()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// A column holds exactly what was observed, at its times, and answers each search as a walk over the samples does.
    #[test]
    fn equals_a_list(samples in samples(), low in -40i64..40, high in -40i64..40, from in 0usize..3000, at in -20i64..60_000) {
        let (kept, expected) = plain(&samples);
        let (column, became) = column(&samples);
        prop_assert_eq!(became, expected);
        prop_assert_eq!(column.len(), kept.len());
        for (place, (at, reading)) in kept.iter().enumerate() {
            prop_assert_eq!(column.at(place), Some(Timestamp::from_nanos(*at)));
            prop_assert_eq!(column.reading(place), Some(reading.clone()));
        }
        prop_assert_eq!(column.at(kept.len()), None);
        prop_assert_eq!(column.seen(Timestamp::from_nanos(at)), kept.iter().filter(|(time, _)| *time <= at).count());
        let longest = TimeSpan::from_nanos(20);
        let gap = (from.max(1)..kept.len()).find(|n| kept[*n].0 - kept[n - 1].0 > 20);
        prop_assert_eq!(column.first_after_gap(from, longest), gap);
        let bounds = (Decimal::new(low, 1), Decimal::new(high, 1));
        for (low, high) in [(Some(bounds.0), Some(bounds.1)), (None, Some(bounds.1)), (Some(bounds.0), None)] {
            let inside = |v: Decimal| low.is_none_or(|low| v >= low) && high.is_none_or(|high| v <= high);
            let outside = (from..kept.len()).find(|n| !value(&kept[*n].1).is_some_and(inside));
            let found = column.first_outside(from, low, high);
            // a value of too many digits is found wherever it lies
            let odd = |n: usize| column.others.iter().any(|(place, _)| *place == n);
            let expected = (from..outside.unwrap_or(kept.len())).find(|n| odd(*n)).or(outside);
            prop_assert_eq!(found, expected);
        }
    }

    /// Numbers that are taken in together are those that are taken in one by one, or none of them is.
    #[test]
    fn together(samples in samples(), cuts in proptest::collection::vec(1usize..2_500, 1..8)) {
        let numbers: Vec<_> = samples.iter().filter_map(|(at, reading)| Some((*at, number(value(reading)?)?))).collect();
        let (mut one, mut many) = (Column::default(), Column::default());
        let (mut rest, mut cuts) = (numbers.as_slice(), cuts.iter().cycle());
        while let Some((_, (_, scale))) = rest.first() {
            let alike = rest.iter().take(*cuts.next().unwrap()).take_while(|(_, (_, other))| other == scale).count();
            let (piece, others) = rest.split_at(alike);
            rest = others;
            let times: Vec<_> = piece.iter().map(|(at, _)| Timestamp::from_nanos(*at)).collect();
            let mantissas: Vec<_> = piece.iter().map(|(_, (mantissa, _))| *mantissa).collect();
            let before = format!("{many:?}");
            let taken = many.extend(&times, &mantissas, *scale);
            let each = times.iter().zip(&mantissas);
            let became: Vec<_> = each.clone().map(|(at, mantissa)| one.observe_number(*at, *mantissa, *scale)).collect();
            if taken {
                prop_assert!(became.iter().all(|became| *became == Observed::Kept));
            } else {
                prop_assert_eq!(&before, &format!("{:?}", many));
                each.for_each(|(at, mantissa)| { many.observe_number(*at, *mantissa, *scale); });
            }
            prop_assert_eq!(format!("{one:?}"), format!("{many:?}"));
        }
    }

    /// Runs are those of a walk over the samples, whatever their least length.
    #[test]
    fn runs_equal_a_walk(samples in samples(), thresholds in proptest::collection::vec((-40i64..40, 0u32..3), 1..6), least in prop_oneof![1usize..5, 60usize..70, 100usize..500]) {
        let (kept, _) = plain(&samples);
        let (column, _) = column(&samples);
        let thresholds: Vec<Decimal> = thresholds.iter().map(|(m, s)| Decimal::new(*m, *s)).collect();
        for relation in [Relation::Above, Relation::AtLeast, Relation::Below, Relation::AtMost] {
            let expected: Vec<Vec<_>> = thresholds.iter().map(|threshold| {
                let mut runs: Vec<std::ops::Range<usize>> = Vec::new();
                for (place, (_, reading)) in kept.iter().enumerate() {
                    if !value(reading).is_some_and(|v| relation.holds(v, *threshold)) { continue }
                    match runs.last_mut() {
                        Some(run) if run.end == place => run.end += 1,
                        _ => runs.push(place..place + 1),
                    }
                }
                runs.retain(|run| run.len() >= least);
                runs
            }).collect();
            let answered = column.others.iter().all(|(_, reading)| value(reading).is_none());
            prop_assert_eq!(column.runs(relation, &thresholds, least), answered.then_some(expected));
        }
    }
}

/// Bounds between two steps, and beyond what a number holds, are decided exactly.
#[test]
fn bounds() {
    let mut column = Column::default();
    for (at, number) in [1i64, 2, 3].into_iter().enumerate() {
        let _ = column.observe_number(Timestamp::from_nanos(i64::try_from(at).unwrap()), number, 1);
    }
    let decimal = |text: &str| crate::decimal::parse_exact(text);
    assert_eq!(column.first_outside(0, decimal("0.09"), decimal("0.29")), Some(2));
    assert_eq!(column.first_outside(0, decimal("0.11"), None), Some(0));
    assert_eq!(
        column.first_outside(
            0,
            decimal("-79228162514264337593543950335"),
            decimal("79228162514264337593543950335")
        ),
        None
    );
    assert_eq!(column.first_outside(0, decimal("79228162514264337593543950335"), None), Some(0));
    assert_eq!(column.runs(Relation::Equal, &[Decimal::ONE], 1), None);
}
