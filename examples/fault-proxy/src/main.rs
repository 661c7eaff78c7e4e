//! The program.

use std::process::ExitCode;

use clap::Parser;
use fault_proxy::Settings;

/// A TCP proxy that injects faults, with Toxiproxy's HTTP interface
#[derive(Parser)]
#[command(version, after_help = "Example:\n  fault-proxy --listen 127.0.0.1:8474 --config proxies.json")]
struct Arguments {
    #[command(flatten)]
    settings: Settings,
}

#[tokio::main]
async fn main() -> ExitCode {
    match fault_proxy::run(Arguments::parse().settings).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
