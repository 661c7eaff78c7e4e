//! Alerting rules as people write them by hand: an expression and a `for`, without recorded series.
//!
//! Only a trigger whose levels each compare signals with numbers, with at most one `for` around the whole, can be said so. It fires where
//! Spark shows the level as long as no evidence is missing: then Prometheus forgets what was held, and Spark does not.

use spark_core::{Condition, Expression, Test, TimeSpan, Track, Trigger};

use super::conditions::is_exact;
use super::record::{Builder, Rule};
use super::text::{Binding, Promql, number};

/// Digits that a threshold in the source's unit is rounded to: those that a binary float holds.
const FLOAT_DIGITS: u32 = 15;

impl Builder<'_> {
    /// Builds the whole file of plain alerts.
    pub(super) fn everything_plain(&mut self) {
        self.notes.insert(
            "A `for` starts over when its expression has no value: where samples are missing, Spark keeps what was held, and an alert that fires ends there.",
        );
        self.notes.insert("Each level's alert fires by itself: at rollback, the hold alert may fire too.");
        for id in self.order() {
            let Some(trigger) = self.loaded.policy.triggers().get(id.index()) else { continue };
            let subject = format!("trigger `{}`", trigger.name);
            match self.plain_levels(trigger) {
                Ok(levels) => self.plain_alerts(trigger, levels),
                Err(reason) => self.refuse(subject, trigger.span, reason),
            }
        }
    }

    /// Each level's expression and `for`.
    fn plain_levels(&mut self, trigger: &Trigger) -> Result<Vec<(String, Option<TimeSpan>)>, String> {
        for (there, what) in [
            (trigger.clear.is_some(), "`clear`"),
            (trigger.given.is_some(), "`given`"),
            (!trigger.unless.is_empty(), "`unless`"),
            (trigger.unknown_rollback_after.is_some(), "`then rollback after`"),
        ] {
            if there {
                return Err(format!("{what} needs recorded series: export without `--plain`"));
            }
        }
        let levels = trigger.levels.iter().map(|level| match &level.condition {
            Condition::Held { condition, duration } => Ok((self.plain(condition)?, Some(*duration))),
            condition => Ok((self.plain(condition)?, None)),
        });
        levels.map(|level| level.map(|(expr, held)| (expr.text().to_owned(), held))).collect()
    }

    fn plain(&mut self, condition: &Condition) -> Result<Promql, String> {
        let beyond = || "its condition needs recorded series: export without `--plain`".to_owned();
        match condition {
            Condition::Compare(comparison) => {
                let (Expression::Signal(id), Test::Is(relation, Expression::Literal(value))) =
                    (&comparison.left, &comparison.test)
                else {
                    return Err(beyond());
                };
                if !is_exact(*value) {
                    return Err(beyond());
                }
                let (query, scale) = self.query(*id, Track::Canary)?;
                // in the source's unit, as people write it
                let threshold = value.checked_div(scale).and_then(|value| value.round_sf(FLOAT_DIGITS));
                let threshold = number(threshold.ok_or_else(beyond)?);
                let text = format!("{} {} {threshold}", query.within(Binding::Sum), relation.as_str());
                Ok(Promql::new(text, Binding::Relation))
            }
            // series with labels of their own would have to match
            _ => Err(beyond()),
        }
    }

    fn plain_alerts(&mut self, trigger: &Trigger, levels: Vec<(String, Option<TimeSpan>)>) {
        self.plain.insert(trigger.name.clone());
        for (level, (expr, held)) in trigger.levels.iter().zip(levels) {
            self.block(self.cited(level.span));
            let word = level.severity.as_str();
            let name = self.alerts.name(&super::triggers::alert_name(&trigger.name, word));
            let (labels, annotations) = self.said(trigger, word, &self.quote(level.span));
            self.alert(Rule::Alert { name, expr, held, labels, annotations });
        }
    }
}
