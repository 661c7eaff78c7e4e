//! Benchmarks beside their peers: `cargo run --release -p spark-benches`, or with the names of some of them. Sizes follow
//! as options (`promtool --series 100 --hours 24`).
//!
//! Each pair is interleaved in one run on the same input, and what both give is checked before anything is timed.
//! Ratios are what counts: the machine's own speed is in both.

mod check;
mod cpu;
mod ingest;
mod journal;
mod keystroke;
mod live;
mod month;
mod options;
mod peer;
mod process;
mod promtool;
mod reload;
mod replay;
mod unit_tests;
mod windows;

/// Gives its table, or why there is none.
type Benchmark = fn() -> Result<String, String>;

fn main() -> std::process::ExitCode {
    let all: &[(&str, Benchmark)] = &[
        ("check", check::run),
        ("ingest", ingest::run),
        ("journal", journal::run),
        ("keystroke", keystroke::run),
        ("live", live::run),
        ("month", month::run),
        ("promtool", promtool::run),
        ("reload", reload::run),
        ("replay", replay::run),
        ("unit-tests", unit_tests::run),
        ("windows", windows::run),
    ];
    let asked: Vec<String> = std::env::args().skip(1).take_while(|word| !word.starts_with("--")).collect();
    if let Some(word) = asked.iter().find(|word| all.iter().all(|(name, _)| name != word)) {
        let names: Vec<&str> = all.iter().map(|(name, _)| *name).collect();
        eprintln!("error: no benchmark `{word}`; there are {}", names.join(", "));
        return std::process::ExitCode::FAILURE;
    }
    for (name, run) in
        all.iter().filter(|(name, _)| asked.is_empty() || asked.iter().any(|word| word == name))
    {
        // some take minutes, and a table is worth reading as soon as it is there
        eprintln!("{name} ...");
        match run() {
            Ok(table) => println!("{}\n", table.trim_end()),
            Err(words) => {
                eprintln!("error: {name}: {words}");
                return std::process::ExitCode::FAILURE;
            }
        }
    }
    std::process::ExitCode::SUCCESS
}
