//! Everything on this machine: PostgreSQL, pgBouncer, the feed, two instances behind HAProxy and the load generator, in a
//! folder of their own, on free ports of the loopback.
//!
//! What is started is written down with its process id and the time it started, so that `down` ends those processes and no
//! others, even when an id was given to somebody else meanwhile.

mod files;
mod parts;
mod processes;

use std::error::Error;
use std::net::TcpListener;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use self::parts::Starting;
pub(crate) use self::parts::{database_owner, wait_ready};
use self::processes::{New, Process, Processes};
use crate::config::GuardMode;

/// What goes wrong here is told, not handled.
type Failure = Box<dyn Error + Send + Sync>;

/// What `up` is told.
#[derive(Debug, Clone, clap::Args)]
pub struct UpSettings {
    /// A folder that is empty or not there yet; PostgreSQL's user must be able to get there
    pub folder: PathBuf,
    /// Orders per second of the load generator; 0 for none
    #[arg(long, default_value_t = 40, value_parser = clap::value_parser!(u32).range(0..=10_000))]
    pub rate: u32,
    /// Per cent of the requests that HAProxy gives to the canary at first
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(0..=100))]
    pub canary_share: u32,
    /// What the embedded guard may do
    #[arg(long, value_enum, default_value_t = GuardMode::Freeze)]
    pub guard: GuardMode,
    /// How long idempotency keys are kept, in seconds
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..))]
    pub idempotency_ttl: u32,
    /// What an instance may use of memory, in MiB
    #[arg(long, default_value_t = 512, value_parser = clap::value_parser!(u32).range(32..))]
    pub memory_limit: u32,
    /// How many cores an instance may use
    #[arg(long, default_value_t = 0.5)]
    pub cpu_limit: f64,
    /// Server connections that pgBouncer has for each instance
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=40))]
    pub pool: u32,
    /// What prices and orders are made from
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Further canaries, each with its own pool, which HAProxy does not know: for faults side by side
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=30))]
    pub beside: u32,
    /// Puts a fault proxy between each instance and pgBouncer, and between it and the venues
    #[arg(long)]
    pub fault_proxy: bool,
    /// Another place for PostgreSQL's write-ahead log, such as a small file system: an empty folder that its user may write
    #[arg(long)]
    pub wal_folder: Option<PathBuf>,
}

/// Where everything is.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Addresses {
    /// Where clients go: HAProxy.
    pub front: String,
    /// HAProxy's runtime interface, `HOST:PORT`; the backend is `trading`, its servers `baseline` and `canary`.
    pub haproxy_admin: String,
    /// The same as a socket, whose path programs take that speak to no other machine.
    pub haproxy_socket: PathBuf,
    /// The stable instance.
    pub baseline: InstanceAddresses,
    /// The new one.
    pub canary: InstanceAddresses,
    /// Further canaries that were asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub beside: Vec<InstanceAddresses>,
    /// What an operator shows to `admin`.
    pub admin_token: String,
    /// The venues' WebSockets and REST snapshots, and `/events`.
    pub feed: String,
    /// PostgreSQL itself.
    pub postgres: String,
    /// The same through pgBouncer.
    pub pgbouncer: String,
    /// pgBouncer's admin console: simple queries alone.
    pub pgbouncer_admin: String,
    /// Where PostgreSQL archives its write-ahead log.
    pub wal_archive: PathBuf,
    /// PostgreSQL's data.
    pub postgres_data: PathBuf,
    /// Logs of all parts, `NAME.log`.
    pub logs: PathBuf,
    /// Toxiproxy's interface of the fault proxy, with the proxies `INSTANCE-database` and `INSTANCE-feed`; without `--fault-proxy`, none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault_proxy: Option<String>,
}

/// Where an instance is.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct InstanceAddresses {
    /// Orders, health and `/metrics`.
    pub url: String,
    /// Fault switches and the guard.
    pub admin: String,
}

/// Everything on this machine.
pub struct Local;

impl Local {
    /// Starts everything. What was started is stopped again where something does not start.
    ///
    /// # Errors
    /// A folder that is in use, a part that is not installed or does not get ready, with the end of its log.
    pub async fn up(settings: UpSettings) -> Result<Addresses, Failure> {
        files::prepare(&settings.folder)?;
        let folder = settings.folder.canonicalize()?;
        match Starting::new(&folder, &settings)?.all().await {
            Ok(addresses) => {
                let text = serde_json::to_string_pretty(&addresses)?;
                files::write_private(&folder.join("addresses.json"), &text)?;
                Ok(addresses)
            }
            Err(error) => {
                // the logs stay: they say why
                Processes::read(&folder)?.stop_all();
                Err(error)
            }
        }
    }

    /// Stops one part, as it may stop by itself.
    ///
    /// # Errors
    /// A part that there is not, or that does not end.
    pub fn stop(folder: &Path, part: &str) -> Result<(), Failure> {
        let processes = Processes::read(folder)?;
        processes.named(part)?;
        let left = processes.stop(|process| process.name == part);
        if left.is_empty() { Ok(()) } else { Err(format!("{part} did not end").into()) }
    }

    /// Starts one part again, as it was started before.
    ///
    /// # Errors
    /// A part that there is not, or that runs.
    pub fn start(folder: &Path, part: &str) -> Result<(), Failure> {
        let processes = Processes::read(folder)?;
        let before = processes.named(part)?.clone();
        if before.runs() {
            return Err(format!("{part} runs").into());
        }
        let Process { name, last, command, owner, .. } = before;
        Processes::start(folder, New { name, last, command, owner }).map(|_| ())
    }

    /// Starts one more part beside those of `up`; it ends with them.
    ///
    /// # Errors
    /// A folder that `up` did not make, or a program that is not there.
    pub fn add(folder: &Path, name: &str, command: Vec<String>) -> Result<(), Failure> {
        Processes::start(folder, New { name: name.to_owned(), last: false, command, owner: None }).map(|_| ())
    }

    /// Stops the work of a part, with its children, and leaves it there.
    ///
    /// # Errors
    /// A part that there is not, or that does not run.
    pub fn pause(folder: &Path, part: &str) -> Result<(), Failure> {
        Processes::read(folder)?.named(part)?.pause()
    }

    /// Lets a part go on that was paused.
    ///
    /// # Errors
    /// A part that there is not, or that does not run.
    pub fn resume(folder: &Path, part: &str) -> Result<(), Failure> {
        Processes::read(folder)?.named(part)?.resume()
    }

    /// Ends a part at once. What it has begun is not ended by it.
    ///
    /// # Errors
    /// A part that there is not, or that does not run.
    pub fn kill(folder: &Path, part: &str) -> Result<(), Failure> {
        Processes::read(folder)?.named(part)?.kill()
    }

    /// Whether a part runs.
    ///
    /// # Errors
    /// A part that there is not.
    pub fn runs(folder: &Path, part: &str) -> Result<bool, Failure> {
        Ok(Processes::read(folder)?.named(part)?.runs())
    }

    /// Stops what was started there, and removes the folder unless it is to be kept.
    ///
    /// # Errors
    /// A folder that `up` did not make; processes that do not end.
    pub fn down(folder: &Path, keep: bool) -> Result<(), Failure> {
        let left = Processes::read(folder)?.stop_all();
        if !left.is_empty() {
            return Err(format!("these did not end: {}", left.join(", ")).into());
        }
        if keep {
            Processes::forget(folder)?;
        } else {
            std::fs::remove_dir_all(folder)?;
        }
        Ok(())
    }
}

/// Free ports, all different: none is given back before all are found.
#[derive(Default)]
pub(crate) struct FreePorts(Vec<TcpListener>);

impl FreePorts {
    pub(crate) fn next(&mut self) -> Result<u16, Failure> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let port = listener.local_addr()?.port();
        self.0.push(listener);
        Ok(port)
    }

    fn pair(&mut self) -> Result<(u16, u16), Failure> {
        Ok((self.next()?, self.next()?))
    }
}
