//! Every kind of probe that a configuration may name.

use super::{
    Alert, Baseline, Bloat, Burst, Clock, Connections, Decimals, FlagsFile, FlagsTable, Flood, Headers,
    Health, HttpCases, IdempotencyTable, Identity, Index, Measured, Migrations, Ntp, Outbox, Pgbouncer,
    Probe, ProbeError, Program, Provenance, Restore, Sbom, Sequences, Targets,
};

/// Where the release's name stands in a setting.
const RELEASE: &str = "{release}";

macro_rules! kinds {
    ($($variant:ident $what:literal,)+) => {
        /// A probe with its settings.
        #[derive(Debug, Clone, PartialEq, Eq)]
        #[non_exhaustive]
        pub enum ProbeKind {
            $(#[doc = $what] $variant($variant),)+
        }

        impl Probe for ProbeKind {
            async fn measure(&self) -> Result<Measured, ProbeError> {
                match self {
                    // each is large by itself, and all of them together are as large as the largest
                    $(Self::$variant(probe) => Box::pin(probe.measure()).await,)+
                }
            }
        }

        $(impl From<$variant> for ProbeKind {
            fn from(probe: $variant) -> Self {
                Self::$variant(probe)
            }
        })+
    };
}

kinds! {
    Clock "The database's clock.",
    Sequences "Sequences near their end, or behind.",
    Bloat "Dead rows.",
    Connections "Connections by their state.",
    Index "A partial unique index.",
    Migrations "Migrations of sqlx and Prisma.",
    Decimals "Ticks and exact amounts.",
    Outbox "The outbox.",
    IdempotencyTable "Stored idempotency keys.",
    FlagsTable "Feature flags in a table.",
    FlagsFile "Feature flags in a file.",
    Pgbouncer "The pooler.",
    Ntp "Servers of time.",
    Headers "Headers of security.",
    Burst "A burst under one idempotency key.",
    Flood "A flood of reports.",
    Health "Health over a time.",
    HttpCases "Single requests.",
    Targets "What Prometheus scrapes.",
    Baseline "Values before the release.",
    Alert "Whether an alert fires.",
    Sbom "A bill of materials.",
    Provenance "Who built it.",
    Identity "What it is.",
    Restore "A restore to a moment.",
    Program "A program that measures.",
}

impl ProbeKind {
    /// Whether it loads what it asks. What others measure at the same time would be that load.
    pub const fn alone(&self) -> bool {
        matches!(self, Self::Burst(_) | Self::Flood(_))
    }

    /// The same probe for a release: `{release}` in the settings that may have it is its name.
    #[must_use]
    pub fn of_release(mut self, release: &str) -> Self {
        match &mut self {
            Self::Identity(identity) => identity.tag = identity.tag.replace(RELEASE, release),
            Self::Program(program) => {
                program.words.iter_mut().for_each(|word| *word = word.replace(RELEASE, release));
            }
            _ => {}
        }
        self
    }
}
