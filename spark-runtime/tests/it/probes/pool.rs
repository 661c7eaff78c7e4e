//! A real pgBouncer, by its console.

use std::time::Duration;

use spark_core::TimeSpan;
use spark_runtime::probe::Pgbouncer;

use super::{fails, holds, measured, number, passes, secret};
use crate::postgres_server::PostgresServer;

/// A pool at rest has room; one whose four servers are held by clients that do nothing is full, has a client waiting, and tells
/// of the leak.
#[tokio::test]
async fn pools() {
    let server = PostgresServer::start();
    let folder = tempfile::tempdir().unwrap();
    let console = server.pooler_url().replace("/postgres?", "/pgbouncer?");
    let probe = |databases: Vec<String>| Pgbouncer {
        url: secret(folder.path(), &console),
        databases,
        held_after: TimeSpan::from_seconds(1),
    };
    let found = measured(probe(Vec::new())).await;
    holds(&found, &[("saturation", "0%"), ("waiting", "0"), ("held", "0"), ("stopped", "0")]);
    passes("pool_saturation", &found);
    passes("pool_leak", &found);
    assert!(number(&found, "clients_used") > 0.into());
    let unknown = measured(probe(vec!["nothing".to_owned()])).await;
    assert!(unknown.unwrap_err().contains("no database `nothing`"));
    let mut clients: Vec<_> = (0..5).map(|_| server.client_of_pooler()).collect();
    clients.iter_mut().for_each(|client| client.say("BEGIN; SELECT 1;\n"));
    // a database that stands in no list is known to the console from its first client on
    let mut found = Err("not asked".to_owned());
    for _ in 0..200 {
        found = measured(probe(vec!["postgres".to_owned()])).await;
        if found.is_ok() && number(&found, "held") == 4.into() {
            holds(&found, &[("saturation", "100%"), ("waiting", "1")]);
            fails("pool_saturation", &found);
            fails("pool_leak", &found);
            assert!(number(&found, "longest_held") > 1.into());
            assert!(number(&found, "longest_wait") > 0.into());
            // what is no console answers nothing of a pool
            let plain = Pgbouncer { url: secret(folder.path(), &server.url()), ..probe(Vec::new()) };
            assert!(measured(plain).await.is_err());
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("servers that are held are not seen: {found:?}");
}
