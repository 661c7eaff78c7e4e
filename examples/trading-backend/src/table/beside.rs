//! All faults side by side, each in a canary of its own, observed directly: what the rules decide in real time, in half an hour.

use std::sync::Arc;
use std::time::Duration;

use spark_core::{Decision, Engine, TimeSpan, Timestamp, Verdict};
use spark_runtime::live::LiveSource;
use spark_runtime::runner::{Clock, SampleSource, SystemClock};
use tokio::task::JoinSet;

use super::Failure;
use super::behind::{all_off, source, switch};
use super::case::Case;
use super::pack::{PLAN, Pack};
use super::row::{Healthy, Row, seconds};
use crate::client::Client;
use crate::fault::Fault;
use crate::load::{LoadSettings, load};
use crate::local::{Addresses, InstanceAddresses};

/// How long all canaries are well before the faults are switched on, at speed 1: the windows of five minutes are full, and the stage
/// that T20 compares with is measured.
const WELL: TimeSpan = TimeSpan::from_seconds(480);

/// What side by side is measured with. Copies share it.
#[derive(Clone)]
pub(super) struct Beside {
    pub(super) at: Arc<Addresses>,
    pub(super) pack: Pack,
    pub(super) clock: SystemClock,
    pub(super) client: Client,
}

/// One canary, asked at every instant.
struct Watched {
    source: LiveSource,
    engine: Engine,
    next: Timestamp,
}

impl Beside {
    /// Watches a canary for each case, and one without a fault; the faults are switched on at one instant.
    ///
    /// # Errors
    /// Parts that do not answer, a canary that is not well before its fault is switched on.
    pub(super) async fn rows(
        &self,
        cases: &[Case],
        rate: impl Fn(Option<Case>) -> u32,
        lasting: TimeSpan,
    ) -> Result<(Vec<Row>, Healthy), Failure> {
        let begin = self.clock.now().next_multiple(self.pack.policy.every());
        let on = begin.plus(self.pack.at_speed(WELL));
        let end = on.plus(lasting);
        let mut loads = JoinSet::new();
        loads.spawn(load(orders(&self.at.baseline, rate(None))?));
        let mut watching = JoinSet::new();
        let all = cases.iter().copied().map(Some).chain([None]);
        for (place, (case, instance)) in all.zip(&self.at.beside).enumerate() {
            loads.spawn(load(orders(instance, rate(case))?));
            let (this, instance) = (self.clone(), instance.clone());
            watching.spawn(async move { (place, case, this.watch(&instance, case, begin, on, end).await) });
        }
        let (mut rows, mut healthy) = (Vec::new(), None);
        while let Some(joined) = watching.join_next().await {
            let (place, case, decisions) = joined?;
            match (case, decisions) {
                (Some(case), Ok(decisions)) => rows.push((place, self.row(case, on, &decisions)?)),
                (None, decisions) => healthy = Some(health(on, &decisions?)),
                // the others are measured all the same
                (Some(case), Err(error)) => eprintln!("{}: {error}", case.fault.switch().trigger),
            }
        }
        rows.sort_by_key(|(place, _)| *place);
        let healthy = healthy.ok_or("there is no canary without a fault")?;
        Ok((rows.into_iter().map(|(_, row)| row).collect(), healthy))
    }

    /// The decisions about one canary from the switch on.
    async fn watch(
        &self,
        instance: &InstanceAddresses,
        case: Option<Case>,
        begin: Timestamp,
        on: Timestamp,
        end: Timestamp,
    ) -> Result<Vec<Decision>, Failure> {
        let meant = case.map(|case| self.pack.meant(case.fault)).transpose()?;
        let mut watched = Watched {
            source: source(instance, &self.at.baseline, &self.pack)?,
            engine: Engine::with_plan(Arc::clone(&self.pack.policy), PLAN),
            next: begin,
        };
        watched.engine.enter_stage(0);
        let mut last = None;
        while watched.next < on {
            last = Some(watched.decide(&self.clock).await);
        }
        if let Some(last) = last.filter(|last| last.verdict != Verdict::Proceed) {
            let because = last.because.join(", ");
            return Err(format!(
                "the canary was not well before its fault: {} because of {because}",
                last.verdict
            )
            .into());
        }
        watched.engine.enter_stage(1);
        self.clock.sleep_until(on).await;
        if let Some(case) = case {
            switch(&self.client, &self.at, instance, case).await?;
            eprintln!("{}: {} is on", case.fault.switch().trigger, case.words());
        }
        // a stage is more traffic: what leaks with it leaks faster, and what leaks by the clock does not
        let more = (case.map(|case| case.fault) == Some(Fault::ConnectionCreep))
            .then(|| orders(instance, Case::orders_beside(Some(Fault::ConnectionCreep))))
            .transpose()?;
        let mut loads = JoinSet::new();
        more.into_iter().for_each(|more| drop(loads.spawn(load(more))));
        let mut decisions = Vec::new();
        while watched.next <= end {
            let decision = watched.decide(&self.clock).await;
            let fired = decision.verdict == Verdict::Rollback
                && meant.as_ref().is_some_and(|meant| decision.because.contains(meant));
            decisions.push(decision);
            if fired {
                break;
            }
        }
        all_off(&self.client, &self.at, instance).await?;
        if let (Some(case), Some(last)) = (case, decisions.last()) {
            let after = seconds(last.at.since(on).to_std());
            let because = last.because.join(", ");
            eprintln!("{}: {after}: {} {because}", case.fault.switch().trigger, last.verdict);
        }
        Ok(decisions)
    }

    fn row(&self, case: Case, on: Timestamp, decisions: &[Decision]) -> Result<Row, Failure> {
        let meant = self.pack.meant(case.fault)?;
        let after = |decision: &Decision| decision.at.since(on).to_std();
        let first = |verdict: Verdict| decisions.iter().find(|decision| decision.verdict >= verdict);
        let back = first(Verdict::Rollback);
        let because = back.map(|decision| decision.because.clone()).unwrap_or_default();
        // the watch ends when the meant trigger asks for it
        let last = decisions
            .last()
            .filter(|last| last.verdict == Verdict::Rollback && last.because.contains(&meant));
        Ok(Row {
            case,
            meant_after: last.filter(|_| !because.contains(&meant)).map(after),
            meant,
            hold: first(Verdict::Hold).map(after),
            rollback: back.map(after),
            because,
            drained: None,
            watched: decisions.last().map(after).unwrap_or_default(),
        })
    }
}

impl Watched {
    /// Measures and decides at the next instant.
    async fn decide(&mut self, clock: &SystemClock) -> Decision {
        clock.sleep_until(self.next).await;
        let at = self.next;
        for sample in self.source.samples(at).await {
            // a sample that came twice is dropped, as everywhere
            let _ = self.engine.observe(&sample);
        }
        let every = self.engine.policy().every();
        // instants that were slept through are over
        self.next = at.plus(every).max(clock.now().last_multiple(every));
        self.engine.evaluate(at)
    }
}

fn health(on: Timestamp, decisions: &[Decision]) -> Healthy {
    let of = |verdict: Verdict| decisions.iter().filter(move |decision| decision.verdict == verdict);
    Healthy {
        watched: decisions.last().map(|last| last.at.since(on).to_std()).unwrap_or(Duration::ZERO),
        decisions: decisions.len(),
        holds: of(Verdict::Hold).count(),
        rollbacks: of(Verdict::Rollback).count(),
        because: of(Verdict::Rollback).flat_map(|decision| decision.because.clone()).collect(),
    }
}

fn orders(at: &InstanceAddresses, rate: u32) -> Result<LoadSettings, Failure> {
    let target = at.url.trim_start_matches("http://").parse()?;
    Ok(LoadSettings { target, rate, seconds: None, clients: None, seed: 1 })
}
