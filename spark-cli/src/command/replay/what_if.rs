//! `--what-if`: the sweeps of the command line, read against the rules.

use std::sync::Arc;

use spark_core::Policy;
use spark_rules::sweep::{self, Sweep, Target, Variant};
use spark_runtime::replay::Tried;

use crate::exit::Failure;
use crate::rules::Rules;

/// What is tried beside the rules as they are.
pub(super) struct WhatIf {
    pub(super) sweeps: Vec<Sweep>,
    /// With the place of its story among those of a backtest; none of one that is no rules.
    pub(super) variants: Vec<(Variant, Option<usize>)>,
    policies: Vec<Arc<Policy>>,
}

impl WhatIf {
    pub(super) fn read(rules: &Rules, sweeps: &[String]) -> Result<Option<Self>, Failure> {
        if sweeps.is_empty() {
            return Ok(None);
        }
        let read = sweep::what_if(&rules.policy, &rules.files, sweeps)
            .map_err(|error| Failure::bad_arguments(format!("--what-if: {error}")))?;
        let mut policies = Vec::new();
        let mut variants = Vec::new();
        for variant in read.variants {
            let place = match &variant.policy {
                Ok(policy) => {
                    policies.push(Arc::new(policy.clone()));
                    Some(policies.len().saturating_sub(1))
                }
                Err(_) => None,
            };
            variants.push((variant, place));
        }
        Ok(Some(Self { sweeps: read.sweeps, variants, policies }))
    }

    /// The rules of all variants that are some.
    pub(super) fn policies(&self) -> Vec<Arc<Policy>> {
        self.policies.clone()
    }

    /// What is tried, each once.
    pub(super) fn tried(&self) -> Vec<Tried> {
        let mut tried: Vec<Tried> = Vec::new();
        for sweep in &self.sweeps {
            let one = tried_of(sweep.knob.target);
            if !tried.contains(&one) {
                tried.push(one);
            }
        }
        tried
    }

    /// The path of the first sweep that tries something.
    pub(super) fn path(&self, tried: Tried) -> &str {
        let sweep = self.sweeps.iter().find(|sweep| tried_of(sweep.knob.target) == tried);
        sweep.map_or("", |sweep| sweep.knob.path.as_str())
    }
}

const fn tried_of(target: Target) -> Tried {
    match target {
        Target::Level(id, severity) => Tried::Level(id, severity),
        Target::Trigger(id) => Tried::Trigger(id),
        Target::Expectation(id) => Tried::Expectation(id),
    }
}
