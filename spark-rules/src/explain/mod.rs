//! Rules in English: one sentence for each signal, trigger, plan and check, complete enough to write the rule again from it.
//!
//! [`sentences`] writes them; [`read`] gives back the rule text that a sentence stands for, and that text loads into the
//! same policy. So a sentence cannot say less, or other, than its rule: tests hold every rule that they can think of to that.
//! Literals stand in the sentences as the author wrote them.
//!
//! ```
//! let text = "edition 2026  signal p95 { is duration from push }  trigger slow { rollback when p95 > 400ms for 5m }";
//! let loaded = spark_rules::load("release.rules", text, &mut |_| Err("no other file".to_owned())).unwrap();
//! let said = spark_rules::explain::trigger(&loaded.policy, Some(&loaded.files), spark_core::TriggerId(0));
//! assert_eq!(
//!     said,
//!     "`slow` rolls the release back when `p95` has been above 400ms for 5m of evidence; comes back as soon as what raised it \
//!      no longer holds; while unknown it holds."
//! );
//! let rule = spark_rules::explain::read(&said).unwrap();
//! assert_eq!(rule, "trigger slow { rollback when p95 > 400ms for 5m unknown hold }");
//! ```

mod read;
mod rule;
mod words;
mod write;

use spark_core::check::Check;
use spark_core::{Plan, Policy, Signal, SignalId, SourceSpan, Trigger, TriggerId};

use crate::ast::{File, Item};
use crate::files::Files;
use crate::parser;
use crate::suggest::nearest;
pub use read::{Misread, read};
use write::Writer;

/// What a sentence is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PartKind {
    /// What holds for all of the rules: how often they are evaluated.
    Setting,
    /// A signal.
    Signal,
    /// A trigger.
    Trigger,
    /// A plan.
    Plan,
    /// A check.
    Check,
}

impl PartKind {
    /// The word in output.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Setting => "setting",
            Self::Signal => "signal",
            Self::Trigger => "trigger",
            Self::Plan => "plan",
            Self::Check => "check",
        }
    }
}

/// A part of the rules in one English sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sentence {
    /// What it is about.
    pub kind: PartKind,
    /// The part's name; none of a setting.
    pub name: Option<String>,
    /// What people call it.
    pub title: Option<String>,
    /// The sentence.
    pub text: String,
    /// Where the part stands; none of a setting.
    pub span: Option<SourceSpan>,
}

/// Every part of the policy in a sentence: its setting, the triggers, the plans, the checks, the signals, each kind in the order of its
/// declaration. `files` is the text that the policy was read from; without it, literals are written in their usual form.
pub fn sentences(policy: &Policy, files: Option<&Files>) -> Vec<Sentence> {
    let setting =
        Sentence { kind: PartKind::Setting, name: None, title: None, text: setting(policy), span: None };
    let triggers = policy.triggers().iter().map(|part| about_trigger(policy, files, part));
    let plans = policy.plans().iter().map(|part| about_plan(policy, files, part));
    let signals = policy.signals().iter().map(|part| about_signal(policy, files, part));
    let checks = policy.checks().iter().map(|part| about_check(policy, files, part));
    std::iter::once(setting).chain(triggers).chain(plans).chain(checks).chain(signals).collect()
}

/// How often the rules are evaluated, in a sentence.
pub fn setting(policy: &Policy) -> String {
    format!("The rules are evaluated every {}.", policy.every())
}

/// A trigger in a sentence; empty for a handle of another policy.
pub fn trigger(policy: &Policy, files: Option<&Files>, id: TriggerId) -> String {
    let part = policy.triggers().get(id.index());
    part.map_or_else(String::new, |part| about_trigger(policy, files, part).text)
}

/// A signal in a sentence; empty for a handle of another policy.
pub fn signal(policy: &Policy, files: Option<&Files>, id: SignalId) -> String {
    let part = policy.signal(id);
    part.map_or_else(String::new, |part| about_signal(policy, files, part).text)
}

/// A plan in a sentence; empty where the policy has no plan of that name.
pub fn plan(policy: &Policy, files: Option<&Files>, name: &str) -> String {
    policy.plan(name).map_or_else(String::new, |part| about_plan(policy, files, part).text)
}

/// A check in a sentence; empty where the policy has no check of that name.
pub fn check(policy: &Policy, files: Option<&Files>, name: &str) -> String {
    policy.check(name).map_or_else(String::new, |part| about_check(policy, files, part).text)
}

/// The names of triggers, plans, checks and signals that are nearest to one that none has, at most three.
pub fn near<'a>(policy: &'a Policy, name: &str) -> Vec<&'a str> {
    let triggers = policy.triggers().iter().map(|part| part.name.as_str());
    let plans = policy.plans().iter().map(|part| part.name.as_str());
    let signals = policy.signals().iter().map(|part| part.name.as_str());
    let checks = policy.checks().iter().map(|part| part.name.as_str());
    nearest(name, triggers.chain(plans).chain(checks).chain(signals))
}

fn about_trigger(policy: &Policy, files: Option<&Files>, part: &Trigger) -> Sentence {
    let text = written(
        policy,
        files,
        part.span,
        || rule::trigger(policy, part),
        |writer, item| match item {
            Item::Trigger(tree) => Some(writer.trigger(&part.name, tree)),
            _ => None,
        },
    );
    sentence(PartKind::Trigger, &part.name, part.title.as_ref(), text, part.span)
}

fn about_signal(policy: &Policy, files: Option<&Files>, part: &Signal) -> Sentence {
    let text = written(
        policy,
        files,
        part.span,
        || rule::signal(policy, part),
        |writer, item| match item {
            Item::Signal(tree) => Some(writer.signal(part, tree)),
            _ => None,
        },
    );
    sentence(PartKind::Signal, &part.name, part.title.as_ref(), text, part.span)
}

fn about_plan(policy: &Policy, files: Option<&Files>, part: &Plan) -> Sentence {
    let text = written(
        policy,
        files,
        part.span,
        || rule::plan(policy, part),
        |writer, item| match item {
            Item::Plan(tree) => Some(writer.plan(tree)),
            _ => None,
        },
    );
    sentence(PartKind::Plan, &part.name, part.title.as_ref(), text, part.span)
}

fn about_check(policy: &Policy, files: Option<&Files>, part: &Check) -> Sentence {
    let text = written(
        policy,
        files,
        part.span,
        || rule::check(part),
        |writer, item| match item {
            Item::Check(tree) => Some(writer.check(tree)),
            _ => None,
        },
    );
    sentence(PartKind::Check, &part.name, part.title.as_ref(), text, part.span)
}

fn sentence(
    kind: PartKind,
    name: &str,
    title: Option<&String>,
    text: Option<String>,
    span: SourceSpan,
) -> Sentence {
    // a policy that a program made may have names that no rule has
    let text = text.unwrap_or_else(|| format!("`{name}` is nothing that the rule language can write."));
    Sentence { kind, name: Some(name.to_owned()), title: title.cloned(), text, span: Some(span) }
}

/// The sentence of the block that stands at `span`, else of the rule text that the part itself gives.
fn written(
    policy: &Policy,
    files: Option<&Files>,
    span: SourceSpan,
    rule: impl FnOnce() -> String,
    write: impl Fn(&mut Writer<'_>, &Item) -> Option<String>,
) -> Option<String> {
    let say = |text: &str| {
        let (tree, problems, _): (File, _, _) = parser::parse(0, text);
        let whole = !problems.iter().any(crate::Diagnostic::is_error);
        let item = tree.items.first().filter(|_| whole && tree.items.len() == 1)?;
        write(&mut Writer::new(policy, text), item)
    };
    let own = files.map(|files| files.text(span)).filter(|text| !text.is_empty());
    own.and_then(say).or_else(|| say(&rule()))
}
