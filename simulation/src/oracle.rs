//! The check: a second, plain account of a rollout, made from its facts and from what is true in the world.
//!
//! It shares no code with the rollout or the engine. It says what may be and what must be, and holds the real state to both.

use std::collections::BTreeMap;
use std::sync::Arc;

use rust_decimal::Decimal;
use spark_core::rollout::{Controller, Ended, Ending, Fact, RolloutState, Step, StepId, Word};
use spark_core::{Decision, Reading, Sample, TimeSpan, Truth, Verdict};
use spark_runtime::action::Order;

use crate::policies::{Need, Rules};

const STALE_KEPT: usize = 8;

/// What is true when a fact is told live.
#[derive(Debug, Clone, Copy)]
pub struct Live {
    /// Rollout time by the true clock.
    pub now: i64,
    /// What the last probe measured.
    pub measured: Option<u16>,
}

#[derive(Debug, Clone)]
struct Open {
    id: StepId,
    step: Step,
    acted: bool,
    ended: bool,
}

#[derive(Debug, Clone)]
pub struct Oracle {
    rules: Arc<Rules>,
    stages: Vec<(u16, i64, bool)>,
    warmup: i64,
    watch: i64,
    reach: i64,
    rollback_within: i64,
    release: String,
    opens: i64,
    state: RolloutState,
    held: bool,
    frozen: bool,
    unrecorded: bool,
    approved: bool,
    promoted: bool,
    stage: Option<u32>,
    entered: i64,
    served: i64,
    serves_from: i64,
    good_at: Option<i64>,
    ready: bool,
    decided: Option<(i64, Verdict, Truth)>,
    probe: Option<u16>,
    drifts: u32,
    open: Option<Open>,
    last_step: Option<(StepId, Step)>,
    number: u32,
    needs_probe: Option<StepId>,
    /// Whether this runner has tried the rollback.
    tried: bool,
    overrides: BTreeMap<String, i64>,
    kept: BTreeMap<(u32, u8), Vec<(i64, Reading)>>,
    /// Decisions to proceed while a required signal was not known. It must stay 0.
    pub unknown_proceeds: u64,
}

type Checked = Result<(), String>;

fn ensure(holds: bool, words: impl FnOnce() -> String) -> Checked {
    if holds { Ok(()) } else { Err(words()) }
}

impl Oracle {
    pub fn new(rules: &Arc<Rules>, start: &spark_core::rollout::Start) -> Self {
        let plan = rules.policy.plan(rules.plan);
        let plan = plan.unwrap_or_else(|| panic!("these rules have no plan `{}`", rules.plan));
        let nanos = |span: TimeSpan| span.nanos();
        Self {
            rules: Arc::clone(rules),
            stages: plan
                .stages
                .iter()
                .map(|stage| (stage.share_bp, nanos(stage.duration), stage.approval))
                .collect(),
            warmup: nanos(plan.warmup),
            watch: nanos(plan.watch),
            reach: rules.policy.signals().iter().map(|signal| nanos(signal.stale_after)).min().unwrap_or(0),
            rollback_within: nanos(start.pace.rollback_within),
            release: start.release.clone(),
            opens: start.opens.unwrap_or(start.at).nanos(),
            state: RolloutState::Scheduled { opens: start.opens.unwrap_or(start.at) },
            held: false,
            frozen: false,
            unrecorded: false,
            approved: false,
            promoted: false,
            stage: None,
            entered: 0,
            served: 0,
            serves_from: 0,
            good_at: None,
            ready: false,
            decided: None,
            probe: None,
            drifts: 0,
            open: None,
            last_step: None,
            number: 0,
            needs_probe: None,
            tried: false,
            overrides: BTreeMap::new(),
            kept: BTreeMap::new(),
            unknown_proceeds: 0,
        }
    }

    fn share(&self) -> u16 {
        let stage = self.stage.map(|stage| self.stages[stage as usize].0);
        stage.unwrap_or(0)
    }

    /// An action is about to begin.
    pub fn acts(&mut self, order: &Order, back: bool, unrecorded: bool) -> Checked {
        let Some(open) = &mut self.open else {
            return match unrecorded && back {
                true => Ok(()),
                false => Err(format!("an action without its intent: {}", order.key)),
            };
        };
        let key = format!("{}/{}", self.release, open.id);
        ensure(order.key == key, || format!("an action with key {}, and the intent is {key}", order.key))?;
        ensure(order.share_bp == open.step.share_bp(), || {
            "an action with another share than its intent".to_owned()
        })?;
        ensure(!open.acted, || format!("two actions for one intent: {key}"))?;
        ensure(!unrecorded || back, || format!("an unrecorded step: {key}"))?;
        open.acted = true;
        Ok(())
    }

    /// Takes a fact in, with the real state after it.
    pub fn takes(&mut self, fact: &Fact, controller: &Controller, live: Option<Live>) -> Checked {
        let at = fact.at().nanos();
        let rollout = controller.rollout();
        let (before, after) = (self.state.clone(), rollout.state());
        match fact {
            Fact::Sample(sample) => self.sampled(sample),
            Fact::Decided { decision } => self.decided(decision, live)?,
            Fact::Word { said, .. } => self.heard(said, at, live)?,
            Fact::Intent { id, attempt, step, .. } => self.intended(at, *id, *attempt, step, live)?,
            Fact::Outcome { id, end, .. } => self.outcome(*id, *end)?,
            Fact::Probed { share_bp, .. } => self.probed(*share_bp, &before, live)?,
            Fact::Resumed { .. } => self.resumed(),
            Fact::Frozen { freeze, .. } => self.frozen = freeze.is_some(),
            Fact::ClockStepped { .. } => (self.served, self.good_at) = (0, None),
            Fact::Unrecorded { .. } => self.unrecorded = true,
            Fact::End { ending, .. } => {
                let own = RolloutState::Ended(ending.clone());
                ensure(before == own, || format!("ended as {ending} in another state"))?;
            }
            Fact::Reloaded { policy, .. } => {
                ensure(**policy == *self.rules.stricter.policy, || {
                    "other rules than stricter ones were taken".to_owned()
                })?;
            }
            Fact::Looked { look, .. } => {
                ensure(before == after, || "what was seen at a stage's end moved the rollout".to_owned())?;
                let planned = (look.stage as usize) < self.stages.len();
                ensure(planned, || "a look at a stage that is not planned".to_owned())?;
            }
            Fact::Start(_) | Fact::Noted { .. } => {}
        }
        if before != after {
            self.moved(at, fact, &before, &after, live)?;
        }
        self.must(at, fact, &before, &after)?;
        self.state = after;
        ensure(rollout.is_held() == self.held, || "held is not what was said".to_owned())?;
        ensure(rollout.is_frozen() == self.frozen, || "frozen is not what was told".to_owned())?;
        if matches!(self.state, RolloutState::Stage { .. }) {
            ensure(rollout.served().nanos() == self.served, || {
                format!(
                    "served {} by the rollout and {}ms by the check",
                    rollout.served(),
                    self.served / 1_000_000
                )
            })?;
        }
        Ok(())
    }

    fn sampled(&mut self, sample: &Sample) {
        let series = self.kept.entry((sample.signal.0, sample.track as u8)).or_default();
        let at = sample.at.nanos();
        if series.last().is_none_or(|(last, _)| at > *last) {
            series.push((at, sample.reading.clone()));
            if series.len() > STALE_KEPT {
                series.remove(0);
            }
        }
    }

    /// The newest value that may be believed at an instant.
    fn value(&self, signal: usize, track: u8, at: i64) -> Option<Decimal> {
        let stale = self.rules.policy.signals()[signal].stale_after.nanos();
        let series = self.kept.get(&(signal as u32, track))?;
        let (when, reading) = series.iter().rev().find(|(when, _)| *when <= at)?;
        match reading {
            Reading::Value(value) if at - when <= stale => Some(*value),
            _ => None,
        }
    }

    fn is_met(&self, signal: usize, need: Need, at: i64) -> bool {
        let canary = self.value(signal, 0, at);
        match need {
            Need::AtMost(limit) => canary.is_some_and(|value| value <= limit),
            Need::Known(trigger) => {
                canary.is_some() || self.overrides.get(trigger).is_some_and(|until| at < *until)
            }
            Need::AtMostBaseline(times) => match (canary, self.value(signal, 1, at)) {
                (Some(canary), Some(baseline)) => canary <= baseline * times,
                _ => false,
            },
        }
    }

    fn decided(&mut self, decision: &Decision, live: Option<Live>) -> Checked {
        let at = decision.at.nanos();
        if let Some((before, _, _)) = self.decided {
            ensure(at > before, || "an instant was decided twice".to_owned())?;
        }
        if let Some(live) = live {
            ensure(at <= live.now, || format!("decided {}ms ahead of time", (at - live.now) / 1_000_000))?;
        }
        self.overrides.retain(|_, until| at < *until);
        let named: Vec<_> = self.overrides.keys().cloned().collect();
        ensure(decision.overridden == named, || {
            format!("overridden {:?} where {named:?} is", decision.overridden)
        })?;
        if decision.verdict == Verdict::Proceed {
            for (place, made) in self.rules.signals.iter().enumerate() {
                let Some(need) = made.need else { continue };
                if !self.is_met(place, need, at) {
                    self.unknown_proceeds += 1;
                    return Err(format!("proceed at {} without evidence of signal {place}", decision.at));
                }
            }
        }
        self.decided = Some((at, decision.verdict, decision.ready));
        let serving = matches!(
            self.state,
            RolloutState::Stage { .. } | RolloutState::Waiting { .. } | RolloutState::Watching { .. }
        );
        let good = serving
            && self.stage.is_some()
            && decision.verdict == Verdict::Proceed
            && !self.held
            && self.probe == Some(self.share());
        if !good {
            (self.good_at, self.ready) = (None, false);
            return Ok(());
        }
        if let Some(before) = self.good_at
            && at - before <= self.reach
        {
            self.served += (at - before.max(self.serves_from)).max(0);
        }
        self.good_at = Some(at);
        self.ready = decision.ready == Truth::True;
        Ok(())
    }

    fn heard(&mut self, said: &Word, at: i64, _live: Option<Live>) -> Checked {
        match said {
            Word::Hold => (self.held, self.good_at, self.ready) = (true, None, false),
            Word::Resume => self.held = false,
            Word::Approve => self.approved = true,
            Word::Promote => {
                let good = self.good_at.is_some() && self.ready;
                ensure(good, || "promoted without a decision to proceed".to_owned())?;
                self.promoted = true;
            }
            Word::Override { trigger, until } => {
                ensure(until.nanos() > at, || "an override that is over".to_owned())?;
                self.overrides.insert(trigger.clone(), until.nanos());
            }
            Word::Rollback { .. } | Word::Abort => {}
        }
        Ok(())
    }

    fn intended(&mut self, at: i64, id: StepId, attempt: u32, step: &Step, _: Option<Live>) -> Checked {
        // a rollback that is new repeats nothing
        let looked = self.needs_probe.is_none_or(|open| open != id && matches!(step, Step::RollBack { .. }));
        ensure(looked, || format!("step {id} is repeated without a look at the traffic"))?;
        match (&self.last_step, attempt) {
            (Some((last, same)), 2..) => {
                let own = *last == id && same.share_bp() == step.share_bp();
                ensure(own, || format!("attempt {attempt} of step {last} has key {id}"))?;
            }
            _ => ensure(id.number > self.number, || format!("step {id} has a number that was used"))?,
        }
        self.number = self.number.max(id.number);
        if let Step::SetShare { stage, .. } = step {
            self.may_raise(at, *stage, attempt)?;
        }
        self.last_step = Some((id, step.clone()));
        self.open = Some(Open { id, step: step.clone(), acted: false, ended: false });
        Ok(())
    }

    /// More traffic is about to be sent.
    fn may_raise(&self, at: i64, stage: u32, attempt: u32) -> Checked {
        ensure(!self.held, || format!("stage {stage}, attempt {attempt}: raised while an operator holds"))?;
        ensure(!self.frozen, || format!("stage {stage}, attempt {attempt}: raised in a freeze"))?;
        ensure(!self.unrecorded, || format!("stage {stage}, attempt {attempt}: raised without a journal"))?;
        if stage == 0 {
            return Ok(());
        }
        let Some((when, verdict, ready)) = self.decided else {
            return Err(format!("stage {stage}: raised without a decision"));
        };
        ensure(verdict == Verdict::Proceed, || {
            format!("stage {stage}, attempt {attempt}: raised on {verdict}")
        })?;
        // within an attempt, the engine looks at a stage that is not entered: readiness is that of the stage before
        ensure(attempt > 1 || ready == Truth::True, || format!("stage {stage}: raised while not ready"))?;
        ensure(at - when <= self.reach, || {
            format!(
                "stage {stage}, attempt {attempt}: raised on a decision of {}s ago",
                (at - when) / 1_000_000_000
            )
        })
    }

    fn outcome(&mut self, id: StepId, _: Ended) -> Checked {
        match &mut self.open {
            Some(open) if open.id == id && !open.ended => {
                open.ended = true;
                self.tried |= matches!(open.step, Step::RollBack { .. });
                Ok(())
            }
            _ => Err(format!("an outcome of {id}, which has no intent")),
        }
    }

    fn probed(&mut self, share_bp: Option<u16>, before: &RolloutState, live: Option<Live>) -> Checked {
        if let (Some(live), Some(_)) = (live, share_bp) {
            ensure(live.measured == share_bp, || "a probe was not told as it was measured".to_owned())?;
        }
        self.needs_probe = None;
        self.probe = share_bp;
        let looking = matches!(
            before,
            RolloutState::Stage { .. } | RolloutState::Waiting { .. } | RolloutState::Watching { .. }
        );
        if looking && self.stage.is_some() {
            if share_bp == Some(self.share()) {
                self.drifts = 0;
            } else {
                (self.good_at, self.ready) = (None, false);
                self.drifts += u32::from(share_bp.is_some());
            }
        }
        Ok(())
    }

    fn resumed(&mut self) {
        (self.probe, self.drifts, self.good_at, self.ready) = (None, 0, None, false);
        self.tried = false;
        if let Some(open) = self.open.take()
            && !open.ended
        {
            self.needs_probe = Some(open.id);
        }
        self.unrecorded = false;
    }

    /// Everything that is asked for before a stage, the time aside.
    fn is_good(&self) -> bool {
        self.good_at.is_some()
            && self.ready
            && self.probe == Some(self.share())
            && !self.held
            && !self.frozen
            && !self.unrecorded
    }

    fn is_served(&self) -> bool {
        self.stage.is_some_and(|stage| self.served >= self.stages[stage as usize].1) || self.promoted
    }

    fn lacks_approval(&self, stage: u32) -> bool {
        self.stages.get(stage as usize).is_some_and(|stage| stage.2) && !self.approved
    }

    /// The state has changed: whether it may have.
    fn moved(
        &mut self,
        at: i64,
        fact: &Fact,
        before: &RolloutState,
        after: &RolloutState,
        live: Option<Live>,
    ) -> Checked {
        let took_back = matches!(before, RolloutState::RollingBack { .. });
        if took_back {
            let kept = matches!(
                after,
                RolloutState::RollingBack { .. }
                    | RolloutState::Ended(Ending::RolledBack { .. } | Ending::Unverified { .. })
            );
            ensure(kept, || "a rollback was abandoned".to_owned())?;
        }
        match after {
            RolloutState::Waiting { stage, .. }
                if *stage > 0 && matches!(before, RolloutState::Stage { .. }) =>
            {
                self.left(at, live)?;
            }
            RolloutState::Entering { stage, .. } if !matches!(before, RolloutState::Entering { .. }) => {
                if *stage == 0 {
                    ensure(at >= self.opens, || "begun before T-0".to_owned())?;
                } else {
                    if matches!(before, RolloutState::Stage { .. }) {
                        self.left(at, live)?;
                    }
                    ensure(self.is_good(), || {
                        format!("stage {stage} is next while something is in the way")
                    })?;
                }
                ensure(!self.lacks_approval(*stage), || {
                    format!("stage {stage} is next without its approval")
                })?;
                ensure(!self.held && !self.frozen && !self.unrecorded, || {
                    format!("stage {stage} is next while held")
                })?;
            }
            RolloutState::Stage { stage } if matches!(before, RolloutState::Entering { .. }) => {
                let seen = matches!(fact, Fact::Probed { share_bp: Some(share), .. } if *share == self.stages[*stage as usize].0);
                ensure(seen, || format!("stage {stage} is entered, and no probe saw it"))?;
                self.enter(at, *stage);
            }
            // whoever takes a rollout up whose end is not recorded looks once more
            RolloutState::Watching { .. }
                if matches!(
                    (before, fact),
                    (RolloutState::Ended(Ending::Completed), Fact::Resumed { .. })
                ) => {}
            RolloutState::Watching { .. } => self.left(at, live)?,
            RolloutState::Ended(Ending::Completed) => {
                match before {
                    RolloutState::Watching { since } => {
                        ensure(at - since.nanos() >= self.watch, || {
                            "not watched for long enough".to_owned()
                        })?;
                    }
                    _ => self.left(at, live)?,
                }
                ensure(self.is_good(), || "completed while something is in the way".to_owned())?;
            }
            RolloutState::Ended(Ending::RolledBack { .. }) => {
                let seen = matches!(fact, Fact::Probed { share_bp: Some(0), .. });
                let really = live.is_none_or(|live| live.measured == Some(0));
                ensure(seen && really, || "rolled back, and no probe saw it".to_owned())?;
            }
            RolloutState::Ended(Ending::Unverified { .. }) => {
                let RolloutState::RollingBack { since, .. } = before else {
                    return Err("unverified without a rollback".to_owned());
                };
                let over = at - since.nanos() >= self.rollback_within && matches!(fact, Fact::Probed { .. });
                ensure(over, || "a rollback was given up before its time".to_owned())?;
            }
            _ => {}
        }
        Ok(())
    }

    /// A stage is left for the next one.
    fn left(&self, at: i64, live: Option<Live>) -> Checked {
        let Some(stage) = self.stage else { return Err("a stage is left that was not entered".to_owned()) };
        ensure(self.is_good(), || format!("stage {stage} is left while something is in the way"))?;
        let served = self.served / 1_000_000;
        ensure(self.is_served(), || format!("stage {stage} is left after {served}ms"))?;
        if let Some(live) = live {
            let long = live.now - self.entered >= self.stages[stage as usize].1 || self.promoted;
            ensure(long && at <= live.now, || format!("stage {stage} is left before its time was over"))?;
        }
        Ok(())
    }

    fn enter(&mut self, at: i64, stage: u32) {
        self.stage = Some(stage);
        (self.entered, self.served, self.serves_from) = (at, 0, at + self.warmup);
        (self.good_at, self.ready, self.promoted, self.drifts) = (None, false, false, 0);
        if self.stages[stage as usize].2 {
            self.approved = false;
        }
    }

    /// What follows from a fact for certain.
    fn must(&self, at: i64, fact: &Fact, before: &RolloutState, after: &RolloutState) -> Checked {
        let going_back = matches!(after, RolloutState::RollingBack { .. });
        let begun = matches!(
            before,
            RolloutState::Stage { .. } | RolloutState::Entering { .. } | RolloutState::Watching { .. }
        ) || matches!(before, RolloutState::Waiting { stage, .. } if *stage > 0);
        match fact {
            Fact::Decided { decision } if begun && decision.verdict == Verdict::Rollback => {
                ensure(going_back, || "a decision to roll back moved nothing".to_owned())
            }
            Fact::Decided { .. }
                if matches!(before, RolloutState::Stage { .. }) && self.is_good() && self.is_served() =>
            {
                ensure(after != before, || format!("a stage is served at {at}, and is not left"))
            }
            Fact::Word { said: Word::Rollback { .. }, .. } => {
                ensure(going_back, || "an operator's rollback moved nothing".to_owned())
            }
            Fact::Probed { share_bp, .. } => match before {
                RolloutState::RollingBack { since, .. } => {
                    let late = at - since.nanos() >= self.rollback_within;
                    let ended = matches!(after, RolloutState::Ended(_));
                    // seen alone is not enough: what was ordered before may be on its way yet
                    ensure(ended || !late || !self.tried, || {
                        "a rollback is late, and does not say so".to_owned()
                    })?;
                    ensure(!ended || late || *share_bp == Some(0), || "a rollback ends unseen".to_owned())
                }
                _ if begun && self.drifts >= 2 => ensure(going_back, || "moved traffic is let be".to_owned()),
                _ => Ok(()),
            },
            _ => Ok(()),
        }
    }
}
