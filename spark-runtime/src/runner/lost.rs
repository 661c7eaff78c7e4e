//! What happens after the journal is lost, kept for whoever asks.

use spark_core::rollout::Fact;

/// Facts that are kept: a rollback of five minutes has some hundred.
const FACTS_MAX: usize = 1000;

/// Facts that no journal has, in their order.
#[derive(Debug, Clone, Default)]
pub struct Lost {
    facts: Vec<Fact>,
    more: u64,
}

impl Lost {
    pub(super) fn take(&mut self, fact: &Fact) {
        match fact {
            // what was measured is in the decisions
            Fact::Sample(_) => {}
            _ if self.facts.len() >= FACTS_MAX => self.more = self.more.saturating_add(1),
            fact => self.facts.push(fact.clone()),
        }
    }

    /// The first thousand, samples aside.
    pub fn facts(&self) -> &[Fact] {
        &self.facts
    }

    /// How many more there were.
    pub const fn more(&self) -> u64 {
        self.more
    }
}
