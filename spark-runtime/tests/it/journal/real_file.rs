//! What only a real file on a real disk shows.

use std::fs;
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};

use spark_runtime::journal::{FileJournal, Journal as _, JournalError, Leave, read_only};

use super::{records, wait};

const NAME: &str = "journal.jsonl";

/// A real file keeps what was committed, is its owner's alone, and is cut where its end is torn; a second opening is refused
/// while the first one lasts.
#[test]
fn a_real_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(NAME);
    let mut journal = FileJournal::in_folder(folder.path(), NAME).unwrap().journal;
    wait(journal.commit(&records(0..3))).unwrap();
    assert!(matches!(FileJournal::in_folder(folder.path(), NAME), Err(JournalError::Held { .. })));
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o022, 0);
    wait(journal.close(Leave::Unfinished)).unwrap();

    let whole = fs::read(&path).unwrap();
    for torn in [&b"{\"v\":2,\"seq\":4"[..], b"\0\0\0\0"] {
        fs::write(&path, [&whole[..], torn].concat()).unwrap();
        assert_eq!(read_only(&path).unwrap().filter(Result::is_ok).count(), 3);
        let opened = FileJournal::in_folder(folder.path(), NAME).unwrap();
        assert_eq!((opened.records.len(), opened.cut.unwrap().bytes), (3, torn.len() as u64));
        drop(opened.journal);
        assert_eq!(fs::read(&path).unwrap(), whole);
    }
}

/// Of many that open a journal at once which is not there yet, one has it, and the others are told that it is held.
#[test]
fn opened_by_many_at_once() {
    for round in 0..40 {
        let folder = tempfile::tempdir().unwrap();
        let start = std::sync::Barrier::new(8);
        let opened: Vec<_> = std::thread::scope(|scope| {
            let open = || {
                start.wait();
                FileJournal::in_folder(folder.path(), NAME)
            };
            let all: Vec<_> = (0..8).map(|_| scope.spawn(open)).collect();
            all.into_iter().map(|one| one.join().unwrap()).collect()
        });
        let have = opened.iter().filter(|one| one.is_ok()).count();
        let held = opened.iter().filter(|one| matches!(one, Err(JournalError::Held { .. }))).count();
        assert_eq!((have, held), (1, 7), "round {round}: {opened:?}");
    }
}

/// What is no file in a journal's place is refused at once, and nothing waits for it.
#[test]
fn what_is_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(NAME);
    fs::create_dir(&path).unwrap();
    assert!(matches!(FileJournal::in_folder(folder.path(), NAME), Err(JournalError::Unreadable { .. })));
    fs::remove_dir(&path).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
    assert!(fs::metadata(&path).unwrap().file_type().is_fifo());
    assert!(matches!(FileJournal::in_folder(folder.path(), NAME), Err(JournalError::Unreadable { .. })));
    assert!(matches!(read_only(&path), Err(JournalError::Unreadable { .. })));
}

/// A runner that was killed while it started a command leaves a copy of its lock with that for a moment: it is waited for, since the
/// dead hold nothing.
#[test]
fn a_lock_of_the_dead() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(NAME);
    fs::write(&path, "").unwrap();
    // flock locks the file and ends, and what it leaves has the descriptor for a while
    let script = format!("exec 9<>'{}'; flock -n 9 || exit 1; sleep 0.7 & exit 0", path.display());
    assert!(std::process::Command::new("sh").args(["-c", &script]).status().unwrap().success());
    let begun = std::time::Instant::now();
    FileJournal::in_folder(folder.path(), NAME).unwrap();
    assert!(begun.elapsed().as_millis() > 200, "{:?}", begun.elapsed());
}

/// In a container, too, where the kernel does not name the dead.
#[test]
fn a_lock_of_the_dead_in_a_container() {
    let outcome = std::process::Command::new("unshare")
        .args(["--user", "--map-root-user", "--pid", "--fork", "--mount-proc"])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "journal::real_file::a_lock_of_the_dead"])
        .output()
        .expect("`unshare`, which the tests use, is missing. Install it: apt-get install util-linux");
    let said = String::from_utf8_lossy(&outcome.stdout);
    assert!(outcome.status.success() && said.contains("1 passed"), "{outcome:?}");
}
