//! `rhai`: twenty expressions compiled ahead, each input's scope set ahead.

use rhai::{AST, Engine, Scope};

use super::{Inputs, Peer, collect};
use crate::triggers::Syntax;

pub(crate) struct Rhai {
    engine: Engine,
    compiled: Vec<AST>,
    scopes: Vec<Scope<'static>>,
}

impl Rhai {
    pub(crate) fn new(inputs: &Inputs) -> Self {
        let engine = Engine::new();
        let syntax = Syntax { before: "", unit: "", and: "&&", or: "||" };
        let compile = |text: &String| engine.compile_expression(text).expect("rhai");
        let compiled = syntax.conditions().iter().map(compile).collect();
        let scope = |values: &[i64; 8]| {
            let mut scope = Scope::new();
            for (signal, value) in values.iter().enumerate() {
                scope.push(format!("s{signal}"), *value);
            }
            scope
        };
        let scopes = inputs.iter().map(scope).collect();
        Self { engine, compiled, scopes }
    }
}

impl Peer for Rhai {
    fn mask(&mut self, input: usize) -> u32 {
        let (engine, scope) = (&self.engine, &mut self.scopes[input]);
        let fires = |compiled: &AST| engine.eval_ast_with_scope::<bool>(scope, compiled).expect("rhai");
        collect(self.compiled.iter().map(fires))
    }
}
