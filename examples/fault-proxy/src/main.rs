//! The program: the interface on one port, the proxies on others.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser;
use fault_proxy::{Proxies, ProxyRequest, serve};
use tokio::net::TcpListener;

/// A TCP proxy that injects faults, with Toxiproxy's HTTP interface
#[derive(Parser)]
#[command(version, after_help = "Example:\n  fault-proxy --listen 127.0.0.1:8474 --config proxies.json")]
struct Arguments {
    /// Where the interface is served: whoever reaches it can reach what this machine reaches
    #[arg(long, default_value = "127.0.0.1:8474")]
    listen: String,
    /// Proxies to begin with: a JSON array as `/populate` takes it
    #[arg(long)]
    config: Option<PathBuf>,
    /// Most connections of all proxies together; each takes two file descriptors
    #[arg(long, default_value_t = 400, value_parser = clap::value_parser!(u16).range(1..=1_024))]
    connections: u16,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> Result<(), String> {
    let proxies = Arc::new(Proxies::new(usize::from(arguments.connections)));
    if let Some(path) = arguments.config {
        let name = path.display();
        let text =
            std::fs::read_to_string(&path).map_err(|error| format!("`{name}` cannot be read: {error}"))?;
        let requests: Vec<ProxyRequest> =
            serde_json::from_str(&text).map_err(|error| format!("`{name}`: {error}"))?;
        proxies.populate(requests).await.map_err(|error| error.to_string())?;
    }
    let failed = |error| format!("`{}` cannot be listened on: {error}", arguments.listen);
    let listener = TcpListener::bind(&arguments.listen).await.map_err(failed)?;
    println!("http://{}", listener.local_addr().map_err(failed)?);
    serve(listener, proxies).await.map_err(|error| error.to_string())
}
