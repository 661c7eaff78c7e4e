//! A rollback that an operator asks for where nobody runs the rollout: this process takes it up, to take the traffic back and nothing else.

use std::sync::Arc;

use spark_core::rollout::Word;
use spark_core::{Policy, Sample, Timestamp};
use spark_runtime::action::ConfiguredActions;
use spark_runtime::control::{self, Keeper};
use spark_runtime::release::{JOURNAL_NAME, JournalPlace, Left, OpenRelease};
use spark_runtime::runner::{self, Begin, Ports, SampleSource, SystemClock};

use super::closing::close;
use super::interrupt::interrupted;
use super::run::{Teller, open, serve, signing_key};
use super::running::Found;
use super::words;
use crate::console::{Console, ConsoleArgs};
use crate::exit::{Exit, Failure};
use crate::samples::block_on;
use crate::screen::Screen;

/// Carries a rollback out. Nothing is measured but the traffic, and nothing advances.
pub(crate) fn roll_back(
    console: &mut Console,
    found: Found,
    (word, by, because): (Word, String, String),
    said: ConsoleArgs,
) -> Result<Exit, Failure> {
    let release = found.folder();
    // a journal elsewhere says by itself that it is empty
    let here = !matches!(found.place, JournalPlace::Folder) || release.join(JOURNAL_NAME).is_file();
    let Some(config) = found.config.filter(|_| here) else {
        return Err(Failure::could_not_run(format!("there is no journal in `{}`", release.display())));
    };
    let key = signing_key(&config)?;
    let actions = ConfiguredActions::new(config.actions.clone(), config.folder.clone())
        .map_err(|error| Failure::of(&error))?;
    let (keeper, (speaker, inbox)) = (Keeper::default(), control::words());
    let OpenRelease { folder, journal, folded, .. } = open(&found.root, &found.id, &found.place, &keeper)?;
    let Some(folded) = folded else {
        return Err(Failure::could_not_run("the journal is empty: nothing was ever moved"));
    };
    let clock = SystemClock::resume(folded.clock.as_ref(), folded.last);
    let screen = Screen::of_run(&keeper, clock.clone(), said);
    let ports = Ports {
        source: Blind(Arc::clone(folded.controller.engine().policy())),
        actions,
        journal,
        clock,
        inbox,
        observer: (Teller::new(said), keeper.clone()),
        freeze: Box::new(|_| None),
        reload: Box::new(|| None),
        look: Box::new(runner::no_look),
        deadline: config.actions.deadline,
    };
    let left = block_on(async {
        let _served = serve(&folder, &keeper, &speaker);
        // it is there before the first step is due, and so it is heard first
        let told = async {
            match speaker.hand(word, by, because) {
                Ok(answered) => words::told(&answered.get().await),
                Err(answer) => words::told(&answer),
            }
        };
        let run = runner::run(Begin::Resumed(folded), ports, interrupted(&screen, &speaker));
        let ((), outcome) = tokio::join!(told, run);
        let outcome = outcome.map_err(|error| Failure::of(&error))?;
        keeper.set_running(false);
        drop(screen);
        Ok::<_, Failure>(Left::of(outcome, folder).await)
    })??;
    close(console, left, &key, config.evidence.anchors.as_deref())
}

/// A source that measures nothing: what is unknown never advances.
struct Blind(Arc<Policy>);

impl SampleSource for Blind {
    async fn samples(&mut self, at: Timestamp) -> Vec<Sample> {
        runner::all_failed(&self.0, at, "nothing is measured during a rollback by hand")
    }
}
