//! `zen-expression`: twenty expressions compiled ahead, each input's scope set ahead; zen-engine around it would add a
//! JavaScript engine to the build and nothing to a decision.

use serde_json::json;
use zen_expression::expression::Standard;
use zen_expression::scope::Scope;
use zen_expression::variable::Variable;
use zen_expression::vm::VM;
use zen_expression::{Expression, compile_expression};

use super::{Inputs, Peer, collect};
use crate::triggers::Syntax;

pub(crate) struct Zen {
    compiled: Vec<Expression<Standard>>,
    scopes: Vec<Scope>,
    machine: VM,
}

impl Zen {
    pub(crate) fn new(inputs: &Inputs) -> Self {
        let syntax = Syntax { before: "", unit: "", and: "and", or: "or" };
        let compiled =
            syntax.conditions().iter().map(|text| compile_expression(text).expect("zen")).collect();
        let scope = |s: &[i64; 8]| {
            let values = json!({
                "s0": s[0], "s1": s[1], "s2": s[2], "s3": s[3], "s4": s[4], "s5": s[5], "s6": s[6], "s7": s[7],
            });
            Scope::new(Variable::from(values))
        };
        Self { compiled, scopes: inputs.iter().map(scope).collect(), machine: VM::new() }
    }
}

impl Peer for Zen {
    fn mask(&mut self, input: usize) -> u32 {
        let (scope, machine) = (&self.scopes[input], &mut self.machine);
        let fires = |compiled: &Expression<Standard>| {
            compiled.evaluate_with_scope(scope, machine).expect("zen").as_bool() == Some(true)
        };
        collect(self.compiled.iter().map(fires))
    }
}
