//! A model check of the rollout: all states of two runners, one journal and one switch, under crashes, pauses and faults.
//!
//! The transition function is the shipped one, `spark_core::rollout::Rollout`, unchanged. What is around it is modelled as
//! small as it can be: who holds the lease, which orders are on their way to the switch, what the switch does with them.
//!
//! `model` checks what CI checks: two runners, three crashes and a pause on the way through five stages and back, and the
//! other things that go wrong each with some of the rest. `model --big` checks more of them at once, in minutes. Each also
//! checks the model's twins, which hold one mistake each: a twin that passes would mean that the check cannot see that mistake.
//!
//! States with the same future are one. Which these are is argued in `normal` and `print`, and measured by `exact`, in CI
//! too. So the number of unique states is the same in each run, whichever thread is first; the number of transitions and the
//! depth are not quite, as events that change nothing are met or not, and threads walk at different speeds.

mod alone;
mod exact;
mod normal;
mod print;
mod properties;
mod step;
mod world;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use stateright::{Checker, CheckerBuilder, HasDiscoveries, Model};

use self::world::{Bounds, Guard, Setting, Twin};

/// What is asked for on the command line.
#[derive(Debug, Default)]
struct Asked {
    big: bool,
    /// Whether the big ones, too, are to be walked once more to compare what has one fingerprint.
    exact: bool,
    /// Models whose name holds this.
    only: String,
    /// Seconds for each model; one that takes longer has failed.
    seconds: Option<u64>,
}

fn main() -> ExitCode {
    let asked = match asked(std::env::args().skip(1)) {
        Ok(asked) => asked,
        Err(words) => {
            eprintln!("{words}; expected any of `--big`, `--exact`, `--only NAME`, `--seconds NUMBER`");
            return ExitCode::from(2);
        }
    };
    let named = |name: &str| name.contains(&asked.only);
    let mut all_well = true;
    for (name, setting) in settings(asked.big).into_iter().filter(|(name, _)| named(name)) {
        all_well &= holds(name, setting, asked.seconds);
        if asked.exact || !asked.big {
            all_well &= merges_exactly(&setting);
        }
    }
    for (name, setting) in twins().into_iter().filter(|(name, _)| named(name)) {
        all_well &= fails(name, setting, asked.seconds);
    }
    match all_well {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}

fn asked(mut words: impl Iterator<Item = String>) -> Result<Asked, String> {
    let mut asked = Asked::default();
    while let Some(word) = words.next() {
        match word.as_str() {
            "--big" => asked.big = true,
            "--exact" => asked.exact = true,
            "--only" => asked.only = words.next().ok_or("`--only` needs a part of a name")?,
            "--seconds" => {
                let seconds = words.next().and_then(|number| number.parse().ok());
                asked.seconds = Some(seconds.ok_or("`--seconds` needs a number")?);
            }
            other => return Err(format!("unknown argument `{other}`")),
        }
    }
    Ok(asked)
}

/// What has to hold: each bound is what makes the states finite.
fn settings(big: bool) -> Vec<(&'static str, Setting)> {
    let none = Bounds::NONE;
    let people = Bounds { holds: 1, words: 1, freezes: 1, doubts: 1, ..none };
    let fence = |bounds| Setting { guard: Guard::Fence, late: false, twin: Twin::None, bounds };
    let step = |bounds| Setting { guard: Guard::Step, late: true, twin: Twin::None, bounds };
    if big {
        return vec![
            (
                "three crashes, a pause and two faults",
                fence(Bounds { crashes: 3, takeovers: 1, faults: 2, ..none }),
            ),
            (
                "three crashes, a pause, operators and a freeze",
                fence(Bounds { crashes: 3, takeovers: 1, ..people }),
            ),
            (
                "a crash, a pause, a fault, operators and a freeze",
                fence(Bounds { crashes: 1, takeovers: 1, faults: 1, ..people }),
            ),
            (
                "orders that land late after three crashes or a pause, at a switch that compares steps",
                step(Bounds { crashes: 3, takeovers: 1, faults: 1, ..none }),
            ),
        ];
    }
    vec![
        ("nothing goes wrong", fence(Bounds { doubts: 1, ..none })),
        ("three faults", fence(Bounds { faults: 3, ..none })),
        ("three crashes and a pause", fence(Bounds { crashes: 3, takeovers: 1, ..none })),
        ("a crash, a pause and a fault", fence(Bounds { crashes: 1, takeovers: 1, faults: 1, ..none })),
        ("operators and a freeze", fence(people)),
        ("a crash, operators and a freeze", fence(Bounds { crashes: 1, ..people })),
        (
            "orders that land late, at a switch that compares steps",
            step(Bounds { crashes: 1, takeovers: 1, faults: 1, ..none }),
        ),
    ]
}

/// What has to fail.
fn twins() -> Vec<(&'static str, Setting)> {
    let bounds = Bounds { crashes: 1, takeovers: 1, faults: 2, words: 1, ..Bounds::NONE };
    let of = |twin| Setting { guard: Guard::Fence, late: false, twin, bounds };
    vec![
        (
            "the switch takes any fence, with three crashes and a pause",
            Setting {
                guard: Guard::Nothing,
                bounds: Bounds { crashes: 3, takeovers: 1, ..Bounds::NONE },
                ..of(Twin::None)
            },
        ),
        (
            "an order lands after its outcome, at a switch that compares fences alone",
            Setting { late: true, ..of(Twin::None) },
        ),
        ("the intent is recorded after the action", of(Twin::IntentAfterAction)),
        ("what was in flight is repeated without a look", of(Twin::BlindRepeat)),
        ("the exit code is believed", of(Twin::ExitCodeBelieved)),
    ]
}

fn holds(name: &str, setting: Setting, limit: Option<u64>) -> bool {
    println!("{name}: {setting}");
    let begun = Instant::now();
    let checker = checker(setting, limit).spawn_bfs().join();
    let seconds = begun.elapsed().as_secs_f64();
    println!(
        "  {} unique states, {} transitions, depth {}, {seconds:.1} s",
        checker.unique_state_count(),
        checker.state_count(),
        checker.max_depth()
    );
    let late = limit.is_some_and(|limit| begun.elapsed() >= Duration::from_secs(limit));
    let mut good = checker.is_done() && !late;
    if !good {
        println!("  NOT ALL STATES were visited");
    }
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

fn merges_exactly(setting: &Setting) -> bool {
    let begun = Instant::now();
    let compared = exact::compare(setting);
    println!(
        "  {} unique again; what comes after is the same for {} states that had the fingerprint of another, {:.1} s",
        compared.unique,
        compared.again,
        begun.elapsed().as_secs_f64()
    );
    if let Some(differs) = &compared.differs {
        println!("  NOT ONE FUTURE under one fingerprint: {differs}");
    }
    compared.differs.is_none()
}

fn fails(name: &str, setting: Setting, seconds: Option<u64>) -> bool {
    println!("twin, {name}: {setting}");
    let checker = checker(setting, seconds).finish_when(HasDiscoveries::AnyFailures).spawn_bfs().join();
    let found = checker.discoveries();
    let properties = setting.properties();
    let first = properties
        .iter()
        .filter(|property| matches!(property.expectation, stateright::Expectation::Always))
        .find_map(|property| found.get(property.name).map(|path| (property.name, path)));
    match first {
        Some((property, path)) => {
            println!("  seen after {} states: {property}\n{}", checker.unique_state_count(), told(path))
        }
        None => println!("  NOT SEEN"),
    }
    first.is_some()
}

fn told(path: &stateright::Path<world::World, world::Action>) -> String {
    let lines: Vec<String> = path
        .clone()
        .into_vec()
        .into_iter()
        .map(|(world, action)| {
            let action = action.map_or_else(|| "that is it".to_owned(), |action| format!("{action:?}"));
            format!("    {world:<60} {action}")
        })
        .collect();
    lines.join("\n")
}

fn checker(setting: Setting, seconds: Option<u64>) -> CheckerBuilder<Setting> {
    let checker = setting.checker().threads(threads());
    match seconds {
        Some(seconds) => checker.timeout(Duration::from_secs(seconds)),
        None => checker,
    }
}

fn threads() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}
