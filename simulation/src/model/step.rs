//! What may happen in a state, and what comes of it.

use std::sync::Arc;

use spark_core::rollout::{Due, Ended, Ending, Fact, Freeze, RolloutState, Step, Word};
use spark_core::{Decision, TimeSpan, Truth, Verdict};
use stateright::{Model, Property};

use super::normal::TICK;
use super::properties::{self, mark};
use super::world::{Action, At, Guard, Order, RUNNERS, Runner, Said, Setting, Twin, World, rollout};

const WORDS: [Said; 6] =
    [Said::Hold, Said::Resume, Said::Approve, Said::Promote, Said::Rollback, Said::Abort];

impl Model for Setting {
    type State = World;
    type Action = Action;

    fn init_states(&self) -> Vec<World> {
        vec![World::begin(self)]
    }

    fn actions(&self, world: &World, actions: &mut Vec<Action>) {
        if world.over() && !world.resumable() && world.flights.is_empty() {
            return;
        }
        if self.time_goes_on(world) {
            actions.push(Action::Tick);
        }
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
        let refused: Vec<Order> = self.refused(world).collect();
        self.step(&mut next, action)?;
        next.flights.retain(|order| !refused.contains(order));
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

    fn fault(&mut self) -> Option<()> {
        self.left.faults = self.left.faults.checked_sub(1)?;
        Some(())
    }
}

impl Setting {
    /// Time goes on while the runner waits, while its action takes time, and while there is none. It does not while a runner
    /// has something to begin or to record: that it came so late is the same as if what led to it had.
    fn time_goes_on(&self, world: &World) -> bool {
        let Some(journal) = world.journal.as_deref() else { return false };
        world.runners.iter().flatten().filter(|runner| !runner.stale).all(|runner| match runner.at {
            At::Ready => matches!(journal.due(world.at()), Due::Wait(_)),
            At::Sent(_, taken) => taken.is_none(),
            At::Recorded(_) | At::Looked(..) => false,
        })
    }

    /// Orders on their way that the switch refuses, whenever they come: what it has seen only grows. They need not be
    /// followed any further.
    pub(crate) fn refused(&self, world: &World) -> impl Iterator<Item = Order> {
        let awaited =
            |order: &Order| world.runners.iter().flatten().any(|runner| runner.order() == Some(*order));
        world.flights.iter().copied().filter(move |order| !self.takes(world, *order) && !awaited(order))
    }

    fn actions_of(&self, world: &World, place: usize, actions: &mut Vec<Action>) {
        let Some(runner) = world.runners.get(place).and_then(Option::as_ref) else {
            let other = world.runners.iter().flatten().any(|other| !other.stale);
            if !world.over() && (!other || world.left.takeovers > 0) || world.resumable() {
                actions.push(Action::Start(place));
            }
            return;
        };
        if world.left.crashes > 0 {
            actions.push(Action::Crash(place));
        }
        match runner.at {
            At::Ready => self.actions_when_ready(world, place, actions),
            At::Recorded(_) => actions.push(Action::Send(place)),
            At::Sent(_, taken) => {
                let ends = match taken {
                    // it fails, it ends well and did nothing, it is lost
                    None => [Some(Ended::Failed), Some(Ended::Succeeded), Some(Ended::Unknown)],
                    Some(true) => {
                        [Some(Ended::Succeeded), (world.left.faults > 0).then_some(Ended::Unknown), None]
                    }
                    Some(false) => [Some(Ended::Failed), None, None],
                };
                if taken.is_some() || world.left.faults > 0 {
                    actions.extend(ends.into_iter().flatten().map(|end| Action::Answer(place, end)));
                }
            }
            At::Looked(..) => actions.push(Action::Note(place)),
        }
    }

    fn actions_when_ready(&self, world: &World, place: usize, actions: &mut Vec<Action>) {
        let Some(rollout) = world.journal.as_deref() else { return };
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
                if !world.decided {
                    actions.extend([Action::Proceed(place), Action::GoBack(place)]);
                    if world.left.doubts > 0 {
                        actions.extend([Action::NotReady(place), Action::HoldBack(place)]);
                    }
                }
            }
        }
    }

    pub(crate) fn step(&self, world: &mut World, action: Action) -> Option<()> {
        match action {
            Action::Tick => {
                world.now = world.now.checked_add(TICK)?;
                world.decided = false;
            }
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
                if world.flights.is_empty() {
                    // nothing can move the traffic before it is recorded
                    self.record_look(world, runner)?;
                }
            }
            Action::Note(runner) => self.record_look(world, runner)?,
            Action::End(_) => {
                let Due::Finish(ending) = world.journal.as_ref()?.due(world.at()) else { return None };
                world.commit(&Fact::End { at: world.at(), ending })?;
                // its process ends; another one may take an unverified rollback up again
                world.runners = [None, None];
            }
        }
        Some(())
    }

    fn record_look(&self, world: &mut World, runner: usize) -> Option<()> {
        let At::Looked(_, measured) = world.runner(runner)?.at else { return None };
        note(world, runner)?;
        if matches!(world.state()?, RolloutState::Ended(Ending::RolledBack { .. })) {
            properties::called_done(self, world, measured);
        }
        Some(())
    }

    /// A runner takes the lease, folds the journal, and goes on.
    pub(crate) fn start(&self, world: &mut World, place: usize) -> Option<()> {
        for slot in &mut world.runners {
            let Some(other) = slot.as_mut().filter(|other| !other.stale) else { continue };
            // it paused, and knows nothing of it
            world.left.takeovers = world.left.takeovers.checked_sub(1)?;
            match other.at {
                At::Recorded(_) => other.stale = true,
                // the next thing that it commits is refused, and what it sent is on its way without it
                At::Ready | At::Looked(..) | At::Sent(..) => *slot = None,
            }
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
        *world.runners.get_mut(place)? = Some(Runner { fence, stale: false, at });
        Some(())
    }

    pub(crate) fn intend(&self, world: &mut World, runner: usize) -> Option<()> {
        let Due::Act { id, attempt, step } = world.journal.as_ref()?.due(world.at()) else { return None };
        let back = matches!(step, Step::RollBack { .. });
        let order = Order { fence: world.fence, number: id.number, attempt, share: step.share_bp(), back };
        if self.twin != Twin::IntentAfterAction {
            world.commit(&Fact::Intent { at: world.at(), id, attempt, step })?;
        }
        world.runner(runner)?.at = At::Recorded(order);
        Some(())
    }

    pub(crate) fn send(&self, world: &mut World, runner: usize) -> Option<()> {
        let sender = world.runner(runner)?;
        let At::Recorded(order) = sender.at else { return None };
        sender.at = At::Sent(order, None);
        if sender.stale {
            // its outcome is refused
            *world.runners.get_mut(runner)? = None;
        }
        properties::sent(world, order);
        world.flights.push(order);
        Some(())
    }

    pub(crate) fn land(&self, world: &mut World, place: usize, again: bool) -> Option<()> {
        let order = *world.flights.get(place)?;
        match again {
            true => world.fault()?,
            false => drop(world.flights.remove(place)),
        }
        let taken = self.takes(world, order);
        if taken {
            properties::lands(world, order);
            world.share = order.share;
            // a switch remembers no more than it compares
            world.seen = match self.guard {
                Guard::Nothing => world.seen,
                Guard::Fence | Guard::Step => world.seen.max(self.guard.key(order)),
            };
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
            Guard::Fence | Guard::Step => self.guard.key(order) >= world.seen,
        }
    }

    pub(crate) fn answer(&self, world: &mut World, place: usize, end: Ended) -> Option<()> {
        let runner = world.runners.get(place)?.as_ref()?;
        let At::Sent(order, taken) = runner.at else { return None };
        if taken.is_none() || (taken == Some(true) && end != Ended::Succeeded) {
            world.fault()?;
        }
        world.ghost.lied |= end == Ended::Succeeded && taken.is_none();
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
        world.commit(&Fact::Outcome {
            at,
            id,
            end,
            status: String::new(),
            command: Vec::new(),
            output: String::new(),
        })?;
        world.runner(place)?.at = match self.twin == Twin::ExitCodeBelieved && end == Ended::Succeeded {
            true => At::Looked(Some(order.share), world.share),
            false => At::Ready,
        };
        Some(())
    }
}

fn decide(world: &mut World, verdict: Verdict, ready: Truth) -> Option<()> {
    let at = world.at();
    world.decided = true;
    if verdict != Verdict::Rollback && ready != Truth::True {
        world.left.doubts = world.left.doubts.checked_sub(1)?;
    }
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
    world.runner(place)?.at = At::Ready;
    properties::looked(world, share_bp, truth);
    world.commit(&Fact::Probed { at: world.at(), share_bp, words: String::new() })
}
