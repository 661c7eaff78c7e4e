//! What lanes tell, put together in the order of time and names, and the decision over all of them.

use std::collections::BTreeMap;

use spark_core::{Change, State, Verdict};

use super::evaluated::Turn;
use super::text::{Line, Times};
use super::{Lane, thresholds};
use crate::replay::{DecisionEvent, Event, Instants, TriggerEvent};

/// How much text is given at once: a write of less costs more calls than bytes.
const PIECE_BYTES: usize = 128 << 10;

/// What happened to a trigger at an instant.
#[derive(Debug, Clone, Copy)]
pub(super) struct Turned {
    /// The instant's number, then the place of the trigger's name.
    key: u64,
    /// The newest sample; of what an engine told, its place among that.
    number: i64,
    /// The first instant of its run of truth, where it has one.
    start: u32,
    what: What,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum What {
    Ok,
    Pending,
    Level,
    /// An engine told.
    Told,
}

impl Turned {
    pub(super) fn new(instant: u32, rank: u32, what: What, start: u32, number: i64) -> Self {
        Self { key: (u64::from(instant) << 32) | u64::from(rank), number, start, what }
    }

    fn instant(self) -> u32 {
        u32::try_from(self.key >> 32).unwrap_or(u32::MAX)
    }

    fn rank(self) -> usize {
        usize::try_from(self.key & u64::from(u32::MAX)).unwrap_or(usize::MAX)
    }
}

/// All lanes as one.
pub(super) struct Together<'a> {
    instants: Instants,
    /// The names of triggers, sorted.
    names: Vec<&'a str>,
    /// By name: what is said of a trigger that no engine speaks for, and what it asks for.
    lines: Vec<Option<Line>>,
    asks: Vec<Option<Verdict>>,
    /// By lane: the places of its triggers' names, and what its engine decides, and why.
    ranks: Vec<Vec<u32>>,
    decided: Vec<(Verdict, Vec<String>)>,
    /// How many engines and triggers without one ask for what.
    counts: BTreeMap<Verdict, usize>,
    verdict: Option<Verdict>,
    times: Times,
    out: String,
    /// The room of a time, and of what was told.
    since: String,
    spare: Vec<Turned>,
}

impl<'a> Together<'a> {
    pub(super) fn new(
        instants: Instants,
        names: Vec<&'a str>,
        lines: Vec<Option<Line>>,
        ranks: Vec<Vec<u32>>,
    ) -> Self {
        // before its first sample, a trigger without an engine is unknown
        let asks: Vec<_> = lines.iter().map(|line| line.as_ref()?.asks(State::Unknown)).collect();
        let counts = BTreeMap::from([(Verdict::Hold, asks.iter().flatten().count())]);
        let decided = vec![(Verdict::Proceed, Vec::new()); ranks.len()];
        let (times, out) = (Times::default(), String::with_capacity(PIECE_BYTES.saturating_mul(2)));
        Self {
            instants,
            names,
            lines,
            asks,
            ranks,
            decided,
            counts,
            verdict: None,
            times,
            out,
            since: String::new(),
            spare: Vec::new(),
        }
    }

    /// The last decision.
    pub(super) fn verdict(&self) -> Verdict {
        self.verdict.unwrap_or(Verdict::Proceed)
    }

    /// Tells what happened, in the order of time.
    pub(super) fn tell<E>(
        &mut self,
        News { mut turned, told, decided }: News,
        each: &mut impl FnMut(&str) -> Result<(), E>,
    ) -> Result<(), E> {
        turned.sort_unstable_by_key(|turned| turned.key);
        let all = turned;
        let mut turned = all.iter().copied().peekable();
        let mut decided = decided.into_iter().peekable();
        let mut first = self.verdict.is_none().then_some(0);
        let mut at_text = String::new();
        loop {
            let next = [first.take(), turned.peek().map(|t| t.instant()), decided.peek().map(|d| d.0)];
            let Some(instant) = next.into_iter().flatten().min() else { break };
            let at = self.instants.at(instant);
            at_text.clear();
            self.times.push(&mut at_text, at);
            while let Some(turned) = turned.next_if(|turned| turned.instant() == instant) {
                match usize::try_from(turned.number).ok().filter(|_| matches!(turned.what, What::Told)) {
                    Some(place) => {
                        if let Some(change) = told.get(place) {
                            self.line(&Event::Trigger(TriggerEvent::of(at, change)));
                        }
                    }
                    None => self.turn(turned, &at_text),
                }
            }
            while let Some((_, lane, verdict, because)) = decided.next_if(|decided| decided.0 == instant) {
                self.decide(lane, verdict, because);
            }
            let verdict = self.counts.iter().rfind(|(_, count)| **count > 0);
            let verdict = verdict.map_or(Verdict::Proceed, |(verdict, _)| *verdict);
            if self.verdict.replace(verdict) != Some(verdict) {
                let because = self.because(verdict);
                self.line(&Event::Decision(DecisionEvent { at, decision: verdict, because }));
            }
            if self.out.len() >= PIECE_BYTES {
                each(&self.out)?;
                self.out.clear();
            }
        }
        if !self.out.is_empty() {
            each(&self.out)?;
            self.out.clear();
        }
        self.spare = all;
        Ok(())
    }

    /// What the lanes have to tell of the instants before that number, out of them.
    pub(super) fn take(&mut self, lanes: &mut [&mut Lane<'_>], before: u64) -> News {
        let mut news = News { turned: std::mem::take(&mut self.spare), ..News::default() };
        news.turned.clear();
        for (n, lane) in lanes.iter_mut().enumerate() {
            match lane {
                Lane::Thresholds(lane) => {
                    let end = lane.turned.partition_point(|turned| u64::from(turned.instant()) < before);
                    news.turned.extend(lane.turned.drain(..end));
                }
                Lane::Evaluated(lane) => {
                    let ranks = self.ranks.get(n).map(Vec::as_slice).unwrap_or_default();
                    let number = |turn: &Turn| thresholds::number_of(self.instants, turn.at);
                    let end = lane.turns.partition_point(|turn| {
                        number(turn).is_some_and(|number| u64::from(number) < before)
                    });
                    for turn in lane.turns.drain(..end) {
                        let instant = thresholds::number_of(self.instants, turn.at).unwrap_or(u32::MAX);
                        for change in turn.changes {
                            let rank = ranks.get(change.trigger.index()).copied().unwrap_or(u32::MAX);
                            let place = i64::try_from(news.told.len()).unwrap_or(i64::MAX);
                            news.turned.push(Turned::new(instant, rank, What::Told, instant, place));
                            news.told.push(change);
                        }
                        if let Some((verdict, because)) = turn.decided {
                            news.decided.push((instant, n, verdict, because));
                        }
                    }
                }
            }
        }
        news.decided.sort_by_key(|(instant, ..)| *instant);
        news
    }

    fn line(&mut self, event: &Event) {
        self.out.push_str(&event.to_json());
        self.out.push('\n');
    }

    /// A trigger without an engine turns.
    fn turn(&mut self, turned: Turned, at: &str) {
        let rank = turned.rank();
        let (Some(Some(line)), Some(asks)) = (self.lines.get(rank), self.asks.get_mut(rank)) else { return };
        let state = match turned.what {
            What::Ok | What::Told => State::Ok,
            What::Pending => State::Pending,
            What::Level => line.level(),
        };
        if turned.start == turned.instant() {
            line.push(&mut self.out, at, state, at, turned.number);
        } else {
            self.since.clear();
            self.times.push(&mut self.since, self.instants.at(turned.start));
            line.push(&mut self.out, at, state, &self.since, turned.number);
        }
        let before = std::mem::replace(asks, line.asks(state));
        let now = *asks;
        if before != now {
            self.count(before, now);
        }
    }

    /// A lane's engine decides.
    fn decide(&mut self, lane: usize, verdict: Verdict, because: Vec<String>) {
        let Some(slot) = self.decided.get_mut(lane) else { return };
        let (before, _) = std::mem::replace(slot, (verdict, because));
        self.count(Some(before), Some(verdict));
    }

    fn count(&mut self, before: Option<Verdict>, now: Option<Verdict>) {
        if let Some(count) = before.and_then(|before| self.counts.get_mut(&before)) {
            *count = count.saturating_sub(1);
        }
        if let Some(now) = now {
            let count = self.counts.entry(now).or_default();
            *count = count.saturating_add(1);
        }
    }

    /// All that ask for a verdict, by name.
    fn because(&self, verdict: Verdict) -> Vec<String> {
        if verdict == Verdict::Proceed {
            return Vec::new();
        }
        let triggers = self.names.iter().zip(&self.asks).filter(|(_, asks)| **asks == Some(verdict));
        let engines = self.decided.iter().filter(|(decided, _)| *decided == verdict);
        let mut because: Vec<String> = triggers
            .map(|(name, _)| (*name).to_owned())
            .chain(engines.flat_map(|(_, because)| because.iter().cloned()))
            .collect();
        because.sort_unstable();
        because
    }
}

/// What lanes have to tell.
#[derive(Default)]
pub(super) struct News {
    turned: Vec<Turned>,
    /// What engines told of triggers.
    told: Vec<Change>,
    /// Of instants and lanes: what their engines decide from then on, and why.
    decided: Vec<(u32, usize, Verdict, Vec<String>)>,
}
