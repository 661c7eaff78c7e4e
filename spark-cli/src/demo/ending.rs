//! The end of the demo: evidence sealed, verified and replayed, and what happened in a few lines.

use std::path::Path;

use spark_core::rollout::Ending;
use spark_runtime::audit::{Counts, fold};
use spark_runtime::causes::in_one_line;
use spark_runtime::evidence::{self, EvidenceError, Sealed};
use spark_runtime::release::{Left, read};
use spark_runtime::runner::RunEnd;

use super::Failure;
use super::effect::Effect;
use super::frame::{clock, shown_millis};
use super::rollout::Shared;
use super::traffic::Traffic;
use crate::exit::Exit;

/// Seals, verifies and replays the evidence, tells how the demo ended, and gives its exit code.
///
/// # Errors
/// The evidence cannot be written, does not verify, or does not give the same decisions again.
pub(super) async fn tell(
    shared: &Shared,
    traffic: &Traffic,
    mut left: Left,
    effect: Option<Result<Effect, Failure>>,
    healthy: bool,
) -> Result<Exit, Failure> {
    let failed = |error: EvidenceError| Failure(format!("the evidence: {}", in_one_line(&error)));
    if let Some(Ok(effect)) = &effect {
        left.folder.write_json("", "rollback-effect.json", effect).map_err(failed)?;
        shared.screen().event(&format!(
            "VERIFIED: new version {} orders/s, stable {} orders/s, users' p95 {}ms",
            effect.new_version_orders, effect.stable_version_orders, effect.users_p95_ms
        ));
    }
    if let Some(reason) = &left.unrecorded {
        return Err(Failure(format!("the journal does not tell everything: {reason}")));
    }
    let key = evidence::throw_away_key().map_err(failed)?;
    let sealed =
        left.seal(&key).await.map_err(|error| Failure(format!("the evidence: {}", in_one_line(&error))))?;
    let folder = left.folder.path();
    let public = evidence::key_beside(folder);
    let read_back = evidence::public_key(&public).map_err(failed)?;
    let verified = evidence::verify(folder, &read_back).map_err(failed)?;
    let not_again = |words: String| Failure(format!("the evidence does not replay: {words}"));
    let records = read(folder).map_err(|error| not_again(in_one_line(&error)))?;
    let replayed = fold(&records, &mut |_: &_, _: &_| {}).map_err(|error| not_again(in_one_line(&error)))?;
    let exit = exit_of(&left.end, &effect, healthy);
    let parts = [
        what_happened(shared, &left, effect.as_ref(), healthy),
        about_traffic(traffic),
        about_evidence(folder, &public, &verified, replayed.counts),
        what_next(folder, healthy, exit),
    ];
    debug_assert_eq!(sealed, verified, "what was sealed is what was verified");
    let mut screen = shared.screen();
    for part in parts.iter().filter(|part| !part.is_empty()) {
        screen.end(part);
    }
    Ok(exit)
}

fn exit_of(end: &RunEnd, effect: &Option<Result<Effect, Failure>>, healthy: bool) -> Exit {
    match (end, effect) {
        (RunEnd::Ended(Ending::RolledBack { .. }), Some(Ok(_))) => Exit::Rollback,
        // with a fault injected, completing means that nobody noticed it
        (RunEnd::Ended(Ending::Completed), _) if healthy => Exit::Done,
        _ => Exit::CouldNotRun,
    }
}

fn what_happened(
    shared: &Shared,
    left: &Left,
    effect: Option<&Result<Effect, Failure>>,
    healthy: bool,
) -> String {
    let story = shared.story();
    let took = clock(shared.screen().elapsed());
    let stage = |place: u32| {
        let summary = left.chronicle.stages().iter().find(|summary| summary.stage == place);
        summary.map_or_else(String::new, |summary| summary.share.clone())
    };
    let told = match (&left.end, effect) {
        (RunEnd::Ended(Ending::RolledBack { stage: place, because }), Some(Ok(effect))) => {
            let after = story
                .fault_to_rollback
                .map_or_else(String::new, |after| format!(", {:.1}s after the fault", after.as_secs_f64()));
            format!(
                "The new version was rolled back at {}{after}: {}.\n\
                 Users met a p95 of {} at worst, and {}ms again {:.1}s after the rollback.",
                stage(*place),
                because.join(", "),
                shown_millis(story.worst),
                effect.users_p95_ms,
                std::time::Duration::from_millis(effect.took_ms).as_secs_f64(),
            )
        }
        (RunEnd::Ended(Ending::RolledBack { .. }), Some(Err(failure))) => {
            format!("The rollback failed: {failure}.")
        }
        (RunEnd::Ended(Ending::Completed), _) if healthy => format!(
            "The new version serves all users: every stage met all of its signals.\n\
             Users met a p95 of {} at worst.",
            shown_millis(story.worst)
        ),
        (RunEnd::Ended(Ending::Completed), _) => {
            "The fault was not noticed: this must not happen.".to_owned()
        }
        (end, _) => {
            let decision = left.chronicle.decision().map_or_else(String::new, |decision| {
                format!("; the last decision was {} {}", decision.verdict, decision.because.join(", "))
            });
            format!(
                "The demo did not come to its end: {}{decision}",
                story.failure.unwrap_or_else(|| format!("{end:?}"))
            )
        }
    };
    format!("\nWhat happened ({took})\n{}", indented(&told))
}

fn about_traffic(traffic: &Traffic) -> String {
    let (shed, lost) = traffic.shed_and_lost();
    let mut words = format!("{} real orders were sent", traffic.sent());
    if shed > 0 {
        words.push_str(&format!("; {shed} were not, because this machine is too busy"));
    }
    if lost > 0 {
        words.push_str(&format!("; {lost} got no answer"));
    }
    indented(&format!("{words}."))
}

fn about_evidence(folder: &Path, public: &Path, verified: &Sealed, replayed: Counts) -> String {
    let key = std::fs::read_to_string(public).unwrap_or_default();
    let key = key.lines().find(|line| !line.starts_with("-----")).unwrap_or_default().to_owned();
    format!(
        "Evidence\n{}",
        indented(&format!(
            "{} ({} files, {} KiB, sealed with a throw-away Ed25519 key)\n\
             public key, also in {}:\n  {key}\n\
             verified: the folder is exactly what was sealed\n\
             replayed {} evaluations of {} samples: the same decisions, byte for byte",
            shown(folder),
            verified.files,
            verified.bytes / 1024,
            shown(public),
            replayed.decisions,
            replayed.samples,
        ))
    )
}

fn what_next(folder: &Path, healthy: bool, exit: Exit) -> String {
    let folder = shown(folder);
    let (other, what) = match healthy {
        true => ("spark demo", "the same release, with a fault at 25%"),
        false => ("spark demo --healthy", "the same release without the fault"),
    };
    let verify = format!("spark evidence verify {folder}");
    let replay = format!("spark evidence replay {folder}");
    let width = verify.len().max(replay.len());
    let rows = [
        (verify.as_str(), "nothing was changed since"),
        (&replay, "the same decisions again"),
        (other, what),
        ("spark init", "rules for your own service"),
    ];
    let rows: Vec<_> = rows.iter().map(|(command, what)| format!("{command:<width$}   {what}")).collect();
    format!(
        "Next\n{}\nexit code {}: {}",
        indented(&rows.join("\n")),
        exit as u8,
        match exit {
            Exit::Done => "all stages were served",
            Exit::Rollback => "the release was rolled back",
            _ => "the demo did not come to its end",
        }
    )
}

fn indented(text: &str) -> String {
    let lines: Vec<_> = text.lines().map(|line| format!("  {line}")).collect();
    lines.join("\n")
}

/// A path as the reader would type it: relative to here where it is below.
fn shown(path: &Path) -> String {
    let here = std::env::current_dir().ok().and_then(|here| here.canonicalize().ok());
    let full = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let below = here.and_then(|here| full.strip_prefix(here).ok().map(Path::to_owned));
    below.unwrap_or(full).display().to_string()
}
