//! Faults side by side, each in a canary of its own, observed directly: some at a time, as many as the machine carries.

use std::sync::Arc;
use std::time::Duration;

use spark_core::{Decision, Engine, TimeSpan, Timestamp, Verdict};
use spark_runtime::live::LiveSource;
use spark_runtime::runner::{Clock, SampleSource, SystemClock};
use tokio::sync::watch;
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

/// Canaries at once for each processor. Each has a service, connections at the pooler and their servers; with ten for each, what was seen was
/// the machine's latency.
const PER_PROCESSOR: usize = 2;

/// The faults in groups that the machine carries: those that work it hard come one to a group.
pub(super) fn groups(faults: &[Fault]) -> Vec<Vec<Fault>> {
    let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    grouped(faults, processors.saturating_mul(PER_PROCESSOR))
}

fn grouped(faults: &[Fault], most: usize) -> Vec<Vec<Fault>> {
    let mut groups: Vec<Vec<Fault>> = Vec::new();
    // the hard ones first: each begins a group, and the others fill them
    let (hard, light): (Vec<Fault>, Vec<Fault>) = faults.iter().partition(|fault| works_hard(**fault));
    for fault in hard.iter().chain(&light) {
        let fits = |group: &&mut Vec<Fault>| {
            group.len() < most && !(works_hard(*fault) && group.iter().any(|other| works_hard(*other)))
        };
        match groups.iter_mut().find(fits) {
            Some(group) => group.push(*fault),
            None => groups.push(vec![*fault]),
        }
    }
    groups
}

const fn works_hard(fault: Fault) -> bool {
    matches!(
        fault,
        Fault::LockConvoy
            | Fault::CpuBurn
            | Fault::RuntimeBlocked
            | Fault::AllocationPressure
            | Fault::DeadTuples
    )
}

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
    /// Watches a canary for each case, and one without a fault for as long as the slowest of them; the faults are switched on at one instant.
    ///
    /// # Errors
    /// Parts that do not answer, a canary that is not well before its fault is switched on.
    pub(super) async fn rows(
        &self,
        cases: &[Case],
        lasting: TimeSpan,
    ) -> Result<(Vec<Row>, Healthy), Failure> {
        let begin = self.clock.now().next_multiple(self.pack.policy.every());
        let on = begin.plus(self.pack.at_speed(WELL));
        let end = on.plus(lasting);
        let (decided, all_decided) = watch::channel(false);
        let mut loads = JoinSet::new();
        loads.spawn(load(orders(&self.at.baseline, Case::orders_beside(None))?));
        let (mut watching, mut quiet) = (JoinSet::new(), None);
        let all = cases.iter().copied().map(Some).chain([None]);
        for (place, (case, instance)) in all.zip(&self.at.beside).enumerate() {
            loads.spawn(load(orders(instance, Case::orders_beside(case.map(|case| case.fault)))?));
            let (this, instance, mut enough) = (self.clone(), instance.clone(), all_decided.clone());
            match case {
                Some(case) => {
                    watching.spawn(async move {
                        (place, case, this.watch(&instance, Some(case), [begin, on, end], &mut enough).await)
                    });
                }
                None => {
                    quiet = Some(tokio::spawn(async move {
                        this.watch(&instance, None, [begin, on, end], &mut enough).await
                    }));
                }
            }
        }
        let mut rows = Vec::new();
        while let Some(joined) = watching.join_next().await {
            match joined? {
                (place, case, Ok(decisions)) => rows.push((place, self.row(case, on, &decisions)?)),
                // the others are measured all the same
                (_, case, Err(error)) => eprintln!("{}: {error}", case.fault.switch().trigger),
            }
        }
        decided.send_replace(true);
        rows.sort_by_key(|(place, _)| *place);
        let quiet = quiet.ok_or("there is no canary without a fault")?.await??;
        Ok((rows.into_iter().map(|(_, row)| row).collect(), health(on, &quiet)))
    }

    /// The decisions about one canary from the switch on.
    async fn watch(
        &self,
        instance: &InstanceAddresses,
        case: Option<Case>,
        [begin, on, end]: [Timestamp; 3],
        all_decided: &mut watch::Receiver<bool>,
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
            // without a fault it is watched until all faults are decided
            let fired = fired || (case.is_none() && *all_decided.borrow());
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Every fault is in one group, no group is larger than the machine carries, and hard work is alone in its own.
    #[test]
    fn groups_are_what_the_machine_carries() {
        let groups = grouped(&Fault::ALL, 4);
        assert_eq!(groups.iter().map(Vec::len).collect::<Vec<_>>(), [4, 4, 4, 4, 4]);
        for group in &groups {
            assert!(group.iter().filter(|fault| works_hard(**fault)).count() <= 1, "{group:?}");
        }
        let mut names: Vec<&str> = groups.concat().into_iter().map(|fault| fault.switch().name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), 20);
    }
}
