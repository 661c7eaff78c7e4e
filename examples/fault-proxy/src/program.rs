//! The interface on one port, the proxies on others: what the program does, for other programs that hold it.

use std::path::PathBuf;
use std::sync::Arc;

use tokio::net::TcpListener;

use crate::limits::CONNECTIONS_MAX;
use crate::{Proxies, ProxyRequest, serve};

/// What it is told.
#[derive(Debug, Clone, clap::Args)]
pub struct Settings {
    /// Where the interface is served: whoever reaches it can reach what this machine reaches
    #[arg(long, default_value = "127.0.0.1:8474")]
    pub listen: String,
    /// Proxies to begin with: a JSON array as `/populate` takes it
    #[arg(long)]
    pub config: Option<PathBuf>,
    /// Most connections of all proxies together, 1024 at most; each takes two file descriptors
    #[arg(long, default_value_t = 400, value_parser = connections)]
    pub connections: usize,
}

fn connections(text: &str) -> Result<usize, String> {
    let fits = text.parse().ok().filter(|count| (1..=CONNECTIONS_MAX).contains(count));
    fits.ok_or_else(|| format!("expected 1 to {CONNECTIONS_MAX}"))
}

/// Serves for good; prints where, once it does.
///
/// # Errors
/// Proxies that cannot be read or made, an address that cannot be listened on.
pub async fn run(settings: Settings) -> Result<(), String> {
    let proxies = Arc::new(Proxies::new(settings.connections));
    if let Some(path) = settings.config {
        let name = path.display();
        let text =
            std::fs::read_to_string(&path).map_err(|error| format!("`{name}` cannot be read: {error}"))?;
        let requests: Vec<ProxyRequest> =
            serde_json::from_str(&text).map_err(|error| format!("`{name}`: {error}"))?;
        proxies.populate(requests).await.map_err(|error| error.to_string())?;
    }
    let failed = |error| format!("`{}` cannot be listened on: {error}", settings.listen);
    let listener = TcpListener::bind(&settings.listen).await.map_err(failed)?;
    println!("http://{}", listener.local_addr().map_err(failed)?);
    serve(listener, proxies).await.map_err(|error| error.to_string())
}
