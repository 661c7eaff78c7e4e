//! The kinds of faults, by their row in the fault table, and how often each was brought.

macro_rules! faults {
    ($($name:ident $row:literal $words:literal,)+) => {
        /// A kind of fault.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Fault { $($name,)+ }

        impl Fault {
            pub const ALL: &[Self] = &[$(Self::$name,)+];

            /// Its row in the fault table.
            pub const fn row(self) -> u32 {
                match self { $(Self::$name => $row,)+ }
            }

            pub const fn words(self) -> &'static str {
                match self { $(Self::$name => $words,)+ }
            }
        }
    };
}

faults! {
    Killed 1 "the process is killed between two steps",
    KilledInWrite 1 "the process is killed within a write",
    SyncFails 2 "EIO on sync",
    DiskFull 3 "no space left",
    ShortWrite 4 "a write that takes less than it was given",
    LyingWrite 4 "a write that says it took all and did not",
    BitRot 4 "a bit flipped in an acknowledged line",
    PageLost 4 "a page of zeros over acknowledged lines",
    LineExchanged 4 "an acknowledged line exchanged for another with a right sum",
    PowerLost 5 "power is lost: unsynced pages are kept or lost at random",
    WallStep 6 "the wall clock is set",
    Paused 9 "the runner stands still",
    SampleTwice 10 "a sample twice",
    SampleConflict 10 "the same time with another value",
    SampleLate 11 "a sample older than the newest",
    NotANumber 12 "NaN",
    Infinite 12 "an infinite value",
    Negative 12 "a negative value",
    OutOfRange 12 "a value that no decimal holds",
    FutureSample 13 "a sample from the future",
    CounterReset 14 "a counter starts over",
    NoTraffic 15 "a quotient without traffic",
    SourceSilent 16 "a source that does not answer in time",
    SourceSlow 16 "a source that answers just in time",
    Partial 17 "an answer with signals missing",
    Empty 18 "an empty answer",
    StaleSample 18 "the same old sample again",
    WrongTrack 19 "the samples of the other version",
    ActionHangs 21 "an action hangs beyond its deadline",
    ActionLate 22 "an action takes effect after it was given up",
    ActionLies 23 "an action ends well and did nothing",
    ActionHalf 23 "an action does it by half",
    ActionFailsDone 23 "an action does it and says that it failed",
    ActionFails 23 "an action fails",
    ActionTwice 24 "an action takes effect twice",
    BackFails 25 "a rollback that does nothing, however often",
    ProbeBlind 25 "a probe that cannot tell",
    ProbeHangs 25 "a probe that does not answer",
    TrafficMoved 25 "somebody else moves the traffic",
    SecondRunner 26 "a second runner",
    LeaseLost 26 "a runner stands still past its lease",
    StoreUnsure 27 "the database's answer to a commit is lost",
    StoreFails 27 "the database does not answer",
    RulesBad 28 "rules that cannot be read are loaded",
    RulesLooser 29 "looser rules are loaded",
    Reloaded 29 "stricter rules are loaded",
    Stopped 39 "the process is asked to stop",
    WrongWord 24 "an operator's word that does not fit",
}

/// How often each was brought.
#[derive(Debug, Clone)]
pub struct Counts(pub Vec<u64>);

impl Default for Counts {
    fn default() -> Self {
        Self(vec![0; Fault::ALL.len()])
    }
}

impl Counts {
    pub fn add(&mut self, fault: Fault) {
        self.0[fault as usize] += 1;
    }

    pub fn merge(&mut self, other: &Self) {
        self.0.iter_mut().zip(&other.0).for_each(|(mine, theirs)| *mine += theirs);
    }

    pub fn of(&self, fault: Fault) -> u64 {
        self.0[fault as usize]
    }
}
