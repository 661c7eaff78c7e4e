//! Benchmarks beside their peers: `cargo run --release -p spark-benches`.
//!
//! Each pair is interleaved in one run on the same input, and what both give is checked before anything is timed.
//! Ratios are what counts: the machine's own speed is in both.

mod check;
mod keystroke;
mod peer;

fn main() -> std::process::ExitCode {
    match check::run().and_then(|table| Ok(format!("{table}\n\n{}", keystroke::run()?))) {
        Ok(table) => {
            println!("{table}");
            std::process::ExitCode::SUCCESS
        }
        Err(words) => {
            eprintln!("error: {words}");
            std::process::ExitCode::FAILURE
        }
    }
}
