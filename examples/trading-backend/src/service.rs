//! One instance: what its parts share, and how it starts and stops.

use std::error::Error;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use sqlx::{AssertSqlSafe, PgPool};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::config::Settings;
use crate::fault::Faults;
use crate::guard::Guard;
use crate::http::FloodControl;
use crate::instrument::{Instruments, Venue};
use crate::market::{Follow, Market, Refusal, SILENCE};
use crate::orders::OrderError;
use crate::telemetry::{Metrics, ProcessMeter};
use crate::trades::Trades;
use crate::{database, telemetry};

/// Connections of those who watch: they must not wait for those who work.
const WATCHERS: u32 = 3;

/// What every part of an instance reaches.
pub struct Backend {
    /// What it was told at its start.
    pub settings: Settings,
    /// To the database, for orders.
    pub pool: PgPool,
    /// To the database, for those who watch and collect.
    pub watcher: PgPool,
    /// Prices.
    pub market: Arc<Market>,
    /// The trades of the last minute.
    pub trades: Arc<Trades>,
    /// What is counted.
    pub metrics: Metrics,
    /// What may be broken on purpose.
    pub faults: Faults,
    /// Who freezes trading.
    pub guard: Guard,
    /// Who may report how often.
    pub flood: FloodControl,
    /// Connections that a fault holds beside the pool.
    pub hoarded: AtomicI64,
    instruments: OnceLock<Arc<Instruments>>,
    process: Mutex<ProcessMeter>,
    listening: OnceLock<SocketAddr>,
}

impl Backend {
    /// An instance that nobody serves yet.
    ///
    /// # Errors
    /// An address that cannot be read, and rules that the guard cannot use.
    pub fn new(settings: Settings) -> Result<Self, Box<dyn Error + Send + Sync>> {
        let metrics = Metrics::new()?;
        for venue in Venue::ALL {
            metrics.ws_disconnects.with_label_values(&[venue.name()]);
            metrics.market_gaps.with_label_values(&[venue.name()]);
            for refusal in Refusal::ALL {
                metrics.ws_refused.with_label_values(&[venue.name(), refusal.name()]);
            }
        }
        // counters that a rule reads begin at zero: one that is missing would be unknown until the first block
        metrics.risk_blocks.with_label_values(&["no_room"]);
        Ok(Self {
            pool: database::pool(&settings.database, settings.connections)?,
            watcher: database::pool(&settings.watch_database, WATCHERS)?,
            market: Arc::default(),
            trades: Arc::default(),
            guard: Guard::new(settings.guard, metrics.clone())?,
            metrics,
            faults: Faults::default(),
            flood: FloodControl::default(),
            hoarded: AtomicI64::new(0),
            instruments: OnceLock::new(),
            process: Mutex::default(),
            listening: OnceLock::new(),
            settings,
        })
    }

    /// Which instance this is.
    pub fn origin(&self) -> &str {
        self.settings.origin.as_str()
    }

    /// What can be traded.
    ///
    /// # Errors
    /// The database has not answered yet.
    pub fn instruments(&self) -> Result<Arc<Instruments>, OrderError> {
        self.instruments.get().cloned().ok_or(OrderError::NotReady)
    }

    /// What can be traded and has had no price yet; nothing where what can be traded is not known yet.
    pub fn unquoted(&self) -> Option<Vec<String>> {
        let instruments = self.instruments.get()?;
        let symbols = instruments.iter().map(|instrument| instrument.symbol.clone());
        Some(
            symbols
                .filter(|symbol| self.market.book(symbol).is_none_or(|book| book.reference().is_none()))
                .collect(),
        )
    }

    /// Where it listens; port 0 of the settings has become a port.
    pub fn listening(&self) -> SocketAddr {
        self.listening.get().copied().unwrap_or(self.settings.listen)
    }

    /// Asks the database for nothing.
    ///
    /// # Errors
    /// It does not answer.
    pub async fn ping(&self) -> Result<(), sqlx::Error> {
        sqlx::raw_sql("SELECT 1").execute(&mut *self.watcher.acquire().await?).await.map(|_| ())
    }

    /// The pool's name at the pooler: the last part of the database's address.
    pub fn pool_name(&self) -> &str {
        let path = self.settings.database.split('?').next().unwrap_or("");
        path.rsplit('/').next().unwrap_or("")
    }

    /// How many server connections the pooler has for this instance, as it last said.
    pub async fn pool_size(&self) -> Option<u32> {
        for _ in 0..50 {
            let size = self.metrics.pool_size.with_label_values(&[self.pool_name()]).get();
            // whole, and at most some hundreds
            if let Some(size) = (1..=1_000_u32).find(|n| f64::from(*n) >= size && size > 0.0) {
                return Some(size);
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        None
    }

    /// Brings `db_connections_open` up to date.
    pub fn count_connections(&self) {
        let pooled = i64::from(self.pool.size()).saturating_add(i64::from(self.watcher.size()));
        self.metrics.db_connections.set(pooled.saturating_add(self.hoarded.load(Ordering::Relaxed)));
    }

    /// Brings those metrics up to date that are read from elsewhere when somebody asks.
    pub fn refresh_metrics(&self) {
        let metrics = &self.metrics;
        self.count_connections();
        metrics.cpu_limit.set(self.settings.cpu_limit_cores);
        let limit = f64::from(self.settings.memory_limit_mib) * 1024.0 * 1024.0;
        self.process.lock().unwrap_or_else(PoisonError::into_inner).sample(metrics, limit);
        for venue in Venue::ALL {
            // a feed that never spoke has no time: unknown, not fifty years
            if let Some(ms) = u32::try_from(self.market.last_heard_ms(venue) / 1_000).ok().filter(|s| *s > 0)
            {
                metrics.last_message.with_label_values(&[venue.name()]).set(f64::from(ms));
            }
        }
        for fault in crate::fault::Fault::ALL {
            let on = if self.faults.level(fault).is_some() { 1.0 } else { 0.0 };
            metrics.fault_on.with_label_values(&[fault.switch().name]).set(on);
        }
    }

    /// Reads what can be traded and makes this instance's partition, once the database answers.
    async fn prepare(&self) -> Result<(), sqlx::Error> {
        let instruments = Instruments::load(&self.watcher).await?;
        let table = format!("quotes_{}", self.origin());
        // the origin is checked to be a plain name; a full table has a hundred levels of each instrument
        let partition = format!(
            "BEGIN; CREATE TABLE IF NOT EXISTS {table} PARTITION OF quotes FOR VALUES IN ('{0}'); \
             INSERT INTO quotes (origin, symbol, side, level) SELECT '{0}', symbol, side, level FROM instruments, \
             unnest('{{bid,ask}}'::text[]) AS side, generate_series(0, 99) AS level ON CONFLICT DO NOTHING; COMMIT",
            self.origin()
        );
        sqlx::raw_sql(AssertSqlSafe(partition)).execute(&mut *self.watcher.acquire().await?).await?;
        // only this sets it
        let _ = self.instruments.set(Arc::new(instruments));
        Ok(())
    }
}

/// Serves until `stop` turns true; then answers what was begun, and ends.
///
/// # Errors
/// Settings that cannot be used, and an address that is taken.
pub async fn serve(
    settings: Settings,
    stop: watch::Receiver<bool>,
) -> Result<(), Box<dyn Error + Send + Sync>> {
    let public = TcpListener::bind(settings.listen).await?;
    let admin = TcpListener::bind(settings.admin).await?;
    let backend = Arc::new(Backend::new(settings)?);
    // only this sets it
    let _ = backend.listening.set(public.local_addr()?);
    let mut tasks = JoinSet::new();
    start_tasks(&backend, &mut tasks);
    let public_router =
        crate::http::public(Arc::clone(&backend)).into_make_service_with_connect_info::<SocketAddr>();
    let admin_router = crate::http::admin(Arc::clone(&backend));
    crate::log(&format!("{} serves on {}", backend.origin(), public.local_addr()?));
    let (first, second) = (stop.clone(), stop.clone());
    let both = async {
        tokio::try_join!(
            async { axum::serve(public, public_router).with_graceful_shutdown(until(first)).await },
            async { axum::serve(admin, admin_router).with_graceful_shutdown(until(second)).await },
        )
    };
    tokio::select! {
        served = both => { served?; }
        // connections that clients keep open end with the process
        () = async { until(stop).await; tokio::time::sleep(Duration::from_secs(3)).await } => {}
    }
    tasks.shutdown().await;
    Ok(())
}

async fn until(mut stop: watch::Receiver<bool>) {
    // who would stop it is gone: it is stopped
    let _ = stop.wait_for(|stop| *stop).await;
}

fn start_tasks(backend: &Arc<Backend>, tasks: &mut JoinSet<()>) {
    tasks.spawn(telemetry::measure_lag(backend.metrics.clone()));
    tasks.spawn(telemetry::sample_database(Arc::clone(backend)));
    tasks.spawn(crate::trades::sweep(Arc::clone(&backend.trades), backend.metrics.clone()));
    tasks.spawn(crate::idempotency::collect(Arc::clone(backend)));
    tasks.spawn(crate::http::collect_reports(Arc::clone(backend)));
    tasks.spawn(crate::outbox::dispatch(Arc::clone(backend)));
    tasks.spawn(crate::orders::fill_resting(Arc::clone(backend)));
    tasks.spawn(crate::quotes::keep(Arc::clone(backend)));
    tasks.spawn(backend.guard.clone().watch(Arc::clone(&backend.market)));
    tasks.spawn(get_ready(Arc::clone(backend)));
    crate::fault::spawn(backend, tasks);
}

/// Waits for the database, then follows the venues.
async fn get_ready(backend: Arc<Backend>) {
    while let Err(error) = backend.prepare().await {
        crate::log(&format!("the database is not ready: {error}"));
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    let Ok(instruments) = backend.instruments() else { return };
    let mut venues = JoinSet::new();
    for venue in Venue::ALL {
        let of_venue = instruments.iter().filter(|instrument| instrument.venue == venue);
        venues.spawn(crate::market::follow(Follow {
            venue,
            url: format!("{}/{venue}", backend.settings.feed),
            instruments: of_venue.cloned().collect(),
            silence: SILENCE,
            market: Arc::clone(&backend.market),
            trades: Arc::clone(&backend.trades),
            metrics: backend.metrics.clone(),
            faults: backend.faults.clone(),
        }));
    }
    // they never end by themselves; they end when this task is dropped
    while venues.join_next().await.is_some() {}
}
