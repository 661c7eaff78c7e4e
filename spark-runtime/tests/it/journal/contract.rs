//! What holds for every journal, wherever it is.

use std::path::{Path, PathBuf};

use spark_runtime::journal::postgres::{PostgresConfig, PostgresJournal, PostgresStore};
use spark_runtime::journal::{FileJournal, Head, Journal, JournalError, Leave, Opened, Record, read_only};

use super::{record, records, wait};
use crate::postgres_server::PostgresServer;

/// Where the journal of one release can be opened again and again.
trait Shelf {
    type J: Journal;
    async fn open(&mut self) -> Result<Opened<Self::J>, JournalError>;
    async fn read(&mut self) -> Result<Vec<Record>, JournalError>;
}

struct FileShelf(PathBuf);

impl Shelf for FileShelf {
    type J = FileJournal;

    async fn open(&mut self) -> Result<Opened<FileJournal>, JournalError> {
        FileJournal::in_folder(&self.0, "journal.jsonl")
    }

    async fn read(&mut self) -> Result<Vec<Record>, JournalError> {
        read_only(&self.0.join("journal.jsonl"))?.collect()
    }
}

struct PostgresShelf(PostgresStore);

impl Shelf for PostgresShelf {
    type J = PostgresJournal;

    async fn open(&mut self) -> Result<Opened<PostgresJournal>, JournalError> {
        self.0.acquire("2026.11-a").await
    }

    async fn read(&mut self) -> Result<Vec<Record>, JournalError> {
        self.0.read_only("2026.11-a").await
    }
}

/// The whole contract; the heads that it saw.
async fn check(shelf: &mut impl Shelf) -> Vec<Head> {
    assert!(matches!(shelf.read().await, Err(JournalError::Missing(_))));
    let mut heads = Vec::new();

    // a new one is empty, and takes records in their order
    let Opened { mut journal, records: found, cut } = shelf.open().await.unwrap();
    assert_eq!((journal.fence(), *journal.head(), found, cut), (1, Head::EMPTY, vec![], None));
    assert_eq!(journal.commit(&[]).await.unwrap(), Head::EMPTY);
    heads.push(journal.commit(&records(0..1)).await.unwrap());
    heads.push(journal.commit(&records(1..4)).await.unwrap());
    assert_eq!((journal.head(), journal.head().seq), (&heads[1], 4));

    // nobody else writes meanwhile, anybody reads
    assert!(matches!(shelf.open().await, Err(JournalError::Held { .. })));
    assert_eq!(texts(&shelf.read().await.unwrap()), records(0..4));

    // what is no record is refused whole, and does no harm
    for bad in ["", "{\n}", "{} ", "no"] {
        let refused = journal.commit(&[record(9), bad.to_owned()]).await;
        assert!(matches!(refused, Err(JournalError::NoRecord { place: 2, .. })), "{bad}");
    }
    heads.push(journal.commit(&records(4..5)).await.unwrap());
    journal.renew().await.unwrap();
    journal.close(Leave::Unfinished).await.unwrap();

    // the next one has all of it, byte for byte, and a higher fence
    let Opened { mut journal, records: found, cut } = shelf.open().await.unwrap();
    assert_eq!((journal.fence(), *journal.head(), cut), (2, heads[2], None));
    assert_eq!(texts(&found), records(0..5));
    assert!(found.iter().zip(1..).all(|(record, seq)| (record.seq, record.fence) == (seq, 1)));
    assert_eq!(found.iter().map(Record::head).filter(|head| heads.contains(head)).count(), 3);
    heads.push(journal.commit(&records(5..2_600)).await.unwrap());
    let long = vec![format!("\"{}\"", "\u{20ac}".repeat(1024 * 1024))];
    heads.push(journal.commit(&long).await.unwrap());
    journal.close(Leave::Finished).await.unwrap();

    // one that is over can be opened too
    let Opened { mut journal, records: found, .. } = shelf.open().await.unwrap();
    assert_eq!((journal.fence(), found.len()), (3, 2_601));
    assert_eq!(texts(&found[..2_600]), records(0..2_600));
    assert_eq!(found[2_600].json, long[0]);
    heads.push(journal.commit(&records(7..8)).await.unwrap());
    assert_eq!(shelf.read().await.unwrap().last().unwrap().fence, 3);
    heads
}

fn texts(records: &[Record]) -> Vec<String> {
    records.iter().map(|record| record.json.clone()).collect()
}

async fn store(url: String, schema: &str) -> PostgresStore {
    let mut config = PostgresConfig::new(url, "runner");
    config.schema = schema.to_owned();
    PostgresStore::connect(config).await.unwrap()
}

/// A file, PostgreSQL, and PostgreSQL behind a pooler that deals out transactions keep the same contract, in the same
/// bytes.
#[test]
fn every_journal_keeps_the_contract() {
    wait(async {
        let folder = tempfile::tempdir().unwrap();
        let heads = check(&mut FileShelf(folder.path().to_owned())).await;
        let server = PostgresServer::shared();
        for (url, schema) in [(server.url(), "direct"), (server.pooler_url(), "pooled")] {
            assert_eq!(check(&mut PostgresShelf(store(url, schema).await)).await, heads, "{schema}");
            let lines = server.ask(&format!("SELECT line FROM {schema}.spark_journal ORDER BY seq"));
            assert_eq!(lines.len() + 1, file_text(folder.path()).len());
            assert_eq!(lines, file_text(folder.path()).trim_end());
        }
    });
}

fn file_text(folder: &Path) -> String {
    std::fs::read_to_string(folder.join("journal.jsonl")).unwrap()
}
