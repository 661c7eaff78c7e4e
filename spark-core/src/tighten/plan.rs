//! Whether a plan lets a release go on no sooner, and no further.

use super::Comparer;
use super::implication::{Demand, Implication};
use super::normal::{Translation, reads_previous_stage, turns_expectations};
use super::words::condition_words;
use crate::condition::Condition;
use crate::trigger::{Plan, Stage};

impl Comparer<'_> {
    /// What was expected must still be; more may be.
    pub(super) fn expectations(&mut self) {
        for (old, new) in self.signals_and_namesakes() {
            let Some(new) = new else { continue };
            let before = old.expectation.as_ref().map(|c| self.before().condition(c));
            let after = new.expectation.as_ref().map(|c| self.after().condition(c));
            let words = |condition: &Condition| condition_words(self.new, condition);
            match (before, after) {
                (None, Some(after)) => {
                    self.changes.push(format!("signal `{}`: `expect {}` is new", old.name, words(&after)));
                }
                (Some(before), None) => {
                    let what = format!("signal `{}`: `expect {}` is gone", old.name, words(&before));
                    self.refuse(what, "what is not met asked for hold", Some(new.span));
                }
                (Some(before), Some(after)) if before != after => {
                    let what = format!(
                        "signal `{}`: `expect {}` is now `expect {}`",
                        old.name,
                        words(&before),
                        words(&after)
                    );
                    // what `every signal meets its expectation for 5m` adds up must not start over later
                    let demand = Demand { pointwise: true, ..Demand::default() };
                    match self.no_sooner(&after, &before, demand) {
                        Ok(()) => self.changes.push(what),
                        Err(why) => self.refuse(what, why, Some(new.span)),
                    }
                }
                _ => {}
            }
        }
    }

    pub(super) fn before(&self) -> Translation<'_> {
        Translation(Some(&self.places))
    }

    pub(super) const fn after(&self) -> Translation<'_> {
        Translation(None)
    }

    /// Shows that a condition that must hold before the release goes on holds no more often than it did.
    fn no_sooner(&self, new: &Condition, old: &Condition, demand: Demand) -> Result<(), String> {
        if reads_previous_stage(new) != reads_previous_stage(old) {
            return Err("one of both reads the stage before, and is left out in the first".to_owned());
        }
        let shown = Implication::new(self.new).show(new, old, demand);
        shown.map_err(|reason| {
            format!("{} (keep the old condition and add the new one with `and`)", reason.words)
        })
    }

    /// The plan that is walked.
    pub(super) fn plan(&mut self, name: &str) {
        let (Some(old), Some(new)) = (self.old.plan(name), self.new.plan(name)) else {
            self.refuse(format!("plan `{name}` is not in both"), "a release walks its plan to the end", None);
            return;
        };
        for (part, before, after) in [("warmup", old.warmup, new.warmup), ("watch", old.watch, new.watch)] {
            let what = format!("plan `{name}`: its {part} of {before} is now {after}");
            match after.cmp(&before) {
                std::cmp::Ordering::Less => self.refuse(what, "it must not be shorter", Some(new.span)),
                std::cmp::Ordering::Equal => {}
                std::cmp::Ordering::Greater => self.changes.push(what),
            }
        }
        if old.stages.len() == new.stages.len() {
            for (before, after) in old.stages.iter().zip(&new.stages) {
                self.stage(name, before, after);
            }
        } else {
            let what = format!("plan `{name}` has {} stages, before {}", new.stages.len(), old.stages.len());
            let why =
                "a release on its way is in a stage by its place: neither more nor fewer can be counted";
            self.refuse(what, why, Some(new.span));
        }
        self.readiness(old, new);
    }

    fn stage(&mut self, plan: &str, old: &Stage, new: &Stage) {
        let words = |stage: &Stage| {
            let approval = if stage.approval { " needs approval" } else { "" };
            format!("stage {} for {}{approval}", stage.share_text(), stage.duration)
        };
        let what = format!("plan `{plan}`: `{}` is now `{}`", words(old), words(new));
        let loose = [
            (new.share_bp > old.share_bp, "it gets more traffic"),
            (new.duration < old.duration, "it is shorter"),
            (old.approval && !new.approval, "nobody has to approve it any more"),
        ];
        let reasons: Vec<_> = loose.into_iter().filter(|(loose, _)| *loose).map(|(_, why)| why).collect();
        let same = (old.share_bp, old.duration, old.approval) == (new.share_bp, new.duration, new.approval);
        match (reasons.is_empty(), same) {
            (true, true) => {}
            (true, false) => self.changes.push(what),
            (false, _) => self.refuse(what, reasons.join(", and "), Some(new.span)),
        }
    }

    /// `proceed when` must hold no sooner.
    fn readiness(&mut self, old: &Plan, new: &Plan) {
        let before = old.proceed.as_ref().map(|condition| self.before().condition(condition));
        let after = new.proceed.as_ref().map(|condition| self.after().condition(condition));
        let words = |condition: &Condition| condition_words(self.new, condition);
        let name = &old.name;
        match (before, after) {
            (None, None) => {}
            (None, Some(after)) => {
                self.changes.push(format!("plan `{name}`: `proceed when {}` is new", words(&after)));
            }
            (Some(before), None) => {
                let what = format!("plan `{name}`: `proceed when {}` is gone", words(&before));
                self.refuse(what, "a stage would be left without it", Some(new.span));
            }
            (Some(before), Some(after)) => {
                let same = before == after;
                let what = match same {
                    true => format!("plan `{name}`: `proceed when {}`", words(&after)),
                    false => format!(
                        "plan `{name}`: `proceed when {}` is now `proceed when {}`",
                        words(&before),
                        words(&after)
                    ),
                };
                if turns_expectations(&before) || turns_expectations(&after) {
                    let changed = !same || !self.changes.is_empty();
                    if changed {
                        let why =
                            "under `not` and in `then`, more expectations may mean that it holds sooner";
                        self.refuse(what, why, Some(new.span));
                    }
                    return;
                }
                match self.no_sooner(&after, &before, Demand::default()) {
                    Ok(()) if same => {}
                    Ok(()) => self.changes.push(what),
                    Err(why) => self.refuse(what, why, Some(new.span)),
                }
            }
        }
    }
}
