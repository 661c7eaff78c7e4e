//! The program: an instance, the feed, the load generator, migrations, and all of them together.

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::Ordering;

use clap::{Parser, Subcommand};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use trading_backend::chaos::ChaosSettings;
use trading_backend::config::Settings;
use trading_backend::feed::FeedSettings;
use trading_backend::load::LoadSettings;
use trading_backend::local::{Local, UpSettings};
use trading_backend::release::ReleaseSettings;
use trading_backend::table::TableSettings;

/// A trading backend on real parts
#[derive(Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serves one instance
    Serve {
        /// Its settings, as JSON
        #[arg(long)]
        config: PathBuf,
    },
    /// Serves the venues' market data, and takes published events
    Feed(FeedSettings),
    /// Places orders at a rate
    Load(LoadSettings),
    /// Brings a database to this version
    Migrate {
        /// PostgreSQL itself, not the pooler
        #[arg(long)]
        database: String,
    },
    /// Stands between parts and spoils their connections as it is told by Toxiproxy's HTTP interface
    FaultProxy(fault_proxy::Settings),
    /// Starts everything in a folder of its own, on free ports of the loopback, and prints where
    Up(UpSettings),
    /// Makes a whole release in compressed time, with Spark, and leaves its evidence
    Release(ReleaseSettings),
    /// Stops one part of what `up` started: postgres, pgbouncer, feed, baseline, canary, haproxy or load
    Stop {
        /// The folder that `up` was given
        folder: PathBuf,
        /// The part
        part: String,
    },
    /// Starts a part again that was stopped
    Start {
        /// The folder that `up` was given
        folder: PathBuf,
        /// The part
        part: String,
    },
    /// Turns each fault on for real, asks the pack as a rollout does, and prints what it decided after which time
    Table(TableSettings),
    /// Breaks everything in six ways, one after the other, and prints what Spark decides and whether anything was lost
    Chaos(ChaosSettings),
    /// Stops the work of a part and leaves it there, as a machine that hangs: SIGSTOP to it and its children
    Pause {
        /// The folder that `up` was given
        folder: PathBuf,
        /// The part
        part: String,
    },
    /// Lets a part go on that was paused
    Resume {
        /// The folder that `up` was given
        folder: PathBuf,
        /// The part
        part: String,
    },
    /// Ends a part at once, as a crash does: SIGKILL
    Kill {
        /// The folder that `up` was given
        folder: PathBuf,
        /// The part
        part: String,
    },
    /// Stops what `up` started there
    Down {
        /// The folder that `up` was given
        folder: PathBuf,
        /// Leaves the folder with its logs and data
        #[arg(long)]
        keep: bool,
    },
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Arguments::parse().command).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(command: Command) -> Result<(), Box<dyn Error + Send + Sync>> {
    match command {
        Command::Serve { config } => {
            let settings = Settings::read(&config)?;
            let (stop, stopped) = watch::channel(false);
            tokio::spawn(async move {
                if ended().await.is_ok() {
                    stop.send_replace(true);
                }
            });
            trading_backend::service::serve(settings, stopped).await
        }
        Command::Feed(settings) => tokio::select! {
            served = trading_backend::feed::serve(settings) => served,
            ended = ended() => Ok(ended?),
        },
        Command::Load(settings) => {
            let tally = tokio::select! {
                tally = trading_backend::load::load(settings) => tally,
                ended = ended() => return Ok(ended?),
            };
            let of = |counter: &std::sync::atomic::AtomicU64| counter.load(Ordering::Relaxed);
            println!(
                "{} answered, {} refused, {} failed, {} lost",
                of(&tally.good),
                of(&tally.refused),
                of(&tally.failed),
                of(&tally.lost)
            );
            Ok(())
        }
        Command::FaultProxy(settings) => tokio::select! {
            served = fault_proxy::run(settings) => Ok(served?),
            ended = ended() => Ok(ended?),
        },
        Command::Migrate { database } => Ok(trading_backend::migrate::migrate(&database).await?),
        Command::Up(settings) => {
            let addresses = Local::up(settings).await?;
            println!("{}", serde_json::to_string_pretty(&addresses)?);
            Ok(())
        }
        Command::Release(settings) => trading_backend::release::release(&settings).await,
        Command::Stop { folder, part } => Local::stop(&folder, &part),
        Command::Start { folder, part } => Local::start(&folder, &part),
        Command::Table(settings) => match trading_backend::table::table(settings, ended()).await? {
            true => Ok(()),
            false => Err("not every fault was decided as it is meant: see the table".into()),
        },
        Command::Chaos(settings) => {
            let good = tokio::select! {
                good = trading_backend::chaos::chaos(settings) => good?,
                ended = ended() => return Ok(ended?),
            };
            if good { Ok(()) } else { Err("not every scenario went as expected: see the table".into()) }
        }
        Command::Pause { folder, part } => Local::pause(&folder, &part),
        Command::Resume { folder, part } => Local::resume(&folder, &part),
        Command::Kill { folder, part } => Local::kill(&folder, &part),
        Command::Down { folder, keep } => Local::down(&folder, keep),
    }
}

/// Ends when this process is asked to.
async fn ended() -> std::io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}
