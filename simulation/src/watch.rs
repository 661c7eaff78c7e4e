//! Who is told every fact, and holds it to the oracle.

use spark_core::rollout::{Controller, Fact};
use spark_runtime::runner::Observer;

use crate::oracle::{Live, Oracle};
use crate::world::{MS, Shared, freeze_of, lock};

pub struct Watch {
    pub world: Shared,
    pub process: usize,
    /// Whether it happens now; else it is read from the journal.
    pub live: bool,
}

impl Observer for Watch {
    fn on(&mut self, fact: &Fact, controller: &Controller) {
        let mut world = lock(&self.world);
        let (now, rules) = (world.now, world.rules.clone());
        let acked = world.recorded.acked.len();
        let slot = &mut world.processes[self.process];
        if let Fact::Start(start) = fact {
            slot.oracle = Some(Oracle::new(&rules, start));
        }
        let mut early = false;
        if self.live && !slot.unrecorded {
            slot.told += 1;
            early = slot.told > acked;
        }
        let fenced = self.live && slot.fenced;
        let ahead = slot.ahead;
        let live =
            self.live.then(|| Live { now: (now + ahead).div_euclid(MS) * MS, measured: slot.measured });
        let taken = match slot.oracle.take() {
            None => Err("something happens before the start".to_owned()),
            Some(mut oracle) => {
                let taken = oracle.takes(fact, controller, live);
                slot.oracle = Some(oracle);
                taken
            }
        };
        if self.live {
            world.facts += 1;
            if let Fact::Decided { .. } = fact {
                world.decisions += 1;
            }
            let process = self.process;
            world.tell(|| format!("{process}: {}", brief(fact)));
        }
        if self.live
            && let Fact::Decided { decision } = fact
            && freeze_of(&world.freezes, decision.at).is_some() != controller.rollout().is_frozen()
        {
            world.violated("it is frozen where no freeze is, or not frozen where one is".to_owned());
        }
        if let Err(words) = taken {
            world.violated(words);
        }
        if early {
            world.violated("a fact counts before it is recorded".to_owned());
        }
        if fenced {
            world.violated("a runner that lost its rollout goes on".to_owned());
        }
    }
}

fn brief(fact: &Fact) -> String {
    match fact {
        Fact::Start(start) => format!("start of {} with fence {}", start.plan, start.fence),
        Fact::Reloaded { changes, .. } => format!("reloaded: {}", changes.join("; ")),
        Fact::Decided { decision } => {
            format!(
                "decided {}: {} (ready {:?}) {}",
                decision.at,
                decision.verdict,
                decision.ready,
                decision.because.join(", ")
            )
        }
        Fact::Sample(sample) => {
            format!("sample {} {:?} {} {:?}", sample.signal.0, sample.track, sample.at, sample.reading)
        }
        other => serde_json::to_string(other).unwrap_or_default(),
    }
}
