//! Conditions, laid out for evaluation: nodes by place, with a place for what each remembers.

use super::bits::Bits;
use super::history::Needed;
use super::parts::{Part, PartKind};
use super::places::{Places, place as number};
use super::readers::Readers;
use crate::condition::{Comparison, Condition, Expression};
use crate::policy::Policy;
use crate::signal::SignalId;
use crate::time::TimeSpan;

/// The place of a node.
pub(super) type NodeId = usize;

/// A condition's node. There is one for each word of each rule and series, so it is small.
#[derive(Debug, Clone)]
pub(super) enum Node {
    /// The comparison at that place.
    Compare(usize),
    All(Box<[NodeId]>),
    Any(Box<[NodeId]>),
    Not(NodeId),
    /// A `for`, with its clock's place.
    Held {
        inner: NodeId,
        clock: usize,
    },
    Sequence(Box<SequenceNode>),
    EveryExpectation,
}

/// `A then B within d`, with its memory's place.
#[derive(Debug, Clone)]
pub(super) struct SequenceNode {
    pub(super) first: NodeId,
    pub(super) then: NodeId,
    pub(super) within: TimeSpan,
    pub(super) memory: usize,
}

/// A condition with both of its readings.
#[derive(Debug, Clone)]
pub(super) struct Root {
    /// As written.
    pub(super) full: NodeId,
    /// Its `for`s aside; the same node where it has none.
    pub(super) bare: NodeId,
    /// Its longest `for`.
    pub(super) longest: TimeSpan,
    /// The smallest `stale after` of its signals.
    pub(super) reach: TimeSpan,
    /// Whether it reads the stage before.
    pub(super) reads_previous_stage: bool,
    /// Its clocks, of the full reading.
    pub(super) clocks: Places,
}

/// A level of a trigger.
#[derive(Debug, Clone)]
pub(super) struct LevelRoots {
    pub(super) root: Root,
    /// The clock that remembers since when the bare condition is true: that of its `for`, where one stands around all of it
    /// and no other in it, for both see the same.
    pub(super) run: usize,
}

/// A trigger's conditions.
#[derive(Debug, Clone)]
pub(super) struct TriggerRoots {
    pub(super) levels: Box<[LevelRoots]>,
    pub(super) clear: Option<Box<Root>>,
    pub(super) given: Option<Box<Root>>,
}

/// All conditions of a policy and, where one is followed, of a plan.
#[derive(Debug, Clone, Default)]
pub(super) struct Program {
    pub(super) nodes: Vec<Node>,
    pub(super) comparisons: Vec<Comparison>,
    /// By signal: its expectation; up to the last signal that has one.
    pub(super) expectations: Vec<Option<Box<Root>>>,
    /// By trigger.
    pub(super) triggers: Vec<TriggerRoots>,
    pub(super) proceed: Option<Root>,
    /// The comparisons that read the stage before, by the place of what is remembered of them.
    pub(super) previous_stage: Vec<usize>,
    /// By clock: its `for`, and the longest interval that is evidence.
    pub(super) clocks: Vec<(TimeSpan, TimeSpan)>,
    pub(super) sequences: usize,
    /// By signal: how far back its samples are needed.
    pub(super) needed: Vec<Needed>,
    pub(super) readers: Readers,
    /// What is evaluated as one, each after those that it listens to.
    pub(super) parts: Vec<Part>,
    /// The parts that listen to others, by who speaks.
    pub(super) listeners: Vec<u32>,
    pub(super) part_of_comparison: Vec<u32>,
    pub(super) part_of_clock: Vec<u32>,
    pub(super) bits: Bits,
}

impl Program {
    pub(super) fn new(policy: &Policy, plan: Option<&str>) -> Self {
        let mut program = Self {
            needed: policy
                .signals()
                .iter()
                .map(|signal| Needed { samples: TimeSpan::ZERO, times: signal.stale_after })
                .collect(),
            ..Self::default()
        };
        for (place, signal) in policy.signals().iter().enumerate() {
            let beginning = program.begin_part();
            let root = signal.expectation.as_ref().map(|condition| program.root(policy, condition));
            if root.is_some() {
                program.end_part(PartKind::Expectation(number(place)), beginning);
            }
            program.expectations.push(root.map(Box::new));
        }
        let expecting = program.expectations.iter().rposition(Option::is_some);
        program.expectations.truncate(expecting.map_or(0, |last| last.saturating_add(1)));
        for (place, trigger) in policy.triggers().iter().enumerate() {
            let beginning = program.begin_part();
            let levels = trigger
                .levels
                .iter()
                .map(|level| {
                    let first_sequence = program.sequences;
                    let root = program.root(policy, &level.condition);
                    let run = match program.only_held(root.full, root.clocks, first_sequence) {
                        Some((_, clock)) => clock,
                        None => program.clock(root.longest, root.reach),
                    };
                    LevelRoots { root, run }
                })
                .collect();
            let clauses = [trigger.clear.as_ref(), trigger.given.as_ref()];
            let [clear, given] = clauses.map(|clause| Some(Box::new(program.root(policy, clause?))));
            program.triggers.push(TriggerRoots { levels, clear, given });
            program.end_part(PartKind::Trigger(number(place)), beginning);
        }
        let beginning = program.begin_part();
        let proceed = plan.and_then(|name| policy.plan(name)).and_then(|plan| plan.proceed.as_ref());
        program.proceed = proceed.map(|condition| program.root(policy, condition));
        // always there, and the last
        program.end_part(PartKind::Proceed, beginning);
        program.readers = Readers::new(policy, &program.comparisons);
        program.order_parts(policy);
        program.fit();
        program
    }

    /// Gives back what it was laid out with and does not need.
    fn fit(&mut self) {
        self.nodes.shrink_to_fit();
        self.comparisons.shrink_to_fit();
        self.expectations.shrink_to_fit();
        self.triggers.shrink_to_fit();
        self.clocks.shrink_to_fit();
        self.parts.shrink_to_fit();
    }

    fn clock(&mut self, duration: TimeSpan, reach: TimeSpan) -> usize {
        self.clocks.push((duration, reach));
        self.clocks.len().saturating_sub(1)
    }

    fn node(&mut self, node: Node) -> NodeId {
        self.nodes.push(node);
        self.nodes.len().saturating_sub(1)
    }

    /// What is in a root's only `for`, and its clock, where that `for` stands around all of it.
    fn only_held(&self, full: NodeId, clocks: Places, first_sequence: usize) -> Option<(NodeId, usize)> {
        let alone = clocks.range().len() == 1 && self.sequences == first_sequence;
        match self.nodes.get(full).filter(|_| alone)? {
            Node::Held { inner, clock } => Some((*inner, *clock)),
            _ => None,
        }
    }

    fn root(&mut self, policy: &Policy, condition: &Condition) -> Root {
        let first_comparison = self.comparisons.len();
        let (first_clock, first_sequence) = (self.clocks.len(), self.sequences);
        let mut layout = Layout { program: self, policy, known: None };
        let full = layout.lay(condition, true);
        let clocks = Places::new(first_clock..layout.program.clocks.len());
        layout.known = Some(first_comparison);
        let bare = match (layout.program.only_held(full, clocks, first_sequence), clocks.is_empty()) {
            (Some((inner, _)), _) => inner,
            (None, true) => full,
            (None, false) => layout.lay(condition, false),
        };
        let mine = self.comparisons.get(first_comparison..).unwrap_or_default();
        let reads_previous_stage = mine.iter().any(|comparison| comparison.reads(&Expression::PreviousStage));
        let durations = self.clocks.get(clocks.range()).unwrap_or_default().iter().map(|(held, _)| *held);
        let longest = durations.max().unwrap_or_default();
        for expression in mine.iter().flat_map(Comparison::sides) {
            need(&mut self.needed, policy, expression, longest);
        }
        Root { full, bare, longest, reach: reach(policy, condition), reads_previous_stage, clocks }
    }
}

/// Lays one reading of one condition out.
struct Layout<'a> {
    program: &'a mut Program,
    policy: &'a Policy,
    /// In the second reading: the place of its next comparison, which the first has laid out already.
    known: Option<usize>,
}

impl Layout<'_> {
    /// `with_holds` keeps the `for`s.
    fn lay(&mut self, condition: &Condition, with_holds: bool) -> NodeId {
        let node = match condition {
            Condition::Compare(comparison) => Node::Compare(self.comparison(comparison)),
            Condition::All(parts) => Node::All(parts.iter().map(|part| self.lay(part, with_holds)).collect()),
            Condition::Any(parts) => Node::Any(parts.iter().map(|part| self.lay(part, with_holds)).collect()),
            Condition::Not(inner) => Node::Not(self.lay(inner, with_holds)),
            Condition::Held { condition: inner, duration } => {
                let inner_node = self.lay(inner, with_holds);
                if !with_holds {
                    return inner_node;
                }
                let reach = reach(self.policy, inner);
                Node::Held { inner: inner_node, clock: self.program.clock(*duration, reach) }
            }
            Condition::Sequence { first, then, within } => {
                let first = self.lay(first, with_holds);
                let then = self.lay(then, with_holds);
                let memory = self.program.sequences;
                self.program.sequences = memory.saturating_add(1);
                Node::Sequence(Box::new(SequenceNode { first, then, within: *within, memory }))
            }
            Condition::EveryExpectation => Node::EveryExpectation,
        };
        self.program.node(node)
    }

    fn comparison(&mut self, comparison: &Comparison) -> usize {
        if let Some(known) = self.known {
            self.known = Some(known.saturating_add(1));
            return known;
        }
        let place = self.program.comparisons.len();
        if comparison.reads(&Expression::PreviousStage) {
            self.program.previous_stage.push(place);
        }
        self.program.comparisons.push(comparison.clone());
        place
    }
}

/// Notes how far back the samples of an expression's signals are needed: by windows, and their times by the reader, for whom
/// the condition's longest `for` counts too.
fn need(needed: &mut [Needed], policy: &Policy, expression: &Expression, longest: TimeSpan) {
    let mut reach_back = |id: &SignalId, over: Option<TimeSpan>| {
        let stale = policy.signal(*id).map(|signal| signal.stale_after).unwrap_or_default();
        if let Some(needed) = needed.get_mut(id.index()) {
            // an empty window too asks for samples by their numbers
            let samples = over.map(|over| over.plus(stale).max(TimeSpan::from_nanos(1)));
            needed.samples = needed.samples.max(samples.unwrap_or_default());
            needed.times = needed.times.max(over.unwrap_or_default().plus(longest).plus(stale));
        }
    };
    match expression {
        Expression::Signal(id) => reach_back(id, None),
        Expression::Window { signal, over, .. } => reach_back(signal, Some(*over)),
        Expression::Correlation { a, b, over } => {
            [a, b].into_iter().for_each(|id| reach_back(id, Some(*over)))
        }
        Expression::Arithmetic { left, right, .. } => {
            need(needed, policy, left, longest);
            need(needed, policy, right, longest);
        }
        Expression::Literal(_) | Expression::Baseline | Expression::PreviousStage => {}
    }
}

/// The smallest `stale after` of the signals that a condition reads; of all with an expectation where it asks for every one.
pub(crate) fn reach(policy: &Policy, condition: &Condition) -> TimeSpan {
    let mut smallest: Option<TimeSpan> = None;
    let mut see = |stale: TimeSpan| smallest = Some(smallest.map_or(stale, |known| known.min(stale)));
    condition.comparisons(&mut |comparison| {
        comparison
            .signals(&mut |id| policy.signal(id).into_iter().for_each(|signal| see(signal.stale_after)));
    });
    let mut every_expectation = false;
    condition.visit(&mut |part| every_expectation |= matches!(part, Condition::EveryExpectation));
    if every_expectation {
        policy
            .signals()
            .iter()
            .filter(|s| s.expectation.is_some())
            .for_each(|signal| see(signal.stale_after));
    }
    smallest.unwrap_or(TimeSpan::MAX)
}
