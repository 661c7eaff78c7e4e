//! Whether a trigger asks for at least as much as it did.
//!
//! What it asks for is worked out in DESIGN: levels that are reached at least as often and left no sooner; what was unknown is
//! not false; a `for` that ran still runs. `unless` decides nothing, so it may change freely, as may words for people.

use super::implication::{Demand, Implication};
use super::normal::{Meaning, has_for_in_sequence, reads_previous_stage};
use super::words::condition_words;
use super::{Comparer, Loosening};
use crate::condition::Condition;
use crate::signal::SourceSpan;
use crate::trigger::{Severity, Trigger};

/// A trigger before and after.
struct Pair<'a> {
    name: &'a str,
    old: &'a Trigger,
    new: &'a Trigger,
    before: Meaning,
    after: Meaning,
}

impl Comparer<'_> {
    /// Every trigger of the old policy must be there, and ask for at least as much; new ones may be added.
    pub(super) fn triggers(&mut self) {
        let fresh = |new: &&Trigger| self.old.trigger_id(&new.name).is_none();
        let fresh: Vec<&Trigger> = self.new.triggers().iter().filter(fresh).collect();
        for old in self.old.triggers() {
            let namesake = self.new.trigger(&old.name);
            let outcome = match namesake {
                Some(new) => self.trigger(old, new),
                None => Err(vec![gone(old)]),
            };
            let outcome = outcome.or_else(|refused| self.successor(old, &fresh).ok_or(refused));
            match outcome {
                Ok(changes) => self.changes.extend(changes),
                Err(refused) => self.loosenings.extend(refused),
            }
        }
        self.changes.extend(fresh.iter().map(|new| format!("trigger `{}` is new", new.name)));
    }

    /// A trigger under a new name that asks for at least as much. Its name must be new, or an override of the trigger
    /// that bore it would silence this one.
    fn successor(&mut self, old: &Trigger, fresh: &[&Trigger]) -> Option<Vec<String>> {
        fresh.iter().find_map(|new| {
            let mut changes = self.trigger(old, new).ok()?;
            changes.insert(0, format!("trigger `{}` is now `{}`", old.name, new.name));
            Some(changes)
        })
    }

    fn trigger(&mut self, old: &Trigger, new: &Trigger) -> Result<Vec<String>, Vec<Loosening>> {
        let pair = Pair {
            name: &old.name,
            old,
            new,
            before: self.before().trigger(old),
            after: self.after().trigger(new),
        };
        let (mut changes, mut refused) = (Vec::new(), Vec::new());
        self.patience(&pair, &mut changes, &mut refused);
        if pair.before.given != pair.after.given {
            refused.push(pair.refused(
                "its `given` changed",
                "where `given` is not true its levels are unknown, and where it is they may be false: neither is always the tighter",
            ));
        }
        if pair.before != pair.after && refused.is_empty() {
            self.clear(&pair, &mut changes, &mut refused);
            self.levels(&pair, &mut changes, &mut refused);
        }
        if refused.is_empty() { Ok(changes) } else { Err(refused) }
    }

    /// `unknown hold, then rollback after d`: it may come, and it may come sooner.
    fn patience(&self, pair: &Pair<'_>, changes: &mut Vec<String>, refused: &mut Vec<Loosening>) {
        let words = |after: Option<crate::time::TimeSpan>| match after {
            Some(after) => format!("`unknown hold, then rollback after {after}`"),
            None => "`unknown hold`".to_owned(),
        };
        let (old, new) = (pair.old.unknown_rollback_after, pair.new.unknown_rollback_after);
        let tighter = match (old, new) {
            (None, _) => true,
            (Some(old), Some(new)) => new <= old,
            (Some(_), None) => false,
        };
        match tighter {
            true if old == new => {}
            true => changes.push(format!("trigger `{}`: {} is now {}", pair.name, words(old), words(new))),
            false => refused.push(pair.refused(
                &format!("{} is now {}", words(old), words(new)),
                "missing evidence would ask for rollback later, or never",
            )),
        }
    }

    /// A level may be left no sooner.
    fn clear(&self, pair: &Pair<'_>, changes: &mut Vec<String>, refused: &mut Vec<Loosening>) {
        let words = |clear: &Option<Condition>| match clear {
            Some(clear) => format!("`clear when {}`", condition_words(self.new, clear)),
            None => "no `clear`".to_owned(),
        };
        let (old, new) = (&pair.before.clear, &pair.after.clear);
        if old == new {
            return;
        }
        let what = format!("{} is now {}", words(old), words(new));
        let (Some(was), Some(is)) = (old, new) else {
            refused
                .push(pair.refused(&what, "with and without a `clear`, a level is left at other instants"));
            return;
        };
        if pair.old.unknown_rollback_after.is_some() {
            refused.push(
                pair.refused(&what, "a level that is kept for longer may hide how long evidence is missing"),
            );
        } else if reads_previous_stage(was) != reads_previous_stage(is) {
            refused.push(pair.refused(&what, "only one of both reads the stage before"));
        } else if let Err(reason) = Implication::new(self.new).show(is, was, Demand::default()) {
            refused.push(pair.refused(&what, &format!("a level might be left sooner: {}", reason.words)));
        } else {
            changes.push(format!("trigger `{}`: {what}", pair.name));
        }
    }

    fn levels(&self, pair: &Pair<'_>, changes: &mut Vec<String>, refused: &mut Vec<Loosening>) {
        let (before, after) = (&pair.before.levels, &pair.after.levels);
        if before == after {
            return;
        }
        let both = || before.iter().chain(after).map(|(_, condition)| condition);
        if both().any(has_for_in_sequence) {
            let why = "with a `for` inside of `then`, nothing can be shown of the trigger's other levels: put the new level into a trigger of its own";
            refused.push(pair.refused("its levels changed", why));
            return;
        }
        if both().count() > 2 && both().any(reads_previous_stage) {
            let why = "a level that reads the stage before is left out at times, and with it what the others show: put the new level into a trigger of its own";
            refused.push(pair.refused("its levels changed", why));
            return;
        }
        let lowest = before.first().map(|(severity, _)| *severity);
        let waits = pair.old.unknown_rollback_after.is_some();
        for (severity, condition) in before {
            let Some((now, stronger)) = pair.heir(*severity) else {
                let what = format!("its `{}` level is gone", severity.as_str());
                refused.push(pair.refused(&what, &loss(*severity)));
                continue;
            };
            if now == *severity && *stronger == *condition {
                continue;
            }
            let what = format!(
                "`{} when {}` is now `{} when {}`",
                severity.as_str(),
                condition_words(self.new, condition),
                now.as_str(),
                condition_words(self.new, stronger)
            );
            let outcome = if waits && (Some(*severity) != lowest || now != *severity) {
                Err("a level that is reached more often would hide how long evidence of a lower one is missing, which leads to rollback: put the new level into a trigger of its own".to_owned())
            } else if reads_previous_stage(condition) != reads_previous_stage(stronger) {
                Err("one of both reads the stage before, and is left out in the first".to_owned())
            } else {
                let demand = pair.demand(*severity, now, waits);
                let shown = Implication::new(self.new).show(condition, stronger, demand);
                let beside = if demand.keep_unknown { "" } else { "with `or`, or " };
                shown.map_err(|reason| {
                    let why = reason.words;
                    format!(
                        "{why} (keep the old condition and add the new one {beside}as a trigger of its own)"
                    )
                })
            };
            match outcome {
                Ok(()) => changes.push(format!("trigger `{}`: {what}", pair.name)),
                Err(why) => {
                    refused.push(Loosening { span: pair.level_span(now), ..pair.refused(&what, &why) })
                }
            }
        }
        for (severity, condition) in pair.added() {
            let what =
                format!("`{} when {}` is new", severity.as_str(), condition_words(self.new, condition));
            if waits && Some(*severity) > lowest {
                let why = "while it shows, how long evidence of a lower level is missing is not counted, which leads to rollback: put it into a trigger of its own";
                refused.push(Loosening { span: pair.level_span(*severity), ..pair.refused(&what, why) });
            } else {
                changes.push(format!("trigger `{}`: {what}", pair.name));
            }
        }
    }
}

impl Pair<'_> {
    fn refused(&self, what: &str, why: &str) -> Loosening {
        Loosening {
            what: format!("trigger `{}`: {what}", self.name),
            why: why.to_owned(),
            span: Some(self.new.span),
        }
    }

    fn level_span(&self, severity: Severity) -> Option<SourceSpan> {
        self.new.levels.iter().find(|level| level.severity == severity).map(|level| level.span)
    }

    /// The level that stands for an old one: of the same severity; or where there was no rollback, the rollback that a
    /// hold has become.
    fn heir(&self, severity: Severity) -> Option<(Severity, &Condition)> {
        let find = |wanted: Severity| {
            self.after.levels.iter().find(|(level, _)| *level == wanted).map(|(level, c)| (*level, c))
        };
        find(severity).or_else(|| self.promoted(severity).then(|| find(Severity::Rollback)).flatten())
    }

    fn promoted(&self, severity: Severity) -> bool {
        let had_rollback = self.before.levels.iter().any(|(level, _)| *level == Severity::Rollback);
        severity == Severity::Hold && !had_rollback
    }

    /// The levels that stand for no old one.
    fn added(&self) -> impl Iterator<Item = &(Severity, Condition)> {
        let heirs: Vec<_> =
            self.before.levels.iter().filter_map(|(s, _)| self.heir(*s)).map(|(s, _)| s).collect();
        self.after.levels.iter().filter(move |(severity, _)| !heirs.contains(severity))
    }

    fn demand(&self, severity: Severity, now: Severity, waits: bool) -> Demand {
        let holds = severity >= Severity::Hold;
        Demand {
            pointwise: false,
            counting: holds,
            exposed: true,
            // at `warn` unknown asks for hold, and truth for nothing
            keep_unknown: waits || !holds,
            // without a `clear`, a hold is left as soon as its condition is false, and until then its clock runs
            pending_is_enough: severity == Severity::Hold && now == severity && self.after.clear.is_none(),
        }
    }
}

fn gone(old: &Trigger) -> Loosening {
    let line = old.name.strip_prefix("line_").or_else(|| old.name.rsplit_once("_line_").map(|(_, n)| n));
    let by_line = line.is_some_and(|n| n.bytes().all(|digit| digit.is_ascii_digit()));
    let why = if by_line {
        "nothing new asks for at least as much (a one-line trigger is named after its line: where it only moved, give it its old line or add what is new below it)"
    } else {
        "nothing new asks for at least as much"
    };
    Loosening { what: format!("trigger `{}` is gone", old.name), why: why.to_owned(), span: None }
}

fn loss(severity: Severity) -> String {
    match severity {
        Severity::Warn => "while evidence for it is missing it asks for hold".to_owned(),
        _ => format!("nothing asks for {} where it did", severity.as_str()),
    }
}
