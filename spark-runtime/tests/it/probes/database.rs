//! What is asked of a PostgreSQL, against a real one.

use sha2::{Digest as _, Sha256, Sha384};
use spark_runtime::config::SecretSource;
use spark_runtime::probe::{
    Amounts, Bloat, Clock, Connections, Decimals, FlagsTable, IdempotencyTable, Index, Migrations, Outbox,
    Sequences,
};
use tempfile::TempDir;

use super::{fails, holds, measured, number, passes, secret, until_it_passes};
use crate::postgres_server::PostgresServer;

/// A schema of the case's own.
struct Own<'s> {
    server: &'s PostgresServer,
    folder: TempDir,
    schema: &'static str,
}

impl<'s> Own<'s> {
    fn new(server: &'s PostgresServer, schema: &'static str) -> Self {
        server.ask(&format!("CREATE SCHEMA {schema}"));
        Self { server, folder: tempfile::tempdir().unwrap(), schema }
    }

    fn url(&self) -> SecretSource {
        secret(self.folder.path(), &self.server.url())
    }

    fn ask(&self, sql: &str) {
        self.server.ask(&format!("SET search_path = {}; {sql}", self.schema));
    }

    fn table(&self, name: &str) -> String {
        format!("{}.{name}", self.schema)
    }
}

/// All cases against one server, each in a schema of its own; first the one that counts what all have open.
#[tokio::test]
async fn of_one_server() {
    let server = PostgresServer::start();
    connections(&server).await;
    tokio::join!(
        clocks(&server),
        sequences(Own::new(&server, "probe_sequences")),
        bloat(Own::new(&server, "probe_bloat")),
        indexes(Own::new(&server, "probe_index")),
        migrations(Own::new(&server, "probe_migrations")),
        decimals(Own::new(&server, "probe_decimals")),
        outboxes(Own::new(&server, "probe_outbox")),
        idempotency(Own::new(&server, "probe_keys")),
        flags(Own::new(&server, "probe_flags")),
    );
}

/// A database's clock that is this machine's has next to no drift, through a pooler too; one that is 90 s ahead has 90 s.
async fn clocks(right: &PostgresServer) {
    let folder = tempfile::tempdir().unwrap();
    for url in [right.url(), right.pooler_url()] {
        let found = until_it_passes("database_clock", || Clock { url: secret(folder.path(), &url) }).await;
        passes("database_clock", &found);
    }
    let words = super::ahead("+90s");
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let wrong = PostgresServer::start_with(&words, |_| Vec::new());
    let found = measured(Clock { url: secret(folder.path(), &wrong.url()) }).await;
    let drift = number(&found, "signed_drift");
    assert!(drift > "89".parse().unwrap() && drift < "91".parse().unwrap(), "{found:?}");
    fails("database_clock", &found);
    let nobody = format!("postgres://postgres@127.0.0.1:{}/postgres", crate::postgres_server::free_port());
    let found = measured(Clock { url: secret(folder.path(), &nobody) }).await;
    assert!(found.unwrap_err().starts_with("the connection failed"));
}

/// A sequence is near its end by its column's type too, and behind where the column has greater values, be it never used.
async fn sequences(own: Own<'_>) {
    let probe = || Sequences { url: own.url(), schemas: vec![own.schema.to_owned()] };
    own.ask(
        "CREATE TABLE a (id bigint GENERATED ALWAYS AS IDENTITY, x int); INSERT INTO a (x) VALUES (1), (2)",
    );
    own.ask("CREATE SEQUENCE down INCREMENT -1 MINVALUE -1000 START -1");
    let found = measured(probe()).await;
    holds(&found, &[("sequences", "2"), ("used", "0%"), ("behind", "0")]);
    passes("sequences", &found);
    // a sequence of eight bytes before a column of four
    own.ask(
        "CREATE SEQUENCE s; CREATE TABLE b (id integer DEFAULT nextval('s')); SELECT setval('s', 1932735283)",
    );
    let found = measured(probe()).await;
    assert!(number(&found, "used") > "0.899".parse().unwrap(), "{found:?}");
    holds(&found, &[("behind", "0")]);
    fails("sequences", &found);
    own.ask("INSERT INTO a OVERRIDING SYSTEM VALUE VALUES (1000, 1)");
    own.ask("CREATE TABLE c (id serial); INSERT INTO c VALUES (1)");
    holds(&measured(probe()).await, &[("behind", "2")]);
}

/// Dead rows are counted, and a table nobody ever analysed has a waste that nobody knows.
async fn bloat(own: Own<'_>) {
    let probe = || Bloat { url: own.url(), tables: vec![own.table("t")], at_least: 100 };
    own.ask("CREATE TABLE t (id int, x text) WITH (autovacuum_enabled = true)");
    own.ask("INSERT INTO t SELECT n, repeat('x', 100) FROM generate_series(1, 5000) AS n");
    own.server.ask("VACUUM ANALYZE probe_bloat.t");
    let found = measured(probe()).await;
    holds(&found, &[("tables", "1"), ("dead_ratio", "0%"), ("autovacuum_off", "0")]);
    passes("bloat", &found);
    assert!(number(&found, "wasted") < "0.2".parse().unwrap(), "{found:?}");
    assert!(number(&found, "transaction_ids_used") < "0.01".parse().unwrap(), "{found:?}");
    own.ask("ALTER TABLE t SET (autovacuum_enabled = false)");
    own.ask("UPDATE t SET id = id + 1; SELECT pg_stat_force_next_flush()");
    // the counts reach the view when the session that made them ends
    for _ in 0..100 {
        if number(&measured(probe()).await, "dead") >= 5000.into() {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    let found = measured(probe()).await;
    holds(&found, &[("dead", "5000"), ("dead_ratio", "50%"), ("autovacuum_off", "1")]);
    fails("bloat", &found);
    own.ask("DELETE FROM t WHERE id > 500");
    own.server.ask("VACUUM (TRUNCATE false) probe_bloat.t");
    own.ask("ANALYZE t");
    assert!(number(&measured(probe()).await, "wasted") > "0.8".parse().unwrap());
    own.ask("CREATE TABLE u (id int) WITH (autovacuum_enabled = false); INSERT INTO u SELECT generate_series(1, 500)");
    for _ in 0..100 {
        let found = measured(Bloat { url: own.url(), tables: vec![own.table("u")], at_least: 100 }).await;
        if found.unwrap().value("wasted").known().is_none() {
            let gone =
                measured(Bloat { url: own.url(), tables: vec!["nothing".to_owned()], at_least: 1 }).await;
            assert!(gone.unwrap_err().contains("no table `nothing`"));
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("the waste of a table that was never analysed is known");
}

/// Connections that do nothing within a transaction are seen, and how long they do.
async fn connections(server: &PostgresServer) {
    let folder = tempfile::tempdir().unwrap();
    let probe = || Connections { url: secret(folder.path(), &server.url()) };
    holds(
        &measured(probe()).await,
        &[("open", "0"), ("idle_in_transaction", "0"), ("waiting_for_locks", "0")],
    );
    let mut client = server.client_of_pooler();
    client.say("BEGIN; SELECT 1;\n");
    for _ in 0..200 {
        let found = measured(probe()).await;
        if number(&found, "idle_in_transaction") == 1.into() {
            assert!(number(&found, "longest_idle_in_transaction") >= 0.into());
            assert!(number(&found, "used") > 0.into());
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("a transaction that does nothing is not seen");
}

/// The index that is meant is found whatever its spelling; one over other rows, one that is not valid, an order that changed and
/// rows that are there twice are not taken for it.
async fn indexes(own: Own<'_>) {
    own.ask("CREATE TABLE p (account text COLLATE \"C\", symbol text COLLATE \"und-x-icu\", closed_at timestamptz)");
    let probe = || Index {
        url: own.url(),
        table: own.table("p"),
        columns: vec!["account".to_owned(), "symbol".to_owned()],
        only: Some("closed_at is null".to_owned()),
    };
    own.ask("INSERT INTO p VALUES ('a', 's', NULL), ('a', 's', NULL)");
    holds(&measured(probe()).await, &[("matching", "0"), ("duplicates", "1")]);
    own.ask("UPDATE p SET closed_at = clock_timestamp() + random() * interval '1 day'");
    own.ask("CREATE UNIQUE INDEX wide ON p (account, symbol, closed_at); CREATE INDEX plain ON p (account, symbol) WHERE closed_at IS NULL");
    holds(&measured(probe()).await, &[("matching", "0"), ("duplicates", "0")]);
    own.ask("CREATE UNIQUE INDEX one ON p (account, symbol) WHERE closed_at IS NULL");
    let fine = [
        ("matching", "1"),
        ("invalid", "0"),
        ("duplicates", "0"),
        ("collations_changed", "0"),
        ("collations_of_system", "0"),
        ("collations_loose", "0"),
    ];
    let found = measured(probe()).await;
    holds(&found, &fine);
    passes("positions_index", &found);
    own.server.ask("CREATE COLLATION probe_index.old (provider = icu, locale = 'en-US'); UPDATE pg_collation SET collversion = '1' WHERE collname = 'old'; CREATE COLLATION probe_index.loose (provider = icu, locale = 'en-US', deterministic = false)");
    own.ask("ALTER TABLE p ALTER account TYPE text COLLATE probe_index.old, ALTER symbol TYPE text COLLATE probe_index.loose");
    let found = measured(probe()).await;
    holds(&found, &[("collations_changed", "1"), ("collations_loose", "1")]);
    fails("positions_index", &found);
    own.server.ask("UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'probe_index.one'::regclass");
    holds(&measured(probe()).await, &[("matching", "0"), ("invalid", "1")]);
}

/// Migrations of both kinds: all applied; then one pending, one failed half-way, one edited after it was applied, and one that
/// the folder does not have.
async fn migrations(own: Own<'_>) {
    let sqlx = own.folder.path().join("sqlx");
    let prisma = own.folder.path().join("prisma");
    let write = |path: std::path::PathBuf, text: &str| {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let probe = || Migrations {
        url: own.url(),
        sqlx: Some(sqlx.clone()),
        prisma: Some(prisma.clone()),
        schema: Some(own.schema.to_owned()),
    };
    assert!(measured(probe()).await.unwrap_err().contains("sqlx"));
    write(sqlx.join("0001_one.sql"), "SELECT 1");
    write(sqlx.join("20260102_two.up.sql"), "SELECT 2");
    write(sqlx.join("20260102_two.down.sql"), "SELECT 0");
    write(prisma.join("20260101_one/migration.sql"), "SELECT 1");
    write(prisma.join("migration_lock.toml"), "");
    assert!(measured(probe()).await.unwrap_err().contains("there is no table"));
    own.ask("CREATE TABLE _sqlx_migrations (version bigint PRIMARY KEY, description text NOT NULL, installed_on timestamptz NOT NULL DEFAULT now(), success boolean NOT NULL, checksum bytea NOT NULL, execution_time bigint NOT NULL)");
    own.ask("CREATE TABLE _prisma_migrations (id varchar(36) PRIMARY KEY, checksum varchar(64) NOT NULL, finished_at timestamptz, migration_name varchar(255) NOT NULL, logs text, rolled_back_at timestamptz, started_at timestamptz NOT NULL DEFAULT now(), applied_steps_count integer NOT NULL DEFAULT 0)");
    for (version, text) in [(1, "SELECT 1"), (20_260_102, "SELECT 2")] {
        let sum = hex(&Sha384::digest(text));
        own.ask(&format!("INSERT INTO _sqlx_migrations VALUES ({version}, 'x', now(), true, '\\x{sum}', 1)"));
    }
    let sum = hex(&Sha256::digest("SELECT 1"));
    own.ask(&format!("INSERT INTO _prisma_migrations VALUES ('1', '{sum}', NULL, '20260101_one', 'it broke', now(), now(), 0)"));
    own.ask(&format!(
        "INSERT INTO _prisma_migrations VALUES ('2', '{sum}', now(), '20260101_one', NULL, NULL, now(), 1)"
    ));
    let none = [("pending", "0"), ("failed", "0"), ("edited", "0"), ("not_in_folder", "0")];
    let found = measured(probe()).await;
    holds(&found, &none);
    holds(&found, &[("applied", "3")]);
    passes("migrations", &found);
    write(sqlx.join("0003_three.sql"), "SELECT 3");
    write(prisma.join("20260101_one/migration.sql"), "SELECT 1 -- a word");
    own.ask("INSERT INTO _prisma_migrations VALUES ('3', 'x', NULL, '20260103_three', 'it broke', NULL, now(), 0)");
    own.ask("INSERT INTO _sqlx_migrations VALUES (9, 'x', now(), true, '\\x00', 1)");
    let found = measured(probe()).await;
    holds(
        &found,
        &[("applied", "2"), ("pending", "1"), ("failed", "1"), ("edited", "1"), ("not_in_folder", "1")],
    );
    fails("migrations", &found);
}

/// Amounts are on their ticks and exact; one off, one without a tick, one that drifted and a binary column are each seen.
async fn decimals(own: Own<'_>) {
    own.ask("CREATE TABLE o (price numeric, tick numeric, quantity numeric, notional numeric)");
    own.ask("INSERT INTO o VALUES (10.25, 0.25, 3, 30.75), (NULL, 0.1, 2, 0.2)");
    let probe = |table: &str| Decimals {
        url: own.url(),
        table: own.table(table),
        multiples: vec![("price".to_owned(), "tick".to_owned())],
        amounts: Some(Amounts {
            amount: "notional".to_owned(),
            product: vec!["price".to_owned(), "quantity".to_owned()],
        }),
        only: None,
    };
    let found = measured(probe("o")).await;
    holds(&found, &[("rows", "2"), ("misaligned", "0"), ("drifting", "0"), ("binary_columns", "0")]);
    passes("ticks", &found);
    passes("amounts", &found);
    own.ask("INSERT INTO o VALUES (10.30, 0.25, 1, 10.30), (1, 0, 1, 1), (0.1, 0.1, 3, 0.30000000000000004)");
    let found = measured(probe("o")).await;
    holds(&found, &[("rows", "5"), ("misaligned", "2"), ("drifting", "1")]);
    fails("ticks", &found);
    fails("amounts", &found);
    own.ask("CREATE TABLE f (price double precision, tick numeric, quantity numeric, notional real)");
    holds(&measured(probe("f")).await, &[("rows", "0"), ("binary_columns", "2")]);
    assert!(measured(probe("gone")).await.unwrap_err().contains("does not exist"));
}

/// An outbox that keeps up, and one with old events, tries without a wait, and times of another clock.
async fn outboxes(own: Own<'_>) {
    own.ask("CREATE TABLE outbox (created_at timestamptz, sent_at timestamptz, attempts int DEFAULT 0, next_attempt_at timestamptz DEFAULT now())");
    let column = |name: &str| Some(name.to_owned());
    let probe = |attempts, next| Outbox {
        url: own.url(),
        table: own.table("outbox"),
        created: "created_at".to_owned(),
        sent: "sent_at".to_owned(),
        attempts,
        next,
    };
    let all = || probe(column("attempts"), column("next_attempt_at"));
    own.ask("INSERT INTO outbox VALUES (now() - interval '2s', now() - interval '1s')");
    let found = measured(all()).await;
    holds(
        &found,
        &[
            ("events", "1"),
            ("unsent", "0"),
            ("oldest_unsent", "0s"),
            ("lag", "1s"),
            ("attempts", "0"),
            ("without_backoff", "0"),
            ("sent_before_written", "0"),
            ("skew", "0s"),
        ],
    );
    passes("outbox", &found);
    passes("outbox_skew", &found);
    own.ask("INSERT INTO outbox VALUES (now() - interval '10 min', NULL, 4, now() - interval '10 min')");
    own.ask("INSERT INTO outbox VALUES (now() - interval '1 min', now() - interval '2 min')");
    own.ask("INSERT INTO outbox VALUES (now() + interval '5 min', NULL)");
    let found = measured(all()).await;
    holds(
        &found,
        &[("unsent", "2"), ("attempts", "4"), ("without_backoff", "1"), ("sent_before_written", "1")],
    );
    assert!(number(&found, "oldest_unsent") >= 600.into());
    assert!(number(&found, "overdue") >= 600.into());
    assert!(number(&found, "skew") > 290.into());
    fails("outbox", &found);
    fails("outbox_skew", &found);
    let found = measured(probe(None, None)).await;
    assert!(found.unwrap().value("without_backoff").known().is_none());
}

/// Keys that end and are taken away, and ones that stay, or have no end.
async fn idempotency(own: Own<'_>) {
    own.ask("CREATE TABLE keys (created_at timestamptz, expires_at timestamptz)");
    let probe = || IdempotencyTable {
        url: own.url(),
        table: own.table("keys"),
        created: "created_at".to_owned(),
        expires: "expires_at".to_owned(),
    };
    assert!(measured(probe()).await.unwrap().value("longest_life").known().is_none());
    own.ask("INSERT INTO keys VALUES (now(), now() + interval '1 day')");
    let fine = [
        ("keys", "1"),
        ("endless", "0"),
        ("expired", "0"),
        ("longest_expired", "0s"),
        ("longest_life", "1d"),
    ];
    let found = measured(probe()).await;
    holds(&found, &fine);
    passes("idempotency_ttl", &found);
    own.ask("INSERT INTO keys VALUES (now() - interval '3 days', now() - interval '2 days'), (now(), NULL)");
    let found = measured(probe()).await;
    holds(&found, &[("endless", "1"), ("expired", "1")]);
    assert!(number(&found, "longest_expired") >= 172_800.into());
    fails("idempotency_ttl", &found);
}

/// Flags that are what they have to be, and those that are not, lack or are more.
async fn flags(own: Own<'_>) {
    own.ask(
        "CREATE TABLE flags (name text, value boolean); INSERT INTO flags VALUES ('a', true), ('b', false)",
    );
    let probe = |expected: &[(&str, &str)]| FlagsTable {
        url: own.url(),
        table: own.table("flags"),
        name: "name".to_owned(),
        value: "value".to_owned(),
        expected: expected.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
    };
    let found = measured(probe(&[("a", "true"), ("b", "false")])).await;
    holds(&found, &[("flags", "2"), ("different", "0"), ("missing", "0"), ("unexpected", "0")]);
    passes("flags", &found);
    let found = measured(probe(&[("a", "false"), ("c", "true")])).await;
    holds(&found, &[("different", "1"), ("missing", "1"), ("unexpected", "1")]);
    fails("flags", &found);
}
