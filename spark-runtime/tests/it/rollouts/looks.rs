//! What is looked at when a stage ends: kept as a fact, derived again, and never waited for.

use spark_core::rollout::{Dependency, Ending, Fact, Look, Seen, Step};
use spark_runtime::evidence::{self, files::StageHealth};
use spark_runtime::runner::Looks;

use super::{Walk, Walked};

fn look(stage: u32, dependency: Dependency, probe: &str, unanswered: Option<&str>) -> Look {
    let values = [("open", Seen::Value("3".to_owned())), ("used", Seen::Unknown("hidden".to_owned()))];
    let answered = unanswered.is_none();
    Look {
        stage,
        dependency,
        probe: probe.to_owned(),
        values: values.map(|(name, seen)| (name.to_owned(), seen)).into_iter().filter(|_| answered).collect(),
        details: if answered { r#"{"states":["idle"]}"#.to_owned() } else { String::new() },
        unanswered: unanswered.map(str::to_owned),
    }
}

fn read(walked: &Walked, path: &str) -> StageHealth {
    serde_json::from_slice(&std::fs::read(walked.folder().join(path)).unwrap()).unwrap()
}

/// Where the first fact of a kind stands.
fn place(walked: &Walked, wanted: impl Fn(&Fact) -> bool) -> usize {
    walked.facts.iter().position(wanted).unwrap()
}

/// Each stage that ended leaves what was found, known or not, in its two files; the journal gives them again.
#[test]
fn each_stage_has_its_files() {
    let found = |stage| -> Looks {
        let looks = vec![
            look(stage, Dependency::Database, "connections", None),
            look(stage, Dependency::Pgbouncer, "pool", Some("no answer within 10s")),
        ];
        Box::pin(std::future::ready(looks))
    };
    let walked = Walk { look: Box::new(found), ..Walk::of(|_| Some(120)) }.walk();
    assert_eq!(*walked.ending(), Ending::Completed);
    for stage in 0..3 {
        let database = read(&walked, &format!("stages/{}-database.json", stage + 1));
        assert_eq!((database.stage, database.looks.len()), (stage, 1));
        let look = &database.looks[0];
        assert_eq!(look.values["open"], Seen::Value("3".to_owned()));
        assert_eq!(look.details["states"][0], "idle");
        let pool = read(&walked, &format!("stages/{}-pgbouncer.json", stage + 1));
        assert_eq!(pool.looks[0].unanswered.as_deref(), Some("no answer within 10s"));
        assert!(pool.looks[0].values.is_empty());
    }
    let checked = evidence::check_derived(walked.folder(), &mut |_: &Fact, _: &_| {}).unwrap();
    assert_eq!(checked.differences, []);
    // a file that the journal does not give is told of
    std::fs::write(walked.folder().join("stages/4-database.json"), "{}").unwrap();
    let checked = evidence::check_derived(walked.folder(), &mut |_: &Fact, _: &_| {}).unwrap();
    assert_eq!(checked.differences.len(), 1, "{:?}", checked.differences);
}

/// A look that never ends keeps no stage and no end back, and leaves no file.
#[test]
fn nobody_waits_for_a_look() {
    let never = |_| -> Looks { Box::pin(std::future::pending()) };
    let walked = Walk { look: Box::new(never), ..Walk::of(|_| Some(120)) }.walk();
    assert_eq!((walked.ending(), walked.asked.len()), (&Ending::Completed, 3));
    assert!(!walked.folder().join("stages/1-database.json").exists());
}

/// A rollback is carried out before anything is looked at, and what is found then is of the stage that it ended.
#[test]
fn a_rollback_goes_first() {
    let late = |stage| -> Looks {
        Box::pin(async move {
            tokio::task::yield_now().await;
            vec![look(stage, Dependency::Database, "connections", None)]
        })
    };
    let walked = Walk { look: Box::new(late), ..Walk::of(|n| Some(if n < 9 { 120 } else { 450 })) }.walk();
    assert_eq!(*walked.ending(), Ending::RolledBack { stage: 1, because: vec!["latency".to_owned()] });
    let of_last = |fact: &Fact| matches!(fact, Fact::Looked { look, .. } if look.stage == 1);
    let back = place(&walked, |fact| matches!(fact, Fact::Intent { step: Step::RollBack { .. }, .. }));
    let end = place(&walked, |fact| matches!(fact, Fact::End { .. }));
    let looked = place(&walked, of_last);
    assert!(back < looked && looked < end, "{back} {looked} {end}");
}

/// A runner that takes a rollout up between two stages looks again: what the one before began is gone with it.
#[test]
fn looks_again() {
    let never = |_| -> Looks { Box::pin(std::future::pending()) };
    let stopped = Walk { look: Box::new(never), ..Walk::of(|_| Some(120)) }.failing("25%", 3).until(8);
    let (dir, switch) = (std::sync::Arc::clone(&stopped.dir), stopped.switch.clone());
    let stopped = stopped.walk();
    let last = stopped.facts.iter().rev().find(|fact| matches!(fact, Fact::Intent { .. }));
    assert!(matches!(last, Some(Fact::Intent { step: Step::SetShare { stage: 1, .. }, .. })), "{last:?}");
    drop(stopped);
    let found = |stage| -> Looks {
        Box::pin(std::future::ready(vec![look(stage, Dependency::Database, "connections", None)]))
    };
    let walked = Walk { look: Box::new(found), dir, switch, ..Walk::of(|_| Some(120)) }.walk();
    assert_eq!(*walked.ending(), Ending::Completed);
    assert_eq!(read(&walked, "stages/1-database.json").looks.len(), 1);
}
