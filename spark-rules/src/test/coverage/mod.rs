//! What tests have seen of rules, point by point.
//!
//! A **point** is something that a rule can be or do, and that a test can see:
//! - each comparison of a signal's `expect` and of a trigger is true, is false, is unknown;
//! - each `given` of several comparisons is true, is false, is unknown, as a whole;
//! - each level is reached, and each trigger shows `ok` and shows `unknown`;
//! - each `clear` lets its trigger leave a level, each name after `unless` keeps it quiet, each `then rollback after` comes true;
//! - each stage of a plan is entered (`at stage`);
//! - each comparison and each flag of a check is true, is false, is unknown, and each check passes, does not, and is unknown.
//!
//! A point that nothing can reach is **excluded**, with its reason, so that 100 % is reachable. A point says that a test
//! was there, not that a test would notice a mistake: for that there are mutants.

mod points;
mod unreachable;
mod watch;

use spark_core::{SourceSpan, Truth};

pub use points::points;
pub use watch::Watch;

/// Which block a point belongs to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Block {
    /// A signal, by its name.
    Signal(String),
    /// A trigger, by its name.
    Trigger(String),
    /// A plan, by its name.
    Plan(String),
    /// A check, by its name.
    Check(String),
}

impl Block {
    /// The word that opens it.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Signal(_) => "signal",
            Self::Trigger(_) => "trigger",
            Self::Plan(_) => "plan",
            Self::Check(_) => "check",
        }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        match self {
            Self::Signal(name) | Self::Trigger(name) | Self::Plan(name) | Self::Check(name) => name,
        }
    }
}

/// Something that tests can see of rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Point {
    /// Whose it is.
    pub block: Block,
    /// What it is, for programs: `true`, `false`, `unknown`, `reached`, `shown`, `cleared`, `quiet`, `given up`, `entered`.
    pub kind: &'static str,
    /// What was to be seen, in words that follow "never": `p95 > 400ms true`.
    pub what: String,
    /// Where it stands.
    pub span: SourceSpan,
    /// How many tests have seen it.
    pub seen: u32,
    /// Why nothing can reach it.
    pub excluded: Option<String>,
}

/// What tests have seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Coverage {
    /// Every point, by block, in the order of declaration: signals, triggers, plans, checks.
    pub points: Vec<Point>,
}

/// How many points were seen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Share {
    /// Seen.
    pub seen: u32,
    /// Of so many that can be.
    pub of: u32,
}

impl Share {
    /// In hundredths of a percent, cut: 10,000 only where all were seen; all of nothing is all.
    pub fn hundredths(self) -> u32 {
        match self.of {
            0 => 10_000,
            of => self.seen.saturating_mul(10_000).checked_div(of).unwrap_or(0),
        }
    }
}

impl Coverage {
    /// How many of all points were seen.
    pub fn total(&self) -> Share {
        share(self.points.iter())
    }

    /// Every block with its points, in their order.
    pub fn blocks(&self) -> Vec<(&Block, Share, Vec<&Point>)> {
        let mut blocks: Vec<(&Block, Share, Vec<&Point>)> = Vec::new();
        for point in &self.points {
            match blocks.last_mut() {
                Some((block, _, points)) if **block == point.block => points.push(point),
                _ => blocks.push((&point.block, Share::default(), vec![point])),
            }
        }
        for (_, sum, points) in &mut blocks {
            *sum = share(points.iter().copied());
        }
        blocks
    }

    /// The points that can be seen, and were not.
    pub fn missing(&self) -> impl Iterator<Item = &Point> {
        self.points.iter().filter(|point| point.seen == 0 && point.excluded.is_none())
    }

    /// The points that nothing can reach, and that nothing did reach.
    pub fn excluded(&self) -> impl Iterator<Item = &Point> {
        self.points.iter().filter(|point| point.seen == 0 && point.excluded.is_some())
    }
}

fn share<'a>(points: impl Iterator<Item = &'a Point>) -> Share {
    // what was seen can be seen, whatever a proof said
    let counted = points.filter(|point| point.seen > 0 || point.excluded.is_none());
    counted.fold(Share::default(), |sum, point| Share {
        seen: sum.seen.saturating_add(u32::from(point.seen > 0)),
        of: sum.of.saturating_add(1),
    })
}

/// What of a policy a point looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Key {
    Comparison(SourceSpan, Value),
    Given(u32, Value),
    Level(u32, spark_core::Severity),
    Shows(u32, Value),
    Cleared(u32),
    Quiet {
        trigger: u32,
        speaking: u32,
    },
    GivenUp(u32),
    Stage {
        plan: usize,
        stage: usize,
    },
    /// How a check stands: `True` is `pass`.
    Stands(u32, Value),
}

/// A truth that can be sorted; of what a trigger shows, `True` is `ok`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Value {
    True,
    False,
    Unknown,
}

impl Value {
    pub(crate) const ALL: [Self; 3] = [Self::True, Self::False, Self::Unknown];

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::True => "true",
            Self::False => "false",
            Self::Unknown => "unknown",
        }
    }
}

impl From<Truth> for Value {
    fn from(truth: Truth) -> Self {
        match truth {
            Truth::True => Self::True,
            Truth::False => Self::False,
            Truth::Unknown => Self::Unknown,
        }
    }
}
