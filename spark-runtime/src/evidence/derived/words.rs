//! What happened, in words, for the papers that people read.

use spark_core::rollout::{Fact, Step, Word};

use crate::action::percent;
use crate::replay::Event;

/// A change of a trigger or of the decision.
pub(super) fn of_event(event: &Event) -> String {
    match event {
        Event::Trigger(change) => {
            let value = change.value.as_ref().map_or_else(String::new, |value| format!(" at {value}"));
            let margin =
                change.margin.as_ref().map_or_else(String::new, |margin| format!(", margin {margin}"));
            let cause = change.cause.as_ref().map_or_else(String::new, |cause| format!(": {cause}"));
            format!("{} trigger {} is {}{value}{margin}{cause}", change.at, change.trigger, change.state)
        }
        Event::Decision(decision) if decision.because.is_empty() => {
            format!("{} decision {}", decision.at, decision.decision)
        }
        Event::Decision(decision) => {
            format!("{} decision {} because {}", decision.at, decision.decision, decision.because.join(", "))
        }
        Event::Summary(summary) => format!("{} decision {}", summary.to, summary.decision),
    }
}

/// A fact that belongs into the story of a rollout; none of what is there every few seconds.
pub(super) fn of_fact(fact: &Fact) -> Option<String> {
    Some(match fact {
        Fact::Start(start) => format!("the release began on plan {}", start.plan),
        Fact::Word { by, because, said, .. } => format!("{by} said {}, because {because}", word(said)),
        Fact::Intent { id, attempt, step, .. } => {
            let again = if *attempt > 1 { format!(", attempt {attempt}") } else { String::new() };
            match step {
                Step::SetShare { share_bp, .. } => {
                    format!("step {id}{again}: {}% of traffic was asked for", percent(*share_bp))
                }
                Step::RollBack { because, .. } => {
                    format!("step {id}{again}: all traffic was asked back, because {}", because.join(", "))
                }
            }
        }
        Fact::Outcome { id, status, .. } => format!("step {id} ended: {status}"),
        Fact::End { ending, .. } => ending.to_string(),
        fact => return of_note(fact),
    })
}

/// A fact that changes nothing by itself, or that a reader should know beside.
pub(super) fn of_note(fact: &Fact) -> Option<String> {
    Some(match fact {
        Fact::Resumed { fence, .. } => format!("a runner took the rollout up again, with fence {fence}"),
        Fact::Frozen { freeze: Some(freeze), .. } => {
            format!("frozen until {}, because {}", freeze.until, freeze.because)
        }
        Fact::Frozen { freeze: None, .. } => "the freeze was over".to_owned(),
        Fact::ClockStepped { by_millis, .. } => {
            format!("the wall clock was set by {by_millis} ms, and the stage began to serve anew")
        }
        Fact::Reloaded { changes, .. } => format!("stricter rules were loaded: {}", changes.join("; ")),
        Fact::Noted { words, .. } => words.clone(),
        _ => return None,
    })
}

/// An operator's word as it is typed.
pub(super) fn word(said: &Word) -> String {
    match said {
        Word::Override { trigger, until } => format!("override {trigger} until {until}"),
        Word::Rollback { reason, stage: None } => format!("rollback ({reason})"),
        Word::Rollback { reason, stage: Some(stage) } => format!("rollback of stage {stage} ({reason})"),
        Word::Hold | Word::Resume | Word::Approve | Word::Promote | Word::Abort => said.as_str().to_owned(),
    }
}
