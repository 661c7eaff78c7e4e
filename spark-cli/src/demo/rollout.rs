//! The rollout of the demo: what moves its traffic, what breaks its new version, and what is told on the way.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use spark_core::rollout::{Controller, Ending, Fact, RolloutState, Step};
use spark_core::{Change, Decision, Plan, Policy, State};
use spark_runtime::action::{ActionOutcome, Actions, Measured, Order};
use spark_runtime::runner::Observer;
use tokio::sync::Notify;

use super::Failure;
use super::frame::glance;
use super::load::{LEAST_PER_SECOND, USERS_PER_SECOND};
use super::rules;
use super::screen::Screen;
use super::traffic::Traffic;
use super::view::{Around, BaselineValues, Place, View};

/// The stage at which the new version breaks, by its place: 25 %, where users notice.
const FAULT_STAGE: u32 = 2;

/// How long that stage goes well before.
const FAULT_AFTER: Duration = Duration::from_secs(3);

/// The time over which the screen says what users meet.
const USERS_OVER: Duration = Duration::from_secs(1);

/// What the parts of a running demo share.
#[derive(Debug)]
pub(crate) struct Shared {
    screen: Mutex<Screen>,
    baseline: Mutex<BaselineValues>,
    /// What was shown last, to be shown again when only the traffic changed.
    shown: Mutex<Option<View>>,
    told: Mutex<Told>,
    /// Told once something ends the demo early; what it was stands in [`Told`].
    ended: Notify,
}

/// What happened so far.
#[derive(Debug, Default)]
struct Told {
    /// When the fault was injected.
    fault: Option<Instant>,
    /// When the traffic was taken back.
    rolled_back: Option<Instant>,
    /// The longest 95th percentile that users met.
    worst: Duration,
    /// What ended the demo early.
    failure: Option<Failure>,
}

/// What is told at the end.
#[derive(Debug)]
pub(crate) struct Story {
    /// From the fault to the rollback.
    pub(crate) fault_to_rollback: Option<Duration>,
    /// The longest 95th percentile that users met.
    pub(crate) worst: Duration,
    /// What ended the demo early.
    pub(crate) failure: Option<String>,
}

impl Shared {
    pub(crate) fn new(screen: Screen) -> Arc<Self> {
        Arc::new(Self {
            screen: Mutex::new(screen),
            baseline: Mutex::default(),
            shown: Mutex::default(),
            told: Mutex::default(),
            ended: Notify::new(),
        })
    }

    /// The screen.
    pub(crate) fn screen(&self) -> MutexGuard<'_, Screen> {
        self.screen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The stable version's values.
    pub(crate) fn baseline(&self) -> MutexGuard<'_, BaselineValues> {
        self.baseline.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Shows the last view again, with what users meet now, and where the rollout is if that is new.
    pub(crate) fn refresh(&self, traffic: &Traffic, rollout: Option<Place>) {
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(view) = shown.as_mut() else { return };
        view.users = traffic.experience(USERS_OVER).or(view.users);
        view.rollout = rollout.unwrap_or(view.rollout);
        let mut screen = self.screen();
        view.elapsed = screen.elapsed();
        screen.refresh(view);
    }

    fn show(&self, view: View) {
        self.screen().show(&view);
        *self.shown.lock().unwrap_or_else(PoisonError::into_inner) = Some(view);
    }

    fn told(&self) -> MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends the demo early; the first reason stays.
    pub(crate) fn end(&self, failure: Failure) {
        self.told().failure.get_or_insert(failure);
        self.ended.notify_one();
    }

    /// Done once something ended the demo early.
    pub(crate) async fn ended(&self) {
        self.ended.notified().await;
    }

    /// What is told at the end.
    pub(crate) fn story(&self) -> Story {
        let told = self.told();
        Story {
            fault_to_rollback: told
                .fault
                .zip(told.rolled_back)
                .map(|(fault, back)| back.duration_since(fault)),
            worst: told.worst,
            failure: told.failure.as_ref().map(ToString::to_string),
        }
    }
}

/// What moves the demo's traffic, and breaks its new version where that is asked for.
#[derive(Debug)]
pub(crate) struct DemoActions {
    shared: Arc<Shared>,
    traffic: Arc<Traffic>,
    /// What goes wrong; none when all is to go well.
    fault: Option<Fault>,
}

/// What goes wrong with the new version.
#[derive(Debug)]
pub(crate) struct Fault {
    /// Where it is switched on.
    pub(crate) url: String,
    /// What it means, in words.
    pub(crate) words: &'static str,
}

impl DemoActions {
    pub(crate) const fn new(shared: Arc<Shared>, traffic: Arc<Traffic>, fault: Option<Fault>) -> Self {
        Self { shared, traffic, fault }
    }
}

impl Actions for DemoActions {
    async fn set_share(&mut self, order: &Order) -> ActionOutcome {
        self.traffic.set_share(order.share_bp);
        if order.stage == FAULT_STAGE
            && let Some(fault) = self.fault.take()
        {
            tokio::spawn(break_new_version(Arc::clone(&self.shared), fault));
        }
        ActionOutcome::done(format!("the split sends {}% of users to the new version", order.percent()))
    }

    async fn roll_back(&mut self, _order: &Order) -> ActionOutcome {
        self.traffic.set_share(0);
        self.shared.told().rolled_back = Some(Instant::now());
        ActionOutcome::done("the split sends every user to the stable version")
    }

    async fn measure_share(&mut self, _order: &Order) -> Measured {
        Measured::share(self.traffic.share(), "the share that the split sends to the new version")
    }
}

/// Lets the stage go well for a while, then makes the new version fail in its way.
async fn break_new_version(shared: Arc<Shared>, fault: Fault) {
    tokio::time::sleep(FAULT_AFTER).await;
    match super::traffic::post(&fault.url).await {
        Ok(()) => {
            shared.told().fault = Some(Instant::now());
            shared.screen().event(&format!("FAULT injected: {}", fault.words));
        }
        Err(failure) => shared.end(failure),
    }
}

/// Tells what happens, as it happens.
#[derive(Debug)]
pub(crate) struct Teller {
    shared: Arc<Shared>,
    traffic: Arc<Traffic>,
    policy: Arc<Policy>,
    plan: Plan,
    /// Where the traffic is: the rollout's state, once its step was carried out.
    place: Place,
    /// The stage that was told last.
    entered: Option<u32>,
    /// The state of each trigger as it was told last.
    states: BTreeMap<String, State>,
}

impl Teller {
    pub(crate) const fn new(
        shared: Arc<Shared>,
        traffic: Arc<Traffic>,
        policy: Arc<Policy>,
        plan: Plan,
    ) -> Self {
        Self { shared, traffic, policy, plan, place: Place::Stage(0), entered: None, states: BTreeMap::new() }
    }

    fn decided(&mut self, decision: &Decision, controller: &Controller) {
        for change in &decision.changes {
            self.changed(change);
        }
        let users = self.traffic.experience(USERS_OVER);
        if let Some(users) = users {
            let mut told = self.shared.told();
            told.worst = told.worst.max(users.p95);
        }
        let elapsed = self.shared.screen().elapsed();
        let (plan, served) = (&self.plan, controller.rollout().served());
        let around = Around { plan, rollout: self.place, served, elapsed, users };
        let view = View::new(controller.engine(), decision, &self.shared.baseline(), &around);
        self.shared.show(view);
    }

    fn moved(&mut self, place: Place) {
        self.place = place;
        self.shared.refresh(&self.traffic, Some(place));
    }

    /// Tells a trigger's new state, where it is news: quiet ones and the first look at each are not.
    fn changed(&mut self, change: &Change) {
        let before = self.states.insert(change.name.clone(), change.state);
        let loud = |state: State| !matches!(state, State::Ok | State::Unknown);
        if !loud(change.state) && !before.is_some_and(loud) {
            return;
        }
        let mut words = format!("trigger {}: {}", change.name, change.state);
        if let Some(value) = change.value {
            words.push_str(&format!(" at {}", glance(value)));
        }
        if let Some(cause) = &change.cause {
            words.push_str(&format!(" ({cause})"));
        }
        self.shared.screen().event(&words);
    }

    fn stage_entered(&mut self, stage: u32, share_bp: u16) {
        let number = stage.saturating_add(1);
        let of = self.plan.stages.len();
        let orders = f64::from(share_bp) * f64::from(USERS_PER_SECOND) / 10_000.0;
        let share = f64::from(share_bp) / 100.0;
        let probes = match orders < f64::from(LEAST_PER_SECOND) {
            true => format!("; {LEAST_PER_SECOND} with probes"),
            false => String::new(),
        };
        self.shared.screen().event(&format!(
            "stage {number} of {of}: new version for {share}% of users ({orders:.0} orders/s{probes})"
        ));
        self.moved(Place::Stage(stage));
    }
}

impl Observer for Teller {
    fn on(&mut self, fact: &Fact, controller: &Controller) {
        match fact {
            Fact::Decided { decision } => self.decided(decision, controller),
            Fact::Intent { step: Step::RollBack { because, .. }, attempt: 1, .. } => {
                self.shared.screen().event(&format!("ROLLBACK because {}", because.join(", ")));
                for rule in because.iter().filter_map(|name| rules::rollback_rule(&self.policy, name)) {
                    self.shared.screen().say(&format!("      the rule: {rule}"));
                }
            }
            Fact::Probed { .. } => match controller.rollout().state() {
                RolloutState::Stage { stage } if self.entered != Some(stage) => {
                    self.entered = Some(stage);
                    self.stage_entered(stage, controller.rollout().expected_bp());
                }
                RolloutState::Ended(Ending::RolledBack { stage, .. }) => {
                    self.shared.screen().event("every user is sent to the stable version again");
                    self.moved(Place::RolledBack(stage));
                }
                _ => {}
            },
            Fact::End { ending: Ending::Completed, .. } => {
                self.shared.screen().event("COMPLETED: all users are on the new version");
                self.moved(Place::Completed);
            }
            Fact::Unrecorded { reason, .. } => {
                self.shared.screen().event(&format!("the journal cannot be written: {reason}"));
            }
            _ => {}
        }
    }
}
