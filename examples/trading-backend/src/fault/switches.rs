//! The list of switches: what each does, for which trigger, and how much of it.

/// What can be broken on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// T1.
    SlowQueries,
    /// T2.
    ServerErrors,
    /// T3.
    FeedStopped,
    /// T4.
    CspFlood,
    /// T5.
    IdempotencyClash,
    /// T6.
    PoolExhaustion,
    /// T7.
    RiskAndErrors,
    /// T8.
    LockConvoy,
    /// T9.
    MemoryLeak,
    /// T10.
    ConnectionLeak,
    /// T11.
    OutboxStalled,
    /// T12.
    KeysWithoutGc,
    /// T13.
    DisconnectStorm,
    /// T14.
    FloatMoney,
    /// T15.
    CpuBurn,
    /// T16.
    ErrorRiskWaves,
    /// T17.
    RuntimeBlocked,
    /// T18.
    AllocationPressure,
    /// T19.
    DeadTuples,
    /// T20.
    ConnectionCreep,
}

/// A switch, described.
#[derive(Debug, Clone, Copy)]
pub struct Switch {
    /// Its name in addresses.
    pub name: &'static str,
    /// The trigger that it is for.
    pub trigger: &'static str,
    /// What it does.
    pub does: &'static str,
    /// What its level counts.
    pub unit: &'static str,
    /// The level that it has when none is asked for: beyond the trigger's limit, and short of taking the machine down.
    pub default: u32,
    /// The highest level.
    pub max: u32,
}

impl Fault {
    /// All of them, T1 to T20.
    pub const ALL: [Self; 20] = [
        Self::SlowQueries,
        Self::ServerErrors,
        Self::FeedStopped,
        Self::CspFlood,
        Self::IdempotencyClash,
        Self::PoolExhaustion,
        Self::RiskAndErrors,
        Self::LockConvoy,
        Self::MemoryLeak,
        Self::ConnectionLeak,
        Self::OutboxStalled,
        Self::KeysWithoutGc,
        Self::DisconnectStorm,
        Self::FloatMoney,
        Self::CpuBurn,
        Self::ErrorRiskWaves,
        Self::RuntimeBlocked,
        Self::AllocationPressure,
        Self::DeadTuples,
        Self::ConnectionCreep,
    ];

    /// The fault of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|fault| fault.switch().name == name)
    }

    /// What it is called and does.
    pub const fn switch(self) -> Switch {
        let (name, trigger, does, unit, default, max) = match self {
            Self::SlowQueries => {
                ("slow_queries", "T1", "each order asks a slow query first", "ms", 450, 10_000)
            }
            Self::ServerErrors => {
                ("server_errors", "T2", "a share of requests is answered 500", "%", 20, 100)
            }
            Self::FeedStopped => ("feed_stopped", "T3", "the client of BIST's feed is gone", "on", 1, 1),
            Self::CspFlood => {
                ("csp_flood", "T4", "browsers report violations of the policy", "per minute", 240, 6_000)
            }
            Self::IdempotencyClash => {
                ("idempotency_clash", "T5", "a repeated body is taken for another one", "%", 100, 100)
            }
            Self::PoolExhaustion => {
                ("pool_exhaustion", "T6", "transactions are left open", "% of the pool", 95, 100)
            }
            Self::RiskAndErrors => {
                ("risk_and_errors", "T7", "risk limits collapse, and asking them fails", "%", 20, 100)
            }
            Self::LockConvoy => {
                ("lock_convoy", "T8", "orders queue for one lock, held while idle", "ms", 300, 5_000)
            }
            Self::MemoryLeak => {
                ("memory_leak", "T9", "memory is taken and not given back", "MiB per minute", 30, 6_000)
            }
            Self::ConnectionLeak => {
                ("connection_leak", "T10", "connections are opened and forgotten", "per minute", 12, 600)
            }
            Self::OutboxStalled => ("outbox_stalled", "T11", "the dispatcher stops", "on", 1, 1),
            Self::KeysWithoutGc => ("keys_without_gc", "T12", "expired idempotency keys stay", "on", 1, 1),
            Self::DisconnectStorm => {
                ("disconnect_storm", "T13", "WebSockets break again and again", "per minute", 120, 6_000)
            }
            Self::FloatMoney => ("float_money", "T14", "amounts are computed in binary floats", "on", 1, 1),
            Self::CpuBurn => {
                ("cpu_burn", "T15", "every second request computes for nothing", "ms of a core", 300, 2_000)
            }
            Self::ErrorRiskWaves => (
                "error_risk_waves",
                "T16",
                "errors and risk blocks rise and fall together, up to 3 % each",
                "s",
                7_200,
                28_800,
            ),
            Self::RuntimeBlocked => (
                "runtime_blocked",
                "T17",
                "tasks and some requests block the threads of the runtime",
                "ms",
                300,
                5_000,
            ),
            Self::AllocationPressure => (
                "allocation_pressure",
                "T18",
                "the store of trades is full of garbage",
                "% of memory",
                90,
                95,
            ),
            Self::DeadTuples => (
                "dead_tuples",
                "T19",
                "autovacuum is off, and rows change all the time",
                "rows per s",
                2_000,
                20_000,
            ),
            Self::ConnectionCreep => (
                "connection_creep",
                "T20",
                "some orders leave a connection behind",
                "per 1,000 orders",
                10,
                1_000,
            ),
        };
        Switch { name, trigger, does, unit, default, max }
    }
}
