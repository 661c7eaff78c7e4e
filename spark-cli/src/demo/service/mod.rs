//! The reference order service, small: what the demo releases.
//!
//! It runs as a child process of the demo, from the same binary (`spark demo-service`). It listens on a free port
//! of the loopback interface, prints that port as its first line, and ends when its standard input closes: a
//! demo that is killed, even by `kill -9`, leaves no process behind.

mod background;
mod counters;
mod orders;

use std::io::{Read, Write};
use std::process::ExitCode;
use std::sync::{Arc, PoisonError, RwLock};

use axum::Router;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{StatusCode, Uri, header};
use axum::response::IntoResponse;
use axum::routing::{get, post};
use tokio::net::TcpListener;

use self::counters::Counters;
pub(crate) use self::orders::Order;
use self::orders::OrderBook;

/// Largest body that is read: an order is about 100 bytes, a CSP report about 400.
const BODY_BYTES_MAX: usize = 16 * 1024;

/// The reference service of the demo; it is started by `spark demo`.
#[derive(Debug, clap::Args)]
pub(crate) struct ServiceArgs {
    /// The name that it answers with
    #[arg(long, default_value = "baseline")]
    name: String,
}

/// What can be made to go wrong, while the service runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Nothing: all is well.
    None,
    /// Orders take about half a second.
    Slow,
    /// Every tenth order fails with status 500.
    Errors,
    /// The market-data feed stands still.
    Stale,
    /// Every twentieth order is blocked by risk checks.
    Risk,
    /// Every CSP report counts threefold.
    Csp,
    /// Every tenth keyed order conflicts with another.
    Conflicts,
    /// The runtime is blocked for 80 ms, again and again.
    Lag,
    /// Allocations take 30 ms.
    Pause,
}

impl Fault {
    /// Every kind, with its word in `/fault?kind=…`.
    pub(crate) const KINDS: [(&'static str, Self); 9] = [
        ("none", Self::None),
        ("slow", Self::Slow),
        ("errors", Self::Errors),
        ("stale", Self::Stale),
        ("risk", Self::Risk),
        ("csp", Self::Csp),
        ("conflicts", Self::Conflicts),
        ("lag", Self::Lag),
        ("pause", Self::Pause),
    ];

    /// The kind of a word.
    fn parse(word: &str) -> Option<Self> {
        Self::KINDS.iter().find(|(name, _)| *name == word).map(|(_, kind)| *kind)
    }
}

/// What the handlers and the background tasks share.
#[derive(Debug)]
struct Service {
    name: String,
    fault: RwLock<Fault>,
    counters: Counters,
    orders: OrderBook,
}

impl Service {
    fn new(name: &str) -> Self {
        let seed = name.bytes().fold(0, |seed: u64, byte| seed.rotate_left(8) ^ u64::from(byte));
        Self {
            name: name.to_owned(),
            fault: RwLock::new(Fault::None),
            counters: Counters::default(),
            orders: OrderBook::new(seed),
        }
    }

    fn fault(&self) -> Fault {
        *self.fault.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn set_fault(&self, fault: Fault) {
        *self.fault.write().unwrap_or_else(PoisonError::into_inner) = fault;
    }
}

/// Serves until standard input closes.
pub(crate) fn run(args: &ServiceArgs) -> ExitCode {
    exit_when_stdin_closes();
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return failed("its runtime does not start", &error),
    };
    match runtime.block_on(serve(&args.name)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failed("it cannot listen on the loopback interface", &error),
    }
}

fn failed(what: &str, error: &std::io::Error) -> ExitCode {
    // the demo shows its child's standard error; where even that is gone, nobody is left to tell
    let _ = writeln!(std::io::stderr(), "the demo's service: {what}: {error}");
    ExitCode::FAILURE
}

/// Ends the process when the demo lets go of the pipe, which the system does for it however it dies.
fn exit_when_stdin_closes() {
    std::thread::spawn(|| {
        let mut ignored = [0; 256];
        let mut stdin = std::io::stdin().lock();
        loop {
            match stdin.read(&mut ignored) {
                Ok(0) => std::process::exit(0),
                Ok(_) => {}
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(_) => std::process::exit(0),
            }
        }
    });
}

async fn serve(name: &str) -> std::io::Result<()> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let port = listener.local_addr()?.port();
    writeln!(std::io::stdout(), "{port}")?;
    std::io::stdout().flush()?;
    let service = Arc::new(Service::new(name));
    tokio::spawn(background::feed(Arc::clone(&service)));
    tokio::spawn(background::runtime_lag(Arc::clone(&service)));
    tokio::spawn(background::allocator_pause(Arc::clone(&service)));
    axum::serve(listener, routes(service)).await
}

fn routes(service: Arc<Service>) -> Router {
    Router::new()
        .route("/orders", post(orders::place))
        .route("/csp-report", post(csp_report))
        .route("/fault", post(switch_fault))
        .route("/metrics", get(metrics))
        .route("/health", get(health))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .with_state(service)
}

/// A browser tells that the page tried what its content security policy forbids.
async fn csp_report(State(service): State<Arc<Service>>) -> StatusCode {
    let times = if service.fault() == Fault::Csp { 3 } else { 1 };
    service.counters.csp_violations.add(times);
    StatusCode::NO_CONTENT
}

/// `POST /fault?kind=slow` makes that go wrong from now on; `kind=none` ends it.
async fn switch_fault(State(service): State<Arc<Service>>, uri: Uri) -> (StatusCode, String) {
    let word = uri.query().and_then(|query| query.split('&').find_map(|pair| pair.strip_prefix("kind=")));
    match word.and_then(Fault::parse) {
        Some(fault) => {
            service.set_fault(fault);
            (StatusCode::NO_CONTENT, String::new())
        }
        None => {
            let known: Vec<_> = Fault::KINDS.iter().map(|(name, _)| *name).collect();
            let answer = format!("no such fault: expected kind={}\n", known.join(", kind="));
            (StatusCode::BAD_REQUEST, answer)
        }
    }
}

async fn metrics(State(service): State<Arc<Service>>) -> impl IntoResponse {
    let in_use = service.orders.connections_in_use();
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], service.counters.render(in_use))
}

async fn health(State(service): State<Arc<Service>>) -> String {
    format!("{} is up\n", service.name)
}
