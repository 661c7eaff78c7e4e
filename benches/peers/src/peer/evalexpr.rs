//! `evalexpr`: twenty trees built ahead, each input's variables set ahead.

use evalexpr::{
    ContextWithMutableVariables as _, DefaultNumericTypes, HashMapContext, Node, Value, build_operator_tree,
};

use super::{Inputs, Peer, collect};
use crate::triggers::Syntax;

pub(crate) struct Evalexpr {
    trees: Vec<Node<DefaultNumericTypes>>,
    contexts: Vec<HashMapContext<DefaultNumericTypes>>,
}

impl Evalexpr {
    pub(crate) fn new(inputs: &Inputs) -> Self {
        let syntax = Syntax { before: "", unit: "", and: "&&", or: "||" };
        let trees =
            syntax.conditions().iter().map(|text| build_operator_tree(text).expect("evalexpr")).collect();
        let context = |values: &[i64; 8]| {
            let mut context = HashMapContext::new();
            for (signal, value) in values.iter().enumerate() {
                context.set_value(format!("s{signal}"), Value::Int(*value)).expect("evalexpr");
            }
            context
        };
        Self { trees, contexts: inputs.iter().map(context).collect() }
    }
}

impl Peer for Evalexpr {
    fn mask(&mut self, input: usize) -> u32 {
        let context = &self.contexts[input];
        collect(self.trees.iter().map(|tree| tree.eval_boolean_with_context(context).expect("evalexpr")))
    }
}
