//! A real base backup and archived log, brought back in a second real server.

use std::path::PathBuf;

use spark_runtime::probe::{Probe as _, Restore, probe};

use super::{holds, measured, secret};
use crate::postgres_server::{PostgresServer, is_root};

/// A restore has the very rows of the first server; without the archive there is none in time, and nothing is left of the try.
#[tokio::test]
async fn to_a_moment() {
    let server = PostgresServer::start_with(&[], |folder| {
        let archive = folder.join("archive");
        vec![
            "archive_mode=on".to_owned(),
            format!("archive_command=mkdir -p {0} && cp %p {0}/%f", archive.display()),
            "wal_level=replica".to_owned(),
            // on the command line alone: no backup has it
            "max_connections=150".to_owned(),
        ]
    });
    let folder = tempfile::tempdir().unwrap();
    server.ask("CREATE TABLE orders (id int, at timestamptz); INSERT INTO orders SELECT n, now() - interval '1 min' FROM generate_series(1, 2000) AS n");
    let run_as: &[&str] = if is_root() { &["runuser", "-u", "postgres", "--"] } else { &[] };
    let restore = |archive: &str| Restore {
        url: secret(folder.path(), &server.url()),
        archive: server.folder().join(archive),
        tables: vec![("orders".to_owned(), "at".to_owned())],
        bin: PathBuf::from("/usr/lib/postgresql/15/bin"),
        run_as: run_as.iter().map(|word| (*word).to_owned()).collect(),
        scratch: server.folder().to_owned(),
    };
    let left = || {
        let entries = std::fs::read_dir(server.folder()).unwrap();
        entries
            .filter(|entry| {
                entry.as_ref().unwrap().file_name().to_string_lossy().starts_with("spark-restore")
            })
            .count()
    };
    holds(
        &measured(restore("archive")).await,
        &[("rows", "2000"), ("restored_rows", "2000"), ("rows_apart", "0"), ("tables_different", "0")],
    );
    assert_eq!(left(), 0);
    let late = probe(&restore("gone"), std::time::Duration::from_secs(4)).await;
    assert!(late.result.unwrap_err().to_string().contains("no answer within"));
    assert_eq!(left(), 0);
    let wrong = Restore { tables: vec![("gone".to_owned(), "at".to_owned())], ..restore("archive") };
    assert!(wrong.measure().await.unwrap_err().to_string().contains("does not exist"));
    assert_eq!(left(), 0);
}
