//! The papers for people: how it ended, in one line, in one page, and by the clock of the day.

use std::collections::VecDeque;

use spark_core::rollout::{Controller, Ending, Fact, RolloutState, RunOfShow};
use spark_core::{Plan, Timestamp};

use super::super::EvidenceError;
use super::super::files::{
    ClockStep, Clocks, ReleaseResult, RunnerClock, ShowEntry, Stability, release_note,
};
use super::super::folder::StageSummary;
use super::super::text::{first_part, markdown};
use super::actions::Actions;
use super::shelf::{Shelf, put_json};
use super::words;
use crate::audit::Folded;
use crate::replay::Event;

/// Lines of a post-mortem's story: the last ones are those that led to the end.
const STORY_MAX: usize = 200;

/// How much of a line of it is kept.
const LINE_BYTES_MAX: usize = 1024;

/// Settings of a clock that are listed.
const STEPS_MAX: usize = 1000;

/// What is gathered for the papers.
#[derive(Debug, Default)]
pub(super) struct Papers {
    story: VecDeque<(Timestamp, String)>,
    /// Lines that are no longer kept.
    before: u64,
    clocks: Clocks,
    watched: Option<Timestamp>,
}

/// What the papers are written from, beside what they gathered.
pub(super) struct Known<'a> {
    pub(super) folded: &'a Folded,
    pub(super) stages: &'a [StageSummary],
    pub(super) decision: Option<&'a spark_core::Decision>,
    pub(super) actions: &'a Actions,
    pub(super) night: Option<&'a Stability>,
    pub(super) gaps: u64,
    pub(super) kept: &'a super::Kept,
}

impl Papers {
    pub(super) fn on(&mut self, fact: &Fact, events: &[Event], controller: &Controller) {
        let at = fact.at();
        if let Some(words) = words::of_fact(fact) {
            self.tell(at, words);
        }
        for event in events {
            // a line of its own begins with its instant
            let words = words::of_event(event);
            let words = words.split_once(' ').map_or(words.clone(), |(_, words)| words.to_owned());
            self.tell(at, words);
        }
        match fact {
            Fact::Start(start) => self.runner(start.fence, at, start.clock.clone()),
            Fact::Resumed { fence, clock, .. } => self.runner(*fence, at, clock.clone()),
            Fact::ClockStepped { by_millis, .. } => match self.clocks.steps.len() < STEPS_MAX {
                true => self.clocks.steps.push(ClockStep { at, by_ms: *by_millis }),
                false => self.clocks.more_steps = self.clocks.more_steps.saturating_add(1),
            },
            _ => {}
        }
        if let RolloutState::Watching { since } = controller.rollout().state() {
            self.watched = Some(since);
        }
    }

    fn tell(&mut self, at: Timestamp, words: String) {
        if self.story.len() >= STORY_MAX {
            self.story.pop_front();
            self.before = self.before.saturating_add(1);
        }
        self.story.push_back((at, first_part(&words, LINE_BYTES_MAX).into_owned()));
    }

    fn runner(&mut self, fence: u64, at: Timestamp, clock: Option<spark_core::rollout::ClockAnchor>) {
        self.clocks.runners.push(RunnerClock { fence, at, clock });
    }

    pub(super) fn write(&self, known: &Known<'_>, shelf: &mut dyn Shelf) -> Result<(), EvidenceError> {
        let folded = known.folded;
        let (start, controller) = (&folded.start, &folded.controller);
        let plan = start.policy.plan(&start.plan);
        let result = ReleaseResult {
            release: start.release.clone(),
            spark: known.kept.spark.clone(),
            plan: start.plan.clone(),
            began: start.at,
            ended: folded.last,
            result: folded.ending.as_ref().map(ToString::to_string),
            state: controller.rollout().state(),
            share_bp: controller.rollout().traffic(),
            stages_entered: count(known.stages.len()),
            stages_planned: plan.map_or(0, |plan| count(plan.stages.len())),
            decision: known.decision.cloned(),
            rollback: known.actions.rollback.clone(),
            counts: folded.counts,
            unrecorded: known.kept.unrecorded.clone(),
        };
        put_json(shelf, "result.json", &result)?;
        let ended = result.result.as_deref().unwrap_or("not over");
        let note = release_note(&start.release, &start.plan, start.at, folded.last, ended);
        shelf.append("release-note.md", note.as_bytes())?;
        put_json(shelf, "clock.json", &self.clocks)?;
        if let Some(plan) = plan {
            put_json(shelf, "run-of-show.json", &self.show(known, plan))?;
        }
        match &folded.ending {
            Some(Ending::RolledBack { .. } | Ending::Unverified { .. }) => {
                shelf.append("post-mortem.md", self.post_mortem(known, &result).as_bytes())
            }
            _ => Ok(()),
        }
    }

    /// The day as it was planned, with what came.
    fn show(&self, known: &Known<'_>, plan: &Plan) -> Vec<ShowEntry> {
        let start = &known.folded.start;
        let show = RunOfShow::of(plan, start.opens.unwrap_or(start.at));
        let mut stage = 0_u32;
        show.items()
            .iter()
            .map(|item| {
                let came = if item.title.starts_with("stage ") {
                    let entered = known.stages.iter().find(|summary| summary.stage == stage);
                    stage = stage.saturating_add(1);
                    entered.map(|summary| summary.entered)
                } else if item.title == "first night" {
                    self.watched
                } else {
                    None
                };
                ShowEntry { clock: show.clock(item.at), due: item.at, title: item.title.clone(), came }
            })
            .collect()
    }

    fn post_mortem(&self, known: &Known<'_>, result: &ReleaseResult) -> String {
        let start = &known.folded.start;
        let show =
            start.policy.plan(&start.plan).map(|plan| RunOfShow::of(plan, start.opens.unwrap_or(start.at)));
        let clock = |at| show.as_ref().map_or_else(String::new, |show| format!(" ({})", show.clock(at)));
        let mut page = format!(
            "# Release {}: {}\n\n",
            markdown(&result.release),
            markdown(result.result.as_deref().unwrap_or("not over"))
        );
        page.push_str("Written by Spark from the journal's facts alone.\n\n## In short\n\n");
        let mut line = |words: String| page.push_str(&format!("- {words}\n"));
        line(format!("began: {}{}, plan {}", result.began, clock(result.began), markdown(&result.plan)));
        if let Some(times) = &result.rollback {
            line(format!("why: {}", markdown(&times.because.join(", "))));
            line(format!("in stage {} of {}", times.stage.saturating_add(1), result.stages_planned));
            line(format!("it held: {}{}", times.held_at, clock(times.held_at)));
            if let Some(asked) = times.asked_at {
                let attempts =
                    if times.attempts == 1 { "1 attempt" } else { &format!("{} attempts", times.attempts) };
                line(format!("traffic asked back: {asked}{}, {attempts}", clock(asked)));
            }
            match (times.effective_at, times.took_ms) {
                (Some(at), Some(took)) => {
                    line(format!("no traffic, seen by a probe: {at}{}, {took} ms after it held", clock(at)))
                }
                _ => line("**no probe saw that the canary had no traffic: it may have had some**".to_owned()),
            }
        }
        for summary in known.stages {
            let to = summary.left.unwrap_or(known.folded.last);
            line(format!(
                "what it cost: stage {}, {} of traffic for {} (decided {} times, held {})",
                summary.stage.saturating_add(1),
                markdown(&summary.share),
                to.since(summary.entered),
                summary.evaluations,
                summary.held
            ));
        }
        if known.gaps > 0 {
            line(format!("times in which a signal gave no value: {} (sources.jsonl)", known.gaps));
        }
        if let Some(night) = known.night {
            line(format!(
                "after the last stage it was watched from {} to {}, and held {} of {} times",
                night.from, night.to, night.held, night.evaluations
            ));
        }
        if let Some(reason) = &result.unrecorded {
            line(format!("**not recorded**: {}", markdown(reason)));
        }
        self.signals(known, &mut page);
        page.push_str("\n## What happened\n\n");
        if self.before > 0 {
            page.push_str(&format!("- ({} lines before are in the journal)\n", self.before));
        }
        for (at, words) in &self.story {
            page.push_str(&format!("- {at}{}: {}\n", clock(*at), markdown(words)));
        }
        page
    }

    /// The signals at the end of the last stage.
    fn signals(&self, known: &Known<'_>, page: &mut String) {
        let Some(last) = known.stages.last().filter(|stage| !stage.signals.is_empty()) else { return };
        page.push_str("\n## Signals at the end of the last stage\n\n| signal | value | limit | met |\n| --- | --- | --- | --- |\n");
        for signal in &last.signals {
            let shown =
                |text: &Option<String>| text.as_deref().map_or_else(|| "not known".to_owned(), markdown);
            let met = match signal.met {
                Some(true) => "yes".to_owned(),
                Some(false) => "**no**".to_owned(),
                None => format!("unknown: {}", shown(&signal.cause)),
            };
            page.push_str(&format!(
                "| {} | {} | {} | {met} |\n",
                markdown(&signal.signal),
                shown(&signal.value),
                shown(&signal.limit)
            ));
        }
    }
}

fn count(many: usize) -> u32 {
    u32::try_from(many).unwrap_or(u32::MAX)
}
