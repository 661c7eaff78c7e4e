//! Every crash that a file journal can meet, on a simulated disk: each operation, each torn write, each lost sector.

use proptest::prelude::*;
use spark_runtime::journal::{FileJournal, Journal as _, JournalError, Record};

use super::sim_disk::{FAULTS, Fault, SimDisk};
use super::{record, records, wait};

/// What a process did before it stopped.
#[derive(Default)]
struct Story {
    /// Records whose commit was answered for.
    acked: usize,
    /// All records that were handed over.
    tried: Vec<String>,
}

/// A process: opens the journal, and commits batches of these sizes until something fails.
fn process(disk: &SimDisk, batches: &[u64]) -> (Story, Option<JournalError>) {
    disk.unlock();
    let opened = match FileJournal::open(disk.clone()) {
        Ok(opened) => opened,
        Err(error) => return (Story::default(), Some(error)),
    };
    let mut story = Story { acked: opened.records.len(), tried: texts(&opened.records) };
    let mut journal = opened.journal;
    for size in batches {
        let from = story.tried.len() as u64;
        let batch = records(from..from + size);
        story.tried.extend(batch.clone());
        if let Err(error) = wait(journal.commit(&batch)) {
            // a journal that failed never takes anything again
            let again = wait(journal.commit(&[record(99)]));
            assert_eq!(again.as_ref(), Err(&error), "a broken journal was written again");
            return (story, Some(error));
        }
        story.acked = story.tried.len();
    }
    (story, None)
}

fn texts(records: &[Record]) -> Vec<String> {
    records.iter().map(|record| record.json.clone()).collect()
}

/// A journal that was left with this content, by a process with this story, holds what was acknowledged and nothing that
/// was never handed over, and goes on.
fn check_after(content: Option<&[u8]>, story: &Story) {
    let disk = content.map_or_else(SimDisk::default, SimDisk::with);
    let opened = FileJournal::open(disk.clone())
        .unwrap_or_else(|error| panic!("halted after a crash with {} acknowledged: {error}", story.acked));
    let found = texts(&opened.records);
    assert!(found.len() >= story.acked, "{} of {} acknowledged records are left", found.len(), story.acked);
    assert_eq!(found, story.tried[..found.len()]);
    let mut journal = opened.journal;
    wait(journal.commit(&[record(1_000)])).unwrap();
    drop(journal);
    disk.unlock();
    // a committed journal's folder is synced
    let durable = disk.0.lock().unwrap().durable.clone().unwrap();
    let again = FileJournal::open(SimDisk::with(&durable)).unwrap();
    assert_eq!(again.records.len(), found.len() + 1);
    assert!(again.records.is_sorted_by_key(|record| record.fence));
}

/// Runs a process with one fault, and looks at everything that a crash afterwards can leave; the number of those states.
fn check(content: Option<&[u8]>, batches: &[u64], at: usize, fault: Fault) -> usize {
    let disk = content.map_or_else(SimDisk::default, SimDisk::with);
    disk.0.lock().unwrap().fault = Some((at, fault));
    let before = content.map_or_else(Vec::new, |content| {
        let opened = FileJournal::open(SimDisk::with(content)).unwrap();
        texts(&opened.records)
    });
    let (mut story, _) = process(&disk, batches);
    if story.tried.is_empty() {
        (story.acked, story.tried) = (before.len(), before);
    }
    let states = disk.after_crash();
    for state in &states {
        check_after(state.as_deref(), &story);
    }
    states.len()
}

/// Whatever operation a crash or a fault comes at, and whatever of the unsynced bytes it leaves: no acknowledged record is
/// lost, none comes twice, and the journal goes on. Once more with a crash while the first one is recovered from.
#[test]
fn no_crash_loses_what_was_acknowledged() {
    let batches = [1, 3, 1];
    let mut states = 0;
    for fault in FAULTS {
        for at in 0..40 {
            states += check(None, &batches, at, fault);
        }
    }

    let disk = SimDisk::default();
    process(&disk, &batches);
    let whole = disk.0.lock().unwrap().durable.clone().unwrap();
    for length in (0..whole.len()).step_by(97) {
        for (at, fault) in (0..12).flat_map(|at| FAULTS.map(|fault| (at, fault))) {
            states += check(Some(&whole[..length]), &[1], at, fault);
        }
    }
    assert!(states > 20_000, "{states} states");
}

/// Each single flipped bit of acknowledged lines halts: none of them is taken for a torn end, the last line included.
#[test]
fn every_flipped_bit_halts() {
    let disk = SimDisk::default();
    let (story, error) = process(&disk, &[1, 2, 1]);
    assert_eq!((story.acked, error), (4, None));
    let whole = disk.0.lock().unwrap().durable.clone().unwrap();
    for (at, bit) in (0..whole.len()).flat_map(|at| (0..8).map(move |bit| (at, bit))) {
        let mut bad = whole.clone();
        bad[at] ^= 1 << bit;
        let line = whole[..at].iter().filter(|byte| **byte == b'\n').count() as u64 + 1;
        match FileJournal::open(SimDisk::with(&bad)) {
            Err(JournalError::Damaged { line: found, .. } | JournalError::Version { line: found, .. }) => {
                assert_eq!(found, line, "bit {bit} of byte {at}");
            }
            other => panic!("bit {bit} of byte {at}: {other:?}"),
        }
    }
}

/// A line that is missing, comes twice, changed places, or is another journal's halts, and is named.
#[test]
fn lines_that_do_not_follow_halt() {
    let lines = |batches: &[u64]| {
        let disk = SimDisk::default();
        process(&disk, batches);
        let text = String::from_utf8(disk.0.lock().unwrap().durable.clone().unwrap()).unwrap();
        text.split_inclusive('\n').map(str::to_owned).collect::<Vec<_>>()
    };
    let (ours, other) = (lines(&[1, 1, 1, 1]), lines(&[2, 1, 1]));
    let changed = |change: &dyn Fn(&mut Vec<String>)| {
        let mut lines = ours.clone();
        change(&mut lines);
        FileJournal::open(SimDisk::with(lines.concat().as_bytes())).map(|_| ()).unwrap_err().to_string()
    };
    let shown = [
        changed(&|lines| drop(lines.remove(1))),
        changed(&|lines| lines.insert(1, ours[1].clone())),
        changed(&|lines| lines.swap(1, 2)),
        changed(&|lines| lines[1].clone_from(&other[1])),
        changed(&|lines| lines[1].insert(40, 'x')),
        changed(&|lines| lines.push("garbage\n".to_owned())),
        changed(&|lines| drop(lines.remove(0))),
    ];
    insta::assert_snapshot!(shown.join("\n"), @"
    the journal is damaged at line 2: it says that it is line 3
    the journal is damaged at line 3: it says that it is line 2
    the journal is damaged at line 2: it says that it is line 3
    the journal is damaged at line 3: it does not follow from the line before it: its `prev` is another sum
    the journal is damaged at line 2: its `prev` is no sum, and line 3 says that it was durable
    the journal is damaged at line 5: it does not begin as a line does, and it is whole, as no torn line is
    the journal is damaged at line 1: it says that it is line 2
    ");
}

/// A full disk makes room once; with the room gone the journal is broken, and what it held is whole.
#[test]
fn a_full_disk_takes_the_last_words() {
    let disk = SimDisk::default();
    let mut journal = FileJournal::open(disk.clone()).unwrap().journal;
    wait(journal.commit(&records(0..2))).unwrap();
    let full = || {
        let mut state = disk.0.lock().unwrap();
        state.fault = Some((state.operations, Fault::Full));
    };
    full();
    assert_eq!(wait(journal.commit(&records(2..3))).unwrap().seq, 3);
    assert!(journal.warning().unwrap().starts_with("the disk is full"));
    full();
    let broken = wait(journal.commit(&records(3..4))).unwrap_err();
    assert!(matches!(broken, JournalError::Broken { doing: "append to it", .. }), "{broken}");
    disk.unlock();
    assert_eq!(FileJournal::open(disk.clone()).unwrap().records.len(), 3);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    /// However many processes come after each other, each with its own fault and crash: what was acknowledged stays.
    #[test]
    fn no_run_of_crashes_loses_what_was_acknowledged(
        lives in prop::collection::vec(
            (prop::collection::vec(0_u64..6, 0..5), 0_usize..40, 0_usize..FAULTS.len(), any::<prop::sample::Index>()),
            1..8,
        ),
    ) {
        let mut content: Option<Vec<u8>> = None;
        let mut acked: Vec<String> = Vec::new();
        for (batches, at, fault, choice) in lives {
            let disk = content.as_deref().map_or_else(SimDisk::default, SimDisk::with);
            disk.0.lock().unwrap().fault = Some((at, FAULTS[fault]));
            let (story, error) = process(&disk, &batches);
            prop_assert!(!error.is_some_and(|error| error.is_damage()));
            if story.acked > 0 {
                prop_assert_eq!(&story.tried[..acked.len()], &acked[..]);
                acked = story.tried[..story.acked].to_vec();
            }
            let states = disk.after_crash();
            content = states[choice.index(states.len())].clone();
        }
        let disk = content.as_deref().map_or_else(SimDisk::default, SimDisk::with);
        let found = texts(&FileJournal::open(disk).unwrap().records);
        prop_assert_eq!(&found[..acked.len()], &acked[..]);
    }
}
