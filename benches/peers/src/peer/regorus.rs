//! `regorus`: a set of what fires, as bytecode for its machine or interpreted; each input's value made ahead.

use std::fmt::Write as _;
use std::sync::Arc;

use regorus::languages::rego::compiler::Compiler;
use regorus::rvm::vm::RegoVM;
use regorus::{CompiledPolicy, Engine, Value};
use serde_json::json;

use super::{Inputs, Peer};
use crate::triggers::{ALL, Syntax, Term, Trigger};

const ENTRY: &str = "data.spark.fired";

/// A rule for each trigger, two or three for a disjunction.
fn policy() -> String {
    let syntax = Syntax { before: "input.", unit: "", and: ";", or: "" };
    let mut text = String::from("package spark\n\nimport rego.v1\n\n");
    let mut rule = |n: usize, condition: &str| {
        // writing to a string cannot fail
        let _ = writeln!(text, "fired contains {n} if {{ {condition} }}");
    };
    for (n, trigger) in ALL.iter().enumerate() {
        match trigger {
            Trigger::Any(terms) => terms.iter().for_each(|term: &Term| rule(n, &syntax.term(term))),
            other => rule(n, &syntax.condition(other)),
        }
    }
    text
}

fn compiled() -> CompiledPolicy {
    let mut engine = Engine::new();
    engine.add_policy("spark.rego".to_owned(), policy()).expect("regorus");
    engine.compile_with_entrypoint(&ENTRY.into()).expect("regorus")
}

fn values(inputs: &Inputs) -> Vec<Value> {
    let value = |s: &[i64; 8]| {
        Value::from(json!({
            "s0": s[0], "s1": s[1], "s2": s[2], "s3": s[3], "s4": s[4], "s5": s[5], "s6": s[6], "s7": s[7],
        }))
    };
    inputs.iter().map(value).collect()
}

fn mask(fired: &Value) -> u32 {
    let fired = fired.as_set().expect("regorus: a set");
    fired.iter().fold(0, |mask, n| mask | 1 << n.as_u64().expect("regorus: a number"))
}

/// Its bytecode machine.
pub(crate) struct Machine {
    machine: RegoVM,
    values: Vec<Value>,
}

impl Machine {
    pub(crate) fn new(inputs: &Inputs) -> Self {
        let program = Compiler::compile_from_policy(&compiled(), &[ENTRY]).expect("regorus");
        let mut machine = RegoVM::new();
        machine.load_program(Arc::clone(&program));
        Self { machine, values: values(inputs) }
    }

    fn run(&mut self, input: usize) -> Value {
        self.machine.set_input(self.values[input].clone());
        self.machine.execute().expect("regorus")
    }
}

impl Peer for Machine {
    fn mask(&mut self, input: usize) -> u32 {
        mask(&self.run(input))
    }

    fn decide(&mut self, input: usize) {
        std::hint::black_box(self.run(input));
    }
}

/// Its interpreter.
pub(crate) struct Interpreter {
    policy: CompiledPolicy,
    values: Vec<Value>,
}

impl Interpreter {
    pub(crate) fn new(inputs: &Inputs) -> Self {
        Self { policy: compiled(), values: values(inputs) }
    }
}

impl Peer for Interpreter {
    fn mask(&mut self, input: usize) -> u32 {
        mask(&self.policy.eval_with_input(self.values[input].clone()).expect("regorus"))
    }

    fn decide(&mut self, input: usize) {
        std::hint::black_box(self.policy.eval_with_input(self.values[input].clone()).expect("regorus"));
    }
}
