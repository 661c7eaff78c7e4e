//! The table of faults: each switch is turned on for real, the pack is asked as in a rollout, and what it decided after which time
//! becomes a row.
//!
//! One switch at a time, on the canary behind HAProxy; or all side by side, each in a canary of its own.

mod behind;
mod beside;
mod case;
mod pack;
mod row;

use std::collections::BTreeMap;
use std::error::Error;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use spark_core::TimeSpan;
use spark_runtime::runner::SystemClock;

use self::behind::Behind;
use self::beside::Beside;
use self::case::Case;
use self::pack::Pack;
use self::row::{Healthy, Row, seconds};
use crate::client::Client;
use crate::config::GuardMode;
use crate::fault::Fault;
use crate::local::{Local, UpSettings};

/// What goes wrong here is told, not handled.
type Failure = Box<dyn Error + Send + Sync>;

/// How long the slowest trigger may take, at speed 1: the waves of T16 rise for half an hour, since T7 speaks for what rises faster.
const DECIDED_WITHIN: TimeSpan = TimeSpan::from_seconds(2_400);

/// Where the tables stand in a file.
const ONE_AT_A_TIME: &str = "faults: one at a time";
const ALL_AT_ONCE: &str = "faults: all at once";

/// What `table` is told.
#[derive(Debug, Clone, clap::Args)]
pub struct TableSettings {
    /// A folder for the backend, empty or not there yet; it is removed afterwards
    pub folder: PathBuf,
    /// How many times as fast: windows, `for`, stages and the rhythm of the rules are divided by it, limits stay
    #[arg(long, default_value_t = 6, value_parser = clap::value_parser!(u32).range(1..=60))]
    pub speed: u32,
    /// The faults to be measured, as `T4,T14`; all without it. With --write, the other rows stay as they were
    #[arg(long, value_delimiter = ',', value_parser = fault)]
    pub only: Vec<Fault>,
    /// The rules
    #[arg(long, default_value = "rules/canary.rules")]
    pub rules: PathBuf,
    /// Orders per second, of which the canary gets half; side by side each canary gets a few of its own
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u32).range(2..=1_000))]
    pub rate: u32,
    /// Side by side, each fault in a canary of its own that HAProxy does not know, as many at once as the machine carries
    #[arg(long)]
    pub at_once: bool,
    /// A file with the marks `<!-- faults: one at a time -->`, or `all at once`, and `<!-- end of … -->`: the table is put in between
    #[arg(long)]
    pub write: Option<PathBuf>,
}

fn fault(name: &str) -> Result<Fault, String> {
    let of = |fault: &Fault| fault.switch().name == name || fault.switch().trigger == name;
    Fault::ALL.into_iter().find(of).ok_or_else(|| {
        let names: Vec<&str> = Fault::ALL.into_iter().map(|fault| fault.switch().name).collect();
        format!("there is no such fault; expected T1 to T20, or {}", names.join(", "))
    })
}

/// Measures the table, prints it, and says whether every trigger that is meant fired and none without a fault. When `ended` is done, all
/// parts are stopped and nothing is printed.
///
/// # Errors
/// Rules that cannot be read, parts that do not start, a canary that is not well without a fault.
pub async fn table(
    settings: TableSettings,
    ended: impl Future<Output = std::io::Result<()>>,
) -> Result<bool, Failure> {
    let pack = Pack::read(&settings.rules, settings.speed)?;
    let faults = if settings.only.is_empty() { Fault::ALL.to_vec() } else { settings.only.clone() };
    let mut ended = std::pin::pin!(ended);
    let groups = if settings.at_once { beside::groups(&faults) } else { by_orders(&faults) };
    let (mut rows, mut healthy) = (Vec::new(), Healthy::default());
    for group in groups {
        let (some, quiet) = with_parts(&settings, &pack, &group, ended.as_mut()).await?;
        rows.extend(some);
        healthy = healthy.and(quiet);
    }
    rows.sort_by_key(|row: &Row| faults.iter().position(|fault| *fault == row.case.fault));
    let text = row::table(&heading(&settings), &rows, Some(&healthy));
    println!("{text}");
    if let Some(path) = &settings.write {
        let mark = if settings.at_once { ALL_AT_ONCE } else { ONE_AT_A_TIME };
        row::write(path, mark, &text, !settings.only.is_empty())?;
    }
    let complete = rows.len() == faults.len();
    Ok(complete && rows.iter().all(Row::is_as_meant) && healthy.rollbacks == 0)
}

/// The faults in groups that get as many orders.
fn by_orders(faults: &[Fault]) -> Vec<Vec<Fault>> {
    let mut groups: BTreeMap<u32, Vec<Fault>> = BTreeMap::new();
    for fault in faults {
        groups.entry(Case::times_the_orders(*fault)).or_default().push(*fault);
    }
    groups.into_values().collect()
}

/// Starts all parts, measures these faults, and stops all parts.
async fn with_parts(
    settings: &TableSettings,
    pack: &Pack,
    faults: &[Fault],
    mut ended: Pin<&mut impl Future<Output = std::io::Result<()>>>,
) -> Result<(Vec<Row>, Healthy), Failure> {
    let asked = || Failure::from("it was asked to end");
    let mut starting = std::pin::pin!(Local::up(up(settings, faults)));
    let at = tokio::select! {
        at = &mut starting => at?,
        // what is half started could not be stopped
        ended = &mut ended => {
            starting.await?;
            Local::down(&settings.folder, false)?;
            return Err(ended.map_or_else(Into::into, |()| asked()));
        }
    };
    let (folder, pack) = (settings.folder.canonicalize()?, pack.clone());
    let (clock, client) = (SystemClock::start(), Client::default());
    let measuring = async {
        if settings.at_once {
            let cases: Vec<Case> = faults.iter().map(|fault| Case::new(*fault, settings.speed)).collect();
            let lasting = pack.at_speed(DECIDED_WITHIN);
            Beside { at: Arc::new(at), pack, clock, client }.rows(&cases, lasting).await
        } else {
            one_at_a_time(&Behind { at, pack, up: folder.clone(), clock, client }, faults, settings).await
        }
    };
    let measured = tokio::select! {
        measured = measuring => measured,
        ended = ended => Err(ended.map_or_else(Into::into, |()| asked())),
    };
    Local::down(&folder, false)?;
    measured
}

async fn one_at_a_time(
    behind: &Behind,
    faults: &[Fault],
    settings: &TableSettings,
) -> Result<(Vec<Row>, Healthy), Failure> {
    let mut rows = Vec::new();
    for fault in faults {
        let case = Case::new(*fault, settings.speed);
        eprintln!("{}: {}", fault.switch().trigger, case.words());
        match behind.row(case, DECIDED_WITHIN).await {
            Ok(row) => rows.push(row),
            // the others are measured all the same
            Err(error) => eprintln!("  {error}"),
        }
    }
    let longest = rows.iter().map(|row| row.rollback.unwrap_or(row.watched)).max().unwrap_or_default();
    eprintln!("healthy, {}", seconds(longest));
    let healthy = behind.healthy(longest.saturating_add(Duration::from_secs(1))).await?;
    Ok((rows, healthy))
}

fn up(settings: &TableSettings, faults: &[Fault]) -> UpSettings {
    let beside =
        if settings.at_once { u32::try_from(faults.len()).unwrap_or(0).saturating_add(1) } else { 0 };
    UpSettings {
        folder: settings.folder.clone(),
        // side by side, each canary has a load of its own
        rate: match faults.first() {
            Some(fault) if !settings.at_once => settings.rate.saturating_mul(Case::times_the_orders(*fault)),
            _ => 0,
        },
        canary_share: 0,
        // the embedded guard would freeze trading before a rollout decides
        guard: GuardMode::Watch,
        idempotency_ttl: 60_u32.checked_div(settings.speed).unwrap_or(60).max(10),
        memory_limit: 512,
        cpu_limit: 0.5,
        pool: if settings.at_once { 12 } else { 40 },
        seed: 1,
        beside,
        fault_proxy: false,
        wal_folder: None,
    }
}

fn heading(settings: &TableSettings) -> String {
    let TableSettings { speed, rate, .. } = settings;
    let at_speed = if *speed == 1 {
        "The pack as written.".to_owned()
    } else {
        format!(
            "The pack at {speed} times its speed: every length of time in it (windows, `for`, `stale after`, the rhythm) divided by {speed}, every limit as written."
        )
    };
    if settings.at_once {
        return format!(
            "Side by side, each in a canary of its own with a few orders a second, observed directly. {at_speed} Times are from the switch."
        );
    }
    format!(
        "One switch at a time on the canary behind HAProxy, {rate} orders a second ({} at T16). Each row is a rollout of its own: 25 % of the traffic until every signal meets its expectation, then 50 % and the switch. {at_speed} Times are from the switch.",
        rate.saturating_mul(Case::times_the_orders(Fault::ErrorRiskWaves)),
    )
}
