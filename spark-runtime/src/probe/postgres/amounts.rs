//! Money that is where it may be: on its tick, and exact.

use serde_json::json;

use super::super::database::{Database, json, literal, quoted, quoted_table};
use super::super::{Measured, Probe, ProbeError, Value};
use crate::config::SecretSource;

/// Rows that are kept as examples of what is wrong.
const EXAMPLES_MAX: u32 = 20;

/// R6 and R12: prices off their tick, quantities off their lot, amounts that are not what they were computed from, and columns
/// that hold money in binary.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decimals {
    /// Where the address of the database is.
    pub url: SecretSource,
    /// The table.
    pub table: String,
    /// Columns that have to be multiples of others: a price and its tick, a quantity and its lot.
    pub multiples: Vec<(String, String)>,
    /// Amounts that have to be products of others.
    pub amounts: Option<Amounts>,
    /// The rows that are looked at, as SQL has it; all where there is none.
    pub only: Option<String>,
}

/// An amount and what it is the product of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Amounts {
    /// The column of the amount.
    pub amount: String,
    /// The columns that it is the product of.
    pub product: Vec<String>,
}

impl Decimals {
    /// Rows of the first kind, a column and its step.
    fn off(column: &str, step: &str) -> String {
        let (column, step) = (quoted(column), quoted(step));
        // a step of nothing, or none, is as wrong as a value off it
        format!(
            "({column} IS NOT NULL AND ({step} IS NULL OR {step} <= 0 OR mod({column}::numeric, nullif({step}, 0)::numeric) <> 0))"
        )
    }

    fn drifts(amounts: &Amounts) -> String {
        let factors: Vec<String> =
            amounts.product.iter().map(|name| format!("{}::numeric", quoted(name))).collect();
        format!("({}::numeric <> {})", quoted(&amounts.amount), factors.join(" * "))
    }

    fn columns(&self) -> Vec<&str> {
        let pairs = self.multiples.iter().flat_map(|(column, step)| [column.as_str(), step.as_str()]);
        let products = self.amounts.iter().flat_map(|amounts| {
            std::iter::once(amounts.amount.as_str()).chain(amounts.product.iter().map(String::as_str))
        });
        let mut columns: Vec<&str> = pairs.chain(products).collect();
        columns.sort_unstable();
        columns.dedup();
        columns
    }
}

impl Probe for Decimals {
    async fn measure(&self) -> Result<Measured, ProbeError> {
        let off: Vec<String> = self.multiples.iter().map(|(column, step)| Self::off(column, step)).collect();
        let off = if off.is_empty() { "false".to_owned() } else { off.join(" OR ") };
        let drifts = self.amounts.as_ref().map_or_else(|| "false".to_owned(), Self::drifts);
        let table = quoted_table(&self.table);
        let only = self.only.as_deref().unwrap_or("true");
        let columns: Vec<String> = self.columns().into_iter().map(literal).collect();
        let columns = columns.join(", ");
        let mut database = Database::open(&self.url).await?;
        let binary = database
            .rows(&format!(
                "SELECT attname AS \"column\", atttypid::regtype::text AS type FROM pg_attribute \
                 WHERE attrelid = {}::regclass AND NOT attisdropped AND attname IN ({columns}) \
                 AND atttypid IN ('real'::regtype, 'double precision'::regtype) ORDER BY 1",
                literal(&table)
            ))
            .await?;
        let sums = database
            .row(&format!(
                "SELECT count(*)::text AS rows, count(*) FILTER (WHERE {off})::text AS off, \
                 count(*) FILTER (WHERE {drifts})::text AS drifting FROM {table} WHERE {only}"
            ))
            .await?;
        let examples = database
            .rows(&format!(
                "SELECT * FROM (SELECT row_to_json(t)::text AS row FROM {table} AS t WHERE ({only}) AND ({off} OR {drifts})) \
                 AS wrong LIMIT {EXAMPLES_MAX}"
            ))
            .await?;
        database.close().await;
        let rows = sums.counted("rows")?;
        Ok(Measured::new(
            json!({ "sums": sums.json(), "binary": json(&binary), "examples": json(&examples) }),
        )
        .with("rows", Value::count(rows))
        .with("misaligned", Value::count(sums.counted("off")?))
        .with("drifting", Value::count(sums.counted("drifting")?))
        .with("binary_columns", Value::len(binary.len())))
    }
}
