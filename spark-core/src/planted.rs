//! Mistakes that a simulation plants, to measure itself: one that it does not find is one that it could not find in earnest.
//!
//! Each is a switch at the place where such a mistake would be made. Without the cargo feature `planted` every switch is a
//! constant `false`, so a shipped binary holds none of them.

#[cfg(feature = "planted")]
use std::cell::Cell;

macro_rules! bugs {
    ($($(#[doc = $doc:literal])+ $name:ident,)+) => {
        /// A mistake that can be planted.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Bug {
            $($(#[doc = $doc])+ $name,)+
        }

        impl Bug {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name,)+];

            /// What is wrong then.
            pub const fn words(self) -> &'static str {
                match self {
                    $(Self::$name => concat!($($doc),+).trim_ascii_start(),)+
                }
            }
        }
    };
}

bugs! {
    /// a commit is not synced to the disk
    NoSync,
    /// a sync that fails is taken for one that did not
    SyncErrorIgnored,
    /// a new journal's folder is not synced
    NoFolderSync,
    /// a line's sum is not compared with its bytes
    SumNotChecked,
    /// a line's predecessor is not compared
    ChainNotChecked,
    /// a journal is cut at its first bad line
    CutAtFirstBad,
    /// a hole is taken for a torn end without asking the lines behind it
    AckNotChecked,
    /// a file that another process has locked is written
    LockIgnored,
    /// a half-written line is left where it is
    HalfLineStays,
    /// an opening has the fence of the one before
    FenceReused,
    /// a runner that lost its rollout goes on without its journal
    FencedGoesOn,
    /// the lease is not looked at before an action
    LeaseNotRenewed,
    /// orders carry no fence
    OrderWithoutFence,
    /// facts count before they are committed
    CountsBeforeCommit,
    /// an intent is recorded after its action
    IntentAfterAction,
    /// rollout time follows the wall clock
    WallClock,
    /// a stage's time has to be more than served
    DwellAbove,
    /// time at hold serves
    HoldServes,
    /// time in which nobody looked serves
    PauseServes,
    /// time serves while the warm-up runs
    WarmupServes,
    /// time serves across a restart
    RestartServes,
    /// time that was served before the wall clock stepped counts
    StepKeepsServed,
    /// what is not a number is zero
    NanIsZero,
    /// a stale sample is believed
    StaleBelieved,
    /// a failed source leaves the value as good as met
    FailedIsMet,
    /// an expectation that is unknown asks for nothing
    UnknownIsMet,
    /// a trigger that is unknown asks for nothing
    UnknownTriggerQuiet,
    /// a stage is entered while `proceed when` is unknown
    UnknownReady,
    /// what was in flight at a crash is repeated without a look
    BlindRepeat,
    /// an action's word is taken for its effect
    ExitCodeBelieved,
    /// a probe that does not know is taken for one that agrees
    BlindProbeAgrees,
    /// each attempt has a key of its own
    KeyPerAttempt,
    /// a rollback is given up when a probe does not see it
    RollbackGivenUp,
    /// a rollback is done when its action says so
    RollbackByExitCode,
    /// a rollback that nobody saw is called done
    UnverifiedCalledDone,
    /// traffic that moved by itself is let be
    DriftIgnored,
    /// a stage is entered although an operator holds
    AdvanceWhileHeld,
    /// a stage is entered in a freeze
    AdvanceWhileFrozen,
    /// a stage is entered without its approval
    ApprovalIgnored,
    /// an approval lasts for the stages behind its own
    ApprovalKept,
    /// promote skips the evidence too
    PromoteWithoutEvidence,
    /// a stage is entered while the journal cannot be written
    UnrecordedAdvance,
    /// an override never ends
    OverrideForEver,
}

#[cfg(feature = "planted")]
thread_local! {
    static PLANTED: Cell<Option<Bug>> = const { Cell::new(None) };
}

/// Plants a mistake in all that this thread runs, or takes it out again.
#[cfg(feature = "planted")]
pub fn plant(bug: Option<Bug>) {
    PLANTED.with(|planted| planted.set(bug));
}

/// Whether a mistake is planted in this thread.
#[cfg(feature = "planted")]
pub fn is(bug: Bug) -> bool {
    PLANTED.with(|planted| planted.get() == Some(bug))
}

/// Whether a mistake is planted in this thread: never.
#[cfg(not(feature = "planted"))]
pub const fn is(_: Bug) -> bool {
    false
}
