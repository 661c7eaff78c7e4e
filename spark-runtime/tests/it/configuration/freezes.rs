//! Freezes: by a clock on a wall, over every change of that clock.

use jiff::civil::{DateTime, Time};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, ToSpan};
use proptest::prelude::*;
use spark_core::Timestamp;
use spark_runtime::config::{Days, FreezeCalendar, FreezeTime, FreezeWindow};

use super::{GOOD, read};

/// Zones with all that clocks do: half hours, two hours, a day that was skipped, changes at midnight, a negative
/// summer, and none.
const ZONES: [&str; 12] = [
    "Europe/Istanbul",
    "Europe/Berlin",
    "America/New_York",
    "America/Sao_Paulo",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "Africa/Casablanca",
    "Europe/Dublin",
    "Asia/Kathmandu",
    "Antarctica/Troll",
    "America/Nuuk",
    "UTC",
];

fn instant(at: jiff::Timestamp) -> Timestamp {
    Timestamp::from_nanos(i64::try_from(at.as_nanosecond()).unwrap())
}

/// Every change of a zone's clock from 1970 on: the rules of its future too.
fn changes(zone: &TimeZone) -> Vec<jiff::Timestamp> {
    zone.following("1970-01-01T00:00:00Z".parse().unwrap())
        .map(|change| change.timestamp())
        .take_while(|at| *at < "2060-01-01T00:00:00Z".parse().unwrap())
        .collect()
}

fn calendar(window: FreezeWindow) -> FreezeCalendar {
    FreezeCalendar::new(vec![window])
}

fn weekly(from: Time, to: Time, zone: &TimeZone) -> FreezeWindow {
    FreezeWindow {
        when: FreezeTime::Weekly { from, to, days: Days::ALL },
        zone: zone.clone(),
        because: "x".to_owned(),
    }
}

/// Whether a time on the clock is within a window that comes every day.
fn on_the_clock(time: Time, from: Time, to: Time) -> bool {
    if from < to { from <= time && time < to } else { time >= from || time < to }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// At the changes of every clock, every eighth from a random one: whatever the clock shows of a window is frozen, both times where it shows it
    /// twice; a window within what the clock skips is not lost; and a day away from changes it is exactly the window.
    #[test]
    fn over_changes_of_the_clock(zone in 0..ZONES.len(), first in 0_usize..8, minutes in 1_i64..600, before in -180_i64..180) {
        let zone = TimeZone::get(ZONES[zone]).unwrap();
        for change in changes(&zone).into_iter().skip(first).step_by(8) {
            // a window that begins near what the clock would have shown at the change
            let shown = zone.to_offset(change - SignedDuration::from_nanos(1)).to_datetime(change);
            let begin = shown.checked_add(before.minutes()).unwrap();
            let end = begin.checked_add(minutes.minutes()).unwrap();
            let (from, to) = (begin.time(), end.time());
            let daily = calendar(weekly(from, to, &zone));
            let once = calendar(FreezeWindow {
                when: FreezeTime::Once { from: begin, to: end },
                zone: zone.clone(),
                because: "x".to_owned(),
            });
            let mut frozen = false;
            for minute in -720_i64..720 {
                let at = change + SignedDuration::from_mins(minute);
                let clock = zone.to_datetime(at);
                let (by_day, by_date) = (daily.frozen_at(instant(at)), once.frozen_at(instant(at)));
                if on_the_clock(clock.time(), from, to) {
                    prop_assert!(by_day.is_some(), "{at} {clock} {from} {to}");
                }
                if begin <= clock && clock < end {
                    prop_assert!(by_date.is_some(), "{at} {clock} {begin} {end}");
                }
                if let Some(freeze) = &by_date {
                    frozen = true;
                    prop_assert!(freeze.until > instant(at));
                    prop_assert!(once.frozen_at(freeze.until).is_none(), "the end is outside");
                }
            }
            prop_assert!(frozen, "the window from {begin} to {end} was lost at {change}");
        }
    }
}

/// Far from any change a window is what the clock shows, to the second, and the days are those on which it begins.
#[test]
fn exact_on_plain_days() {
    let zone = TimeZone::get("Europe/Istanbul").unwrap();
    let at = |text: &str| text.parse::<DateTime>().unwrap().to_zoned(zone.clone()).unwrap().timestamp();
    let config = read(&format!(
        "{GOOD}freeze:
  - {{ from: \"09:55\", to: \"10:10\", days: mon-fri, zone: Europe/Istanbul, because: opening }}
  - {{ from: \"22:00\", to: \"02:00\", days: [fri, sun], zone: Europe/Istanbul, because: night }}
  - {{ from: \"2026-12-24 18:00\", to: \"2026-12-26 24:00\", zone: Europe/Istanbul, because: holidays }}
  - {{ from: \"10:10\", to: \"10:20\", days: tue, zone: Europe/Istanbul, because: behind it }}
"
    ))
    .unwrap();
    for (text, expected) in [
        ("2026-11-23 09:54:59", None), // a Monday
        ("2026-11-23 09:55:00", Some(("opening", "2026-11-23 10:10"))),
        ("2026-11-23 10:09:59", Some(("opening", "2026-11-23 10:10"))),
        ("2026-11-23 10:10:00", None),
        ("2026-11-24 10:00:00", Some(("opening", "2026-11-24 10:20"))), // two without a gap
        ("2026-11-28 10:00:00", None),                                  // a Saturday
        ("2026-11-27 23:00:00", Some(("night", "2026-11-28 02:00"))),
        ("2026-11-28 01:59:59", Some(("night", "2026-11-28 02:00"))),
        ("2026-11-28 23:00:00", None),
        ("2026-11-30 01:00:00", Some(("night", "2026-11-30 02:00"))), // Sunday's, on Monday
        ("2026-12-24 17:59:59", None),
        ("2026-12-25 22:30:00", Some(("holidays", "2026-12-27 00:00"))),
        ("2026-12-27 00:00:00", None),
    ] {
        let freeze = config.freeze.frozen_at(instant(at(text)));
        let told = freeze.as_ref().map(|freeze| (freeze.because.as_str(), freeze.until));
        assert_eq!(told, expected.map(|(because, until)| (because, instant(at(until)))), "{text}");
    }
}

/// What never ends is told until a day on which it is asked again, and costs no time.
#[test]
fn always() {
    let whole = calendar(weekly(Time::midnight(), Time::midnight(), &TimeZone::UTC));
    for at in [Timestamp::EPOCH, Timestamp::from_nanos(i64::MAX - 1), Timestamp::from_nanos(i64::MIN)] {
        let freeze = whole.frozen_at(at);
        assert!(freeze.is_none_or(|freeze| freeze.until > at));
    }
    assert!(whole.frozen_at(Timestamp::from_millis(1_767_603_600_000)).is_some());
    assert!(FreezeCalendar::default().frozen_at(Timestamp::EPOCH).is_none());
}
