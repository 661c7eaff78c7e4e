//! The chaos suite: what the backend stands on is broken in six ways, one after the other, on real parts and under orders. Spark decides by
//! `chaos.rules`; the decision is held against the expected one, and after each scenario orders, fills, positions,
//! outbox and deliveries are held against each other.

mod clients;
mod scenario;
mod stage;
mod table;
mod wal;
mod watch;

use std::error::Error;
use std::path::PathBuf;

pub use self::scenario::Scenario;
use self::stage::Stage;
use self::table::Row;

/// What goes wrong here is told, not handled.
type Failure = Box<dyn Error + Send + Sync>;

/// What `chaos` is told.
#[derive(Debug, Clone, clap::Args)]
pub struct ChaosSettings {
    /// These scenarios alone, with commas between them
    #[arg(long, value_enum, value_delimiter = ',')]
    pub only: Vec<Scenario>,
    /// Writes the table into this page, between its markers
    #[arg(long)]
    pub write: Option<PathBuf>,
    /// This process has its mounts to itself already: `chaos` sees to that
    #[arg(long, hide = true)]
    pub own_mounts: bool,
}

/// Runs the scenarios, prints the table, and says whether each went as expected.
///
/// # Errors
/// Parts that do not start, a scenario that cannot be carried out, a page that cannot be written.
pub async fn chaos(settings: ChaosSettings) -> Result<bool, Failure> {
    if !settings.own_mounts {
        wal::with_own_mounts()?;
    }
    let chosen: Vec<Scenario> = Scenario::ALL
        .into_iter()
        .filter(|scenario| settings.only.is_empty() || settings.only.contains(scenario))
        .collect();
    if chosen == [Scenario::WalFull] && !settings.own_mounts {
        return Err(wal::NOT_ALLOWED.into());
    }
    let mut stage = Stage::set(settings.own_mounts && chosen.contains(&Scenario::WalFull)).await?;
    let mut rows = Vec::new();
    let mut broken = None;
    for scenario in chosen {
        eprintln!("{}: {}", scenario.name(), scenario.what());
        let row = stage.play(scenario).await.unwrap_or_else(|error| Row::failed(scenario, &error));
        eprintln!("  {}", row.summary());
        let failed = row.failure.is_some();
        rows.push(row);
        if failed && !stage.is_well().await {
            broken = Some("the backend is not well again, so the scenarios after this one were not played");
            break;
        }
    }
    stage.strike()?;
    let table = table::table(&rows);
    println!("{table}");
    if let Some(why) = broken {
        println!("{why}");
    }
    let good = broken.is_none() && rows.iter().all(Row::is_as_expected);
    if let (Some(page), true) = (&settings.write, good) {
        table::write(page, &table)?;
    }
    Ok(good)
}
