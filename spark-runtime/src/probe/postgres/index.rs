//! A partial unique index that really holds, and the collation that it rests on.

use serde_json::json;

use super::super::database::{Database, Record, json, literal, quoted, quoted_table};
use super::super::{Measured, Probe, ProbeError, Value};
use crate::config::SecretSource;

/// R1: a unique index over these columns, for the rows of a condition alone, that is valid and holds; and collations whose
/// order changed since it was built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Index {
    /// Where the address of the database is.
    pub url: SecretSource,
    /// The table.
    pub table: String,
    /// The index' columns, in its order.
    pub columns: Vec<String>,
    /// The condition of its rows, as SQL has it; none for an index over all.
    pub only: Option<String>,
}

impl Index {
    fn indexes(&self) -> String {
        format!(
            "SELECT c.relname AS index, i.indisunique::text AS is_unique, i.indisvalid::text AS valid, \
             i.indisready::text AS ready, i.indimmediate::text AS immediate, pg_get_expr(i.indpred, i.indrelid) AS only, \
             (SELECT string_agg(pg_get_indexdef(i.indexrelid, k, true), ',' ORDER BY k) \
              FROM generate_series(1, i.indnkeyatts) AS k) AS columns, pg_get_indexdef(i.indexrelid) AS definition \
             FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid WHERE i.indrelid = {}::regclass ORDER BY 1",
            literal(&quoted_table(&self.table))
        )
    }

    /// The collation of each text column; that of the database where a column says `default`.
    fn collations(&self) -> String {
        let names: Vec<String> = self.columns.iter().map(|name| literal(name)).collect();
        format!(
            "SELECT a.attname AS \"column\", l.collname AS collation, \
             CASE l.collprovider WHEN 'd' THEN d.datlocprovider ELSE l.collprovider END::text AS provider, \
             l.collisdeterministic::text AS deterministic, \
             CASE l.collprovider WHEN 'd' THEN coalesce(d.daticulocale, d.datcollate) ELSE coalesce(l.colliculocale, l.collcollate) END AS locale, \
             CASE l.collprovider WHEN 'd' THEN d.datcollversion ELSE l.collversion END AS built_with, \
             CASE l.collprovider WHEN 'd' THEN pg_database_collation_actual_version(d.oid) \
             ELSE pg_collation_actual_version(l.oid) END AS now \
             FROM pg_attribute a JOIN pg_collation l ON l.oid = a.attcollation \
             JOIN pg_database d ON d.datname = current_database() \
             WHERE a.attrelid = {}::regclass AND a.attname IN ({}) ORDER BY 1",
            literal(&quoted_table(&self.table)),
            names.join(", ")
        )
    }

    fn matches(&self, row: &Record) -> bool {
        let columns: Vec<String> =
            row.word("columns").split(',').map(|name| name.trim().trim_matches('"').to_owned()).collect();
        let only = self.only.as_deref().map(plain).unwrap_or_default();
        ["is_unique", "valid", "ready", "immediate"].iter().all(|state| row.is(state))
            && columns == self.columns
            && plain(row.word("only")) == only
    }

    /// Groups of rows that the index should forbid, found without any index.
    fn duplicates(&self) -> String {
        let columns: Vec<String> = self.columns.iter().map(|name| quoted(name)).collect();
        let columns = columns.join(", ");
        let present: Vec<String> =
            self.columns.iter().map(|name| format!("{} IS NOT NULL", quoted(name))).collect();
        format!(
            "SELECT count(*)::text AS groups FROM (SELECT 1 FROM {} WHERE ({}) AND {} GROUP BY {columns} \
             HAVING count(*) > 1) AS twice",
            quoted_table(&self.table),
            self.only.as_deref().unwrap_or("true"),
            present.join(" AND ")
        )
    }
}

/// A condition without what its spelling adds: brackets, white space, casts of texts, capitals of keywords.
fn plain(condition: &str) -> String {
    let bare: String = condition.chars().filter(|c| !c.is_whitespace() && !matches!(c, '(' | ')')).collect();
    bare.to_lowercase().replace("::text", "").replace('"', "")
}

impl Probe for Index {
    async fn measure(&self) -> Result<Measured, ProbeError> {
        let mut database = Database::open(&self.url).await?;
        let indexes = database.rows(&self.indexes()).await?;
        let collations = database.rows(&self.collations()).await?;
        // an index whose order is broken hides what it should have forbidden
        database
            .run("SET LOCAL enable_indexscan = off; SET LOCAL enable_indexonlyscan = off; SET LOCAL enable_bitmapscan = off")
            .await?;
        let duplicates = database.row(&self.duplicates()).await?.counted("groups")?;
        database.close().await;
        let matching = indexes.iter().filter(|row| self.matches(row)).count();
        let invalid = indexes.iter().filter(|row| !row.is("valid") || !row.is("ready")).count();
        let changed = collations
            .iter()
            .filter(|row| matches!((row.text("built_with"), row.text("now")), (Some(then), Some(now)) if then != now))
            .count();
        // an order of the operating system changes with an update of it, and says nothing
        let of_system = |row: &&Record| {
            row.word("provider") == "c" && !matches!(row.word("locale"), "C" | "POSIX" | "C.UTF-8" | "C.utf8")
        };
        let loose = collations.iter().filter(|row| !row.is("deterministic")).count();
        let details = json!({ "indexes": json(&indexes), "collations": json(&collations) });
        Ok(Measured::new(details)
            .with("matching", Value::len(matching))
            .with("invalid", Value::len(invalid))
            .with("duplicates", Value::count(duplicates))
            .with("collations_changed", Value::len(changed))
            .with("collations_of_system", Value::len(collations.iter().filter(of_system).count()))
            .with("collations_loose", Value::len(loose)))
    }
}
