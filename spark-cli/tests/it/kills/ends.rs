//! The end of a rollout whose journal is shared: the evidence is one runner's, and what was done is told even without a database.

use std::time::{Duration, Instant};

use super::shared::{PATIENCE, Shared, ended, fenced, signal};
use super::{Dice, number};
use crate::cases::text;
use crate::postgres_server::PostgresServer;

/// A runner that is stopped while it writes its evidence, until another one has taken the rollout over and has sealed it, changes
/// nothing any more; and while it is not continued it hinders nobody. `SPARK_SEALS=100` makes it long.
#[test]
fn stopped_while_it_writes_its_evidence() {
    let (wanted, seed) = (number("SPARK_SEALS", 2), number("SPARK_SEED", 20_260_105));
    let (mut stopped, mut missed) = (0, 0);
    while stopped < wanted {
        let place = stopped + missed;
        let told = format!("seed {seed}, rollout {place}");
        let mut shared = Shared::at(PostgresServer::shared(), &format!("e{seed}-{place}"), "ends");
        let mut first = shared.start();
        let begun = Instant::now();
        while !shared.journal().contains("\"fact\":\"end\"") {
            assert!(begun.elapsed() < PATIENCE, "{told}\n{}", shared.site.said());
        }
        std::thread::sleep(Duration::from_millis(Dice::new(seed, place).roll(60)));
        if first.try_wait().unwrap().is_some() {
            missed += 1;
            assert!(missed < 20 * wanted, "{told}: it is never met while it writes");
            continue;
        }
        signal(&first, "-STOP");
        if shared.standing().unwrap().finished {
            // it was over: nobody takes over what is finished
            missed += 1;
            signal(&first, "-CONT");
            assert_eq!(ended(&mut first, &told), 0, "{told}\n{}", shared.site.said());
            continue;
        }
        let mut second = shared.start();
        assert_eq!(ended(&mut second, &told), 0, "{told}\n{}", shared.site.said());
        let sealed = shared.site.evidence("seal.json");
        let said = fenced(&shared.site);
        signal(&first, "-CONT");
        let code = ended(&mut first, &told);
        assert_eq!((code, fenced(&shared.site)), (1, said + 1), "{told}\n{}", shared.site.said());
        assert_eq!(shared.site.evidence("seal.json"), sealed, "{told}");
        assert_eq!(shared.site.journal(), shared.journal(), "{told}");
        let verified =
            shared.spark(&format!("evidence verify evidence/{} --config spark.yaml", shared.site.release));
        assert_eq!(verified.status.code(), Some(0), "{told}: {}", text(&verified.stderr));
        let beside = std::fs::read_dir(shared.site.dir.path().join("evidence")).unwrap();
        let beside: Vec<_> = beside.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        assert!(!beside.iter().any(|name| name.ends_with(".new")), "{told}: {beside:?}");
        stopped += 1;
    }
    println!("seed {seed}: {stopped} stopped while they wrote, {missed} before or after");
}

/// Where the database is gone at the end, traffic that was taken back is told by the exit code and by a file beside the evidence; when
/// it is back, the same command brings the record to its end.
#[test]
fn taken_back_without_a_database() {
    let server: &PostgresServer = Box::leak(Box::new(PostgresServer::start()));
    let shared = Shared::at(server, "alone", "alone");
    let mut runner = shared.start();
    let begun = Instant::now();
    while shared.site.share() != "5" {
        assert!(begun.elapsed() < PATIENCE, "{}", shared.site.said());
        std::thread::sleep(Duration::from_millis(5));
    }
    // the runner of a release that is bad, and that nobody can write down any more
    server.control(&["stop", "-m", "immediate"]);
    shared.site.turn_bad();
    assert_eq!(ended(&mut runner, "alone"), 11, "{}", shared.site.said());
    assert_eq!(shared.site.share(), "0", "{}", shared.site.said());
    assert!(shared.site.said().contains("the evidence is not written, since the journal cannot be read"));
    let told = std::fs::read(shared.site.dir.path().join("evidence/alone.unrecorded.json")).unwrap();
    let told: serde_json::Value = serde_json::from_slice(&told).unwrap();
    assert_eq!((&told["ending"]["ended"], &told["share_bp"]), (&"rolled_back".into(), &0.into()), "{told}");
    let facts: Vec<&str> =
        told["facts"].as_array().unwrap().iter().map(|fact| fact["fact"].as_str().unwrap()).collect();
    let back = ["intent", "outcome", "probed", "end"];
    assert!(facts.ends_with(&back), "{facts:?}");
    assert!(shared.site.journal().is_empty(), "no journal was exported");

    server.control(&["start"]);
    let mut again = shared.start();
    assert_eq!(ended(&mut again, "again"), 11, "{}", shared.site.said());
    let finished = "SELECT finished_at IS NOT NULL FROM alone.spark_rollouts";
    assert_eq!(server.ask(finished), "t", "{}", shared.site.said());
    let verified = shared.spark("evidence verify evidence/alone --config spark.yaml");
    assert_eq!(verified.status.code(), Some(0), "{}", text(&verified.stderr));
}
