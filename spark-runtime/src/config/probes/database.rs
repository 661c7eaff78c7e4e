//! Probes of databases.

use std::path::PathBuf;

use spark_core::TimeSpan;

use super::super::document::Node;
use super::super::read::Reader;
use super::super::shape_probes as shape;
use super::{pairs, text, texts, url, whole};
use crate::probe::{
    Amounts, Bloat, Clock, Connections, Decimals, IdempotencyTable, Index, Migrations, Outbox, Pgbouncer,
    ProbeKind, Restore, Sequences,
};

/// Rows from which on a table's dead ones count: three of four dead rows are no bloat.
const AT_LEAST: u32 = 1_000;

/// Most rows that this limit may ask for.
const AT_LEAST_MAX: u32 = 1_000_000_000;

/// How long a server may be with a client that asks nothing: transactions of a service end within a second.
const HELD_AFTER: TimeSpan = TimeSpan::from_seconds(60);

/// Where Debian has PostgreSQL's programs.
const BIN: &str = "/usr/lib/postgresql/15/bin";

pub(super) fn read(reader: &mut Reader<'_>, kind: &str, node: &Node) -> Option<ProbeKind> {
    match kind {
        "postgres-clock" => {
            let fields = reader.fields(node, &shape::POSTGRES_CLOCK)?;
            Some(Clock { url: url(reader, &fields)? }.into())
        }
        "postgres-connections" => {
            let fields = reader.fields(node, &shape::POSTGRES_CONNECTIONS)?;
            Some(Connections { url: url(reader, &fields)? }.into())
        }
        "postgres-sequences" => {
            let fields = reader.fields(node, &shape::POSTGRES_SEQUENCES)?;
            let schemas = texts(reader, &fields, "schemas", "the name of a schema");
            Some(Sequences { url: url(reader, &fields)?, schemas }.into())
        }
        "postgres-bloat" => {
            let fields = reader.fields(node, &shape::POSTGRES_BLOAT)?;
            let tables = texts(reader, &fields, "tables", "the name of a table");
            let at_least = whole(reader, &fields, "at-least", AT_LEAST_MAX, AT_LEAST);
            Some(Bloat { url: url(reader, &fields)?, tables, at_least: u64::from(at_least) }.into())
        }
        "pgbouncer" => {
            let fields = reader.fields(node, &shape::PGBOUNCER)?;
            let databases = texts(reader, &fields, "databases", "the name of a database");
            let held_after =
                fields.get("held-after").and_then(|node| reader.span(node)).unwrap_or(HELD_AFTER);
            Some(Pgbouncer { url: url(reader, &fields)?, databases, held_after }.into())
        }
        "migrations" => migrations(reader, node),
        "postgres-index" | "decimals" | "outbox" | "idempotency-keys" => of_table(reader, kind, node),
        _ => restore(reader, node),
    }
}

fn migrations(reader: &mut Reader<'_>, node: &Node) -> Option<ProbeKind> {
    let fields = reader.fields(node, &shape::MIGRATIONS)?;
    let mut folder = |key| fields.get(key).and_then(|node| reader.path(node));
    let (sqlx, prisma) = (folder("sqlx"), folder("prisma"));
    if fields.get("sqlx").is_none() && fields.get("prisma").is_none() {
        reader.wrong(fields.place, "expected `sqlx`, `prisma` or both: the folders of the migrations");
    }
    let schema = text(reader, &fields, "schema", "the name of a schema");
    Some(Migrations { url: url(reader, &fields)?, sqlx, prisma, schema }.into())
}

fn of_table(reader: &mut Reader<'_>, kind: &str, node: &Node) -> Option<ProbeKind> {
    const COLUMN: &str = "the name of a column";
    let shape = match kind {
        "postgres-index" => &shape::POSTGRES_INDEX,
        "decimals" => &shape::DECIMALS,
        "outbox" => &shape::OUTBOX,
        _ => &shape::IDEMPOTENCY_KEYS,
    };
    let fields = reader.fields(node, shape)?;
    let (url, table) = (url(reader, &fields), text(reader, &fields, "table", "the name of a table"));
    match kind {
        "postgres-index" => {
            let columns = texts(reader, &fields, "columns", COLUMN);
            let only = text(reader, &fields, "where", "a condition in SQL");
            Some(Index { url: url?, table: table?, columns, only }.into())
        }
        "decimals" => {
            let multiples =
                pairs(reader, &fields, "multiples", "columns and their steps, such as { price: tick }");
            let amount = text(reader, &fields, "amount", COLUMN);
            let product = texts(reader, &fields, "product", COLUMN);
            let amounts = match (amount, product.is_empty()) {
                (Some(amount), false) => Some(Amounts { amount, product }),
                (None, true) => None,
                _ => {
                    reader.wrong(fields.place, "`amount` and `product` belong together: an amount and the columns that it is the product of");
                    None
                }
            };
            if multiples.is_empty() && amounts.is_none() {
                reader.wrong(
                    fields.place,
                    "expected `multiples`, or `amount` and `product`: nothing would be looked at",
                );
            }
            let only = text(reader, &fields, "where", "a condition in SQL");
            Some(Decimals { url: url?, table: table?, multiples, amounts, only }.into())
        }
        "outbox" => {
            let mut column = |key| text(reader, &fields, key, COLUMN);
            let (created, sent) = (column("created"), column("sent"));
            let (attempts, next) = (column("attempts"), column("next"));
            Some(Outbox { url: url?, table: table?, created: created?, sent: sent?, attempts, next }.into())
        }
        _ => {
            let mut column = |key| text(reader, &fields, key, COLUMN);
            let (created, expires) = (column("created"), column("expires"));
            Some(IdempotencyTable { url: url?, table: table?, created: created?, expires: expires? }.into())
        }
    }
}

fn restore(reader: &mut Reader<'_>, node: &Node) -> Option<ProbeKind> {
    let fields = reader.fields(node, &shape::RESTORE)?;
    let mut path = |key| fields.get(key).and_then(|node| reader.path(node));
    let (archive, bin, scratch) = (path("archive"), path("bin"), path("scratch"));
    let tables =
        pairs(reader, &fields, "tables", "tables and their columns of time, such as { orders: created_at }");
    let run_as = match fields.get("run-as") {
        Some(node) => {
            let items = reader.list(node, "words before each program, such as [runuser, -u, postgres, --]");
            items.iter().filter_map(|item| reader.text(item, "a word")).collect()
        }
        None => Vec::new(),
    };
    Some(
        Restore {
            url: url(reader, &fields)?,
            archive: archive?,
            tables,
            bin: bin.unwrap_or_else(|| PathBuf::from(BIN)),
            run_as,
            scratch: scratch.unwrap_or_else(std::env::temp_dir),
        }
        .into(),
    )
}
