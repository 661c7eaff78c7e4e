//! From keys to windows.

use jiff::civil::{Date, DateTime, Time, Weekday};
use jiff::tz::TimeZone;

use super::{Days, FreezeCalendar, FreezeTime, FreezeWindow, WINDOWS_MAX};
use crate::config::document::{Kind, Node};
use crate::config::plain::Plain;
use crate::config::read::{Reader, nearest, shown};
use crate::config::shape::FREEZE;

/// Longest reason: it is shown on one line.
const BECAUSE_CHARS_MAX: usize = 200;

const CLOCK: &str = "a time in quotes, \"09:55\", or a date and a time, \"2026-12-24 18:00\"";
const DAYS: &str = "days such as mon-fri, or a list such as [mon, wed, fri]";
const ZONE: &str = "the name of a time zone, such as Europe/Istanbul or UTC";

const WEEK: [(&str, Weekday); 7] = [
    ("mon", Weekday::Monday),
    ("tue", Weekday::Tuesday),
    ("wed", Weekday::Wednesday),
    ("thu", Weekday::Thursday),
    ("fri", Weekday::Friday),
    ("sat", Weekday::Saturday),
    ("sun", Weekday::Sunday),
];

/// What stands at `from` and at `to`.
enum Clock {
    Daily(Time),
    Dated(DateTime),
}

pub(in crate::config) fn read(reader: &mut Reader<'_>, node: &Node) -> FreezeCalendar {
    let items = reader.list(node, "a list of windows, each with `from`, `to`, `zone` and `because`");
    if items.len() > WINDOWS_MAX {
        reader.wrong(node.place, format!("{} windows: expected at most {WINDOWS_MAX}", items.len()));
        return FreezeCalendar::default();
    }
    FreezeCalendar::new(items.iter().filter_map(|item| window(reader, item)).collect())
}

fn window(reader: &mut Reader<'_>, node: &Node) -> Option<FreezeWindow> {
    let fields = reader.fields(node, &FREEZE)?;
    let from = fields.get("from").and_then(|node| clock(reader, node, false));
    let to = fields.get("to").and_then(|node| clock(reader, node, true));
    let days = fields.get("days").map(|node| days(reader, node));
    let zone = fields.get("zone").and_then(|node| zone(reader, node));
    let because = fields.get("because").and_then(|node| because(reader, node));
    let when = match (from?, to?) {
        (Clock::Daily(from), Clock::Daily(to)) if from == to && from != Time::midnight() => {
            let words = "it begins and ends at the same time: write \"00:00\" and \"24:00\" for whole days";
            reader.wrong(fields.place_of("to"), words);
            return None;
        }
        (Clock::Daily(from), Clock::Daily(to)) => {
            FreezeTime::Weekly { from, to, days: days.unwrap_or(Some(Days::ALL))? }
        }
        (Clock::Dated(from), Clock::Dated(to)) if from < to => {
            if days.is_some() {
                reader.wrong(fields.place_of("days"), "a window with dates comes once, and has no `days`");
            }
            FreezeTime::Once { from, to }
        }
        (Clock::Dated(_), Clock::Dated(_)) => {
            reader.wrong(fields.place_of("to"), "it ends before it begins");
            return None;
        }
        _ => {
            let words = "one of `from` and `to` has a date and the other has none: expected both, or none";
            reader.wrong(fields.place_of("to"), words);
            return None;
        }
    };
    Some(FreezeWindow { when, zone: zone?, because: because? })
}

/// A time on a clock. Only `to` may be 24:00, the midnight at which a day ends.
fn clock(reader: &mut Reader<'_>, node: &Node, is_end: bool) -> Option<Clock> {
    if let Kind::Scalar { text, quoted: false } = &node.kind
        && matches!(Plain::of(text), Plain::Sexagesimal | Plain::Date)
    {
        let words = format!(
            "`{0}` without quotes is a number or a date to some readers of YAML: write \"{0}\"",
            shown(text)
        );
        reader.wrong(node.place, words);
        return None;
    }
    let text = reader.text(node, CLOCK)?;
    let read = match text.split_once(['T', ' ']) {
        None => time(&text, is_end).map(|(time, _)| Clock::Daily(time)),
        Some((day, of_day)) => date(day).zip(time(of_day, is_end)).and_then(|(date, (time, next))| {
            let date = if next { date.tomorrow().ok()? } else { date };
            Some(Clock::Dated(date.to_datetime(time)))
        }),
    };
    if read.is_none() {
        reader.wrong(node.place, format!("`{}` is no time: expected {CLOCK}", shown(&text)));
    }
    read
}

/// `09:55` or `09:55:30`; and whether it is the midnight at which the day ends.
fn time(text: &str, is_end: bool) -> Option<(Time, bool)> {
    if is_end && matches!(text, "24:00" | "24:00:00") {
        return Some((Time::midnight(), true));
    }
    let parts: Vec<i8> = text.split(':').map(two_digits).collect::<Option<_>>()?;
    let time = match parts.as_slice() {
        [hour, minute] => Time::new(*hour, *minute, 0, 0),
        [hour, minute, second] => Time::new(*hour, *minute, *second, 0),
        _ => return None,
    };
    Some((time.ok()?, false))
}

fn two_digits(text: &str) -> Option<i8> {
    if text.len() == 2 && text.bytes().all(|b| b.is_ascii_digit()) { text.parse().ok() } else { None }
}

/// `2026-12-24`.
fn date(text: &str) -> Option<Date> {
    let (year, rest) = text.split_once('-')?;
    let (month, day) = rest.split_once('-')?;
    let year = if year.len() == 4 { year.parse().ok()? } else { return None };
    Date::new(year, two_digits(month)?, two_digits(day)?).ok()
}

fn days(reader: &mut Reader<'_>, node: &Node) -> Option<Days> {
    if !matches!(node.kind, Kind::List(_)) {
        return some_days(reader, node, Days::default());
    }
    let items = reader.list(node, DAYS);
    if items.is_empty() {
        reader.wrong(node.place, format!("no day at all: expected {DAYS}"));
        return None;
    }
    let mut all = Some(Days::default());
    for item in items {
        let found = some_days(reader, item, all.unwrap_or_default());
        // one that is wrong spoils the list, and the others are looked at all the same
        all = all.and(found);
    }
    all
}

/// A day, or all from one to another, added to others.
fn some_days(reader: &mut Reader<'_>, node: &Node, before: Days) -> Option<Days> {
    let text = reader.text(node, DAYS)?;
    let found = days_of(&text, before);
    if found.is_none() {
        let word = text.split('-').find(|word| day(word).is_none()).unwrap_or_default();
        let words = match nearest(word, WEEK.iter().map(|(name, _)| *name)) {
            Some(near) => format!("`{}` is no day: did you mean `{near}`?", shown(word)),
            None => format!("`{}` is no day: expected {DAYS}", shown(word)),
        };
        reader.wrong(node.place, words);
    }
    found
}

/// `mon`, or `mon-fri`, which may go over the end of the week.
fn days_of(text: &str, before: Days) -> Option<Days> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let (mut now, last) = (day(first)?, day(last)?);
    let mut days = before.and(now);
    while now != last {
        now = now.next();
        days = days.and(now);
    }
    Some(days)
}

fn day(word: &str) -> Option<Weekday> {
    WEEK.iter().find(|(name, _)| *name == word.trim().to_lowercase()).map(|(_, day)| *day)
}

fn zone(reader: &mut Reader<'_>, node: &Node) -> Option<TimeZone> {
    let text = reader.text(node, ZONE)?;
    if let Ok(zone) = TimeZone::get(&text) {
        return Some(zone);
    }
    let names: Vec<String> = jiff::tz::db().available().map(|name| name.as_str().to_owned()).collect();
    let words = match nearest(&text, names.iter().map(String::as_str)) {
        Some(near) => format!("there is no time zone `{}`: did you mean `{near}`?", shown(&text)),
        None => format!("there is no time zone `{}`: expected {ZONE}", shown(&text)),
    };
    reader.wrong(node.place, words);
    None
}

fn because(reader: &mut Reader<'_>, node: &Node) -> Option<String> {
    let text = reader.text(node, "why nothing may advance then, in words")?;
    if text.chars().nth(BECAUSE_CHARS_MAX).is_some() {
        reader.wrong(node.place, format!("it is longer than {BECAUSE_CHARS_MAX} characters"));
        return None;
    }
    Some(text)
}
