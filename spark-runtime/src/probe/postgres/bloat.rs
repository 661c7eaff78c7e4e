//! Dead rows, and room that tables hold without need.

use rust_decimal::Decimal;
use serde_json::json;

use super::super::database::{Database, Record, json, literal};
use super::super::{Measured, Probe, ProbeError, Value};
use crate::config::SecretSource;

/// P10: dead rows of tables, the age of the oldest vacuum among those that need one, and the room that is held without need.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bloat {
    /// Where the address of the database is.
    pub url: SecretSource,
    /// The tables that are looked at; all of the database's own where there are none.
    pub tables: Vec<String>,
    /// Tables with fewer rows, dead ones with them, do not count: three of four dead rows are no bloat.
    pub at_least: u64,
}

/// Pages that a table needs by its statistics against those that it has. A row has 24 bytes of head and 4 of its pointer, and
/// stands at a multiple of 8.
const TABLES: &str = "
SELECT n.nspname || '.' || c.relname AS \"table\", t.n_live_tup::text AS live, t.n_dead_tup::text AS dead,
       extract(epoch FROM now() - greatest(t.last_vacuum, t.last_autovacuum))::text AS vacuum_age,
       (greatest(t.last_analyze, t.last_autoanalyze) IS NOT NULL)::text AS analysed,
       c.relpages::text AS pages,
       greatest(ceil(greatest(c.reltuples, 0) * (28 + 8 * ceil(coalesce(w.width, 0) / 8.0))
                / ((current_setting('block_size')::numeric - 24) * coalesce(f.fill, 100) / 100)), 1)::text AS needed,
       (coalesce(o.off, 'true') IN ('false', 'off', '0', 'no'))::text AS autovacuum_off,
       age(c.relfrozenxid)::text AS age
FROM pg_stat_user_tables t
JOIN pg_class c ON c.oid = t.relid
JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN LATERAL (SELECT sum((1 - s.null_frac) * s.avg_width)::numeric AS width FROM pg_stats s
                   WHERE s.schemaname = n.nspname AND s.tablename = c.relname) w ON true
LEFT JOIN LATERAL (SELECT option_value::numeric AS fill FROM pg_options_to_table(c.reloptions)
                   WHERE option_name = 'fillfactor') f ON true
LEFT JOIN LATERAL (SELECT option_value AS off FROM pg_options_to_table(c.reloptions)
                   WHERE option_name = 'autovacuum_enabled') o ON true
WHERE c.relkind IN ('r', 'm')
";

impl Probe for Bloat {
    async fn measure(&self) -> Result<Measured, ProbeError> {
        let mut database = Database::open(&self.url).await?;
        let mut sql = TABLES.to_owned();
        if !self.tables.is_empty() {
            let names: Vec<String> = self.tables.iter().map(|name| literal(name)).collect();
            let names = names.join(", ");
            sql.push_str(&format!(
                "AND (c.relname IN ({names}) OR n.nspname || '.' || c.relname IN ({names})) "
            ));
        }
        sql.push_str("ORDER BY t.n_dead_tup DESC, 1");
        let rows = database.rows(&sql).await?;
        let server = database
            .row("SELECT current_setting('autovacuum') AS autovacuum, current_setting('track_counts') AS counts, \
                  (SELECT max(age(datfrozenxid))::text FROM pg_database) AS age, (2 ^ 31 - 1)::bigint::text AS limit")
            .await?;
        database.close().await;
        let missing = self.tables.iter().find(|name| !rows.iter().any(|row| is_called(row, name)));
        if let Some(name) = missing {
            return Err(ProbeError::Answer(format!("there is no table `{name}` that this role sees")));
        }
        let counted = rows.iter().map(|row| Ok((row, row.counted("live")?, row.counted("dead")?)));
        let counted: Vec<(&Record, u64, u64)> = counted.collect::<Result<_, ProbeError>>()?;
        let large = || counted.iter().filter(|(_, live, dead)| live.saturating_add(*dead) >= self.at_least);
        let share = |(_, live, dead): &(&Record, u64, u64)| {
            Decimal::from(*dead).checked_div(Decimal::from(live.saturating_add(*dead)))
        };
        let worst = large().filter_map(share).max().unwrap_or(Decimal::ZERO);
        let dead = counted.iter().fold(0_u64, |sum, (_, _, dead)| sum.saturating_add(*dead));
        let off = rows.iter().filter(|row| row.is("autovacuum_off")).count();
        let off = if server.word("autovacuum") == "on" { off } else { rows.len().max(1) };
        // without counting, every table looks as if nothing had ever been deleted
        let seen = |value| match server.word("counts") {
            "on" => value,
            _ => Value::unknown("`track_counts` is off: the server does not count dead rows"),
        };
        let used = match (server.decimal("age"), server.decimal("limit")) {
            (Some(age), Some(limit)) => Value::ratio(age, limit),
            _ => Value::unknown("the database told no age of its transactions"),
        };
        Ok(Measured::new(json!({ "tables": json(&rows), "server": server.json() }))
            .with("tables", Value::len(rows.len()))
            .with("dead_ratio", seen(Value::ratio(worst, Decimal::ONE)))
            .with("dead", seen(Value::count(dead)))
            .with("wasted", wasted(large().map(|(row, _, _)| *row)))
            .with("autovacuum_off", Value::len(off))
            .with("transaction_ids_used", used))
    }
}

fn is_called(row: &Record, name: &str) -> bool {
    let found = row.word("table");
    found == name || found.split_once('.').is_some_and(|(_, table)| table == name)
}

/// The largest share of a table's pages that it would not need.
fn wasted<'r>(rows: impl Iterator<Item = &'r Record>) -> Value {
    let mut worst = Decimal::ZERO;
    for row in rows {
        if !row.is("analysed") {
            let table = row.word("table");
            return Value::unknown(format!(
                "`{table}` was never analysed, so nobody knows how large its rows are"
            ));
        }
        let (Some(pages), Some(needed)) = (row.decimal("pages"), row.decimal("needed")) else { continue };
        let more = pages.checked_sub(needed).unwrap_or(Decimal::ZERO).max(Decimal::ZERO);
        worst = worst.max(more.checked_div(pages).unwrap_or(Decimal::ZERO));
    }
    Value::ratio(worst, Decimal::ONE)
}
