//! `cel`: twenty programs, each input's variables set ahead.

use cel::{Context, Program, Value};

use super::{Inputs, Peer, collect};
use crate::triggers::Syntax;

pub(crate) struct Cel {
    programs: Vec<Program>,
    contexts: Vec<Context<'static, 'static>>,
}

impl Cel {
    pub(crate) fn new(inputs: &Inputs) -> Self {
        let syntax = Syntax { before: "", unit: "", and: "&&", or: "||" };
        let programs = syntax.conditions().iter().map(|text| Program::compile(text).expect("cel")).collect();
        let context = |values: &[i64; 8]| {
            let mut context = Context::default();
            for (signal, value) in values.iter().enumerate() {
                context.add_variable_from_value(format!("s{signal}"), *value);
            }
            context
        };
        Self { programs, contexts: inputs.iter().map(context).collect() }
    }
}

impl Peer for Cel {
    fn mask(&mut self, input: usize) -> u32 {
        let context = &self.contexts[input];
        collect(self.programs.iter().map(|program| matches!(program.execute(context), Ok(Value::Bool(true)))))
    }
}
