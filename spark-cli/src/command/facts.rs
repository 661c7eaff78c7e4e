//! A rollout's facts in words, one line each: live and from its evidence.

use spark_core::rollout::{Fact, Step, Word};
use spark_runtime::action::percent;

/// A fact as a line; decisions and samples have their own.
pub(crate) fn fact_line(fact: &Fact) -> String {
    let at = fact.at();
    let words = match fact {
        Fact::Start(start) => format!("release {} begins on plan {}", start.release, start.plan),
        Fact::Resumed { fence, .. } => format!("a runner takes the rollout up again, with fence {fence}"),
        Fact::Sample(_) => "a sample".to_owned(),
        Fact::Decided { decision } => format!("decision: {}", decision.verdict),
        Fact::Word { by, because, said, .. } => format!("{by} says {} because {because}", word(said)),
        Fact::Intent { id, attempt, step, .. } => {
            let again = if *attempt > 1 { format!(" (attempt {attempt})") } else { String::new() };
            format!("step {id}{again}: {}", step_words(step))
        }
        Fact::Outcome { id, status, .. } => format!("step {id}: {status}"),
        Fact::Probed { share_bp, words, .. } => match share_bp {
            Some(share) => format!("measured: the canary has {}% ({words})", percent(*share)),
            None => format!("measured: not known where the traffic is ({words})"),
        },
        Fact::Looked { look, .. } => {
            let of = format!(
                "stage {}, {}, {}",
                look.stage.saturating_add(1),
                look.dependency.as_str(),
                look.probe
            );
            match &look.unanswered {
                None => format!("looked at the end of {of}"),
                Some(why) => format!("nothing is known at the end of {of}: {why}"),
            }
        }
        Fact::Frozen { freeze: Some(freeze), .. } => {
            format!("frozen until {}: {}", freeze.until, freeze.because)
        }
        Fact::Frozen { freeze: None, .. } => "the freeze is over".to_owned(),
        Fact::ClockStepped { by_millis, .. } => {
            format!("the wall clock was set by {by_millis}ms: the stage begins to serve anew")
        }
        Fact::Reloaded { changes, .. } => format!("stricter rules: {}", changes.join("; ")),
        Fact::Unrecorded { reason, .. } => {
            format!("the journal cannot be written, so nothing advances: {reason}")
        }
        Fact::Noted { words, .. } => words.clone(),
        Fact::End { ending, .. } => ending.to_string(),
    };
    format!("{at}  {words}")
}

fn step_words(step: &Step) -> String {
    match step {
        Step::SetShare { stage, share_bp } => {
            format!("give {}% to the canary, for stage {}", percent(*share_bp), stage.saturating_add(1))
        }
        Step::RollBack { because, .. } => format!("roll back because {}", because.join(", ")),
    }
}

fn word(said: &Word) -> String {
    match said {
        Word::Override { trigger, until } => format!("override {trigger} until {until}"),
        Word::Rollback { reason, .. } => format!("rollback ({reason})"),
        Word::Hold | Word::Resume | Word::Approve | Word::Promote | Word::Abort => said.as_str().to_owned(),
    }
}
