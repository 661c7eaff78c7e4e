//! A backtest: a replay with its story, and variants of the rules beside it, in one pass over the recording.

use std::sync::Arc;

use spark_core::{Decision, Policy, Severity, SignalId, TimeSpan, Timestamp, TriggerId, Verdict};

use super::story::{Close, Progress};
use super::{Axis, Event, Events, Instants, Picture, Pictures, Recording, Replay, Story, Summary, Watched};

/// What a variant tries another value of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tried {
    /// A level of a trigger.
    Level(TriggerId, Severity),
    /// A trigger: its `clear` or its `given`.
    Trigger(TriggerId),
    /// An expectation.
    Expectation(SignalId),
}

/// What is to be seen of a backtest, beside the events.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    /// Whether the samples are to be drawn.
    pub pictures: bool,
    /// What variants try another value of.
    pub tried: Vec<Tried>,
}

/// What came of a backtest.
#[derive(Debug, Clone)]
pub struct Backtest {
    /// The story of the rules as they are.
    pub story: Story,
    /// The variants' stories, in their order.
    pub variants: Vec<VariantStory>,
    /// The series, where they were to be drawn.
    pub pictures: Vec<Picture>,
    /// The last decision.
    pub last: Decision,
    /// What it was made of.
    pub summary: Summary,
}

/// What came of a variant.
#[derive(Debug, Clone)]
pub struct VariantStory {
    /// What was decided, and what came of the triggers that were tried.
    pub story: Story,
    /// The first instant at which it decided otherwise than the rules as they are.
    pub change: Option<DecisionChange>,
}

/// A decision that is another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DecisionChange {
    /// When.
    pub at: Timestamp,
    /// What the rules as they are decided.
    pub present: Verdict,
    /// What the variant decided.
    pub variant: Verdict,
}

/// What came of the value that was tried: a level, a trigger's highest, or an expectation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TargetStory {
    /// How often it fired, or came to be unmet.
    pub fires: u64,
    /// When first.
    pub first: Option<Timestamp>,
    /// How long it was there, all together.
    pub time: TimeSpan,
    /// How far beyond its threshold it was; where it never fired, how near it came.
    pub closest: Option<Close>,
    /// Where it never fired: how long its condition was true.
    pub longest: Option<Progress>,
}

impl Tried {
    /// What a story has of it; of a trigger, all its levels together.
    pub fn of(self, story: &Story) -> Option<TargetStory> {
        let trigger = |id: TriggerId| story.triggers.iter().find(|story| story.id == id);
        let (levels, only) = match self {
            Self::Expectation(signal) => {
                let story = story.expectations.iter().find(|story| story.signal == signal)?;
                // as of a trigger: negative where it fired
                let turned = |mut close: Close| {
                    let margin = &mut close.measured.margin.value;
                    margin.set_sign_negative(margin.is_sign_positive() && !margin.is_zero());
                    close
                };
                return Some(TargetStory {
                    fires: story.unmet,
                    first: story.first,
                    time: story.time,
                    closest: story.worst.map(turned),
                    longest: None,
                });
            }
            Self::Level(id, severity) => (&trigger(id)?.levels, Some(severity)),
            Self::Trigger(id) => (&trigger(id)?.levels, None),
        };
        let levels: Vec<_> =
            levels.iter().filter(|level| only.is_none_or(|severity| level.severity == severity)).collect();
        let fires = levels.iter().fold(0u64, |sum, level| sum.saturating_add(level.fires));
        let highest = levels.iter().rev().find(|level| (level.fires > 0) == (fires > 0))?;
        Some(TargetStory {
            fires,
            first: levels.iter().filter_map(|level| level.first()).min(),
            time: levels.iter().fold(TimeSpan::ZERO, |sum, level| sum.plus(level.time)),
            closest: if fires > 0 { highest.beyond() } else { highest.nearest },
            longest: highest.longest.filter(|_| fires == 0),
        })
    }
}

impl Seen {
    /// The triggers and signals that variants are watched for.
    fn watched(&self) -> Watched {
        let trigger = |tried: &Tried| match tried {
            Tried::Level(id, _) | Tried::Trigger(id) => Some(*id),
            Tried::Expectation(_) => None,
        };
        let signal = |tried: &Tried| match tried {
            Tried::Expectation(id) => Some(*id),
            Tried::Level(..) | Tried::Trigger(_) => None,
        };
        Watched::Only(
            self.tried.iter().filter_map(trigger).collect(),
            self.tried.iter().filter_map(signal).collect(),
        )
    }
}

/// Replays a recording under a policy and under variants of it, all in one pass. Every event of the policy goes to `each`,
/// the summary last, and to `progress` how many of how many instants are done. None where there was no instant.
///
/// # Errors
/// The first error of `each` or of `progress` ends it.
#[expect(clippy::too_many_arguments, reason = "a recording, its time, what is replayed, and who is told")]
pub fn backtest<E>(
    policy: &Arc<Policy>,
    variants: &[Arc<Policy>],
    recording: &Recording,
    history: Option<Timestamp>,
    instants: Instants,
    seen: &Seen,
    mut each: impl FnMut(&Event) -> Result<(), E>,
    mut progress: impl FnMut(u64, u64) -> Result<(), E>,
) -> Result<Option<Backtest>, E> {
    let axis = Axis::over(instants);
    let mut replay = Replay::beside(policy, variants, recording, history, instants);
    let mut story = Story::new(policy, axis, &Watched::All);
    let watched = seen.watched();
    let mut beside: Vec<VariantStory> = variants
        .iter()
        .map(|policy| VariantStory { story: Story::new(policy, axis, &watched), change: None })
        .collect();
    let mut pictures = seen.pictures.then(|| Pictures::new(policy, axis));
    let mut events = Events::default();
    let mut last = None;
    while let Some((decision, others)) = replay.step_all(&mut |sample| {
        if let Some(pictures) = &mut pictures {
            pictures.take(sample);
        }
    }) {
        for event in events.of(&decision) {
            each(&event)?;
        }
        story.watch(replay.engine(), &decision);
        for ((other, engine), variant) in others.iter().zip(replay.others()).zip(&mut beside) {
            variant.story.watch(engine, other);
            if other.verdict != decision.verdict {
                let change =
                    DecisionChange { at: other.at, present: decision.verdict, variant: other.verdict };
                variant.change.get_or_insert(change);
            }
        }
        progress(story.evaluations, instants.count())?;
        last = Some(decision);
    }
    let Some(last) = last else { return Ok(None) };
    let summary = recording.summary(instants, story.evaluations, last.verdict);
    each(&Event::Summary(summary.clone()))?;
    let finish = |(variant, policy): (VariantStory, &Arc<Policy>)| VariantStory {
        story: variant.story.finished(policy),
        ..variant
    };
    Ok(Some(Backtest {
        story: story.finished(policy),
        variants: beside.into_iter().zip(variants).map(finish).collect(),
        pictures: pictures.map(Pictures::finish).unwrap_or_default(),
        last,
        summary,
    }))
}
