//! What is replayed: sample files, or a Prometheus' history; and how far it is.

use std::sync::Arc;

use indicatif::{ProgressBar, ProgressStyle};
use spark_core::metrics::Ceilings;
use spark_core::{TimeSpan, Timestamp};
use spark_runtime::replay::{Instants, Recording, look_back};
use spark_runtime::source::prometheus::Answered;

use super::ReplayArgs;
use crate::ceilings;
use crate::console::Console;
use crate::exit::Failure;
use crate::rules::Rules;
use crate::{samples, unread};

/// What is replayed.
pub(super) struct Found {
    pub(super) recording: Recording,
    /// Where the recording's history before the first instant begins, where there is one.
    pub(super) history: Option<Timestamp>,
    pub(super) instants: Instants,
}

pub(super) fn find(
    console: &Console,
    args: &ReplayArgs,
    rules: &Rules,
    every: TimeSpan,
) -> Result<Found, Failure> {
    let failed = |error| Failure::of(&error);
    if let (Some(from), Some(to)) = (args.from, args.to)
        && from > to
    {
        return Err(Failure::bad_arguments(format!("`--from {from}` is after `--to {to}`")));
    }
    if let (Some(url), Some(from), Some(to)) = (&args.prometheus, args.from, args.to) {
        let instants = Instants::within(from, to, every).map_err(failed)?;
        return ask(console, args, rules, url, instants);
    }
    let recording = samples::read_files(&args.samples, &rules.policy)?;
    ceilings::tell(console, rules, &recording.ceilings(&rules.policy));
    unread::tell(console, rules, &recording);
    let all = recording.instants(every).map_err(failed)?;
    let instants = match (args.from, args.to) {
        (None, None) => all,
        (from, to) => {
            let (from, to) = (from.unwrap_or(all.from()), to.unwrap_or(all.to()));
            if from > all.to() || to < all.from() {
                return Err(Failure::could_not_run(format!(
                    "the samples are from {} to {}: none is between {from} and {to}",
                    all.from(),
                    all.to()
                )));
            }
            Instants::within(from.max(all.from()), to.min(all.to()), every).map_err(failed)?
        }
    };
    let history = args.from.map(|_| all.from());
    Ok(Found { recording, history, instants })
}

/// The history of a Prometheus, and before it as much as windows and `for` reach back.
fn ask(
    console: &Console,
    args: &ReplayArgs,
    rules: &Rules,
    url: &str,
    instants: Instants,
) -> Result<Found, Failure> {
    let policy = &rules.policy;
    let every = instants.every();
    let source = samples::prometheus(url, &args.http)?;
    // clocks start at instants, which may be further apart than the rules' own
    let back = look_back(policy).plus(every.times(2));
    let asked = instants.preceded_by(back).map_err(|error| Failure::of(&error))?;
    let bar = console.shows_progress().then(|| bar(1, "{bar:40} {pos}/{len} answers of Prometheus"));
    let told = {
        let bar = bar.clone();
        Arc::new(move |answered: Answered| {
            if let Some(bar) = &bar {
                bar.set_length(answered.of);
                bar.set_position(answered.done);
            }
        })
    };
    let range = source.range_told(policy, asked.from(), asked.to(), every, told);
    let (answer, known) = samples::block_on(async {
        let answer = range.await;
        let ceilings = match &answer {
            Ok(_) => Some(source.ceilings(policy, asked.from(), asked.to()).await),
            // a server that gave no history at all is not asked again
            Err(_) => None,
        };
        (answer, ceilings)
    })?;
    if let Some(bar) = bar {
        bar.finish_and_clear();
    }
    let (samples, failures) = answer.map_err(|error| Failure::of(&error))?;
    ceilings::tell(console, rules, &known.iter().flat_map(Ceilings::known).collect::<Vec<_>>());
    for failure in &failures {
        console.note(format!(
            "warning: signal `{}` has no answer from {} to {} and is unknown there: {}",
            failure.signal, failure.from, failure.to, failure.words
        ));
    }
    let recording = Recording::from_samples(samples).counted_from(instants.from());
    unread::tell(console, rules, &recording);
    Ok(Found { recording, history: Some(asked.from()), instants })
}

fn bar(length: u64, template: &str) -> ProgressBar {
    let bar = ProgressBar::new(length);
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar
}

/// A progress bar, where somebody sees it and it is not over at once.
pub(super) struct Progress(Option<ProgressBar>);

impl Progress {
    pub(super) fn new(console: &Console, found: &Found, variants: usize) -> Self {
        /// Evaluations that take less than a blink.
        const WORTH_SHOWING: u64 = 50_000;
        let engines = u64::try_from(variants).unwrap_or(u64::MAX).saturating_add(1);
        let instants = found.instants.count();
        let shown = instants.saturating_mul(engines) >= WORTH_SHOWING && console.shows_progress();
        Self(shown.then(|| bar(instants, "{bar:40} {pos}/{len} evaluations, {eta} left")))
    }

    pub(super) fn at(&mut self, done: u64) {
        if let Some(bar) = &self.0 {
            bar.set_position(done);
        }
    }

    pub(super) fn end(&mut self) {
        if let Some(bar) = self.0.take() {
            bar.finish_and_clear();
        }
    }
}
