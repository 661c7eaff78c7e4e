//! A small file system for the write-ahead log, which can be filled.
//!
//! It is mounted where nobody else sees it: `chaos` runs itself again in mounts of its own, which end with the last process in them.

use std::fs;
use std::io::Write as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use sqlx::{Connection as _, PgConnection};

use super::Failure;
use super::stage::Stage;
use crate::local::{Local, database_owner};

/// How large it is: four times what the log is allowed to grow to while all is well.
const SIZE: &str = "64m";

/// Why it is not there.
pub(super) const NOT_ALLOWED: &str = "the write-ahead log needs a file system of its own, and this user may not mount one (`unshare --mount` fails): run it as root";

/// What fills it.
const FILL: &str = "filled-by-chaos";

/// Writes of a megabyte after which the log's files that are there already are surely used up.
const BURNS_MAX: usize = 100;

/// How long such a write may take.
const BURNT_WITHIN: Duration = Duration::from_secs(10);

/// How long it may take to recover by its log.
const BACK_WITHIN: Duration = Duration::from_secs(60);

/// Becomes the same program with mounts of its own, where that is allowed. Where it is not, goes on: then one scenario cannot be played, and
/// says so.
pub(super) fn with_own_mounts() -> Result<(), Failure> {
    let words = ["--mount", "--propagation", "private"];
    let mut trial = Command::new("unshare");
    trial.args(words).arg("true").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    if !trial.status().is_ok_and(|status| status.success()) {
        return Ok(());
    }
    let mut command = Command::new("unshare");
    command.args(words).arg(std::env::current_exe()?).args(std::env::args_os().skip(1)).arg("--own-mounts");
    // comes back only where it failed
    Err(command.exec().into())
}

/// Mounts it in a folder, for PostgreSQL's user.
pub(super) fn mount(folder: &Path) -> Result<(), Failure> {
    fs::create_dir(folder)?;
    let size = format!("size={SIZE}");
    let output =
        Command::new("mount").args(["-t", "tmpfs", "-o", &size, "chaos-wal"]).arg(folder).output()?;
    if !output.status.success() {
        let why = String::from_utf8_lossy(&output.stderr);
        return Err(format!("`{}` cannot be mounted: {}", folder.display(), why.trim()).into());
    }
    if let Some((uid, gid)) = database_owner()? {
        std::os::unix::fs::chown(folder, Some(uid), Some(gid))?;
    }
    Ok(())
}

/// Fills it, and has the database notice.
pub(super) async fn fill(stage: &Stage) -> Result<(), Failure> {
    let folder = stage.wal.as_ref().ok_or(NOT_ALLOWED)?;
    // before: clients may have it notice first
    let mut database = PgConnection::connect(&stage.at.postgres).await?;
    let mut file = fs::File::create(folder.join(FILL))?;
    let block = vec![0; 64 * 1024];
    loop {
        match file.write_all(&block) {
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::StorageFull => break,
            Err(error) => return Err(error.into()),
        }
    }
    for _ in 0..BURNS_MAX {
        let burn = sqlx::raw_sql("SELECT pg_logical_emit_message(false, 'chaos', repeat('x', 1000000))");
        match tokio::time::timeout(BURNT_WITHIN, burn.execute(&mut database)).await {
            Ok(Ok(_)) => {}
            // it has no room, and says so by ending
            Ok(Err(_)) | Err(_) => return Ok(()),
        }
    }
    Err("the write-ahead log found room on a full file system".into())
}

/// Makes room again.
pub(super) fn free(stage: &Stage) -> Result<(), Failure> {
    if let Some(folder) = &stage.wal {
        fs::remove_file(folder.join(FILL))?;
    }
    Ok(())
}

/// Waits until the database answers again. It ends by itself where it cannot even write that it recovered, sooner or later, and then is
/// started.
pub(super) async fn bring_back(stage: &Stage) -> Result<(), Failure> {
    let from = Instant::now();
    loop {
        if !Local::runs(&stage.up, "postgres")? {
            Local::start(&stage.up, "postgres")?;
        }
        match PgConnection::connect(&stage.at.postgres).await {
            Ok(database) => return Ok(database.close().await?),
            Err(error) if from.elapsed() > BACK_WITHIN => return Err(error.into()),
            Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
}
