//! Rollouts of Spark under one seed, with faults in everything around them, and the mistakes that measure the simulator.
//!
//! - `run --rollouts N --seed S` runs so many, and says what happened in them.
//! - `one --seed X` tells one rollout in full.

mod campaign;
mod damage;
mod disk;
mod fault;
mod journal;
mod oracle;
mod people;
mod policies;
mod process;
mod rng;
mod rollout;
mod source;
mod store;
mod traffic;
mod watch;
mod weather;
mod world;

use std::process::ExitCode;

const USAGE: &str = "usage:
  run [--rollouts N] [--seed S] [--threads T]   simulate rollouts; exit 1 where one breaks a rule
  one --seed X                                  tell one rollout in full
  twice [--rollouts N] [--seed S]               the same twice, once on one thread: the digests are the same
  planted [--rollouts N] [--seed S]             plant each mistake until it is found; exit 1 where one is not";

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    let command = args.next().unwrap_or_default();
    let rest: Vec<String> = args.collect();
    let Some(settings) = campaign::Settings::read(&rest) else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    let well = match command.as_str() {
        "run" => campaign::run(&settings),
        "one" => campaign::one(&settings),
        "twice" => campaign::twice(&settings),
        "planted" => campaign::planted(&settings),
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    if well { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
