//! What Ctrl-C and the signals to end mean to a rollout: it stops between two steps, and the traffic stays where it is.
//!
//! In a terminal Ctrl-C asks first, and a second one stops. A signal to end, and a terminal that goes away, never ask.

use std::future::Future;

use spark_runtime::control::Speaker;

use crate::screen::Screen;

/// Done once the rollout is to stop.
#[cfg(unix)]
pub(super) fn interrupted(screen: &Screen, speaker: &Speaker) -> impl Future<Output = ()> + Send + use<> {
    let (stop, stopped) = tokio::sync::oneshot::channel();
    let listening = asking::Signals::listen().map(|signals| (signals, screen.panel(), speaker.clone()));
    // beside the rollout: a question comes at once, also while an action is on its way
    tokio::spawn(async move {
        match listening {
            Ok((signals, panel, speaker)) => asking::until_stopped(signals, &panel, &speaker).await,
            Err(_) => drop(tokio::signal::ctrl_c().await),
        }
        let _ = stop.send(());
    });
    async {
        // without whoever listens, nobody could stop it any more
        let _ = stopped.await;
    }
}

#[cfg(not(unix))]
pub(super) fn interrupted(_: &Screen, _: &Speaker) -> impl Future<Output = ()> + Send + use<> {
    async { drop(tokio::signal::ctrl_c().await) }
}

#[cfg(unix)]
mod asking {
    use std::io;

    use spark_core::rollout::Word;
    use spark_runtime::control::Speaker;
    use tokio::signal::unix::{Signal, SignalKind, signal};

    use crate::command::running::operator;
    use crate::command::words;
    use crate::console::say;
    use crate::screen::{Answer, Panel, ask, may_ask, question};

    /// Why the traffic goes back, where nothing else was typed.
    const REASON: &str = "asked for with Ctrl-C";

    pub(super) struct Signals {
        interrupt: Signal,
        terminate: Signal,
        hang_up: Signal,
    }

    impl Signals {
        pub(super) fn listen() -> io::Result<Self> {
            Ok(Self {
                interrupt: signal(SignalKind::interrupt())?,
                terminate: signal(SignalKind::terminate())?,
                hang_up: signal(SignalKind::hangup())?,
            })
        }

        /// Waits for any; whether it was Ctrl-C.
        async fn any(&mut self) -> bool {
            tokio::select! {
                biased;
                _ = self.terminate.recv() => false,
                _ = self.hang_up.recv() => false,
                _ = self.interrupt.recv() => true,
            }
        }
    }

    pub(super) async fn until_stopped(mut signals: Signals, panel: &Panel, speaker: &Speaker) {
        while signals.any().await && may_ask() {
            panel.ask(Some(question(panel.status().as_ref())));
            let answer = tokio::select! {
                biased;
                _ = signals.any() => Answer::Stop,
                answer = ask() => answer,
            };
            panel.ask(None);
            match answer {
                Answer::Stop => break,
                Answer::RollBack => roll_back(speaker),
                Answer::Continue => say("the rollout goes on"),
            }
        }
        say("stops as soon as no action is on its way; the traffic stays where it is");
    }

    /// Says the word as any operator would, so that it stands in the record; the answer is told when it comes.
    fn roll_back(speaker: &Speaker) {
        let by = operator().unwrap_or_else(|| "the terminal".to_owned());
        let word = Word::Rollback { reason: REASON.to_owned(), stage: None };
        match speaker.hand(word, by, REASON.to_owned()) {
            Ok(answered) => drop(tokio::spawn(async { words::told(&answered.get().await) })),
            Err(answer) => words::told(&answer),
        }
    }
}
