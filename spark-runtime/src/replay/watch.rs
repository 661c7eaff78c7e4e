//! An engine watched over a replay: its story, instant by instant, in memory that does not grow with time.

use std::collections::BTreeMap;

use spark_core::{
    Closeness, Decision, Engine, Glance, Policy, SignalId, State, TimeSpan, Timestamp, Trigger, TriggerId,
    Truth, Verdict,
};

use super::cause::Cause;
use super::story::{
    Close, DecisionStory, ExpectationStory, GivenUp, LevelStory, Progress, SPELLS_MAX, Spell, TriggerStory,
    UnknownTime, place,
};
use super::{Axis, Band};

/// Of what the story is kept, beside the decisions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Watched {
    /// All triggers and expectations.
    All,
    /// These alone.
    Only(Vec<TriggerId>, Vec<SignalId>),
}

/// The story of one engine over a replay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Story {
    /// The time that it is about.
    pub axis: Axis,
    /// How many instants.
    pub evaluations: u64,
    /// What was decided.
    pub decision: DecisionStory,
    /// The triggers, in the order of their declaration.
    pub triggers: Vec<TriggerStory>,
    /// The expectations, in the order of their declaration.
    pub expectations: Vec<ExpectationStory>,
    last: Option<Timestamp>,
    /// By trigger: what it showed at the instant before.
    shown: Vec<Option<Glance>>,
    /// By expectation: whether it was met at the instant before.
    met: Vec<Option<Truth>>,
    /// By trigger: unknown time by cause.
    causes: Vec<Vec<(Cause, TimeSpan, u64)>>,
}

impl Story {
    /// A story at its start.
    pub fn new(policy: &Policy, axis: Axis, watched: &Watched) -> Self {
        let triggers: Vec<TriggerStory> = (0u32..)
            .map(TriggerId)
            .zip(policy.triggers())
            .filter(|(id, _)| match watched {
                Watched::All => true,
                Watched::Only(triggers, _) => triggers.contains(id),
            })
            .map(|(id, trigger)| TriggerStory {
                id,
                name: trigger.name.clone(),
                levels: levels(policy, trigger),
                times: BTreeMap::new(),
                unknown: Vec::new(),
                given_up: trigger.unknown_rollback_after.map(GivenUp::new),
                band: Band::new(axis),
            })
            .collect();
        let expectations: Vec<ExpectationStory> = (0u32..)
            .map(SignalId)
            .zip(policy.signals())
            .filter(|(id, signal)| {
                let wanted = match watched {
                    Watched::All => true,
                    Watched::Only(_, signals) => signals.contains(id),
                };
                wanted && signal.expectation.is_some()
            })
            .map(|(signal, declared)| ExpectationStory {
                signal,
                name: declared.name.clone(),
                unmet: 0,
                first: None,
                time: TimeSpan::ZERO,
                unknown: TimeSpan::ZERO,
                worst: None,
                bytes: policy.byte_units(&[signal]),
                band: Band::new(axis),
            })
            .collect();
        Self {
            axis,
            evaluations: 0,
            decision: DecisionStory::new(axis),
            last: None,
            shown: vec![None; triggers.len()],
            met: vec![None; expectations.len()],
            causes: vec![Vec::new(); triggers.len()],
            triggers,
            expectations,
        }
    }

    /// Takes an evaluation in. What an instant showed counts up to the next one.
    pub fn watch(&mut self, engine: &Engine, decision: &Decision) {
        let at = decision.at;
        let passed = self.last.replace(at).map_or(TimeSpan::ZERO, |last| at.since(last));
        let bucket = self.axis.bucket(at);
        self.evaluations = self.evaluations.saturating_add(1);
        self.decide(decision, passed, bucket);
        let watched = self.triggers.iter_mut().zip(&mut self.shown).zip(&mut self.causes);
        for ((story, shown), causes) in watched {
            let Some(now) = engine.glance(story.id) else { continue };
            let before = shown.replace(now);
            if let Some(before) = before {
                count_time(story, causes, before, passed);
            }
            if now.state == State::Unknown
                && let Some(cause) = Cause::of(now)
            {
                blame(causes, cause, TimeSpan::ZERO, 1);
            }
            story.band.show(bucket, now.state);
            if let Some(given_up) = &mut story.given_up {
                give_up(given_up, before, now, at, passed);
            }
            let (id, was) = (story.id, before.map(|before| before.state));
            for level in &mut story.levels {
                let closeness = engine.level_closeness(id, level.severity);
                follow(level, closeness, (was, now), at, passed);
            }
        }
        for (story, met) in self.expectations.iter_mut().zip(&mut self.met) {
            let Some(now) = engine.expectation_closeness(story.signal) else { continue };
            expect(story, met.replace(now.truth), now, (at, passed), bucket);
        }
    }

    fn decide(&mut self, decision: &Decision, passed: TimeSpan, bucket: Option<usize>) {
        let story = &mut self.decision;
        let before = story.last.replace(decision.verdict);
        if let Some(time) = before.and_then(|before| story.times.get_mut(place(before))) {
            *time = time.plus(passed);
        }
        if before.is_some_and(|before| before != decision.verdict) {
            story.changes = story.changes.saturating_add(1);
        }
        if let Some(count) = story.instants.get_mut(place(decision.verdict)) {
            *count = count.saturating_add(1);
        }
        if decision.verdict == Verdict::Rollback {
            story.first_rollback.get_or_insert(decision.at);
        }
        story.band.show(bucket, decision.verdict);
    }

    /// The story, once nothing more is watched.
    #[must_use]
    pub fn finished(mut self, policy: &Policy) -> Self {
        for (story, causes) in self.triggers.iter_mut().zip(&self.causes) {
            let mut unknown: Vec<UnknownTime> = causes
                .iter()
                .map(|(cause, time, instants)| UnknownTime {
                    cause: cause.words(policy),
                    time: *time,
                    instants: *instants,
                })
                .collect();
            unknown.sort_by(|a, b| (b.instants, &a.cause).cmp(&(a.instants, &b.cause)));
            story.unknown = unknown;
        }
        self
    }
}

fn levels(policy: &Policy, trigger: &Trigger) -> Vec<LevelStory> {
    let bytes = policy.byte_units_of(trigger);
    trigger.levels.iter().map(|level| LevelStory::new(level.severity, bytes)).collect()
}

/// Adds to a cause's time and instants.
fn blame(causes: &mut Vec<(Cause, TimeSpan, u64)>, cause: Cause, time: TimeSpan, instants: u64) {
    match causes.iter_mut().find(|(known, ..)| *known == cause) {
        Some((_, so_far, count)) => {
            *so_far = so_far.plus(time);
            *count = count.saturating_add(instants);
        }
        None => causes.push((cause, time, instants)),
    }
}

/// Counts the time since the instant before to what was shown then.
fn count_time(
    story: &mut TriggerStory,
    causes: &mut Vec<(Cause, TimeSpan, u64)>,
    before: Glance,
    passed: TimeSpan,
) {
    let time = story.times.entry(before.state.as_str()).or_default();
    *time = time.plus(passed);
    if before.state == State::Unknown
        && let Some(cause) = Cause::of(before)
    {
        blame(causes, cause, passed, 0);
    }
}

/// Follows the times at which missing data alone asked for rollback.
fn give_up(story: &mut GivenUp, before: Option<Glance>, now: Glance, at: Timestamp, passed: TimeSpan) {
    // below its level, nothing else asks for it
    let asks = |glance: Glance| glance.asks == Some(Verdict::Rollback) && glance.state != State::Rollback;
    let (was, is) = (before.is_some_and(asks), asks(now));
    if was {
        story.time = story.time.plus(passed);
        if let Some(spell) = story.spells.last_mut().filter(|spell| spell.to.is_none()) {
            spell.lasted = spell.lasted.plus(passed);
            spell.to = (!is).then_some(at);
        }
    }
    if is && !was {
        story.fires = story.fires.saturating_add(1);
        if story.spells.len() < SPELLS_MAX {
            let since = now.since.unwrap_or(at);
            let lasted = TimeSpan::ZERO;
            story.spells.push(Spell { from: at, to: None, since, lasted, peak: None, least: None });
        }
    }
}

/// Follows a level: its times, how far beyond it was there, and how near it came otherwise.
fn follow(
    level: &mut LevelStory,
    closeness: Option<Closeness>,
    (was, now): (Option<State>, Glance),
    at: Timestamp,
    passed: TimeSpan,
) {
    let (was_there, is_there) =
        (was.and_then(State::level) == Some(level.severity), now.state.level() == Some(level.severity));
    if was_there {
        level.time = level.time.plus(passed);
        if let Some(spell) = level.spells.last_mut().filter(|spell| spell.to.is_none()) {
            spell.lasted = spell.lasted.plus(passed);
            if !is_there {
                spell.to = Some(at);
            }
        }
    }
    let close = closeness.and_then(|c| c.measured).map(|measured| Close { at, measured, bytes: level.bytes });
    let bare = closeness.map(|closeness| closeness.bare);
    // the run of truth that leads to the level belongs to its peak
    match bare {
        Some(Truth::True) => level.rising = farther(level.rising, close),
        Some(Truth::False) => level.rising = None,
        _ => {}
    }
    if is_there {
        if !was_there {
            level.fires = level.fires.saturating_add(1);
            if level.spells.len() < SPELLS_MAX {
                let since = now.since.unwrap_or(at);
                let peak = level.rising;
                level.spells.push(Spell {
                    from: at,
                    to: None,
                    since,
                    lasted: TimeSpan::ZERO,
                    peak,
                    least: close,
                });
            }
        }
        if let Some(spell) = level.spells.last_mut().filter(|spell| spell.to.is_none()) {
            spell.peak = farther(spell.peak, close);
            spell.least = nearer(spell.least, close);
        }
        return;
    }
    if now.state.level().is_some_and(|higher| higher > level.severity) {
        return;
    }
    match closeness {
        Some(Closeness { truth: Truth::False, bare: Truth::False, .. }) => {
            level.nearest = farther(level.nearest, close)
        }
        Some(Closeness { truth: Truth::False, bare: Truth::True, held: Some((held, needed)), .. })
            if level.longest.is_none_or(|longest| held > longest.held) =>
        {
            level.longest = Some(Progress { at, held, needed, peak: level.rising });
        }
        _ => {}
    }
}

/// The one with the smaller margin: farther beyond the threshold, or nearer to it from below.
fn farther(a: Option<Close>, b: Option<Close>) -> Option<Close> {
    match (a, b) {
        (Some(a), Some(b)) => Some(if b.measured.margin.value < a.measured.margin.value { b } else { a }),
        (a, b) => a.or(b),
    }
}

fn nearer(a: Option<Close>, b: Option<Close>) -> Option<Close> {
    match (a, b) {
        (Some(a), Some(b)) => Some(if b.measured.margin.value > a.measured.margin.value { b } else { a }),
        (a, b) => a.or(b),
    }
}

fn expect(
    story: &mut ExpectationStory,
    before: Option<Truth>,
    now: Closeness,
    (at, passed): (Timestamp, TimeSpan),
    bucket: Option<usize>,
) {
    match before {
        Some(Truth::False) => story.time = story.time.plus(passed),
        Some(Truth::Unknown) => story.unknown = story.unknown.plus(passed),
        _ => {}
    }
    if now.truth == Truth::False && before != Some(Truth::False) {
        story.unmet = story.unmet.saturating_add(1);
        story.first.get_or_insert(at);
    }
    let state = match now.truth {
        Truth::True => State::Ok,
        Truth::False => State::Hold,
        Truth::Unknown => State::Unknown,
    };
    story.band.show(bucket, state);
    // what is expected is to be true: the larger the margin, the worse
    let close = now.measured.map(|measured| Close { at, measured, bytes: story.bytes });
    story.worst = nearer(story.worst, close);
}
