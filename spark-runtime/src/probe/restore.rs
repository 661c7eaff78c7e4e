//! A database brought back to a moment, and its rows counted: that a server starts proves nothing.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::json;
use tokio::time::sleep;

use super::database::{Database, literal, quoted, quoted_table};
use super::files::hex;
use super::process::Program;
use super::{Measured, Probe, ProbeError, Value};
use crate::config::{ExposeSecret as _, SecretSource, of_process};

/// How often is looked whether the archive has the moment's log, and whether the second server is there.
const EVERY: Duration = Duration::from_millis(100);

/// R8 and X4: a base backup and the archived log, brought to a moment in a second server, and rows compared with the first.
///
/// The moment is a restore point that is made now; rows that came before it are counted in both. It needs a role that may back
/// up and make restore points, and an archive that this machine can read. The second server listens nowhere but in its own
/// folder, and is stopped and removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restore {
    /// Where the address of the first server is.
    pub url: SecretSource,
    /// The folder of the archived log.
    pub archive: PathBuf,
    /// The tables that are compared, each with its column of the time at which a row came.
    pub tables: Vec<(String, String)>,
    /// The folder of PostgreSQL's programs.
    pub bin: PathBuf,
    /// Words before each program, to run it as another user: PostgreSQL refuses to run as root.
    pub run_as: Vec<String>,
    /// The folder in which the second server's is made; its user has to be able to write there.
    pub scratch: PathBuf,
}

impl Restore {
    fn program(&self, words: &[&str]) -> Program {
        let own = words.iter().enumerate().map(|(place, word)| match place {
            0 if !word.contains('/') => self.bin.join(word).display().to_string(),
            _ => (*word).to_owned(),
        });
        // a folder that every user may be in
        let all = self.run_as.iter().cloned().chain(own).collect();
        Program { folder: PathBuf::from("/"), env: vec!["PGPASSWORD".to_owned()], ..Program::plain(all) }
    }

    fn system(&self, words: &[&str]) -> Program {
        let all = self.run_as.iter().cloned().chain(words.iter().map(|word| (*word).to_owned())).collect();
        Program { folder: PathBuf::from("/"), ..Program::plain(all) }
    }
}

/// The second server's folder; what is left of it goes with this.
struct Second<'r> {
    of: &'r Restore,
    folder: PathBuf,
    done: bool,
}

impl Second<'_> {
    fn data(&self) -> String {
        self.folder.join("data").display().to_string()
    }

    async fn remove(mut self) -> Result<(), ProbeError> {
        let data = self.data();
        let _ = self.of.program(&["pg_ctl", "-D", &data, "-m", "immediate", "stop"]).run().await;
        self.done = true;
        self.of.system(&["rm", "-rf", &self.folder.display().to_string()]).good().await.map(drop)
    }
}

impl Drop for Second<'_> {
    fn drop(&mut self) {
        if self.done {
            return;
        }
        // the deadline came: nobody waits any more, and nothing may be left running
        let stop = "\"$1\" -D \"$2/data\" -m immediate stop; rm -rf \"$2\"";
        let mut words = self.of.run_as.clone();
        let ctl = self.of.bin.join("pg_ctl").display().to_string();
        words.extend(["sh", "-c", stop, "sh", &ctl, &self.folder.display().to_string()].map(str::to_owned));
        if let Some((program, rest)) = words.split_first() {
            let null = std::process::Stdio::null;
            let mut command = std::process::Command::new(program);
            let _ = command.args(rest).current_dir("/").stdin(null()).stdout(null()).stderr(null()).status();
        }
    }
}

/// Settings that a server which replays a log refuses to have smaller than the one that wrote it. They may stand on that one's
/// command line, where no backup has them.
const AT_LEAST_AS_LARGE: [&str; 5] = [
    "max_connections",
    "max_worker_processes",
    "max_wal_senders",
    "max_prepared_transactions",
    "max_locks_per_transaction",
];

/// The moment that is restored to, and what the first server had then.
struct Marked {
    moment: String,
    segment: String,
    rows: Vec<Rows>,
    settings: Vec<(String, String)>,
}

/// Rows of a table up to a moment, and what they are when put together.
#[derive(Debug, PartialEq, Eq)]
struct Rows {
    table: String,
    count: u64,
    sum: String,
}

/// The sum is over every column of every row, so that it is not the number alone that is compared.
async fn rows(
    database: &mut Database,
    tables: &[(String, String)],
    moment: &str,
) -> Result<Vec<Rows>, ProbeError> {
    let mut all = Vec::new();
    for (table, column) in tables {
        let row = database
            .row(&format!(
                "SELECT count(*)::text AS count, coalesce(sum(hashtextextended(t::text, 0)::numeric), 0)::text AS sum \
                 FROM {} AS t WHERE {} <= {}::timestamptz",
                quoted_table(table),
                quoted(column),
                literal(moment)
            ))
            .await?;
        all.push(Rows {
            table: table.clone(),
            count: row.counted("count")?,
            sum: row.word("sum").to_owned(),
        });
    }
    Ok(all)
}

impl Probe for Restore {
    async fn measure(&self) -> Result<Measured, ProbeError> {
        let begun = Instant::now();
        let mut random = [0_u8; 8];
        getrandom::fill(&mut random).map_err(|error| ProbeError::Unanswered(error.to_string()))?;
        let name = format!("spark-{}", hex(&random));
        let folder = self.scratch.join(format!("spark-restore-{}", hex(&random)));
        let shown = folder.display().to_string();
        self.system(&["mkdir", "-m", "700", &shown]).good().await?;
        let second = Second { of: self, folder, done: false };
        let backed_up = Instant::now();
        self.back_up(&second).await?;
        let backup_took = backed_up.elapsed();
        // rows of transactions that had not ended at the moment are in neither: those that came a second before are in both
        let Marked { moment, segment, rows: before, settings } = self.mark(&name).await?;
        self.archived(&segment).await?;
        let restoring = Instant::now();
        self.start(&second, &name, &settings).await?;
        let after = self.count(&second, &moment).await;
        let restore_took = restoring.elapsed();
        second.remove().await?;
        let after = after?;
        let pairs: Vec<(&Rows, &Rows)> = before.iter().zip(&after).collect();
        let expected = before.iter().fold(0_u64, |sum, rows| sum.saturating_add(rows.count));
        let restored = after.iter().fold(0_u64, |sum, rows| sum.saturating_add(rows.count));
        let apart = pairs.iter().fold(0_u64, |sum, (a, b)| sum.saturating_add(a.count.abs_diff(b.count)));
        let different = pairs.iter().filter(|(a, b)| a != b).count();
        let shown = |(a, b): &(&Rows, &Rows)| json!({ "table": a.table, "rows": a.count, "restored": b.count, "same": a == b });
        let details = json!({
            "restore_point": name, "moment": moment, "segment": segment,
            "tables": pairs.iter().map(shown).collect::<Vec<_>>(),
        });
        Ok(Measured::new(details)
            .with("rows", Value::count(expected))
            .with("restored_rows", Value::count(restored))
            .with("rows_apart", Value::count(apart))
            .with("tables_different", Value::len(different))
            .with("backup_took", Value::span(backup_took))
            .with("restore_took", Value::span(restore_took))
            .with("took", Value::span(begun.elapsed())))
    }
}

impl Restore {
    async fn back_up(&self, second: &Second<'_>) -> Result<(), ProbeError> {
        let address = self.url.read(&of_process).map_err(|error| ProbeError::Secret(error.to_string()))?;
        // a password in the words would be seen by every user of the machine
        let mut url = reqwest::Url::parse(address.expose_secret())
            .map_err(|_| ProbeError::Setting("the database's address is none".to_owned()))?;
        if url.password().is_some() {
            return Err(ProbeError::Setting(
                "the address of a restore has a password, which `pg_basebackup` would show to every user: name it in PGPASSWORD"
                    .to_owned(),
            ));
        }
        url.set_path("");
        let data = second.data();
        self.program(&[
            "pg_basebackup",
            "-d",
            url.as_str(),
            "-D",
            &data,
            "-X",
            "stream",
            "-c",
            "fast",
            "--no-sync",
        ])
        .good()
        .await
        .map(drop)
    }

    /// A restore point, the segment of the log that it stands in, and the rows before it.
    async fn mark(&self, name: &str) -> Result<Marked, ProbeError> {
        let mut console = Database::console(&self.url).await?;
        let row = console
            .row(&format!(
                "SELECT (clock_timestamp() - interval '1 second')::text AS moment, \
                 pg_walfile_name(pg_create_restore_point({})) AS segment",
                literal(name)
            ))
            .await?;
        console.run("SELECT pg_switch_wal()").await?;
        console.close().await;
        let (moment, segment) = (row.word("moment").to_owned(), row.word("segment").to_owned());
        let mut database = Database::open(&self.url).await?;
        let rows = rows(&mut database, &self.tables, &moment).await?;
        let names: Vec<String> = AT_LEAST_AS_LARGE.iter().map(|name| literal(name)).collect();
        let sql =
            format!("SELECT name, setting FROM pg_settings WHERE name IN ({}) ORDER BY 1", names.join(", "));
        let settings = database.rows(&sql).await?;
        let settings =
            settings.iter().map(|row| (row.word("name").to_owned(), row.word("setting").to_owned()));
        database.close().await;
        Ok(Marked { moment, segment, rows, settings: settings.collect() })
    }

    /// Waits until the archive has the segment; the probe's deadline ends it.
    async fn archived(&self, segment: &str) -> Result<(), ProbeError> {
        let file = self.archive.join(segment).display().to_string();
        // the archive may be readable for its own user alone
        while !self.system(&["test", "-s", &file]).run().await?.good {
            sleep(EVERY).await;
        }
        Ok(())
    }

    async fn start(
        &self,
        second: &Second<'_>,
        name: &str,
        more: &[(String, String)],
    ) -> Result<(), ProbeError> {
        let (data, folder) = (second.data(), second.folder.display().to_string());
        self.system(&["touch", &format!("{data}/recovery.signal")]).good().await?;
        let set = |text: &str| text.replace('\\', "\\\\").replace('\'', "''");
        let settings = [
            ("restore_command", format!("cp \"{}/%f\" \"%p\"", self.archive.display())),
            ("recovery_target_name", name.to_owned()),
            ("recovery_target_action", "pause".to_owned()),
            ("listen_addresses", String::new()),
            ("unix_socket_directories", folder.clone()),
            ("archive_mode", "off".to_owned()),
            ("hot_standby", "on".to_owned()),
            ("fsync", "off".to_owned()),
        ];
        let more = more.iter().map(|(key, value)| (key.as_str(), value.clone()));
        let settings: Vec<String> = settings
            .into_iter()
            .chain(more)
            .map(|(key, value)| format!("{key} = '{}'", set(&value)))
            .collect();
        let write =
            "cat >> \"$1/postgresql.auto.conf\" <<'SPARK'\n".to_owned() + &settings.join("\n") + "\nSPARK\n";
        self.system(&["sh", "-c", &write, "sh", &data]).good().await?;
        // access is as it was copied, and a peer of this folder is nobody but its own user
        let trust = "printf 'local all all trust\\n' > \"$1/pg_hba.conf\"";
        self.system(&["sh", "-c", trust, "sh", &data]).good().await?;
        let log = second.folder.join("log").display().to_string();
        // the log is a file: a server that kept our pipes would keep us waiting for their end
        let started =
            self.program(&["pg_ctl", "-D", &data, "-l", &log, "-w", "-t", "300", "start"]).run().await?;
        match started.good {
            true => Ok(()),
            false => {
                let told = self.system(&["grep", "-m", "3", "FATAL", &log]).run().await?;
                let told = crate::http::excerpt(told.out.trim().as_bytes());
                Err(ProbeError::Answer(format!("the second server did not come up: {told}")))
            }
        }
    }

    /// The rows of the second server, once it is at the moment.
    async fn count(&self, second: &Second<'_>, moment: &str) -> Result<Vec<Rows>, ProbeError> {
        let folder = second.folder.display().to_string();
        let mut all = Vec::new();
        loop {
            let state = self.psql(&folder, "SELECT pg_get_wal_replay_pause_state()").await?;
            if state.trim() == "paused" {
                break;
            }
            sleep(EVERY).await;
        }
        for (table, column) in &self.tables {
            let sql = format!(
                "SELECT count(*) || ' ' || coalesce(sum(hashtextextended(t::text, 0)::numeric), 0) FROM {} AS t WHERE {} <= {}::timestamptz",
                quoted_table(table),
                quoted(column),
                literal(moment)
            );
            let text = self.psql(&folder, &sql).await?;
            let (count, sum) = text.trim().split_once(' ').unwrap_or_default();
            let count = count.parse().map_err(|_| ProbeError::Answer(format!("`{table}` has no count")))?;
            all.push(Rows { table: table.clone(), count, sum: sum.to_owned() });
        }
        Ok(all)
    }

    /// By `psql`, as the server's own user: its socket lies in a folder that is that user's alone.
    async fn psql(&self, folder: &str, sql: &str) -> Result<String, ProbeError> {
        let name = self.database()?;
        let timezone = format!("SET timezone = 'UTC'; {sql}");
        self.program(&[
            "psql",
            "-XAtq",
            "-v",
            "ON_ERROR_STOP=1",
            "-h",
            folder,
            "-U",
            "postgres",
            "-d",
            &name,
            "-c",
            &timezone,
        ])
        .good()
        .await
    }

    /// The name of the database in the first server's address.
    fn database(&self) -> Result<String, ProbeError> {
        let address = self.url.read(&of_process).map_err(|error| ProbeError::Secret(error.to_string()))?;
        let url = reqwest::Url::parse(address.expose_secret());
        let url = url.map_err(|_| ProbeError::Setting("the database's address is none".to_owned()))?;
        let name = Path::new(url.path()).file_name().map(|name| name.to_string_lossy().into_owned());
        Ok(name.unwrap_or_else(|| "postgres".to_owned()))
    }
}
