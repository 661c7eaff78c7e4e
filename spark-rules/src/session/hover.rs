//! What is known of the word under a cursor.

use std::fmt::Write as _;
use std::ops::Range;

use spark_core::metrics::{PromqlOptions, to_promql};
use spark_core::{Quantity, SignalId, Source, TriggerId};

use super::Session;
use super::hints::base;
use super::names::{Kin, Named};
use super::offer::TYPES;
use super::walk::{Met, walk};
use crate::ast::Item;
use crate::check::Declared;
use crate::explain;

/// Most lines of a declaration that are shown: what is longer is better read where it stands.
const SHOWN_LINES: usize = 24;

/// What reserved words mean.
const WORDS: &[(&str, &str)] = &[
    ("edition", "The edition of the language that the file is written in."),
    ("evaluate", "How often conditions are evaluated: at every multiple of that time."),
    ("use", "Another file of the policy, relative to this one, never outside of the root's folder."),
    ("signal", "What is measured: its type, where it comes from, and what it must meet."),
    ("trigger", "What asks for a hold or a rollback, and when."),
    ("plan", "The stages of a rollout, and when one may be left."),
    ("test", "Series that are given, and the states and decisions that are expected of them."),
    ("warn", "The lowest level: it tells, and asks for nothing."),
    ("hold", "The level that keeps the release where it is."),
    ("rollback", "The highest level: it takes the release back."),
    (
        "clear",
        "When a level is left. Without it, a level is left when its condition, its `for` aside, is false at one instant.",
    ),
    (
        "given",
        "What must be true for the trigger to speak at all. Without it, levels read as unknown: too little evidence.",
    ),
    ("unless", "While that trigger shows a level, this one is quiet up to it."),
    (
        "unknown",
        "What is asked for while the evidence is missing: hold, and after a time rollback. It never clears a level.",
    ),
    (
        "stale",
        "A sample older than this is no longer believed: the signal is unknown. The default is three evaluations.",
    ),
    ("expect", "In a signal: what it must meet, else the decision is hold. In a test: what must be so."),
    (
        "for",
        "How much evidence the condition needs: its clock adds up time between evaluations that are both true.",
    ),
    ("then", "`A then B within d`: true from where B turns true, if A turned true then or at most d before."),
    ("between", "Both ends are included."),
    ("baseline", "The comparison's whole left side, computed on the stable version at the same instant."),
    (
        "previous",
        "`previous stage`: the left side's mean over the stage before. In the first stage the level is left out.",
    ),
    ("proceed", "When a stage whose time is served may be left."),
    ("stage", "A share of the traffic, and for how long."),
    ("needs", "`needs approval`: a person must approve before the stage is entered."),
    ("approval", "`needs approval`: a person must approve before the stage is entered."),
    (
        "warmup",
        "After each step, for how long nothing counts towards the stage. Decisions go on, and a rollback does not wait.",
    ),
    ("watch", "How long the release is watched after its last stage was served, before it is complete."),
    ("over", "The window that a function looks back over: left-open, up to now."),
    ("push", "Samples that a program or a file hands in."),
    ("metrics", "An expression over scraped or queried metrics, computed as Prometheus does."),
    ("prometheus", "A PromQL query, sent as it is written."),
    ("sql", "A query that gives one number."),
    ("runbook", "A link for who is called."),
    ("owner", "Who answers for it."),
    ("when", "The condition follows."),
    ("check", "One look at a system before a release: who looks, what is measured, and when that passes."),
    ("in", "In a check: when it is made. Behind a type or a source: the unit that its numbers are in."),
    ("preflight", "Before a release, all of it side by side in a minute."),
    ("redteam", "Before a release, on purpose hostile, all of it side by side in ten minutes."),
    ("blast", "Half a minute of health of one instance."),
    ("probe", "Who looks: a probe of the configuration, by its name."),
    ("measure", "What the probe must bring. Without it, or in another unit, it is unknown."),
    ("flag", "True or false: its name alone is a condition, and it is compared with nothing."),
    ("pass", "What must be true for the check to pass. What is not known never passes."),
    ("else", "What the check says where it does not pass, and where that is not known."),
    ("no-go", "The release must not begin."),
    (
        "within",
        "In a check: how long the probe may take. Behind `then`: how long before it the first may have been true.",
    ),
    ("evidence", "The file that what was found is kept in: of this check alone."),
];

/// What is shown of a place, in Markdown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hover {
    /// The text.
    pub markdown: String,
    /// The bytes that it is about.
    pub range: Range<usize>,
}

impl Session {
    /// What is known of the word at a byte.
    pub fn hover(&self, path: &str, byte: usize) -> Option<Hover> {
        let about = self
            .hover_name(path, byte)
            .or_else(|| self.hover_value(path, byte))
            .or_else(|| self.hover_word(path, byte));
        let findings = self.diagnostics(path).into_iter();
        let codes: Vec<_> = findings.filter(|f| f.range.start <= byte && byte <= f.range.end).collect();
        let mut hover = match (about, codes.first()) {
            (Some(hover), _) => hover,
            (None, Some(first)) => Hover { markdown: String::new(), range: first.range.clone() },
            (None, None) => return None,
        };
        for finding in codes {
            let page = finding.code.page.trim();
            let page = page.strip_prefix("# ").map_or_else(|| page.to_owned(), |page| format!("### {page}"));
            if !hover.markdown.is_empty() {
                hover.markdown.push_str("\n\n---\n\n");
            }
            hover.markdown.push_str(&page);
        }
        Some(hover)
    }

    fn hover_name(&self, path: &str, byte: usize) -> Option<Hover> {
        let named = self.named_at(path, byte)?;
        let (document, part, item) = self.policy_files(path).into_iter().find_map(|path| {
            let document = self.documents.get(&path)?;
            document.parts.iter().find_map(|part| {
                let item = part.tree.items.iter().find(|item| match item {
                    Item::Signal(signal) => named.kin == Kin::Common && signal.name.text == named.name,
                    Item::Trigger(trigger) => {
                        named.kin == Kin::Common
                            && trigger.name.as_ref().is_some_and(|name| name.text == named.name)
                    }
                    Item::Plan(plan) => named.kin == Kin::Plan && plan.name.text == named.name,
                    Item::Check(check) => match &named.kin {
                        Kin::Check => check.name.text == named.name,
                        Kin::Measure(of) => check.name.text == *of,
                        Kin::Common | Kin::Plan => false,
                    },
                    _ => false,
                })?;
                Some((document, part, item))
            })
        })?;
        let span = match item {
            Item::Signal(signal) => signal.span,
            Item::Trigger(trigger) => trigger.span,
            Item::Plan(plan) => plan.span,
            Item::Check(check) => check.span,
            _ => return None,
        };
        let text = document.text.get(document.range(part, span)).unwrap_or("");
        let mut shown: String = text.lines().take(SHOWN_LINES).collect::<Vec<_>>().join("\n");
        if text.lines().count() > SHOWN_LINES {
            shown.push_str("\n…");
        }
        let mut markdown = format!("```rules\n{shown}\n```");
        if let Item::Signal(_) = item
            && let Some((kind, _)) = self.fitting(path, &named.name, None)
        {
            // writing to a string cannot fail
            let _ = write!(markdown, "\n\n`{}` is {kind}.", named.name);
        }
        markdown.push_str(&self.said(path, &named));
        Some(Hover { markdown, range: named.range })
    }

    /// What the last rules that could run say of a name: in English, and its query.
    fn said(&self, path: &str, Named { kin, name, .. }: &Named) -> String {
        let Some(good) = self.last_good(path) else { return String::new() };
        let (policy, files) = (&good.policy, Some(&good.files));
        let check = match kin {
            Kin::Check => Some(name),
            Kin::Measure(of) => Some(of),
            Kin::Common | Kin::Plan => None,
        };
        if let Some(name) = check {
            let known = policy.check(name).is_some();
            return if known {
                format!("\n\n{}", explain::check(policy, files, name))
            } else {
                String::new()
            };
        }
        if *kin == Kin::Plan {
            let known = policy.plans().iter().any(|plan| plan.name == *name);
            return if known { format!("\n\n{}", explain::plan(policy, files, name)) } else { String::new() };
        }
        let number = |place: usize| u32::try_from(place).unwrap_or(u32::MAX);
        if let Some(place) = policy.triggers().iter().position(|trigger| trigger.name == *name) {
            return format!("\n\n{}", explain::trigger(policy, files, TriggerId(number(place))));
        }
        let Some(place) = policy.signals().iter().position(|signal| signal.name == *name) else {
            return String::new();
        };
        let mut said = format!("\n\n{}", explain::signal(policy, files, SignalId(number(place))));
        if let Some(signal) = policy.signals().get(place)
            && let Source::Metrics(expression) = &signal.source
        {
            let _ = write!(said, "\n\n```promql\n{}\n```", to_promql(expression, &PromqlOptions::of(signal)));
        }
        said
    }

    fn hover_value(&self, path: &str, byte: usize) -> Option<Hover> {
        let document = self.documents.get(path)?;
        let part = document.part_at(byte)?;
        let mut found: Option<(Quantity, Range<usize>)> = None;
        walk(&part.tree, &mut |met| {
            if let Met::Threshold(value, span) | Met::Value(value, span) = met {
                let range = document.range(part, span);
                if range.start <= byte && byte <= range.end {
                    found = Some((value, range));
                }
            }
        });
        let (value, range) = found?;
        let written = document.text.get(range.clone()).unwrap_or("");
        Some(Hover { markdown: format!("`{written}` {}", base(&value)?), range })
    }

    fn hover_word(&self, path: &str, byte: usize) -> Option<Hover> {
        let painted = self.painted(path, byte.saturating_sub(1)..byte.saturating_add(1));
        let word = painted.into_iter().find(|word| word.range.start <= byte && byte <= word.range.end)?;
        let text = self.text(path)?.get(word.range.clone())?;
        let (_, meaning) = WORDS.iter().chain(TYPES).find(|(word, _)| *word == text)?;
        let known = matches!(word.paint, super::Paint::Keyword | super::Paint::Choice);
        known.then(|| Hover { markdown: format!("**{text}**: {meaning}"), range: word.range })
    }

    /// The declared signal with a name: the signals of its part, and its place among them.
    fn declared(&self, path: &str, name: &str) -> Option<(&Declared, usize)> {
        self.policy_files(path).into_iter().find_map(|path| {
            self.documents.get(&path)?.parts.iter().find_map(|part| {
                let mut signals = part.tree.items.iter().filter_map(|item| match item {
                    Item::Signal(signal) => Some(&signal.name.text),
                    _ => None,
                });
                Some((&part.declared, signals.position(|signal| signal == name)?))
            })
        })
    }

    /// Whether a name is a signal's.
    pub(super) fn is_signal(&self, path: &str, name: &str) -> bool {
        self.declared(path, name).is_some()
    }

    /// What a signal is, or a function of it, and values that fit it.
    pub(super) fn fitting(
        &self,
        path: &str,
        name: &str,
        function: Option<&str>,
    ) -> Option<(String, Vec<String>)> {
        let (declared, place) = self.declared(path, name)?;
        declared.fitting(place, function)
    }
}
