//! The journal: what a commit costs beside the bare write and `fdatasync` of the same bytes, and how long a rollout of a
//! whole day takes to be read back and derived again.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use rust_decimal::Decimal;
use spark_core::rollout::{Controller, Due, Ended, Fact, Pace, RuleText, Start};
use spark_core::{Reading, Sample, SignalId, Timestamp, Track};
use spark_runtime::audit;
use spark_runtime::journal::{FileJournal, Journal as _};

use crate::check::median;

const SIGNALS: u32 = 8;
const COMMITS: usize = 400;
const ROUNDS: usize = 7;
const NAME: &str = "journal.jsonl";
/// The goal for a day's restore.
const GOAL: Duration = Duration::from_secs(1);

/// Five stages of a quarter of an hour, a day of watching, 20 triggers over eight signals.
pub(crate) fn run() -> Result<String, String> {
    let day = day()?;
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let (mut ours, mut bare) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        let (our, their) = append(&folder.path().join(format!("append-{round}")), &day)?;
        ours.push(our);
        bare.push(their);
    }
    let (ours, bare) = (median(ours), median(bare));
    let each = |time: Duration| time.as_secs_f64() * 1e6 / COMMITS as f64;
    let whole = folder.path().join("whole");
    let bytes = write_whole(&whole, &day)?;
    let facts: usize = day.iter().map(Vec::len).sum();
    let (mut restored, mut parsed) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        restored.push(timed(|| restore(&whole, facts))?);
        parsed.push(timed(|| parse(&whole, facts))?);
    }
    let (restored, parsed) = (median(restored), median(parsed));
    Ok(format!(
        "journal, a commit of {} facts (medians of {ROUNDS} rounds of {COMMITS} interleaved pairs)\n\
         commit                 {:>8.0} µs\n\
         write + fdatasync      {:>8.0} µs   speed of the bare write {:.0} % (goal 50 %)\n\
         restore of a day: {facts} facts, {:.1} MB\n\
         open, check the chain, derive all again {restored:>8.0?}   goal {GOAL:?}: {}\n\
         read the same lines as JSON             {parsed:>8.0?}   ratio {:.1}",
        SIGNALS.saturating_add(1),
        each(ours),
        each(bare),
        100.0 * bare.as_secs_f64() / ours.as_secs_f64(),
        bytes as f64 / 1e6,
        if restored < GOAL { "met" } else { "missed" },
        restored.as_secs_f64() / parsed.as_secs_f64(),
    ))
}

fn timed<T>(work: impl FnOnce() -> Result<T, String>) -> Result<Duration, String> {
    let start = Instant::now();
    std::hint::black_box(work()?);
    Ok(start.elapsed())
}

/// The facts of a rollout that goes well, by commit: what was sampled and decided at an instant, then each step.
fn day() -> Result<Vec<Vec<String>>, String> {
    let text = rules();
    let mut no_file = |name: &str| Err(format!("no `{name}`"));
    let loaded =
        spark_rules::load("day.rules", &text, &mut no_file).map_err(|failed| format!("{failed:?}"))?;
    let policy = std::sync::Arc::new(loaded.policy);
    let every = policy.every();
    let mut now = Timestamp::EPOCH;
    let start = Start {
        release: "day".to_owned(),
        at: now,
        opens: None,
        plan: "canary".to_owned(),
        pace: Pace::default(),
        fence: 1,
        clock: None,
        rules: vec![RuleText { name: "day.rules".to_owned(), text }],
        policy,
    };
    let mut controller = Controller::begin(&start).map_err(|error| error.to_string())?;
    let mut commits = vec![vec![written(&Fact::Start(Box::new(start)))?]];
    let mut seed: u64 = 1;
    while !controller.rollout().is_over() {
        let mut facts = Vec::new();
        for signal in 0..SIGNALS {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let millis = i64::try_from(seed >> 57).unwrap_or_default().saturating_add(60);
            let reading = Reading::Value(Decimal::new(millis, 3));
            let sample = Sample { signal: SignalId(signal), track: Track::Canary, at: now, reading };
            let _ = controller.observe(&sample);
            facts.push(Fact::Sample(sample));
        }
        facts.push(Fact::Decided { decision: controller.evaluate(now) });
        commits.push(applied(&mut controller, &facts)?);
        loop {
            let seen =
                |share_bp| Fact::Probed { at: now, share_bp: Some(share_bp), words: "seen".to_owned() };
            let due = match controller.due(now) {
                Due::Act { id, attempt, step } => {
                    let share = step.share_bp();
                    let outcome = Fact::Outcome {
                        at: now,
                        id,
                        end: Ended::Succeeded,
                        status: "exit status 0".to_owned(),
                        command: vec!["traffic".to_owned(), share.to_string()],
                        output: String::new(),
                    };
                    vec![Fact::Intent { at: now, id, attempt, step }, outcome, seen(share)]
                }
                Due::Probe { expected_bp } => vec![seen(expected_bp)],
                Due::Finish(ending) => vec![Fact::End { at: now, ending }],
                Due::Wait(_) => break,
            };
            commits.push(applied(&mut controller, &due)?);
        }
        now = now.plus(every);
    }
    Ok(commits)
}

fn applied(controller: &mut Controller, facts: &[Fact]) -> Result<Vec<String>, String> {
    let mut records = Vec::with_capacity(facts.len());
    for fact in facts {
        controller.apply(fact).map_err(|error| error.to_string())?;
        records.push(written(fact)?);
    }
    Ok(records)
}

fn written(fact: &Fact) -> Result<String, String> {
    audit::written(fact).map_err(|error| error.to_string())
}

fn rules() -> String {
    let mut text = String::from("edition 2026\nevaluate every 15s\n");
    for n in 0..SIGNALS {
        text.push_str(&format!("signal s{n} {{ is duration from push stale after 45s expect <= 200ms }}\n"));
    }
    for (n, signal) in (0..20_u32).zip((0..SIGNALS).cycle()) {
        let threshold = n.saturating_mul(30).saturating_add(250);
        text.push_str(&format!("trigger t{n} {{ rollback when s{signal} > {threshold}ms for 5m }}\n"));
    }
    text.push_str("plan canary {\n");
    for share in [1, 5, 25, 50, 100] {
        text.push_str(&format!("  stage {share}% for 15m\n"));
    }
    text.push_str("  proceed when every signal meets its expectation for 5m\n  watch 24h\n}\n");
    text
}

/// The same commits by the journal and by bare writes of what it writes, in turn.
fn append(folder: &Path, day: &[Vec<String>]) -> Result<(Duration, Duration), String> {
    let commits: Vec<&Vec<String>> = day
        .iter()
        .filter(|facts| facts.len() > usize::try_from(SIGNALS).unwrap_or(0))
        .take(COMMITS)
        .collect();
    let model = commits_in(&folder.join("model"), &commits, &mut |_, _| Ok(()))?;
    let mut ends = Vec::new();
    let mut lines = model.split_inclusive('\n');
    for facts in &commits {
        ends.push(lines.by_ref().take(facts.len()).collect::<String>());
    }
    let path = folder.join("bare");
    let failed = |error: std::io::Error| error.to_string();
    let mut bare = File::create(&path).map_err(failed)?;
    let (mut ours, mut theirs) = (Duration::ZERO, Duration::ZERO);
    let mut bytes = ends.iter();
    let ours_text = commits_in(&folder.join("ours"), &commits, &mut |time, _| {
        ours = ours.saturating_add(time);
        let text = bytes.next().ok_or("more commits than were seen before")?;
        let start = Instant::now();
        bare.write_all(text.as_bytes()).and_then(|()| bare.sync_data()).map_err(failed)?;
        theirs = theirs.saturating_add(start.elapsed());
        Ok(())
    })?;
    let bare_text = std::fs::read_to_string(&path).map_err(failed)?;
    match ours_text == bare_text && ours_text == model {
        true => Ok((ours, theirs)),
        false => Err("the journal and its peer did not write the same bytes".to_owned()),
    }
}

/// Commits to a new journal, each timed; gives the file's text.
fn commits_in(
    folder: &Path,
    commits: &[&Vec<String>],
    each: &mut dyn FnMut(Duration, usize) -> Result<(), String>,
) -> Result<String, String> {
    std::fs::create_dir_all(folder).map_err(|error| error.to_string())?;
    let mut journal = FileJournal::in_folder(folder, NAME).map_err(|error| error.to_string())?.journal;
    for (place, facts) in commits.iter().enumerate() {
        let start = Instant::now();
        done(journal.commit(facts))?.map_err(|error| error.to_string())?;
        each(start.elapsed(), place)?;
    }
    drop(journal);
    std::fs::read_to_string(folder.join(NAME)).map_err(|error| error.to_string())
}

/// What a future that waits for nothing gives.
fn done<T>(future: impl Future<Output = T>) -> Result<T, String> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(given) => Ok(given),
        Poll::Pending => Err("a journal in a file has nothing to wait for".to_owned()),
    }
}

/// Writes all of a day's commits, and gives the file's length.
fn write_whole(folder: &Path, day: &[Vec<String>]) -> Result<usize, String> {
    let commits: Vec<&Vec<String>> = day.iter().collect();
    commits_in(folder, &commits, &mut |_, _| Ok(())).map(|text| text.len())
}

fn restore(folder: &Path, facts: usize) -> Result<(), String> {
    let opened = FileJournal::in_folder(folder, NAME).map_err(|error| error.to_string())?;
    let folded = audit::fold(&opened.records, &mut |_: &_, _: &_| {}).map_err(|error| error.to_string())?;
    match folded.ending.is_some() && opened.records.len() == facts {
        true => Ok(()),
        false => Err("the day that was read back is not the day that was written".to_owned()),
    }
}

/// The peer: the same lines, each read as JSON.
fn parse(folder: &Path, facts: usize) -> Result<(), String> {
    let text = std::fs::read_to_string(folder.join(NAME)).map_err(|error| error.to_string())?;
    let values: Vec<serde_json::Value> = text
        .lines()
        .map(serde_json::from_str)
        .collect::<Result<_, _>>()
        .map_err(|error| error.to_string())?;
    match values.len() == facts {
        true => Ok(()),
        false => Err("the peer read another number of lines".to_owned()),
    }
}
