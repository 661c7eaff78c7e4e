//! What there is in the model: a journal, two runners, orders on their way, a switch, and what the properties remember.

use std::fmt;
use std::sync::Arc;

use spark_core::rollout::{Ended, Pace, Rollout, RolloutState};
use spark_core::{Plan, SourceSpan, Stage, TimeSpan, Timestamp};

use super::normal::{BEGIN, TICK};

/// How many runners there are.
pub(crate) const RUNNERS: usize = 2;

/// The shares of the plan's stages, in hundredths of a percent; the third needs approval.
pub(crate) const SHARES: [u16; 5] = [100, 500, 2_500, 5_000, 10_000];

/// How often each thing may happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Bounds {
    /// A runner dies at any point.
    pub(crate) crashes: u8,
    /// The lease passes to the other runner while this one is alive: it paused, and goes on later.
    pub(crate) takeovers: u8,
    /// An order is lost, fails, lies, loses its answer, or lands twice; a probe sees nothing.
    pub(crate) faults: u8,
    pub(crate) holds: u8,
    /// Operators' promote, rollback and abort.
    pub(crate) words: u8,
    pub(crate) freezes: u8,
    /// Decisions that are neither proceed with all that it takes, nor rollback.
    pub(crate) doubts: u8,
}

impl Bounds {
    pub(crate) const NONE: Self =
        Self { crashes: 0, takeovers: 0, faults: 0, holds: 0, words: 0, freezes: 0, doubts: 0 };
}

/// What the switch refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Guard {
    /// Nothing.
    Nothing,
    /// An order with a lower fence than one that it has seen.
    Fence,
    /// An order of a lower fence, or of an older step, than one that it has seen.
    Step,
}

/// A mistake in the runner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Twin {
    None,
    IntentAfterAction,
    BlindRepeat,
    ExitCodeBelieved,
}

/// One model.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Setting {
    pub(crate) guard: Guard,
    /// Whether an order may take effect after its outcome was recorded.
    pub(crate) late: bool,
    pub(crate) twin: Twin,
    pub(crate) bounds: Bounds,
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Bounds { crashes, takeovers, faults, holds, words, freezes, doubts } = self.bounds;
        write!(
            f,
            "crashes {crashes}, pauses {takeovers}, faults {faults}, doubts {doubts}, holds {holds}, words {words}, \
             freezes {freezes}"
        )
    }
}

/// An order to the switch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Order {
    pub(crate) fence: u64,
    /// The step's number.
    pub(crate) number: u32,
    pub(crate) attempt: u32,
    pub(crate) share: u16,
    pub(crate) back: bool,
}

/// How far a runner is with what it does now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum At {
    /// It may decide, hear a word, or begin what is due.
    Ready,
    /// The intent is recorded, the action is not started.
    Recorded(Order),
    /// The action is started; whether the switch took it, once it came there.
    Sent(Order, Option<bool>),
    /// The traffic was measured, and the measurement is not recorded; with what the traffic truly was.
    Looked(Option<u16>, u16),
}

/// A runner that is alive.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Runner {
    pub(crate) fence: u64,
    /// Whether another runner has the lease. It can commit nothing any more, and only sends what it had recorded.
    pub(crate) stale: bool,
    pub(crate) at: At,
}

/// What is remembered for the properties alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(crate) struct Ghost {
    /// The last committed decision: 0 none, 1 proceed, 2 hold, 3 rollback.
    pub(crate) verdict: u8,
    /// The step and attempt of the last committed intent.
    pub(crate) intent: (u32, u32),
    /// The step that was sent last, where nobody has looked since.
    pub(crate) unlooked: Option<u32>,
    /// Whether that intent has no outcome.
    pub(crate) open: bool,
    /// Stages entered.
    pub(crate) entered: u32,
    /// The number of the rollback's step; 0 before it.
    pub(crate) back: u32,
    /// Whether an end was recorded that is for good.
    pub(crate) ended: bool,
    /// Whether a rollback was begun.
    pub(crate) back_begun: bool,
    /// Whether a rollback's order took effect.
    pub(crate) taken_back: bool,
    /// Whether the last order that was answered as done was not.
    pub(crate) lied: bool,
    /// The highest fence whose order took effect.
    pub(crate) fence: u64,
    /// Properties that do not hold, and places that were reached, a bit each.
    pub(crate) marks: u32,
}

/// A state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct World {
    pub(crate) now: i64,
    /// The fold of what is durable; none before the start.
    pub(crate) journal: Option<Arc<Rollout>>,
    /// The fence that the lease has.
    pub(crate) fence: u64,
    /// Whether was decided at this instant.
    pub(crate) decided: bool,
    pub(crate) runners: [Option<Runner>; RUNNERS],
    pub(crate) flights: Vec<Order>,
    pub(crate) share: u16,
    /// The highest fence and step that the switch has seen.
    pub(crate) seen: (u64, u32),
    /// What the switch compares; the same in all states.
    pub(crate) guard: Guard,
    pub(crate) left: Bounds,
    pub(crate) ghost: Ghost,
}

impl World {
    pub(crate) fn begin(setting: &Setting) -> Self {
        Self {
            now: BEGIN,
            journal: None,
            fence: 0,
            decided: false,
            runners: [None, None],
            flights: Vec::new(),
            share: 0,
            seen: (0, 0),
            guard: setting.guard,
            left: setting.bounds,
            ghost: Ghost::default(),
        }
    }

    pub(crate) const fn at(&self) -> Timestamp {
        Timestamp::from_nanos(self.now)
    }

    pub(crate) fn state(&self) -> Option<RolloutState> {
        self.journal.as_ref().map(|journal| journal.state())
    }
}

/// What a runner hears.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Said {
    Hold,
    Resume,
    Approve,
    Promote,
    Rollback,
    Abort,
}

/// One thing that happens; the number is the runner's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    /// Time goes on.
    Tick,
    Start(usize),
    Crash(usize),
    Proceed(usize),
    NotReady(usize),
    HoldBack(usize),
    GoBack(usize),
    Hear(usize, Said),
    Freeze(usize, bool),
    Intend(usize),
    Send(usize),
    /// An order takes effect at the switch, where the switch takes it; whether it comes once more.
    Land(usize, bool),
    Answer(usize, Ended),
    Probe(usize, bool),
    Note(usize),
    End(usize),
}

impl fmt::Display for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state().map_or_else(|| "nothing".to_owned(), |state| format!("{state:?}"));
        let state = state.split(" {").next().unwrap_or_default().to_owned();
        let ticks = (self.now - BEGIN) / TICK;
        let line = format!(
            "t{ticks} {state} fence {} switch {} flying {}",
            self.fence,
            self.share,
            self.flights.len()
        );
        f.pad(&line)
    }
}

/// The rollout that is modelled.
pub(crate) fn rollout(at: Timestamp, fence: u64) -> Rollout {
    let ticks = |ticks: i64| TimeSpan::from_nanos(ticks * TICK);
    let stages = SHARES.iter().enumerate().map(|(place, share_bp)| Stage {
        share_bp: *share_bp,
        duration: ticks(1),
        approval: place == 2,
        span: SourceSpan::default(),
    });
    let plan = Plan {
        name: "model".to_owned(),
        title: None,
        stages: stages.collect(),
        proceed: None,
        warmup: TimeSpan::ZERO,
        watch: ticks(1),
        span: SourceSpan::default(),
    };
    let tick = ticks(1);
    let pace = Pace {
        verify_within: tick,
        rollback_within: tick,
        retry_after: tick,
        probe_every: tick,
        hour: Pace::HOUR,
    };
    Rollout::new(&plan, pace, tick, at, fence)
}
