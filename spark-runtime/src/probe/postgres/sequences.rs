//! Sequences that run out, or that are behind the column they number.

use rust_decimal::Decimal;
use serde_json::json;
use spark_core::decimal::parse_exact;

use super::super::database::{Database, Record, json, literal, quoted};
use super::super::{Measured, Probe, ProbeError, Value};
use crate::config::SecretSource;

/// P6: every sequence against its limit, and against the greatest value of the column that it numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sequences {
    /// Where the address of the database is.
    pub url: SecretSource,
    /// The schemas that are looked at; all but the system's where there are none.
    pub schemas: Vec<String>,
}

/// Every sequence, with the columns that it numbers: as their own, or by their default.
const SEQUENCES: &str = "
SELECT n.nspname AS schema, c.relname AS sequence, s.last_value::text AS last, s.increment_by::text AS step,
       s.min_value::text AS min, s.max_value::text AS max, s.cycle::text AS cycles,
       has_sequence_privilege(c.oid, 'USAGE, SELECT')::text AS readable,
       tn.nspname AS table_schema, t.relname AS \"table\", a.attname AS \"column\", a.atttypid::regtype::text AS type
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_sequences s ON s.schemaname = n.nspname AND s.sequencename = c.relname
LEFT JOIN LATERAL (
    SELECT d.refobjid AS rel, d.refobjsubid AS att FROM pg_depend d
    WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.refclassid = 'pg_class'::regclass
      AND d.deptype IN ('a', 'i') AND d.refobjsubid > 0
    UNION
    SELECT f.adrelid, f.adnum FROM pg_depend d
    JOIN pg_attrdef f ON f.oid = d.objid AND d.classid = 'pg_attrdef'::regclass
    WHERE d.refclassid = 'pg_class'::regclass AND d.refobjid = c.oid
) u ON true
LEFT JOIN pg_class t ON t.oid = u.rel
LEFT JOIN pg_namespace tn ON tn.oid = t.relnamespace
LEFT JOIN pg_attribute a ON a.attrelid = u.rel AND a.attnum = u.att
WHERE c.relkind = 'S' AND n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema'
";

impl Probe for Sequences {
    async fn measure(&self) -> Result<Measured, ProbeError> {
        let mut database = Database::open(&self.url).await?;
        let mut sql = SEQUENCES.to_owned();
        if !self.schemas.is_empty() {
            let names: Vec<String> = self.schemas.iter().map(|name| literal(name)).collect();
            sql.push_str(&format!("AND n.nspname IN ({}) ", names.join(", ")));
        }
        sql.push_str("ORDER BY 1, 2");
        let rows = database.rows(&sql).await?;
        let mut found = Vec::with_capacity(rows.len());
        for row in &rows {
            let farthest = match row.text("column") {
                Some(_) => farthest(&mut database, row).await?,
                None => None,
            };
            found.push(Judged::of(row, farthest)?);
        }
        database.close().await;
        let hidden = found.iter().find(|one| one.hidden).map(|one| one.name.clone());
        let worst = found.iter().map(|one| one.used).max().unwrap_or(Decimal::ZERO);
        let behind = found.iter().filter(|one| one.behind).count();
        let shown = |one: &Judged| {
            json!({ "sequence": one.name, "used": Value::ratio(one.used, Decimal::ONE), "behind": one.behind,
                    "farthest": one.farthest.map(|value| value.to_string()) })
        };
        let details =
            json!({ "sequences": found.iter().map(shown).collect::<Vec<_>>(), "rows": json(&rows) });
        let seen = |value| match &hidden {
            Some(name) => Value::unknown(format!("this role may not read the sequence `{name}`")),
            None => value,
        };
        Ok(Measured::new(details)
            .with("sequences", Value::len(found.len()))
            .with("used", seen(Value::ratio(worst, Decimal::ONE)))
            .with("behind", seen(Value::len(behind))))
    }
}

/// The value of the column that is farthest on the sequence's way.
async fn farthest(database: &mut Database, row: &Record) -> Result<Option<Decimal>, ProbeError> {
    let end = if row.word("step").starts_with('-') { "min" } else { "max" };
    let (column, schema, table) =
        (quoted(row.word("column")), quoted(row.word("table_schema")), quoted(row.word("table")));
    let answer =
        database.row(&format!("SELECT {end}({column})::text AS farthest FROM {schema}.{table}")).await?;
    Ok(answer.decimal("farthest"))
}

struct Judged {
    name: String,
    used: Decimal,
    behind: bool,
    /// Its last value may not be read, which looks as if it had none.
    hidden: bool,
    farthest: Option<Decimal>,
}

impl Judged {
    fn of(row: &Record, farthest: Option<Decimal>) -> Result<Self, ProbeError> {
        let number = |name: &str| {
            let none = || ProbeError::Answer(format!("a sequence's `{name}` is no number"));
            row.decimal(name).ok_or_else(none)
        };
        let down = number("step")? < Decimal::ZERO;
        let last = row.decimal("last");
        // what the sequence may give and the column cannot hold is out of reach
        let (own, of_type) = match down {
            false => (number("max")?, limit_of(row.word("type"), false)),
            true => (number("min")?, limit_of(row.word("type"), true)),
        };
        let limit = match (of_type, down) {
            (Some(other), false) => own.min(other),
            (Some(other), true) => own.max(other),
            (None, _) => own,
        };
        let reached = last.unwrap_or(Decimal::ZERO);
        // one that begins again at its end does not run out, and meets what it gave before: that is as bad
        let used = reached.checked_div(limit).unwrap_or(Decimal::ONE).max(Decimal::ZERO);
        let behind = match (farthest, last) {
            (Some(farthest), Some(last)) if down => last > farthest,
            (Some(farthest), Some(last)) => last < farthest,
            // it never gave a value: its first one is its start, and the column has some already
            (Some(farthest), None) => {
                if down {
                    number("max")? >= farthest
                } else {
                    number("min")? <= farthest
                }
            }
            (None, _) => false,
        };
        let name = format!("{}.{}", row.word("schema"), row.word("sequence"));
        Ok(Self { name, used, behind, hidden: !row.is("readable"), farthest })
    }
}

/// The last number of a type of whole numbers.
fn limit_of(type_name: &str, lowest: bool) -> Option<Decimal> {
    let text = match (type_name, lowest) {
        ("smallint", false) => "32767",
        ("smallint", true) => "-32768",
        ("integer", false) => "2147483647",
        ("integer", true) => "-2147483648",
        ("bigint", false) => "9223372036854775807",
        ("bigint", true) => "-9223372036854775808",
        _ => return None,
    };
    parse_exact(text)
}
