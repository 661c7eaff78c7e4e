//! The rows, and the table in Markdown.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::time::Duration;

use super::Failure;
use super::case::Case;

/// What was seen of one fault.
#[derive(Debug, Clone)]
pub(super) struct Row {
    pub(super) case: Case,
    /// The trigger that is meant.
    pub(super) meant: String,
    /// From the switch to the first decision that was not to go on.
    pub(super) hold: Option<Duration>,
    /// From the switch to the first decision to roll back.
    pub(super) rollback: Option<Duration>,
    /// The triggers that asked for it.
    pub(super) because: Vec<String>,
    /// From the switch until the canary was seen to have no traffic.
    pub(super) drained: Option<Duration>,
    /// From the switch until the meant trigger asked for rollback, where the watch went on after the first decision.
    pub(super) meant_after: Option<Duration>,
    /// How long it was watched with the fault on.
    pub(super) watched: Duration,
}

/// What was seen without any fault.
#[derive(Debug, Clone, Default)]
pub(super) struct Healthy {
    pub(super) watched: Duration,
    pub(super) decisions: usize,
    pub(super) holds: usize,
    pub(super) rollbacks: usize,
    /// The triggers that asked for a rollback: none, it is to be hoped.
    pub(super) because: Vec<String>,
}

impl Healthy {
    /// Both together; as long as the longer one, as each stood beside its own rows.
    pub(super) fn and(mut self, other: Self) -> Self {
        self.watched = self.watched.max(other.watched);
        self.decisions = self.decisions.saturating_add(other.decisions);
        self.holds = self.holds.saturating_add(other.holds);
        self.rollbacks = self.rollbacks.saturating_add(other.rollbacks);
        self.because.extend(other.because);
        self
    }
}

impl Row {
    /// Whether the trigger that is meant asked for the rollback.
    pub(super) fn is_as_meant(&self) -> bool {
        self.because.contains(&self.meant) || self.meant_after.is_some()
    }

    fn decision(&self) -> String {
        let others: Vec<String> =
            self.because.iter().filter(|name| **name != self.meant).map(|name| format!("`{name}`")).collect();
        let meant = format!("`{}`", self.meant);
        match (self.rollback, self.because.contains(&self.meant), self.meant_after) {
            (None, ..) => format!("**none** by {meant}"),
            (Some(_), true, _) if others.is_empty() => format!("rollback by {meant}"),
            (Some(_), true, _) => format!("rollback by {meant} and {}", others.join(", ")),
            (Some(_), false, Some(after)) => {
                format!("rollback by {}; {meant} after {}", others.join(", "), seconds(after))
            }
            (Some(_), false, None) => format!("rollback by {}, **not** by {meant}", others.join(", ")),
        }
    }
}

/// The table, with the way that it was measured as its heading.
pub(super) fn table(heading: &str, rows: &[Row], healthy: Option<&Healthy>) -> String {
    let drains = rows.iter().any(|row| row.drained.is_some());
    let mut text = format!("{heading}\n\n| id | switch | to hold | to rollback | decision |");
    text.push_str(if drains { " canary at 0 % |" } else { "" });
    text.push_str(" healthy, as long |\n| --- | --- | --- | --- | --- | --- |");
    text.push_str(if drains { " --- |\n" } else { "\n" });
    let shown = |time: Option<Duration>| time.map_or_else(|| "-".to_owned(), seconds);
    for row in rows {
        let id = row.case.fault.switch().trigger;
        let (switch, decision) = (row.case.words(), row.decision());
        // writing to a string does not fail
        let _ = write!(
            text,
            "| {id} | {switch} | {} | {} | {decision} |",
            shown(row.hold.filter(|hold| row.rollback != Some(*hold))),
            shown(row.rollback)
        );
        if drains {
            let _ = write!(text, " {} |", shown(row.drained));
        }
        let quiet = match healthy {
            Some(healthy) if healthy.watched < row.rollback.unwrap_or(row.watched) => {
                "not measured".to_owned()
            }
            Some(healthy) if healthy.rollbacks == 0 => "0 rollbacks".to_owned(),
            Some(healthy) => format!("**{} rollbacks**", healthy.rollbacks),
            None => "not measured".to_owned(),
        };
        let _ = writeln!(text, " {quiet} |");
    }
    if let Some(healthy) = healthy {
        let Healthy { watched, decisions, holds, rollbacks, because } = healthy;
        let by = if because.is_empty() { String::new() } else { format!(" ({})", because.join(", ")) };
        let _ = writeln!(
            text,
            "\nWithout a fault, {}: {decisions} decisions, {} to go on, {holds} to hold, {rollbacks} to roll back{by}.",
            seconds(*watched),
            decisions.saturating_sub(*holds).saturating_sub(*rollbacks)
        );
    }
    text
}

/// A time as people say it.
pub(super) fn seconds(time: Duration) -> String {
    let whole = time.as_secs_f64().round();
    if time.as_secs() < 10 {
        format!("{:.1} s", time.as_secs_f64())
    } else if time.as_secs() < 120 {
        format!("{whole:.0} s")
    } else {
        format!("{} min {:02} s", time.as_secs() / 60, time.as_secs() % 60)
    }
}

/// Puts a table between its two marks in a file; where only some rows were measured, the others stay as they were.
///
/// # Errors
/// A file that cannot be read or written, or has no such marks.
pub(super) fn write(path: &Path, mark: &str, table: &str, some: bool) -> Result<(), Failure> {
    let name = path.display();
    let text = fs::read_to_string(path).map_err(|error| format!("`{name}`: {error}"))?;
    let between = between(&text, mark, table, some).ok_or_else(|| {
        format!(
            "`{name}` has no place for the table: expected `<!-- {mark} -->` and `<!-- end of {mark} -->`"
        )
    })?;
    Ok(fs::write(path, between).map_err(|error| format!("`{name}`: {error}"))?)
}

fn between(text: &str, mark: &str, table: &str, some: bool) -> Option<String> {
    let (begin, end) = (format!("<!-- {mark} -->\n"), format!("<!-- end of {mark} -->"));
    let (before, rest) = text.split_once(&begin)?;
    let (old, after) = rest.split_once(&end)?;
    let table = if some && !old.trim().is_empty() { with_rows_of(old, table) } else { table.to_owned() };
    Some(format!("{before}{begin}{}\n{end}{after}", table.trim_end()))
}

/// The old table with the rows of the new one in the place of its own.
fn with_rows_of(old: &str, new: &str) -> String {
    let id = |line: &str| line.strip_prefix("| T").and_then(|rest| rest.split(' ').next().map(str::to_owned));
    let measured = |line: &str| new.lines().find(|row| id(line).is_some() && id(row) == id(line));
    old.lines().map(|line| measured(line).unwrap_or(line)).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::Fault;

    fn row(rollback: Option<u64>, because: &[&str]) -> Row {
        Row {
            case: Case { fault: Fault::FloatMoney, level: 1 },
            meant: "decimal_precision".to_owned(),
            hold: Some(Duration::from_secs(2)),
            rollback: rollback.map(Duration::from_secs),
            because: because.iter().map(|name| (*name).to_owned()).collect(),
            drained: None,
            meant_after: None,
            watched: Duration::from_secs(200),
        }
    }

    /// A fault that nothing fired on, and one that another trigger spoke for, are shown as that.
    #[test]
    fn nothing_is_hidden() {
        let healthy = Healthy {
            watched: Duration::from_secs(100),
            decisions: 10,
            holds: 1,
            rollbacks: 0,
            because: Vec::new(),
        };
        for (row, shown, as_meant) in [
            (
                row(Some(4), &["decimal_precision"]),
                "| 2.0 s | 4.0 s | rollback by `decimal_precision` | 0 rollbacks |",
                true,
            ),
            (
                row(Some(150), &["api_latency"]),
                "| 2 min 30 s | rollback by `api_latency`, **not** by `decimal_precision` | not measured |",
                false,
            ),
            (row(None, &[]), "| 2.0 s | - | **none** by `decimal_precision` | not measured |", false),
        ] {
            let text = table("How", std::slice::from_ref(&row), Some(&healthy));
            assert!(text.contains(shown), "{text}");
            assert_eq!(row.is_as_meant(), as_meant);
        }
        let ill = Healthy { rollbacks: 2, because: vec!["api_latency".to_owned()], ..healthy };
        let text = table("How", &[row(Some(4), &["decimal_precision"])], Some(&ill));
        assert!(text.contains("**2 rollbacks**") && text.contains("2 to roll back (api_latency)"), "{text}");
    }

    /// A table replaces the one before it, or its rows do, and nothing else.
    #[test]
    fn a_table_takes_its_place() {
        let text = "a\n<!-- t -->\n<!-- end of t -->\nb\n";
        let first = "H\n| T1 | x |\n| T11 | y |\n";
        let once = between(text, "t", first, true).unwrap();
        assert_eq!(once, format!("a\n<!-- t -->\n{first}<!-- end of t -->\nb\n"));
        let again = "K\n| T1 | z |\n";
        assert_eq!(
            between(&once, "t", again, false).unwrap(),
            format!("a\n<!-- t -->\n{again}<!-- end of t -->\nb\n")
        );
        let some = between(&once, "t", again, true).unwrap();
        assert_eq!(some, "a\n<!-- t -->\nH\n| T1 | z |\n| T11 | y |\n<!-- end of t -->\nb\n");
        assert_eq!(between(text, "other", first, false), None);
    }
}
