//! A model check of the rollout: all states of two runners, one journal and one switch, under crashes, pauses and faults.
//!
//! The transition function is the shipped one, `spark_core::rollout::Rollout`, unchanged. What is around it is modelled as
//! small as it can be: who holds the lease, which orders are on their way to the switch, what the switch does with them.
//!
//! `model` checks what CI checks, `model --big` what fits into some minutes. Each also checks the model's twins, which
//! hold one mistake each: a twin that passes would mean that the check cannot see that mistake.

mod normal;
mod properties;
mod step;
mod world;

use std::process::ExitCode;
use std::time::Instant;

use stateright::{Checker, HasDiscoveries, Model};

use self::world::{Bounds, Guard, Setting, Twin};

fn main() -> ExitCode {
    let big = match std::env::args().nth(1).as_deref() {
        None => false,
        Some("--big") => true,
        Some(other) => {
            eprintln!("unknown argument `{other}`; expected nothing, or `--big`");
            return ExitCode::from(2);
        }
    };
    let good = settings(big).into_iter().all(|(name, setting)| holds(name, setting));
    let seen = twins().into_iter().all(|(name, setting)| fails(name, setting));
    match good && seen {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}

/// What has to hold: each bound is what makes the states finite.
fn settings(big: bool) -> Vec<(&'static str, Setting)> {
    let crashes = Bounds { crashes: 3, takeovers: 1, faults: 1, ..Bounds::NONE };
    let faults = Bounds { crashes: 1, takeovers: 1, faults: 3, ..Bounds::NONE };
    let words = Bounds { crashes: 1, takeovers: 1, faults: 0, holds: 1, words: 1, freezes: 1 };
    let fence = |bounds| Setting { guard: Guard::Fence, late: false, twin: Twin::None, bounds };
    let step = |bounds| Setting { guard: Guard::Step, late: true, twin: Twin::None, bounds };
    if !big {
        return vec![
            ("three crashes, a pause, a fault", fence(crashes)),
            ("a crash, a pause, three faults", fence(faults)),
            ("a crash, a pause, operators and a freeze", fence(words)),
            ("orders that land late, at a switch that compares steps", step(Bounds { faults: 2, ..faults })),
        ];
    }
    vec![
        ("three crashes, two pauses, two faults", fence(Bounds { takeovers: 2, faults: 2, ..crashes })),
        ("two crashes, two pauses, four faults", fence(Bounds { crashes: 2, takeovers: 2, faults: 4, ..faults })),
        ("three crashes, a pause, a fault, operators and a freeze", fence(Bounds { crashes: 3, faults: 1, ..words })),
        ("orders that land late, at a switch that compares steps", step(Bounds { crashes: 3, ..faults })),
    ]
}

/// What has to fail.
fn twins() -> Vec<(&'static str, Setting)> {
    let bounds = Bounds { crashes: 1, takeovers: 1, faults: 2, words: 1, ..Bounds::NONE };
    let of = |twin| Setting { guard: Guard::Fence, late: false, twin, bounds };
    vec![
        ("the switch takes any fence", Setting { guard: Guard::Nothing, ..of(Twin::None) }),
        ("an order lands after its outcome, at a switch that compares fences alone", Setting { late: true, ..of(Twin::None) }),
        ("the intent is recorded after the action", of(Twin::IntentAfterAction)),
        ("what was in flight is repeated without a look", of(Twin::BlindRepeat)),
        ("the exit code is believed", of(Twin::ExitCodeBelieved)),
    ]
}

fn holds(name: &str, setting: Setting) -> bool {
    println!("{name}: {setting}");
    let begun = Instant::now();
    let checker = setting.checker().threads(threads()).spawn_bfs().join();
    let seconds = begun.elapsed().as_secs_f64();
    println!(
        "  {} states, {} unique, depth {}, {seconds:.1} s",
        checker.state_count(),
        checker.unique_state_count(),
        checker.max_depth()
    );
    let mut good = checker.is_done();
    let found = checker.discoveries();
    for property in setting.properties() {
        let wanted = matches!(property.expectation, stateright::Expectation::Sometimes);
        if found.contains_key(property.name) == wanted {
            continue;
        }
        good = false;
        match found.get(property.name) {
            Some(path) => println!("  VIOLATED: {}\n{}", property.name, told(path)),
            None => println!("  NEVER: {}", property.name),
        }
    }
    println!("  {}", if good { "every state holds" } else { "FAILED" });
    good
}

fn fails(name: &str, setting: Setting) -> bool {
    println!("twin, {name}: {setting}");
    let checker = setting.checker().threads(threads()).finish_when(HasDiscoveries::AnyFailures).spawn_bfs().join();
    let found = checker.discoveries();
    let properties = setting.properties();
    let first = properties
        .iter()
        .filter(|property| matches!(property.expectation, stateright::Expectation::Always))
        .find_map(|property| found.get(property.name).map(|path| (property.name, path)));
    match first {
        Some((property, path)) => println!("  seen after {} states: {property}\n{}", checker.unique_state_count(), told(path)),
        None => println!("  NOT SEEN"),
    }
    first.is_some()
}

fn told(path: &stateright::Path<world::World, world::Action>) -> String {
    let lines: Vec<String> = path.clone().into_vec().into_iter().map(|(world, action)| {
        let action = action.map_or_else(|| "that is it".to_owned(), |action| format!("{action:?}"));
        format!("    {world:<60} {action}")
    }).collect();
    lines.join("\n")
}

fn threads() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}
