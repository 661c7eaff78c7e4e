//! What may happen in a state, and what comes of it.

use std::sync::Arc;

use spark_core::rollout::{Due, Ended, Ending, Fact, Freeze, Rollout, RolloutState, Step, Word};
use spark_core::{Decision, TimeSpan, Truth, Verdict};
use stateright::{Model, Property};

use super::normal::TICK;
use super::properties::{self, mark};
use super::world::{Action, At, Guard, Order, RUNNERS, Runner, Said, Setting, Twin, World, rollout};

const WORDS: [Said; 6] = [Said::Hold, Said::Resume, Said::Approve, Said::Promote, Said::Rollback, Said::Abort];

impl Model for Setting {
    type State = World;
    type Action = Action;

    fn init_states(&self) -> Vec<World> {
        vec![World::begin(self.bounds)]
    }

    fn actions(&self, world: &World, actions: &mut Vec<Action>) {
        if world.over() && !world.resumable() && world.flights.is_empty() {
            return;
        }
        actions.push(Action::Tick);
        for runner in 0..RUNNERS {
            self.actions_of(world, runner, actions);
        }
        for (place, _) in world.flights.iter().enumerate() {
            actions.push(Action::Land(place, false));
            if world.left.faults > 0 {
                actions.push(Action::Land(place, true));
            }
        }
    }

    fn next_state(&self, world: &World, action: Action) -> Option<World> {
        let mut next = world.clone();
        self.step(&mut next, action)?;
        Some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        properties::all()
    }
}

impl World {
    fn over(&self) -> bool {
        self.journal.as_ref().is_some_and(|journal| journal.is_over())
    }

    fn resumable(&self) -> bool {
        self.left.crashes > 0 && matches!(self.state(), Some(RolloutState::Ended(Ending::Unverified { .. })))
    }

    /// Commits a fact: it counts for the journal, and for the runner that has the lease.
    fn commit(&mut self, fact: &Fact) -> Option<()> {
        let mut journal = self.journal.as_deref()?.clone();
        if journal.apply(fact).is_err() {
            mark(&mut self.ghost, properties::CONTRADICTION);
            return Some(());
        }
        let before = self.state();
        self.journal = Some(Arc::new(journal));
        properties::committed(self, before.as_ref(), fact);
        Some(())
    }

    fn runner(&mut self, runner: usize) -> Option<&mut Runner> {
        self.runners.get_mut(runner)?.as_mut()
    }

    /// What a runner holds for the rollout.
    fn seen_by<'a>(&'a self, runner: &'a Runner) -> Option<&'a Rollout> {
        runner.stale.as_deref().or(self.journal.as_deref())
    }

    fn fault(&mut self) -> Option<()> {
        self.left.faults = self.left.faults.checked_sub(1)?;
        Some(())
    }
}

impl Setting {
    fn actions_of(&self, world: &World, place: usize, actions: &mut Vec<Action>) {
        let Some(runner) = world.runners.get(place).and_then(Option::as_ref) else {
            let other = world.runners.iter().flatten().any(|other| other.stale.is_none());
            if !world.over() && (!other || world.left.takeovers > 0) || world.resumable() {
                actions.push(Action::Start(place));
            }
            return;
        };
        if world.left.crashes > 0 {
            actions.push(Action::Crash(place));
        }
        match runner.at {
            At::Ready if runner.stale.is_some() => actions.push(Action::Stop(place)),
            At::Ready => self.actions_when_ready(world, place, runner, actions),
            At::Recorded(_) => actions.push(Action::Send(place)),
            At::Sent(_, taken) => {
                let ends = match taken {
                    // it fails, it ends well and did nothing, it is lost
                    None => [Some(Ended::Failed), Some(Ended::Succeeded), Some(Ended::Unknown)],
                    Some(true) => [Some(Ended::Succeeded), (world.left.faults > 0).then_some(Ended::Unknown), None],
                    Some(false) => [Some(Ended::Failed), None, None],
                };
                if taken.is_some() || world.left.faults > 0 {
                    actions.extend(ends.into_iter().flatten().map(|end| Action::Answer(place, end)));
                }
            }
            At::Looked(..) => actions.push(Action::Note(place)),
        }
    }

    fn actions_when_ready(&self, world: &World, place: usize, runner: &Runner, actions: &mut Vec<Action>) {
        let Some(rollout) = world.seen_by(runner) else { return };
        for said in WORDS {
            let left = match said {
                Said::Hold => world.left.holds > 0,
                Said::Promote | Said::Rollback | Said::Abort => world.left.words > 0,
                Said::Resume | Said::Approve => true,
            };
            if left && rollout.accepts(&word(said)).is_ok() {
                actions.push(Action::Hear(place, said));
            }
        }
        match rollout.due(world.at()) {
            Due::Act { .. } => actions.push(Action::Intend(place)),
            Due::Probe { .. } => {
                actions.push(Action::Probe(place, true));
                if world.left.faults > 0 {
                    actions.push(Action::Probe(place, false));
                }
            }
            Due::Finish(_) => actions.push(Action::End(place)),
            Due::Wait(_) if rollout.is_over() => {}
            Due::Wait(_) => {
                if rollout.is_frozen() {
                    actions.push(Action::Freeze(place, false));
                } else if world.left.freezes > 0 {
                    actions.push(Action::Freeze(place, true));
                }
                if world.decided < world.now {
                    actions.extend([
                        Action::Proceed(place),
                        Action::NotReady(place),
                        Action::HoldBack(place),
                        Action::GoBack(place),
                    ]);
                }
            }
        }
    }

    fn step(&self, world: &mut World, action: Action) -> Option<()> {
        match action {
            Action::Tick => world.now = world.now.checked_add(TICK)?,
            Action::Start(runner) => self.start(world, runner)?,
            Action::Crash(runner) => {
                world.left.crashes = world.left.crashes.checked_sub(1)?;
                *world.runners.get_mut(runner)? = None;
            }
            Action::Proceed(_) => decide(world, Verdict::Proceed, Truth::True)?,
            Action::NotReady(_) => decide(world, Verdict::Proceed, Truth::Unknown)?,
            Action::HoldBack(_) => decide(world, Verdict::Hold, Truth::Unknown)?,
            Action::GoBack(_) => decide(world, Verdict::Rollback, Truth::False)?,
            Action::Hear(_, said) => hear(world, said)?,
            Action::Freeze(_, begins) => freeze(world, begins)?,
            Action::Intend(runner) => self.intend(world, runner)?,
            Action::Send(runner) => self.send(world, runner)?,
            Action::Land(place, again) => self.land(world, place, again)?,
            Action::Answer(runner, end) => self.answer(world, runner, end)?,
            Action::Probe(runner, sees) => {
                if !sees {
                    world.fault()?;
                }
                let share = world.share;
                world.runner(runner)?.at = At::Looked(sees.then_some(share), share);
            }
            Action::Note(runner) => {
                note(world, runner)?;
                if matches!(world.state()?, RolloutState::Ended(Ending::RolledBack { .. })) {
                    properties::called_done(self, world);
                }
            }
            Action::End(_) => {
                let Due::Finish(ending) = world.journal.as_ref()?.due(world.at()) else { return None };
                world.commit(&Fact::End { at: world.at(), ending })?;
                // its process ends; another one may take an unverified rollback up again
                world.runners = [None, None];
            }
            Action::Stop(runner) => *world.runners.get_mut(runner)? = None,
        }
        Some(())
    }

    /// A runner takes the lease, folds the journal, and goes on.
    fn start(&self, world: &mut World, place: usize) -> Option<()> {
        let journal = world.journal.clone();
        for other in world.runners.iter_mut().flatten().filter(|other| other.stale.is_none()) {
            // it paused; all that it knows is what it knew
            other.stale = journal.clone();
            world.left.takeovers = world.left.takeovers.checked_sub(1)?;
        }
        if world.over() {
            world.left.crashes = world.left.crashes.checked_sub(1)?;
        }
        world.fence = world.fence.checked_add(1)?;
        let fence = world.fence;
        let mut at = At::Ready;
        match world.journal {
            None => world.journal = Some(Arc::new(rollout(world.at(), fence))),
            Some(_) => {
                world.commit(&Fact::Resumed { at: world.at(), fence, clock: None })?;
                let (number, attempt) = world.ghost.intent;
                if self.twin == Twin::BlindRepeat && world.ghost.open {
                    let step = match world.state()? {
                        RolloutState::Entering { stage, .. } => {
                            Some((super::world::SHARES.get(stage as usize).copied()?, false))
                        }
                        RolloutState::RollingBack { .. } => Some((0, true)),
                        _ => None,
                    };
                    if let Some((share, back)) = step {
                        at = At::Recorded(Order { fence, number, attempt, share, back });
                    }
                }
            }
        }
        *world.runners.get_mut(place)? = Some(Runner { fence, stale: None, at });
        Some(())
    }

    fn intend(&self, world: &mut World, runner: usize) -> Option<()> {
        let Due::Act { id, attempt, step } = world.journal.as_ref()?.due(world.at()) else { return None };
        let back = matches!(step, Step::RollBack { .. });
        let order = Order { fence: world.fence, number: id.number, attempt, share: step.share_bp(), back };
        if self.twin != Twin::IntentAfterAction {
            world.commit(&Fact::Intent { at: world.at(), id, attempt, step })?;
        }
        world.runner(runner)?.at = At::Recorded(order);
        Some(())
    }

    fn send(&self, world: &mut World, runner: usize) -> Option<()> {
        let at = &mut world.runner(runner)?.at;
        let At::Recorded(order) = *at else { return None };
        *at = At::Sent(order, None);
        properties::sent(world, order);
        world.flights.push(order);
        Some(())
    }

    fn land(&self, world: &mut World, place: usize, again: bool) -> Option<()> {
        let order = *world.flights.get(place)?;
        match again {
            true => world.fault()?,
            false => drop(world.flights.remove(place)),
        }
        let taken = self.takes(world, order);
        if taken {
            properties::lands(world, order);
            world.share = order.share;
            world.seen = world.seen.max((order.fence, order.number));
        }
        for runner in world.runners.iter_mut().flatten() {
            if let At::Sent(own, answer @ None) = &mut runner.at
                && *own == order
            {
                *answer = Some(taken);
            }
        }
        Some(())
    }

    /// Whether the switch takes an order.
    pub(crate) fn takes(&self, world: &World, order: Order) -> bool {
        match self.guard {
            Guard::Nothing => true,
            Guard::Fence => order.fence >= world.seen.0,
            Guard::Step => (order.fence, order.number) >= world.seen,
        }
    }

    fn answer(&self, world: &mut World, place: usize, end: Ended) -> Option<()> {
        let runner = world.runners.get(place)?.as_ref()?;
        let At::Sent(order, taken) = runner.at else { return None };
        if runner.stale.is_some() {
            *world.runners.get_mut(place)? = None;
            return Some(());
        }
        if taken.is_none() || (taken == Some(true) && end != Ended::Succeeded) {
            world.fault()?;
        }
        world.ghost.lied = end == Ended::Succeeded && taken.is_none();
        if !self.late || end != Ended::Unknown {
            // what ran is ended with its deadline
            world.flights.retain(|other| *other != order);
        }
        let at = world.at();
        if self.twin == Twin::IntentAfterAction {
            let Due::Act { id, attempt, step } = world.journal.as_ref()?.due(at) else { return None };
            world.commit(&Fact::Intent { at, id, attempt, step })?;
        }
        let id = world.journal.as_ref()?.step_id();
        // a step keeps the name under which it was first begun
        let id = open_step(world, id)?;
        world.commit(&Fact::Outcome { at, id, end, status: String::new(), command: Vec::new(), output: String::new() })?;
        world.runner(place)?.at = match self.twin == Twin::ExitCodeBelieved && end == Ended::Succeeded {
            true => At::Looked(Some(order.share), world.share),
            false => At::Ready,
        };
        Some(())
    }
}

/// The open step's name: its number is known, and its epoch is the fence of one of the runners so far.
fn open_step(world: &World, last: spark_core::rollout::StepId) -> Option<spark_core::rollout::StepId> {
    let journal = world.journal.as_deref()?;
    (1..=world.fence).rev().find_map(|epoch| {
        let id = spark_core::rollout::StepId { epoch, ..last };
        let fact = Fact::Outcome {
            at: world.at(),
            id,
            end: Ended::Unknown,
            status: String::new(),
            command: Vec::new(),
            output: String::new(),
        };
        journal.clone().apply(&fact).ok().map(|()| id)
    })
}

fn decide(world: &mut World, verdict: Verdict, ready: Truth) -> Option<()> {
    let at = world.at();
    world.decided = world.now;
    let because = match verdict {
        Verdict::Proceed => Vec::new(),
        Verdict::Hold | Verdict::Rollback => vec!["a trigger".to_owned()],
    };
    let decision = Decision { at, verdict, because, ready, changes: Vec::new(), overridden: Vec::new() };
    world.commit(&Fact::Decided { decision })
}

fn word(said: Said) -> Word {
    match said {
        Said::Hold => Word::Hold,
        Said::Resume => Word::Resume,
        Said::Approve => Word::Approve,
        Said::Promote => Word::Promote,
        Said::Rollback => Word::Rollback { reason: "an operator".to_owned(), stage: None },
        Said::Abort => Word::Abort,
    }
}

fn hear(world: &mut World, said: Said) -> Option<()> {
    match said {
        Said::Hold => world.left.holds = world.left.holds.checked_sub(1)?,
        Said::Promote | Said::Rollback | Said::Abort => world.left.words = world.left.words.checked_sub(1)?,
        Said::Resume | Said::Approve => {}
    }
    let (by, because) = (String::new(), String::new());
    world.commit(&Fact::Word { at: world.at(), by, because, said: word(said) })
}

fn freeze(world: &mut World, begins: bool) -> Option<()> {
    if begins {
        world.left.freezes = world.left.freezes.checked_sub(1)?;
    }
    let until = world.at().plus(TimeSpan::from_nanos(TICK));
    let freeze = begins.then(|| Freeze { until, because: String::new() });
    world.commit(&Fact::Frozen { at: world.at(), freeze })
}

fn note(world: &mut World, place: usize) -> Option<()> {
    let runner = world.runners.get(place)?.as_ref()?;
    let At::Looked(share_bp, truth) = runner.at else { return None };
    if runner.stale.is_some() {
        *world.runners.get_mut(place)? = None;
        return Some(());
    }
    world.runner(place)?.at = At::Ready;
    properties::looked(world, share_bp, truth);
    world.commit(&Fact::Probed { at: world.at(), share_bp, words: String::new() })
}
