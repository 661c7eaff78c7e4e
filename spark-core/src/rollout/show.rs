//! The run of show: what a release's day holds, by the clock whose zero is the first stage.
//!
//! It is a plan's timetable and moves nothing: a rollout that holds falls behind it, and a reader sees by how much.

use serde::{Deserialize, Serialize};

use crate::time::{TimeSpan, Timestamp};
use crate::trigger::Plan;

/// What comes before the first stage, in minutes before it.
const BEFORE: [(u32, &str); 6] = [
    (30, "change freeze"),
    (20, "war room"),
    (10, "preflight"),
    (9, "blast radius"),
    (5, "red team"),
    (2, "green button"),
];

/// From the end of the last stage to the first night: the time in which the release is signed off.
const SIGN_OFF: TimeSpan = TimeSpan::from_seconds(15 * 60);

/// When the release note and the rest of the papers are due, and the freeze is lifted.
const CLOSING: TimeSpan = TimeSpan::from_seconds(24 * 3600);

/// What closes the day.
const AFTER: [&str; 3] = ["release note", "small post-mortem", "freeze lift"];

/// How often a person looks during the first night: until so many hours after the watch began, every so many minutes.
const RHYTHM: [(u32, u32); 3] = [(2, 15), (6, 30), (24, 60)];

/// An item of the day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShowItem {
    /// When it is due.
    pub at: Timestamp,
    /// What it is.
    pub title: String,
}

/// A release's day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunOfShow {
    opens: Timestamp,
    // INVARIANT: in order of time, and not empty
    items: Vec<ShowItem>,
}

impl RunOfShow {
    /// The day of a plan whose first stage is at `opens`.
    pub fn of(plan: &Plan, opens: Timestamp) -> Self {
        let item = |at: Timestamp, title: String| ShowItem { at, title };
        let minutes = |count: u32| TimeSpan::from_seconds(60).times(count);
        let mut items: Vec<ShowItem> = BEFORE
            .iter()
            .map(|(before, title)| item(opens.minus(minutes(*before)), (*title).to_owned()))
            .collect();
        let mut at = opens;
        for (number, stage) in (1_u32..).zip(&plan.stages) {
            items.push(item(at, format!("stage {number}, {}", stage.share_text())));
            at = at.plus(plan.warmup).plus(stage.duration);
        }
        let night = at.plus(SIGN_OFF);
        items.push(item(night, "first night".to_owned()));
        // a plan of days closes a day after its night began
        let closing = opens.plus(CLOSING);
        let closing = if closing > night { closing } else { night.plus(CLOSING) };
        items.extend(AFTER.iter().map(|title| item(closing, (*title).to_owned())));
        Self { opens, items }
    }

    /// Every item, the first one first.
    pub fn items(&self) -> &[ShowItem] {
        &self.items
    }

    /// The item that is on at an instant, and the one after it.
    pub fn around(&self, now: Timestamp) -> (Option<&ShowItem>, Option<&ShowItem>) {
        let begun = self.items.partition_point(|item| item.at <= now);
        (begun.checked_sub(1).and_then(|last| self.items.get(last)), self.items.get(begun))
    }

    /// An instant by the day's clock, in whole minutes: `T-30`, `T+15`; beyond a day in hours: `T+24h`.
    pub fn clock(&self, at: Timestamp) -> String {
        let (sign, apart) = match at < self.opens {
            true => ('-', self.opens.since(at)),
            false => ('+', at.since(self.opens)),
        };
        let seconds = apart.nanos().checked_div(1_000_000_000).unwrap_or_default();
        // a countdown says the minute that is not over yet
        let up = if sign == '-' { 59 } else { 0 };
        let minutes = seconds.saturating_add(up).checked_div(60).unwrap_or_default();
        match (minutes, seconds) {
            (0, _) => "T-0".to_owned(),
            (minutes, seconds)
                if seconds >= CLOSING.nanos().checked_div(1_000_000_000).unwrap_or(i64::MAX) =>
            {
                let hours = minutes.checked_div(60).unwrap_or_default();
                format!("T{sign}{hours}h")
            }
            (minutes, _) => format!("T{sign}{minutes}"),
        }
    }
}

/// When a person looks next, at `now`, in a watch that began at `since`; none after the first night.
pub fn next_look(since: Timestamp, now: Timestamp) -> Option<Timestamp> {
    let passed = now.since(since);
    let hour = TimeSpan::from_seconds(3600);
    for (until, every) in RHYTHM {
        if passed < hour.times(until) {
            let every = TimeSpan::from_seconds(60).times(every);
            // counted from the watch's own beginning, not from the full hour
            let rounds = passed.nanos().checked_div(every.nanos()).unwrap_or_default().saturating_add(1);
            return Some(since.plus(every.times(u32::try_from(rounds).unwrap_or(u32::MAX))));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signal::SourceSpan;
    use crate::trigger::Stage;

    fn plan() -> Plan {
        let stage = |share_bp| Stage {
            share_bp,
            duration: TimeSpan::from_seconds(15 * 60),
            approval: false,
            span: SourceSpan::default(),
        };
        Plan {
            name: "canary".to_owned(),
            title: None,
            stages: [100, 500, 2500, 5000, 10_000].map(stage).to_vec(),
            proceed: None,
            warmup: TimeSpan::ZERO,
            watch: TimeSpan::ZERO,
            span: SourceSpan::default(),
        }
    }

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    /// The standard plan's day is the run of show as it was ordered, to the minute.
    #[test]
    fn standard_day() {
        let show = RunOfShow::of(&plan(), at("2026-01-05T10:00:00Z"));
        let told: Vec<String> =
            show.items().iter().map(|item| format!("{} {}", show.clock(item.at), item.title)).collect();
        assert_eq!(
            told,
            [
                "T-30 change freeze",
                "T-20 war room",
                "T-10 preflight",
                "T-9 blast radius",
                "T-5 red team",
                "T-2 green button",
                "T-0 stage 1, 1%",
                "T+15 stage 2, 5%",
                "T+30 stage 3, 25%",
                "T+45 stage 4, 50%",
                "T+60 stage 5, 100%",
                "T+90 first night",
                "T+24h release note",
                "T+24h small post-mortem",
                "T+24h freeze lift",
            ]
        );
    }

    /// At each instant one item is on and one is next; before the day and after it, none.
    #[test]
    fn around() {
        let show = RunOfShow::of(&plan(), at("2026-01-05T10:00:00Z"));
        for (now, on, next) in [
            ("2026-01-05T09:29:59Z", None, Some("change freeze")),
            ("2026-01-05T09:30:00Z", Some("change freeze"), Some("war room")),
            ("2026-01-05T10:14:59Z", Some("stage 1, 1%"), Some("stage 2, 5%")),
            ("2026-01-05T10:15:00Z", Some("stage 2, 5%"), Some("stage 3, 25%")),
            ("2026-01-06T10:00:00Z", Some("freeze lift"), None),
        ] {
            let (is_on, is_next) = show.around(at(now));
            let titles = (is_on.map(|item| item.title.as_str()), is_next.map(|item| item.title.as_str()));
            assert_eq!(titles, (on, next), "{now}");
        }
    }

    /// The clock counts whole minutes, and hours beyond a day.
    #[test]
    fn clock() {
        let show = RunOfShow::of(&plan(), at("2026-01-05T10:00:00Z"));
        for (now, told) in [
            ("2026-01-05T09:59:59Z", "T-1"),
            ("2026-01-05T10:00:59Z", "T-0"),
            ("2026-01-05T10:01:00Z", "T+1"),
            ("2026-01-06T09:59:59Z", "T+1439"),
            ("2026-01-06T11:00:00Z", "T+25h"),
            ("2026-01-04T09:00:00Z", "T-25h"),
        ] {
            assert_eq!(show.clock(at(now)), told, "{now}");
        }
    }

    /// A plan that is longer than a day closes after its night, and its day stays in order.
    #[test]
    fn long_plan() {
        let mut plan = plan();
        for stage in &mut plan.stages {
            stage.duration = TimeSpan::from_seconds(24 * 3600);
        }
        let show = RunOfShow::of(&plan, at("2026-01-05T10:00:00Z"));
        assert!(show.items().is_sorted_by_key(|item| item.at), "{show:?}");
        assert_eq!(show.items().last().unwrap().title, "freeze lift");
    }

    /// The first night: every 15 minutes for two hours, every 30 until the sixth, hourly until the 24th, then none.
    #[test]
    fn first_night() {
        let since = at("2026-01-05T22:07:00Z");
        let mut now = since;
        let mut looks = 0;
        while let Some(next) = next_look(since, now) {
            let apart = next.since(now).nanos() / 60_000_000_000;
            let hours = now.since(since).nanos() / 3_600_000_000_000;
            assert_eq!(
                apart,
                if hours < 2 {
                    15
                } else if hours < 6 {
                    30
                } else {
                    60
                },
                "{now}"
            );
            (now, looks) = (next, looks + 1);
        }
        assert_eq!((looks, now), (8 + 8 + 18, at("2026-01-06T22:07:00Z")));
    }
}
