//! The files of the day after: each hour, and all of them in one.

use spark_core::rollout::{Controller, Fact, Pace, RolloutState};
use spark_core::{Decision, Report, State, TimeSpan, Timestamp, Verdict};

use super::super::EvidenceError;
use super::super::files::{HourLog, SignalWorst, Stability};
use super::super::folder::SignalSummary;
use super::super::layout::hour_file;
use super::shelf::{Shelf, put_json};
use crate::replay::Event;

/// Changes that are listed of an hour; a page of them is more than anybody reads.
const CHANGES_MAX: usize = 500;

/// What is gathered since the last stage was served.
#[derive(Debug)]
pub(super) struct Night {
    /// How long an hour is: a rehearsal has shorter ones.
    length: TimeSpan,
    since: Option<Timestamp>,
    over: bool,
    hour: Option<HourLog>,
    all: Option<Stability>,
    /// The margins of the worst values, for `hour` and for `all`.
    margins: [Vec<Option<rust_decimal::Decimal>>; 2],
    samples: u64,
}

impl Default for Night {
    fn default() -> Self {
        Self {
            length: Pace::HOUR,
            since: None,
            over: false,
            hour: None,
            all: None,
            margins: Default::default(),
            samples: 0,
        }
    }
}

impl Night {
    pub(super) fn on(
        &mut self,
        fact: &Fact,
        events: &[Event],
        controller: &Controller,
        shelf: &mut dyn Shelf,
    ) -> Result<(), EvidenceError> {
        if self.over {
            return Ok(());
        }
        match fact {
            Fact::Start(start) => self.length = start.pace.hour,
            Fact::Sample(_) if self.since.is_some() => {
                self.samples = self.samples.saturating_add(1);
                return Ok(());
            }
            Fact::Decided { decision } => {
                if let Some(since) = self.since {
                    self.decided(since, decision, events, controller, shelf)?;
                }
            }
            _ => {}
        }
        match controller.rollout().state() {
            RolloutState::Watching { since } => self.since = Some(since),
            RolloutState::Stage { .. } | RolloutState::RollingBack { .. } | RolloutState::Ended(_) => {
                self.over = self.since.is_some();
            }
            _ => {}
        }
        Ok(())
    }

    fn decided(
        &mut self,
        since: Timestamp,
        decision: &Decision,
        events: &[Event],
        controller: &Controller,
        shelf: &mut dyn Shelf,
    ) -> Result<(), EvidenceError> {
        let at = decision.at;
        let number = hour_of(since, at, self.length, controller);
        if self.hour.as_ref().is_some_and(|hour| hour.hour != number) {
            self.end_hour(shelf)?;
        }
        let from = since.plus(self.length.times(number));
        let hour = self.hour.get_or_insert_with(|| HourLog {
            hour: number,
            from,
            to: at,
            evaluations: 0,
            held: 0,
            samples: 0,
            signals: Vec::new(),
            changes: Vec::new(),
            more_changes: 0,
        });
        let all = self.all.get_or_insert_with(|| Stability {
            from: since,
            to: at,
            evaluations: 0,
            held: 0,
            stable: true,
            signals: Vec::new(),
        });
        hour.to = at;
        all.to = at;
        hour.evaluations = hour.evaluations.saturating_add(1);
        all.evaluations = all.evaluations.saturating_add(1);
        hour.samples = hour.samples.saturating_add(std::mem::take(&mut self.samples));
        if decision.verdict != Verdict::Proceed {
            hour.held = hour.held.saturating_add(1);
            all.held = all.held.saturating_add(1);
            all.stable = false;
        }
        for event in events {
            match hour.changes.len() < CHANGES_MAX {
                true => hour.changes.push(super::words::of_event(event)),
                false => hour.more_changes = hour.more_changes.saturating_add(1),
            }
        }
        let reports = controller.engine().expectation_reports();
        let [of_hour, of_all] = &mut self.margins;
        worst(&mut hour.signals, of_hour, &reports, at);
        worst(&mut all.signals, of_all, &reports, at);
        Ok(())
    }

    fn end_hour(&mut self, shelf: &mut dyn Shelf) -> Result<(), EvidenceError> {
        let [of_hour, _] = &mut self.margins;
        of_hour.clear();
        match self.hour.take() {
            Some(hour) => put_json(shelf, &hour_file(hour.hour), &hour),
            None => Ok(()),
        }
    }

    pub(super) fn write(&mut self, shelf: &mut dyn Shelf) -> Result<(), EvidenceError> {
        self.end_hour(shelf)?;
        match &self.all {
            Some(all) => put_json(shelf, "after/stability.json", all),
            None => Ok(()),
        }
    }

    /// The night in one, where there was one.
    pub(super) const fn stability(&self) -> Option<&Stability> {
        self.all.as_ref()
    }
}

/// Which hour; the instant at which the watch is over belongs to its last one.
fn hour_of(since: Timestamp, at: Timestamp, length: TimeSpan, controller: &Controller) -> u32 {
    let length = length.nanos();
    let hour = at.since(since).nanos().checked_div(length).unwrap_or_default();
    let watch = controller.engine().policy().plan(controller.plan()).map_or(0, |plan| plan.watch.nanos());
    let last = watch.saturating_sub(1).checked_div(length).unwrap_or_default().max(0);
    u32::try_from(hour.min(last)).unwrap_or(u32::MAX)
}

/// Keeps each signal's worst value: the one with the smallest margin.
fn worst(
    signals: &mut Vec<SignalWorst>,
    margins: &mut Vec<Option<rust_decimal::Decimal>>,
    reports: &[Report],
    at: Timestamp,
) {
    // rules that were loaded again may hold more signals to something
    for report in reports.iter().skip(signals.len()) {
        let worst = SignalSummary { value: None, met: None, ..SignalSummary::of(report) };
        signals.push(SignalWorst { worst, at: None, unknown: 0 });
        margins.push(None);
    }
    for ((kept, least), report) in signals.iter_mut().zip(margins).zip(reports) {
        if report.state == State::Unknown {
            kept.unknown = kept.unknown.saturating_add(1);
            continue;
        }
        let margin = report.margin.map(|margin| margin.value);
        if kept.at.is_none() || margin.zip(*least).is_some_and(|(now, least)| now < least) {
            kept.worst = SignalSummary::of(report);
            kept.at = Some(at);
            *least = margin;
        }
    }
}
