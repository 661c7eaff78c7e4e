//! What only the shared journal must withstand: leases, a server that goes away, connections that are cut.

use std::task::Poll;
use std::time::Duration;

use spark_runtime::journal::postgres::{PostgresConfig, PostgresJournal, PostgresStore, Reply};
use spark_runtime::journal::{Journal as _, JournalError, Leave, Opened};

use super::proxy::{Cut, Proxy};
use super::{record, records, wait};
use crate::postgres_server::PostgresServer;

const RELEASE: &str = "2026.11-a";

fn config(url: String, schema: &str, holder: &str) -> PostgresConfig {
    let mut config = PostgresConfig::new(url, holder);
    config.schema = schema.to_owned();
    config
}

async fn store(schema: &str, holder: &str) -> PostgresStore {
    PostgresStore::connect(config(PostgresServer::shared().url(), schema, holder)).await.unwrap()
}

async fn acquire(store: &mut PostgresStore) -> PostgresJournal {
    store.acquire(RELEASE).await.unwrap().journal
}

fn ask(sql: &str) -> String {
    PostgresServer::shared().ask(sql)
}

/// A lease runs by the database's clock: what the runner's own clock makes of it counts for nothing. The runner that lost
/// it writes nothing any more, also where nobody took the rollout over.
#[test]
fn a_lost_lease_ends_every_write() {
    wait(async {
        let (mut first, mut second) = (store("lease", "first").await, store("lease", "second").await);
        let mut old = acquire(&mut first).await;
        old.commit(&records(0..2)).await.unwrap();
        match second.acquire(RELEASE).await {
            Err(JournalError::Held { holder, until: Some(_) }) => assert_eq!(holder.to_string(), "`first`"),
            other => panic!("{other:?}"),
        }
        // by the database the lease is over, fourteen seconds before it is by the runner's clock
        ask("UPDATE lease.spark_rollouts SET lease_until = clock_timestamp() - interval '1 millisecond'");
        let lost = old.commit(&records(2..3)).await.unwrap_err();
        assert!(matches!(lost, JournalError::Fenced { ours: 1, theirs: 1, .. }), "{lost}");
        let Opened { journal: mut new, records: found, .. } = second.acquire(RELEASE).await.unwrap();
        assert_eq!((new.fence(), found.len()), (2, 2));
        new.commit(&records(2..4)).await.unwrap();
        // the old one tries everything it has
        assert_eq!(old.commit(&records(2..3)).await.unwrap_err(), lost);
        assert_eq!(old.renew().await.unwrap_err(), lost);
        assert_eq!(old.close(Leave::Finished).await.unwrap_err(), lost);
        assert_eq!(ask("SELECT fence, head_seq, finished_at IS NULL FROM lease.spark_rollouts"), "2|4|t");
        assert_eq!(ask("SELECT count(*) FROM lease.spark_journal"), "4");
        // a renewal keeps it
        ask("UPDATE lease.spark_rollouts SET lease_until = clock_timestamp() + interval '1 second'");
        new.renew().await.unwrap();
        assert_eq!(
            ask("SELECT lease_until > clock_timestamp() + interval '10 seconds' FROM lease.spark_rollouts"),
            "t"
        );
        new.commit(&records(4..5)).await.unwrap();
    });
}

/// One that was taken over before it could look is told by whom, at its first write or renewal, and answers no word.
#[test]
fn a_fenced_runner_is_told() {
    wait(async {
        let mut first = store("fenced", "first").await;
        let mut second = store("fenced", "second").await;
        for write in 0..2 {
            let mut old = acquire(&mut first).await;
            old.commit(&records(0..1)).await.unwrap();
            let id = second.say(RELEASE, "\"hold\"", "ayse", "slow").await.unwrap();
            ask("UPDATE fenced.spark_rollouts SET lease_until = '-infinity'");
            let new = acquire(&mut second).await;
            let told = match write {
                0 => old.commit(&records(1..2)).await.unwrap_err(),
                _ => old.renew().await.unwrap_err(),
            };
            assert!(told.is_fenced(), "{told}");
            assert!(told.to_string().contains("`second` has taken it over"), "{told}");
            // neither does it answer what was said to it
            let (mut before, mut now) = (old.desk(), new.desk());
            assert!(!before.answer(id, "taken").await.unwrap());
            assert_eq!(second.reply(id).await.unwrap(), Reply::Waiting);
            assert!(now.waiting().await.unwrap().iter().any(|word| word.id == id));
            assert!(now.answer(id, "refused").await.unwrap());
            assert!(!now.answer(id, "refused again").await.unwrap());
            assert_eq!(second.reply(id).await.unwrap(), Reply::Answered("refused".to_owned()));
            assert!(!second.withdraw(id).await.unwrap());
            new.close(Leave::Unfinished).await.unwrap();
        }
    });
}

/// Of many runners that want one rollout at once, one gets it; whoever takes any rollout takes one that is free.
#[test]
fn one_of_many_gets_it() {
    wait(async {
        let mut stores = Vec::new();
        for runner in 0..6 {
            stores.push(store("many", &format!("runner{runner}")).await);
        }
        for round in 1..=5 {
            let racers = stores.into_iter().map(|mut store| {
                tokio::spawn(async move {
                    let taken = store.acquire(RELEASE).await;
                    (store, taken)
                })
            });
            let (mut won, mut lost) = (Vec::new(), 0);
            stores = Vec::new();
            for racer in racers.collect::<Vec<_>>() {
                let (store, taken) = racer.await.unwrap();
                stores.push(store);
                match taken {
                    Ok(opened) => won.push(opened.journal),
                    Err(JournalError::Held { .. }) => lost += 1,
                    Err(other) => panic!("{other}"),
                }
            }
            assert_eq!((won.len(), lost), (1, 5));
            let mut journal = won.pop().unwrap();
            assert_eq!(journal.fence(), round);
            journal.commit(&records(0..1)).await.unwrap();
            journal.close(Leave::Unfinished).await.unwrap();
        }
        // one is free, one is held, one is over
        let held = stores[0].acquire("held").await.unwrap().journal;
        let over = stores[0].acquire("over").await.unwrap().journal;
        over.close(Leave::Finished).await.unwrap();
        let (name, taken) = stores[1].claim_any().await.unwrap().unwrap();
        assert_eq!((name.as_str(), taken.journal.fence(), taken.records.len()), (RELEASE, 6, 5));
        assert!(stores[2].claim_any().await.unwrap().is_none());
        drop(held);
    });
}

/// Lines that were changed, removed, added or set back behind Spark's back halt, and are named.
#[test]
fn damage_halts() {
    wait(async {
        let mut store = store("damage", "runner").await;
        let table = "damage.spark_journal";
        for (how, expected) in [
            (
                format!(
                    "UPDATE {table} SET line = replace(line, '\"number\":2', '\"number\":7') WHERE seq = 3"
                ),
                3,
            ),
            (format!("DELETE FROM {table} WHERE seq = 2"), 2),
            (format!("DELETE FROM {table} WHERE seq > 3"), 4),
            (format!("UPDATE {table} SET line = (SELECT line FROM {table} WHERE seq = 2) WHERE seq = 3"), 3),
            // a journal of the same length that leads elsewhere
            (
                format!(
                    "UPDATE {table} SET line = (SELECT line FROM {table} WHERE seq = 5) || ' ' WHERE seq = 5"
                ),
                5,
            ),
            ("UPDATE damage.spark_rollouts SET head_sum = repeat('0', 64)".to_owned(), 5),
            (format!("DELETE FROM {table}"), 1),
        ] {
            let mut journal = acquire(&mut store).await;
            journal.commit(&records(0..5)).await.unwrap();
            ask(&how);
            for read in [store.read_only(RELEASE).await.err(), {
                journal.close(Leave::Unfinished).await.unwrap();
                store.acquire(RELEASE).await.err()
            }] {
                match read {
                    Some(JournalError::Damaged { line, .. }) => assert_eq!(line, expected, "{how}"),
                    other => panic!("{how}: {other:?}"),
                }
            }
            ask("TRUNCATE damage.spark_journal, damage.spark_rollouts, damage.spark_words");
        }
        // the whole set back under a runner that lives: the row was restored from yesterday
        let mut journal = acquire(&mut store).await;
        journal.commit(&records(0..3)).await.unwrap();
        let (seq, sum) = (journal.head().seq, journal.head().sum);
        journal.commit(&records(3..5)).await.unwrap();
        ask(&format!("UPDATE damage.spark_rollouts SET head_seq = {seq}, head_sum = '{sum}'"));
        let found = journal.commit(&records(5..6)).await.unwrap_err();
        assert!(found.is_damage() && found.to_string().contains("ends at line 3, and line 5 was"), "{found}");
    });
}

/// What cannot be used is refused in words, and never in those of the address.
#[test]
fn refused_databases() {
    let server = PostgresServer::shared();
    wait(async {
        let no_port = "postgres://ayse:hunter2@127.0.0.1:1/x?sslmode=disable".to_owned();
        for (url, schema, words) in [
            ("hunter2".to_owned(), "spark", "its address is none"),
            (no_port, "spark", "the connection failed"),
            (server.url(), "Spark", "`Spark` is no schema"),
            (server.url().replace("/postgres?", "/nothing_here?"), "spark", "does not exist"),
        ] {
            let refused =
                PostgresStore::connect(config(url, schema, "runner")).await.unwrap_err().to_string();
            assert!(
                refused.starts_with("cannot connect to the journal: ") && refused.contains(words),
                "{refused}"
            );
            assert!(!refused.contains("hunter2"), "{refused}");
        }
        drop(store("newer", "runner").await);
        ask("INSERT INTO newer.spark_schema (version) VALUES (2)");
        let newer = PostgresStore::connect(config(server.url(), "newer", "runner")).await.unwrap_err();
        assert!(newer.to_string().contains("its tables are of version 2, and this Spark knows 1"), "{newer}");
    });
}

/// A server that restarts within the patience of a commit is none of the rollout's business; what was acknowledged before a
/// crash of it is there afterwards. One that would not keep what it acknowledges is refused.
#[test]
fn the_server_restarts() {
    let server = PostgresServer::start();
    wait(async {
        let mut store = PostgresStore::connect(config(server.url(), "spark", "runner")).await.unwrap();
        let mut journal = acquire(&mut store).await;
        journal.commit(&records(0..2)).await.unwrap();
        for (place, mode) in [(2, "fast"), (3, "immediate")] {
            server.control(&["-m", mode, "restart"]);
            journal.commit(&records(place..place + 1)).await.unwrap();
        }
        // longer than it is patient for
        let mut hasty = config(server.url(), "spark", "hasty");
        hasty.patience = Duration::from_millis(300);
        let mut hasty = PostgresStore::connect(hasty).await.unwrap();
        let mut other = hasty.acquire("other").await.unwrap().journal;
        other.commit(&records(0..1)).await.unwrap();
        server.control(&["-m", "immediate", "stop"]);
        let broken = other.commit(&records(1..2)).await.unwrap_err();
        assert!(matches!(broken, JournalError::Broken { .. }), "{broken}");
        server.control(&["start"]);
        // it is not written again as if nothing had happened
        assert_eq!(other.commit(&records(1..2)).await.unwrap_err(), broken);
        assert_eq!(
            server.ask("SELECT release, head_seq FROM spark.spark_rollouts ORDER BY 1"),
            "2026.11-a|4\nother|1"
        );
        journal.commit(&records(4..5)).await.unwrap();

        server.ask("ALTER SYSTEM SET fsync = off");
        server.ask("SELECT pg_reload_conf()");
        std::thread::sleep(Duration::from_millis(300));
        let refused = PostgresStore::connect(config(server.url(), "spark", "runner")).await.unwrap_err();
        assert!(refused.to_string().contains("`fsync = off`"), "{refused}");
    });
}

/// A connection that is cut around a commit leaves open whether it counts: the row is asked, and the records are there
/// once, whichever it was. Where nobody can be asked in time, the journal is broken, and who opens it again sees.
#[test]
fn a_cut_connection_leaves_one_truth() {
    wait(async {
        let proxy = Proxy::start(PostgresServer::shared().port());
        let mut settings = config(PostgresServer::shared().url_at(proxy.port()), "cut", "runner");
        let mut store = PostgresStore::connect(settings.clone()).await.unwrap();
        let mut journal = acquire(&mut store).await;
        let mut written = 0;
        for (cut, once) in [(Cut::Before, true), (Cut::After, true), (Cut::Middle, true)] {
            proxy.cut(cut, once);
            let head = journal.commit(&[record(written)]).await.unwrap();
            written += 1;
            assert_eq!(head.seq, written, "{cut:?}");
            assert_eq!(proxy.cuts(), written, "{cut:?}");
        }
        assert_eq!(ask("SELECT count(*) FROM cut.spark_journal"), "3");
        // for good: through or not, and nobody can tell
        settings.patience = Duration::from_millis(500);
        journal.close(Leave::Unfinished).await.unwrap();
        store = PostgresStore::connect(settings).await.unwrap();
        journal = acquire(&mut store).await;
        for (cut, through) in [(Cut::Before, 0), (Cut::After, 1)] {
            proxy.cut(cut, false);
            let broken = journal.commit(&[record(written)]).await.unwrap_err();
            assert!(matches!(broken, JournalError::Broken { .. }), "{broken}");
            assert_eq!(journal.renew().await.unwrap_err(), broken);
            proxy.heal();
            assert_eq!(journal.commit(&[record(written)]).await.unwrap_err(), broken);
            assert_eq!(journal.renew().await.unwrap_err(), broken);
            ask("UPDATE cut.spark_rollouts SET lease_until = '-infinity'");
            let opened = store.acquire(RELEASE).await.unwrap();
            // by then it is another runner's, and whoever asks is told
            assert!(journal.renew().await.unwrap_err().is_fenced());
            assert!(journal.lines().await.unwrap_err().is_fenced());
            written += through;
            assert_eq!(opened.records.len() as u64, written, "{cut:?}");
            journal = opened.journal;
        }
        journal.commit(&[record(written)]).await.unwrap();
        // a commit that is given up half-way breaks the journal as a crash would
        {
            let records = [record(9)];
            let mut commit = std::pin::pin!(journal.commit(&records));
            assert!(std::future::poll_fn(|cx| Poll::Ready(commit.as_mut().poll(cx).is_pending())).await);
        }
        let broken = journal.commit(&[record(9)]).await.unwrap_err();
        assert!(broken.to_string().contains("was given up while it was under way"), "{broken}");
    });
}

/// A word is in the journal once, and taken from those that wait in the same transaction: a runner that dies before it
/// answers leaves none behind that the next one would record again.
#[test]
fn a_word_is_recorded_once() {
    wait(async {
        let mut store = store("words", "runner").await;
        assert!(matches!(store.say(RELEASE, "{}", "ayse", "x").await, Err(JournalError::Missing(_))));
        let mut journal = acquire(&mut store).await;
        let mut desk = journal.desk();
        let id = store.say(RELEASE, "{}", "ayse", "x").await.unwrap();
        let unheard = store.say(RELEASE, "{}", "ayse", "y").await.unwrap();
        let waiting: Vec<i64> = desk.waiting().await.unwrap().iter().map(|word| word.id).collect();
        assert_eq!(waiting, [id, unheard]);
        let serde_json::Value::Object(members) = serde_json::json!({"fact": "word", "because": "x"}) else {
            panic!()
        };
        desk.hand(id, members);
        // another record takes it from nobody
        journal.commit(&["{\"fact\":\"word\",\"because\":\"z\"}".to_owned()]).await.unwrap();
        assert_eq!(store.reply(id).await.unwrap(), Reply::Waiting);
        journal.commit(&["{\"fact\":\"word\",\"at\":1,\"because\":\"x\"}".to_owned()]).await.unwrap();
        assert_eq!(store.reply(id).await.unwrap(), Reply::Recorded);
        drop((journal, desk));
        ask("UPDATE words.spark_rollouts SET lease_until = '-infinity'");
        let mut desk = acquire(&mut store).await.desk();
        assert_eq!(desk.waiting().await.unwrap().len(), 1);
        assert!(store.withdraw(unheard).await.unwrap());
        assert_eq!(desk.waiting().await.unwrap(), []);
        // who said it has given up long ago
        store.say(RELEASE, "{}", "ayse", "y").await.unwrap();
        ask("UPDATE words.spark_words SET given_at = given_at - interval '3 minutes'");
        assert_eq!(desk.waiting().await.unwrap(), []);
        let long = "x".repeat(64 * 1024 + 1);
        assert!(matches!(store.say(RELEASE, "{}", "ayse", &long).await, Err(JournalError::TooMuch { .. })));
    });
}
