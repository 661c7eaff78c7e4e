//! Migrations: what was applied, against the files that the release brings.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::json;
use sha2::{Digest as _, Sha256, Sha384};

use super::super::database::{Database, Record, json, literal, quoted_table};
use super::super::files::{hex, read};
use super::super::{Measured, Probe, ProbeError, Value};
use crate::config::SecretSource;

/// Longest migration: schemas of a thousand tables in one file are some megabytes.
const MIGRATION_BYTES_MAX: usize = 32 << 20;

/// P4: migrations that are pending, failed half-way, edited after they were applied, or applied and not in the folder.
///
/// `prisma migrate status` calls an edited migration up to date: the sums are compared here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Migrations {
    /// Where the address of the database is.
    pub url: SecretSource,
    /// The folder of sqlx' migrations.
    pub sqlx: Option<PathBuf>,
    /// The folder of Prisma's migrations.
    pub prisma: Option<PathBuf>,
    /// The schema of the tables that tell of them; that of the search path where there is none.
    pub schema: Option<String>,
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Tally {
    applied: Vec<String>,
    pending: Vec<String>,
    failed: Vec<String>,
    edited: Vec<String>,
    strange: Vec<String>,
}

/// What a table says of one migration.
struct Applied {
    sum: String,
    done: bool,
}

impl Tally {
    /// The folder's migrations and their sums, against those of the table.
    fn add(&mut self, files: &BTreeMap<String, String>, applied: &BTreeMap<String, Applied>) {
        for (name, sum) in files {
            match applied.get(name) {
                None => self.pending.push(name.clone()),
                Some(there) if !there.done => self.failed.push(name.clone()),
                Some(there) if !there.sum.eq_ignore_ascii_case(sum) => self.edited.push(name.clone()),
                Some(_) => self.applied.push(name.clone()),
            }
        }
        for (name, there) in applied.iter().filter(|(name, _)| !files.contains_key(*name)) {
            let list = if there.done { &mut self.strange } else { &mut self.failed };
            list.push(name.clone());
        }
    }
}

impl Probe for Migrations {
    async fn measure(&self) -> Result<Measured, ProbeError> {
        let mut database = Database::open(&self.url).await?;
        let mut tally = Tally::default();
        let mut rows = Vec::new();
        if let Some(folder) = &self.sqlx {
            let files = sqlx_files(folder)?;
            let found = self.table(&mut database, "_sqlx_migrations", SQLX_COLUMNS).await?;
            let applied = found.iter().map(|row| {
                let (sum, done) = (row.word("sum").to_owned(), row.is("done"));
                (row.word("name").to_owned(), Applied { sum, done })
            });
            tally.add(&files, &applied.collect());
            rows.extend(found);
        }
        if let Some(folder) = &self.prisma {
            let files = prisma_files(folder)?;
            let found = self.table(&mut database, "_prisma_migrations", PRISMA_COLUMNS).await?;
            tally.add(&files, &prisma_applied(&found));
            rows.extend(found);
        }
        database.close().await;
        let details = json!({
            "applied": tally.applied, "pending": tally.pending, "failed": tally.failed, "edited": tally.edited,
            "not_in_the_folder": tally.strange, "rows": json(&rows),
        });
        Ok(Measured::new(details)
            .with("applied", Value::len(tally.applied.len()))
            .with("pending", Value::len(tally.pending.len()))
            .with("failed", Value::len(tally.failed.len()))
            .with("edited", Value::len(tally.edited.len()))
            .with("not_in_folder", Value::len(tally.strange.len())))
    }
}

const SQLX_COLUMNS: &str = "version::text AS name, encode(checksum, 'hex') AS sum, success::text AS done, description, installed_on::text AS at";

const PRISMA_COLUMNS: &str = "migration_name AS name, checksum AS sum, (finished_at IS NOT NULL)::text AS done, \
     (rolled_back_at IS NOT NULL)::text AS taken_back, applied_steps_count::text AS steps, started_at::text AS at, \
     left(logs, 1000) AS logs";

impl Migrations {
    async fn table(
        &self,
        database: &mut Database,
        table: &str,
        columns: &str,
    ) -> Result<Vec<Record>, ProbeError> {
        let table = match &self.schema {
            Some(schema) => format!("{schema}.{table}"),
            None => table.to_owned(),
        };
        let name = quoted_table(&table);
        let there = database.row(&format!("SELECT to_regclass({})::text AS there", literal(&name))).await?;
        if there.text("there").is_none() {
            return Err(ProbeError::Answer(format!(
                "there is no table `{table}`: nobody knows what was applied"
            )));
        }
        database.rows(&format!("SELECT {columns} FROM {name} ORDER BY at, name")).await
    }
}

/// The last word on each migration: one that was taken back is as if it had never been, and one may be tried again after.
fn prisma_applied(rows: &[Record]) -> BTreeMap<String, Applied> {
    let mut applied = BTreeMap::new();
    for row in rows.iter().filter(|row| !row.is("taken_back")) {
        let (name, sum, done) = (row.word("name").to_owned(), row.word("sum").to_owned(), row.is("done"));
        applied.insert(name, Applied { sum, done });
    }
    applied
}

/// sqlx' files: `VERSION_NAME.sql` and `VERSION_NAME.up.sql`; what takes one back is none of its own.
fn sqlx_files(folder: &Path) -> Result<BTreeMap<String, String>, ProbeError> {
    let mut files = BTreeMap::new();
    for path in entries(folder)? {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let Some(stem) = name.strip_suffix(".sql").filter(|stem| !stem.ends_with(".down")) else { continue };
        let Some((version, _)) = stem.split_once('_') else { continue };
        // `0001` is the number 1 in the table
        let Ok(version) = version.parse::<i64>() else { continue };
        let sum = hex(&Sha384::digest(read(&path, MIGRATION_BYTES_MAX)?));
        if files.insert(version.to_string(), sum).is_some() {
            return Err(ProbeError::File {
                path: folder.display().to_string(),
                why: format!("two migrations have the version {version}"),
            });
        }
    }
    some_files(folder, files)
}

/// Prisma's files: `NAME/migration.sql`.
fn prisma_files(folder: &Path) -> Result<BTreeMap<String, String>, ProbeError> {
    let mut files = BTreeMap::new();
    for path in entries(folder)? {
        let script = path.join("migration.sql");
        if !script.is_file() {
            continue;
        }
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        files.insert(name, hex(&Sha256::digest(read(&script, MIGRATION_BYTES_MAX)?)));
    }
    some_files(folder, files)
}

/// A folder without a migration is the wrong folder: nothing pending would be true of it.
fn some_files(
    folder: &Path,
    files: BTreeMap<String, String>,
) -> Result<BTreeMap<String, String>, ProbeError> {
    match files.is_empty() {
        false => Ok(files),
        true => {
            let (path, why) = (folder.display().to_string(), "there is no migration in it".to_owned());
            Err(ProbeError::File { path, why })
        }
    }
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>, ProbeError> {
    let failed = |error: std::io::Error| ProbeError::File {
        path: folder.display().to_string(),
        why: error.to_string(),
    };
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        paths.push(entry.map_err(failed)?.path());
    }
    paths.sort();
    Ok(paths)
}
