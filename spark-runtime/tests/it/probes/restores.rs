//! A real base backup and archived log, brought back in a second real server.

use std::path::{Path, PathBuf};

use rust_decimal::Decimal;
use spark_runtime::probe::{Probe as _, Restore, probe};

use super::{fails, holds, measured, number, passes, secret, unknown};
use crate::postgres_server::{PostgresServer, is_root};

/// Archives the log in `archive`; once `lose` is there, files of its length and name that hold nothing.
fn archiving(folder: &Path) -> Vec<String> {
    let script = folder.join("archive.sh");
    let lose = "if test -e \"$0.lose\"; then head -c 16777216 /dev/zero; else cat \"$1\"; fi";
    let text = format!("mkdir -p {0} && {{ {lose}; }} > {0}/\"$2\"\n", folder.join("archive").display());
    std::fs::write(&script, text).unwrap();
    vec![
        "archive_mode=on".to_owned(),
        format!("archive_command=sh {} %p %f", script.display()),
        "wal_level=replica".to_owned(),
        // on the command line alone: no backup has it
        "max_connections=150".to_owned(),
    ]
}

/// Empties a page of a table on the disk, as a disk does that lost one. The server has it in its memory and goes on as before.
fn lose_a_page(server: &PostgresServer, table: &str) {
    // clean pages: none of them is written again
    for sql in [&format!("VACUUM (FREEZE) {table}"), &format!("SELECT sum(id) FROM {table}"), "CHECKPOINT"] {
        server.ask(sql);
    }
    let file =
        server.folder().join("data").join(server.ask(&format!("SELECT pg_relation_filepath('{table}')")));
    let mut bytes = std::fs::read(&file).unwrap();
    bytes[..8192].fill(0);
    std::fs::write(&file, bytes).unwrap();
}

/// A restore has the very rows of the first server. One that succeeds and lacks rows, as the disk had lost them unnoticed, fails with
/// their number: a server that starts proves nothing. An unlogged table is not restored at all. Where the archive's files hold no
/// log there is no restore, and where they do not come there is none in time; nothing is left of any try.
#[tokio::test]
async fn to_a_moment() {
    let server = PostgresServer::start_with(&[], archiving);
    let folder = tempfile::tempdir().unwrap();
    let rows = |table: &str| {
        format!("INSERT INTO {table} SELECT n, now() - interval '1 min' FROM generate_series(1, 2000) AS n")
    };
    server.ask(&format!("CREATE TABLE orders (id int, at timestamptz); {}", rows("orders")));
    server.ask(&format!("CREATE TABLE fills (id int, at timestamptz); {}", rows("fills")));
    server.ask(&format!("CREATE UNLOGGED TABLE quotes (id int, at timestamptz); {}", rows("quotes")));
    let run_as: &[&str] = if is_root() { &["runuser", "-u", "postgres", "--"] } else { &[] };
    let restore = |tables: &[&str], archive: &str| Restore {
        url: secret(folder.path(), &server.url()),
        archive: server.folder().join(archive),
        tables: tables.iter().map(|table| ((*table).to_owned(), "at".to_owned())).collect(),
        bin: PathBuf::from("/usr/lib/postgresql/15/bin"),
        run_as: run_as.iter().map(|word| (*word).to_owned()).collect(),
        scratch: server.folder().to_owned(),
    };
    let left = || {
        let entries = std::fs::read_dir(server.folder()).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned());
        names.filter(|name| name.starts_with("spark-restore")).count()
    };
    let found = measured(restore(&["orders"], "archive")).await;
    holds(
        &found,
        &[("rows", "2000"), ("restored_rows", "2000"), ("rows_apart", "0"), ("tables_different", "0")],
    );
    passes("restore", &found);
    lose_a_page(&server, "fills");
    let found = measured(restore(&["orders", "fills"], "archive")).await;
    holds(&found, &[("rows", "4000"), ("tables_different", "1")]);
    let restored = number(&found, "restored_rows");
    assert!(restored > 2000.into() && restored < 4000.into(), "{found:?}");
    assert_eq!(number(&found, "rows_apart"), Decimal::from(4000) - restored);
    fails("restore", &found);
    let found = measured(restore(&["orders", "quotes"], "archive")).await;
    assert!(found.as_ref().unwrap_err().contains("unlogged relations"), "{found:?}");
    unknown("restore", &found);
    assert_eq!(left(), 0);
    let late = probe(&restore(&["orders"], "gone"), std::time::Duration::from_secs(4)).await;
    assert!(late.result.unwrap_err().to_string().contains("no answer within"));
    assert_eq!(left(), 0);
    let wrong = restore(&["gone"], "archive").measure().await;
    assert!(wrong.unwrap_err().to_string().contains("does not exist"));
    std::fs::write(server.folder().join("archive.sh.lose"), "").unwrap();
    let found = measured(restore(&["orders"], "archive")).await;
    let why = found.as_ref().unwrap_err();
    assert!(why.contains("the second server did not come up"), "{why}");
    unknown("restore", &found);
    assert_eq!(left(), 0);
}
