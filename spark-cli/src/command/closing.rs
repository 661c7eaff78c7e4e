//! The end of a run: its evidence sealed and anchored, and how it ended told.

use std::path::Path;

use spark_core::Verdict;
use spark_core::rollout::Ending;
use spark_runtime::action::percent;
use spark_runtime::evidence;
use spark_runtime::notify::Delivery;
use spark_runtime::release::{Left, ReleaseError};
use spark_runtime::runner::RunEnd;

use crate::console::{Console, say, verdict};
use crate::exit::{Exit, Failure};
use crate::samples::block_on;

/// Seals the evidence, and says how it ended.
pub(super) fn close(
    console: &mut Console,
    left: Result<Left, ReleaseError>,
    key: &evidence::SecretKey,
    anchors: Option<&Path>,
) -> Result<Exit, Failure> {
    let mut left = match left {
        Err(ReleaseError::NoEvidence { end, unrecorded, why, told }) => {
            return without_evidence(console, &end, unrecorded.as_deref(), &why, &told);
        }
        left => left.map_err(|error| Failure::of(&error))?,
    };
    let sealed = match block_on(left.seal(key))? {
        // as of one that lost it before its evidence was written: how it ended is the other one's to tell
        Err(error @ ReleaseError::Fenced(_)) => return Err(Failure::of(&error)),
        sealed => sealed.map_err(|error| Failure::of(&error)),
    };
    console.line(told(&left.end, left.folded.controller.rollout().traffic()));
    let folder = left.folder.path().display();
    match &sealed {
        Ok(sealed) => {
            console.line(format!("evidence: {folder} ({} files, sealed)", sealed.files));
            console.line(format!(
                "code: {}   keep it elsewhere: it tells this seal from an older one",
                sealed.code
            ));
            if let Some(log) = anchors {
                anchor(console, log, sealed, left.folder.path());
            }
        }
        Err(failure) => say(&format!("warning: the evidence in {folder} is not sealed: {failure}")),
    }
    match (ended(&left.end, left.unrecorded.as_deref())?, sealed) {
        // the traffic is back, and the exit code must say so
        (exit, Ok(_)) | (exit @ Exit::Rollback, Err(_)) => Ok(exit),
        (_, Err(failure)) => Err(failure),
    }
}

/// Says how a run ended whose journal cannot be read any more: what it did stays done.
fn without_evidence(
    console: &mut Console,
    end: &RunEnd,
    unrecorded: Option<&str>,
    why: &str,
    known: &str,
) -> Result<Exit, Failure> {
    console.line(told(end, None));
    say(&format!("warning: the evidence is not written, since the journal cannot be read: {why}"));
    say(&format!("warning: {known}; when the journal can be read again, the same command goes on from it"));
    match ended(end, unrecorded)? {
        // the traffic is back, and the exit code must say so
        Exit::Rollback => Ok(Exit::Rollback),
        _ => Err(Failure { exit: Exit::CouldNotRun, words: String::new() }),
    }
}

/// Writes the seal down elsewhere. The run did what it did: what is missing can be made up for.
fn anchor(console: &mut Console, log: &Path, sealed: &evidence::Sealed, folder: &Path) {
    match evidence::append_anchor(log, sealed) {
        Ok(head) => console.line(format!("anchored: line {} of {}", head.seq, log.display())),
        Err(error) => say(&format!(
            "warning: the seal is not anchored: {}; `spark evidence anchor {} --log {}` makes up for it",
            Failure::of(&error),
            folder.display(),
            log.display()
        )),
    }
}

/// Tells of messages that did not arrive: whoever should have got them does not know.
pub(super) fn tell_of_lost(deliveries: &[Delivery]) {
    for delivery in deliveries.iter().filter(|delivery| delivery.failed > 0) {
        let why = delivery.last_failure.as_deref().unwrap_or("no answer");
        say(&format!(
            "warning: {} of the messages to {} did not arrive: {why}",
            delivery.failed, delivery.recipient
        ));
    }
}

fn told(end: &RunEnd, traffic: Option<u16>) -> String {
    let traffic =
        || traffic.map_or_else(|| "an unknown share".to_owned(), |share| format!("{}%", percent(share)));
    match end {
        RunEnd::Ended(Ending::Completed) => {
            format!("{} every stage was served", verdict(Verdict::Proceed))
        }
        RunEnd::Ended(Ending::RolledBack { stage, because }) => format!(
            "{} in stage {} because {}",
            verdict(Verdict::Rollback),
            stage.saturating_add(1),
            because.join(", ")
        ),
        RunEnd::Ended(Ending::Unverified { stage, because }) => format!(
            "ROLLBACK UNVERIFIED in stage {} because {}: no probe saw that the canary has no traffic, and it may still get some",
            stage.saturating_add(1),
            because.join(", ")
        ),
        RunEnd::Ended(Ending::Aborted { by, .. }) => format!(
            "{} aborted by {by}: nothing was moved, the canary stays at {}",
            verdict(Verdict::Hold),
            traffic()
        ),
        RunEnd::Stopped => format!(
            "{} stopped on request: nothing was moved, the canary stays at {}; the same command takes it up again",
            verdict(Verdict::Hold),
            traffic()
        ),
        RunEnd::Fenced(reason) => format!("stopped: another runner has the rollout ({reason})"),
        RunEnd::Halted(reason) => format!("halted: the record contradicts itself ({reason})"),
    }
}

fn ended(end: &RunEnd, unrecorded: Option<&str>) -> Result<Exit, Failure> {
    if let Some(reason) = unrecorded {
        say(&format!("warning: the journal does not tell everything: {reason}"));
    }
    match end {
        RunEnd::Ended(Ending::Completed) => Ok(Exit::Done),
        RunEnd::Ended(Ending::RolledBack { .. }) => Ok(Exit::Rollback),
        RunEnd::Ended(Ending::Aborted { .. }) | RunEnd::Stopped => Ok(Exit::Hold),
        RunEnd::Ended(Ending::Unverified { .. }) | RunEnd::Fenced(_) | RunEnd::Halted(_) => {
            Err(Failure { exit: Exit::CouldNotRun, words: String::new() })
        }
    }
}
