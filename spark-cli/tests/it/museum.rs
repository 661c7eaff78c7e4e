//! A museum of peers' bugs: what other deciders did, and what Spark does in the same place.
//!
//! A case is a folder below `tests/cases/museum`: rules, samples and answers of servers, and `case.md`, which names the
//! peer, says what happens there and what happens here, and shows it:
//!
//! ```text
//! $ spark decide release.rules --prometheus {broken}   a command line; `{broken}` is a server that answers `broken.answer`
//! = 10                                                 its exit code
//! + hold because                                       what stands in its output
//! - proceed                                            what does not
//! same                                                 the same command gives the same bytes again
//! ```
//!
//! Where the folder has a `database.sql`, a real PostgreSQL has run it, and its address is in the file `database-url`.
//!
//! and where a rollout walks:
//!
//! ```text
//! $ spark run … &       begins in a process of its own
//! ~ share-25            waits for a file, or with `KEY=TEXT` for a text in `spark status --format json`
//! ! 0.45                what the service says from now on, in seconds; or `nothing`
//! sleep 600             that many milliseconds
//! signal -KILL          is sent to it
//! end                   waits for its end, whose code and output are looked at then
//! < share               the content of a file is looked at then
//! ```

pub(crate) mod rollout;
pub(crate) mod server;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::cases::{run, text};
use crate::postgres_server::PostgresServer;
use rollout::Rollout;
use server::Server;

macro_rules! museum {
    ($($name:ident)*) => {
        /// All cases, which are all tests.
        const CASES: &[&str] = &[$(stringify!($name)),*];

        $(
            /// What is said in `here` of the case is so.
            #[test]
            fn $name() {
                check(stringify!($name));
            }
        )*
    };
}

museum! {
    aborted_and_made_again
    all_error_scores_hundred
    answers_no_json
    answers_null
    applied_and_edited
    both_sides_empty
    checked_before_the_rollout
    counts_survive_a_restart
    delayed_metric
    empty_vector
    every_measurement_failed
    every_reason_is_told
    exporter_died
    failed_yet_completed
    failing_reason_exact
    failure_may_hold
    gap_is_no_recovery
    gate_of_each_pod
    gate_that_nobody_watches
    gates_that_never_ran
    huge_number
    inconclusive_ships
    infinite
    job_failed_run_successful
    last_series_wins
    lint_says_success
    lost_or_resurrected
    lost_scrape_starts_over
    metric_not_declared
    misnamed_metric
    no_conditions
    no_measurement_at_all
    no_traffic_is_no_rollback
    no_traffic_is_not_zero_errors
    no_values_holds_on
    nobody_watches_after
    not_a_number
    not_cumulative
    nothing_means_zero
    one_blip
    one_error_of_two_requests
    one_interval_for_all
    one_sample_for_five_minutes
    partial_answer
    percent_or_ratio
    promoted_while_inconclusive
    restart_forgets_failures
    same_verdict_twice
    settings_nobody_reads
    seven_of_ten_a_hundredfold
    small_scales
    terminated_is_successful
    test_of_no_rule
    timeouts
    too_many_requests
    twelve_percent_more
    unhealthy_hides_rollback
    window_of_one_minute
    zero_baseline
}

/// A case as its `case.md` tells it.
struct Case {
    peer: String,
    there: String,
    here: String,
    steps: Vec<String>,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/museum")
}

fn read(case: &str) -> Case {
    let text = fs::read_to_string(folder().join(case).join("case.md")).unwrap();
    let (head, steps) = text.split_once("\n\n").unwrap();
    let field = |name: &str| {
        let lines = head.lines().filter_map(|line| line.strip_prefix(name));
        let [value] = lines.collect::<Vec<_>>()[..] else { panic!("{case}: one line `{name}`") };
        value.trim().to_owned()
    };
    Case {
        peer: field("peer:"),
        there: field("there:"),
        here: field("here:"),
        steps: steps.lines().map(str::to_owned).collect(),
    }
}

/// A file, or a folder with all that is in it.
fn copy(from: &Path, to: &Path) {
    if from.is_dir() {
        fs::create_dir(to).unwrap();
        for entry in fs::read_dir(from).unwrap() {
            let entry = entry.unwrap();
            copy(&entry.path(), &to.join(entry.file_name()));
        }
    } else {
        fs::copy(from, to).unwrap();
    }
}

fn check(case: &str) {
    let dir = tempfile::tempdir().unwrap();
    let mut servers = BTreeMap::from([("healthy".to_owned(), Server::start("value 1"))]);
    for entry in fs::read_dir(folder().join(case)).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        match name.strip_suffix(".answer") {
            Some(stem) => {
                let answer = fs::read_to_string(&path).unwrap();
                servers.insert(stem.to_owned(), Server::start(&answer));
            }
            None => copy(&path, &dir.path().join(name)),
        }
    }
    let database = fs::read_to_string(dir.path().join("database.sql")).ok().map(|sql| {
        let server = PostgresServer::start();
        server.ask(&sql);
        fs::write(dir.path().join("database-url"), server.url()).unwrap();
        server
    });
    let steps = read(case).steps;
    assert!(steps.iter().any(|step| step.starts_with("= ")), "{case} shows nothing");
    let walks = steps.iter().any(|step| step.ends_with(" &"));
    let mut rollout = walks.then(|| Rollout::prepare(dir.path()));
    let (mut line, mut code, mut told) = (String::new(), None, String::new());
    for step in &steps {
        match step.split_once(' ').unwrap_or((step, "")) {
            ("$", words) if words.ends_with(" &") => {
                rollout.as_mut().unwrap().begin(words.trim_end_matches(" &"))
            }
            ("~", what) => rollout.as_mut().unwrap().wait(what),
            ("!", seconds) => rollout.as_mut().unwrap().serve(seconds),
            ("sleep", millis) => std::thread::sleep(Duration::from_millis(millis.parse().unwrap())),
            ("signal", signal) => rollout.as_mut().unwrap().signal(signal),
            ("<", file) => told = fs::read_to_string(dir.path().join(file)).unwrap(),
            ("end", "") => {
                let output = rollout.as_mut().unwrap().end();
                code = output.status.code();
                told = text(&output.stdout) + &text(&output.stderr);
            }
            ("$", words) => {
                line = servers.iter().fold(words.to_owned(), |line, (name, server)| {
                    line.replace(&format!("{{{name}}}"), &server.url)
                });
                let output = run(dir.path(), &line);
                code = output.status.code();
                told = text(&output.stdout) + &text(&output.stderr);
            }
            ("=", expected) => {
                assert_eq!(code, Some(expected.parse().unwrap()), "{case}: {line}\n{told}");
            }
            ("+", part) => assert!(told.contains(part), "{case}: `{part}` is not told by {line}\n{told}"),
            ("-", part) => assert!(!told.contains(part), "{case}: `{part}` is told by {line}\n{told}"),
            ("same", "") => {
                let again = run(dir.path(), &line);
                assert_eq!(text(&again.stdout) + &text(&again.stderr), told, "{case}: {line}");
            }
            ("", "") => {}
            _ => panic!("{case}: `{step}` is no step"),
        }
    }
    drop(database);
}

/// Every folder is a test, and the manual's table is of these cases and no other.
#[test]
fn is_complete() {
    let mut folders: Vec<String> = fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    folders.sort();
    assert_eq!(CASES, folders);
    let manual = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/reliability.md");
    let manual = fs::read_to_string(manual).unwrap();
    let mut rows: Vec<(String, String)> = CASES
        .iter()
        .map(|name| {
            let Case { peer, there, here, .. } = read(name);
            (peer.to_lowercase(), format!("| {peer} | {there} | {here} | `{name}` |"))
        })
        .collect();
    rows.sort();
    let expected: String = rows.iter().map(|(_, row)| format!("{row}\n")).collect();
    let head = "| peer | there | here | test |\n| --- | --- | --- | --- |\n";
    let (_, behind) = manual.split_once(head).expect("the table of the museum");
    let found = behind.split("\n\n").next().unwrap().trim_end();
    assert_eq!(found, expected.trim_end(), "docs/reliability.md: its museum is to be\n{head}{expected}");
}
