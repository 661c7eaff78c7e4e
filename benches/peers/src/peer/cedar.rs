//! `cedar-policy`: twenty `forbid` policies; the answer's reasons are those that fire. Each input's request made ahead.

use cedar_policy::{
    Authorizer, Context, Entities, EntityUid, PolicySet, Request, Response, RestrictedExpression,
};

use super::{Inputs, Peer};
use crate::triggers::Syntax;

pub(crate) struct Cedar {
    authorizer: Authorizer,
    policies: PolicySet,
    entities: Entities,
    requests: Vec<Request>,
}

impl Cedar {
    pub(crate) fn new(inputs: &Inputs) -> Self {
        let syntax = Syntax { before: "context.", unit: "", and: "&&", or: "||" };
        let rule = |text: &String| format!("forbid (principal, action, resource) when {{ {text} }};\n");
        let text: String = syntax.conditions().iter().map(rule).collect();
        let who: EntityUid = "Release::\"canary\"".parse().expect("cedar");
        let request = |values: &[i64; 8]| {
            let pairs = values.iter().enumerate();
            let pairs = pairs.map(|(n, value)| (format!("s{n}"), RestrictedExpression::new_long(*value)));
            let context = Context::from_pairs(pairs).expect("cedar");
            Request::new(who.clone(), who.clone(), who.clone(), context, None).expect("cedar")
        };
        Self {
            authorizer: Authorizer::new(),
            policies: text.parse().expect("cedar"),
            entities: Entities::empty(),
            requests: inputs.iter().map(request).collect(),
        }
    }

    fn answer(&self, input: usize) -> Response {
        self.authorizer.is_authorized(&self.requests[input], &self.policies, &self.entities)
    }
}

impl Peer for Cedar {
    fn mask(&mut self, input: usize) -> u32 {
        let answer = self.answer(input);
        let number =
            |name: &str| name.strip_prefix("policy").and_then(|n| n.parse::<u32>().ok()).expect("cedar");
        let reasons = answer.diagnostics().reason();
        reasons.fold(0, |mask, policy| mask | 1 << number(policy.to_string().as_str()))
    }

    fn decide(&mut self, input: usize) {
        std::hint::black_box(self.answer(input));
    }
}
