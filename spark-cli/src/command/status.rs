//! `spark status`: where a rollout is, from its runner, or from its journal where nobody runs it.

use clap::Args;
use spark_core::{Timestamp, Verdict};
use spark_runtime::control::{Keeper, Shown, Standing, Status};
use spark_runtime::release::{self, JournalPlace};
use spark_runtime::runner::{Clock as _, SystemClock};

use super::format::Format;
use super::running::{Found, WhereArgs};
use crate::console::{Console, faint, say, state, strong, verdict};
use crate::exit::{Exit, Failure};
use crate::screen::Screen;
use crate::table::short;

/// How long a runner may take to say where it is: it answers from a snapshot, whatever it is doing.
#[cfg(unix)]
const ANSWER_WITHIN: std::time::Duration = std::time::Duration::from_secs(10);

/// How often it is looked whether there still is a runner to watch.
const WATCH_EVERY: std::time::Duration = std::time::Duration::from_millis(500);

/// Words of operators that are shown to people; the journal has all of them.
const WORDS_SHOWN: usize = 5;

#[derive(Debug, Args)]
#[command(
    after_help = "Exit codes: 0 it goes on, or completed; 10 it waits: hold, freeze, approval, T-0, nobody runs it, or it was aborted;
11 it goes back, or is rolled back; 1 could not be told, or ROLLBACK UNVERIFIED.

Examples:
  spark status
  spark status --watch
  spark status --release 2026-01-05.1 --format json"
)]
pub(crate) struct StatusArgs {
    /// How it is written
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// Show it anew in place until its runner ends; in a terminal
    #[arg(long, conflicts_with = "format")]
    watch: bool,
    #[command(flatten)]
    place: WhereArgs,
}

pub(crate) fn run(console: &mut Console, args: &StatusArgs) -> Result<Exit, Failure> {
    let found = args.place.find(console)?;
    if args.watch {
        watch(&found)?;
    }
    let status = match running(&found)? {
        Some(status) => status,
        None => recorded(&found)?,
    };
    if args.watch {
        return exit(&status);
    }
    match args.format {
        Format::Json => {
            console.line(serde_json::to_string(&status).map_err(|error| Failure::of(&error))?);
        }
        Format::Text => print(console, &status),
    }
    exit(&status)
}

#[cfg(unix)]
fn running(found: &Found) -> Result<Option<Status>, Failure> {
    use spark_runtime::control::{self, Answer, Ask, ControlError};
    match control::ask(&found.folder(), &Ask::Status, ANSWER_WITHIN) {
        Ok(Answer::Status { status }) => Ok(Some(*status)),
        Ok(Answer::Failed { words } | Answer::Refused { words } | Answer::Taken { words }) => {
            Err(Failure::could_not_run(words))
        }
        Err(ControlError::Nobody(_)) => Ok(None),
        Err(error) => Err(Failure::of(&error)),
    }
}

#[cfg(not(unix))]
const fn running(_: &Found) -> Result<Option<Status>, Failure> {
    Ok(None)
}

/// Shows the rollout until its runner is gone.
fn watch(found: &Found) -> Result<(), Failure> {
    let (folder, id) = (found.root.clone(), found.id.clone());
    let told = move || {
        running(&Found { root: folder.clone(), id: id.clone(), config: None, place: JournalPlace::Folder })
            .ok()
            .flatten()
    };
    let screen = Screen::of_other(told).ok_or_else(|| {
        Failure::bad_arguments(
            "`--watch` needs a terminal on standard error; programs ask with `--format json`",
        )
    })?;
    while running(found)?.is_some() {
        std::thread::sleep(WATCH_EVERY);
    }
    drop(screen);
    Ok(())
}

/// What the journal says: as far as it goes, and why no further.
fn recorded(found: &Found) -> Result<Status, Failure> {
    let (records, runs) = match &found.place {
        JournalPlace::Folder => (release::read(&found.folder()).map_err(|error| Failure::of(&error))?, false),
        JournalPlace::Postgres(database) => super::shared::records(database, &found.id)?,
    };
    let (status, whole) = Keeper::of_record(&records);
    let status = status.map(|status| Status { running: runs, ..status });
    if let Err(error) = whole {
        say(&format!("warning: this is as far as the record can be followed: {error}"));
    }
    status.ok_or_else(|| Failure::could_not_run("the journal is empty: the rollout has not begun"))
}

/// What an exit code can say of a rollout.
fn exit(status: &Status) -> Result<Exit, Failure> {
    match status.state {
        Standing::Completed => Ok(Exit::Done),
        Standing::RolledBack | Standing::RollingBack => Ok(Exit::Rollback),
        Standing::Unverified => Err(Failure { exit: Exit::CouldNotRun, words: String::new() }),
        Standing::Aborted | Standing::Scheduled | Standing::Waiting => Ok(Exit::Hold),
        Standing::Entering | Standing::Stage | Standing::Watching => {
            let kept = status.held.is_some() || status.frozen.is_some() || status.unrecorded.is_some();
            let proceeds = status.decision.as_ref().is_some_and(|taken| taken.decision == Verdict::Proceed);
            Ok(if status.running && proceeds && !kept { Exit::Done } else { Exit::Hold })
        }
    }
}

fn print(console: &mut Console, status: &Status) {
    console.line(format!("{}  {}", strong(&status.release), place(status)));
    overlays(console, status);
    let measured = status.share_at.map_or(String::new(), |at| format!(", measured at {at}"));
    console.line(format!("  traffic    {}{measured}", status.traffic()));
    if let Some(stage) = number(status).and_then(|place| status.stages.get(place)) {
        console.line(format!("  served     {} of {}", status.served, stage.needs));
    }
    if let Some(taken) = &status.decision {
        console.line(format!(
            "  decision   {} at {}{}",
            verdict(taken.decision),
            taken.at,
            because(&taken.because)
        ));
    }
    clock(console, status);
    if !status.running && !status.is_over() {
        console.line(format!("  nobody runs it since {}: {}", status.at, next_step(status)));
    }
    shown(console, "trigger", &status.triggers);
    shown(console, "expected", &status.signals);
    let skipped = status.words.len().saturating_sub(WORDS_SHOWN);
    for (place, spoke) in status.words.iter().skip(skipped).enumerate() {
        if place == 0 {
            console.line("");
        }
        let said = &spoke.said;
        console.line(format!("{}  {} says {}: {}", said.at, said.by, spoke.word, said.because));
    }
}

/// What keeps it, loudly.
fn overlays(console: &mut Console, status: &Status) {
    if let Some(held) = &status.held {
        console.line(strong(&format!("  HELD by {} since {}: {}", held.by, held.at, held.because)));
    }
    if let Some(frozen) = &status.frozen {
        console.line(strong(&format!("  FROZEN until {}: {}", frozen.until, frozen.because)));
    }
    if let Some(reason) = &status.unrecorded {
        console.line(strong(&format!("  JOURNAL LOST, nothing advances: {reason}")));
    }
    if status.needs_approval {
        console.line(strong("  waits for `spark approve --because …`"));
    }
}

/// The place of the stage that it is in.
fn number(status: &Status) -> Option<usize> {
    usize::try_from(status.stage?).ok()?.checked_sub(1)
}

fn place(status: &Status) -> String {
    let of = status.stages.len();
    let stage = status.stage.map_or_else(String::new, |stage| {
        let share =
            number(status).and_then(|place| status.stages.get(place)).map(|stage| stage.share.as_str());
        format!("stage {stage} of {of} ({})", share.unwrap_or("?"))
    });
    let why = || because(&status.because);
    let words = match status.state {
        Standing::Scheduled => format!("waits for T-0 at {}", status.opens),
        Standing::Waiting if stage.is_empty() => "waits to enter stage 1".to_owned(),
        Standing::Waiting => format!("{stage} is served; waits to enter the next one"),
        Standing::Entering => format!("enters {stage}"),
        Standing::Stage => format!("in {stage}"),
        Standing::Watching => "every stage is served; watched".to_owned(),
        Standing::RollingBack => format!("ROLLING BACK from {stage}{}", why()),
        Standing::Completed => "completed: every stage was served".to_owned(),
        Standing::RolledBack => format!("rolled back from {stage}{}", why()),
        Standing::Unverified => format!(
            "ROLLBACK UNVERIFIED from {stage}{}: no probe saw that the canary has no traffic, and it may still get some",
            why()
        ),
        Standing::Aborted => status.because.join(", "),
    };
    format!("on plan {}: {words}", status.plan)
}

fn because(names: &[String]) -> String {
    if names.is_empty() { String::new() } else { format!(" because {}", names.join(", ")) }
}

/// How a rollout that nobody runs goes on.
fn next_step(status: &Status) -> String {
    let open = match status.state {
        Standing::RollingBack | Standing::Unverified => "its rollback is not verified",
        Standing::Entering => "the step to its stage is not verified",
        _ => "its traffic stays where it was",
    };
    format!(
        "{open}. `spark run RULES --release {0} --config FILE` takes it up again; `spark rollback --reason … --release {0} --config FILE` \
         takes the traffic back",
        status.release
    )
}

fn clock(console: &mut Console, status: &Status) {
    let Some(show) = status.show.as_ref().filter(|_| status.running) else { return };
    let now = SystemClock::start().now();
    let (on, next) = show.around(now);
    let on = on.map_or_else(String::new, |item| format!(": {}", item.title));
    let next = next.map_or_else(String::new, |item| format!("; next {} {}", show.clock(item.at), item.title));
    console.line(format!("  plan       {}{on}{next}", show.clock(now)));
}

fn shown(console: &mut Console, heading: &str, rows: &[Shown]) {
    if rows.is_empty() {
        return;
    }
    let width = rows.iter().map(|row| row.name.chars().count()).max().unwrap_or(0).max(heading.len());
    console.line("");
    console.line(faint(&format!(
        "{heading:width$}  {:8}  {:>10}  {:>10}  {:>10}  since",
        "state", "value", "limit", "margin"
    )));
    for row in rows {
        let text = |value: &Option<String>| value.as_deref().map_or_else(|| "-".to_owned(), short);
        console.line(format!(
            "{:width$}  {}  {:>10}  {:>10}  {:>10}  {}{}",
            row.name,
            state(row.state, 8),
            text(&row.value),
            text(&row.limit),
            text(&row.margin),
            row.since,
            note(row),
        ));
    }
}

fn note(row: &Shown) -> String {
    let silenced = row.overridden_until.map(|until: Timestamp| format!("  silenced until {until}"));
    let cause = row.cause.as_ref().map(|cause| format!("  {cause}"));
    silenced.or(cause).unwrap_or_default()
}
