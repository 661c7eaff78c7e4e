//! A cgroup of its own for a command: whatever it starts stays in it, and `cgroup.kill` ends all of it at once.
//!
//! A process is moved by writing to a file, and must be in its group before its program begins, or what it starts
//! first would escape. So `/bin/sh` runs first, with one constant line: it moves itself and becomes the program. The
//! command's words are its arguments; no shell reads them.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant, SystemTime};

/// Moves itself into the cgroup that is its name, and becomes its arguments.
const ENTER: &str = r#"echo 0 > "$0/cgroup.procs" && exec "$@""#;

/// Moves itself into the cgroup that is its name, and ends.
const TRY: &str = r#"echo 0 > "$0/cgroup.procs""#;

const SHELL: &str = "/bin/sh";

/// How the folders of these cgroups begin.
const PREFIX: &str = "spark-";

/// How old an empty cgroup of a Spark that was killed must be to be removed: none lives this long before its command.
const STALE: Duration = Duration::from_secs(600);

/// How long one look at a cgroup waits before the next.
const LOOK: Duration = Duration::from_millis(2);

/// A command's cgroup. Dropping it ends what is in it.
#[derive(Debug)]
pub(super) struct Cgroup {
    path: PathBuf,
    removed: bool,
}

impl Cgroup {
    /// A cgroup of its own, where one can be made.
    pub(super) fn new(name: &str) -> Option<Self> {
        static PARENT: OnceLock<Option<PathBuf>> = OnceLock::new();
        let parent = PARENT.get_or_init(usable_parent).as_ref()?;
        Self::below(parent, name)
    }

    fn below(parent: &Path, name: &str) -> Option<Self> {
        let path = parent.join(format!("{PREFIX}{name}"));
        std::fs::create_dir(&path).ok()?;
        Some(Self { path, removed: false })
    }

    /// The cgroups that others made where this process stands, and whose mark is one that is asked for.
    pub(super) fn left_beside(is_left: &impl Fn(&str) -> bool) -> Vec<Self> {
        let folders = own_cgroup().and_then(|parent| std::fs::read_dir(parent).ok());
        let paths = folders.into_iter().flatten().flatten().map(|folder| folder.path());
        paths.filter(|path| has_mark(path, is_left)).map(|path| Self { path, removed: true }).collect()
    }

    /// The cgroup that a process is in, where its mark is one that is asked for.
    pub(super) fn left_of(id: i32, is_left: &impl Fn(&str) -> bool) -> Option<Self> {
        let path = cgroup_of(&id.to_string())?;
        has_mark(&path, is_left).then_some(Self { path, removed: true })
    }

    /// Waits until nothing is left in it, and removes it.
    pub(super) fn remove_when_empty(&mut self, limit: Duration) {
        let begun = Instant::now();
        while self.populated() && begun.elapsed() < limit {
            std::thread::sleep(LOOK);
        }
        // one that stays is removed when it is stale
        let _ = std::fs::remove_dir(&self.path);
    }

    /// The words that run a program in this cgroup.
    pub(super) fn enter(&self, program: &Path, arguments: &[String]) -> (PathBuf, Vec<OsString>) {
        let mut words: Vec<OsString> =
            vec!["-c".into(), ENTER.into(), self.path.clone().into(), program.to_owned().into()];
        words.extend(arguments.iter().map(OsString::from));
        (SHELL.into(), words)
    }

    /// The processes in it.
    pub(super) fn members(&self) -> Vec<i32> {
        let text = std::fs::read_to_string(self.path.join("cgroup.procs")).unwrap_or_default();
        text.lines().filter_map(|line| line.parse().ok()).collect()
    }

    /// Ends all that is in it, by force. How many processes that were is known only roughly: they may fork meanwhile.
    pub(super) fn kill(&self) {
        // without it the members stay, and are counted as left
        let _ = std::fs::write(self.path.join("cgroup.kill"), "1");
    }

    /// Waits until nothing is left in it; then it is removed. Gives how many processes are left.
    pub(super) async fn emptied(&mut self, limit: Duration) -> usize {
        let begun = Instant::now();
        while self.populated() && begun.elapsed() < limit {
            tokio::time::sleep(LOOK).await;
        }
        let left = self.members().len();
        self.remove();
        left
    }

    fn populated(&self) -> bool {
        let text = std::fs::read_to_string(self.path.join("cgroup.events")).unwrap_or_default();
        text.lines().any(|line| line == "populated 1")
    }

    fn remove(&mut self) {
        self.removed = std::fs::remove_dir(&self.path).is_ok();
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        if self.removed {
            return;
        }
        self.kill();
        let path = std::mem::take(&mut self.path);
        // whoever drops this may not wait; the folder is empty, and costs little if it has to stay
        std::thread::spawn(move || {
            for _ in 0..500 {
                if std::fs::remove_dir(&path).is_ok() {
                    return;
                }
                std::thread::sleep(LOOK);
            }
        });
    }
}

/// The cgroup of this process, where others can be made below it, entered, and ended.
fn usable_parent() -> Option<PathBuf> {
    let parent = own_cgroup()?;
    remove_stale(&parent);
    let probe = Cgroup::below(&parent, &format!("{}-probe", std::process::id()))?;
    let entered = Command::new(SHELL)
        .args(["-c", TRY])
        .arg(&probe.path)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    let usable = entered.is_ok_and(|status| status.success()) && probe.path.join("cgroup.kill").exists();
    usable.then_some(parent)
}

/// Whether a cgroup is a command's whose mark is one that is asked for: `spark-4711-MARK`.
fn has_mark(path: &Path, is_left: &impl Fn(&str) -> bool) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let mark = name.strip_prefix(PREFIX).and_then(|rest| rest.split_once('-'));
    mark.is_some_and(|(_, mark)| is_left(mark))
}

fn own_cgroup() -> Option<PathBuf> {
    cgroup_of("self")
}

/// Where a process stands in the hierarchy of version 2, which may be mounted anywhere.
fn cgroup_of(process: &str) -> Option<PathBuf> {
    let groups = std::fs::read_to_string(format!("/proc/{process}/cgroup")).ok()?;
    let own = groups.lines().find_map(|line| line.strip_prefix("0::"))?;
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").ok()?;
    let mount = mounts.lines().find_map(|line| {
        let (place, kind) = line.split_once(" - ")?;
        let mut place = place.split(' ').skip(3);
        let (root, target) = (place.next()?, place.next()?);
        // a mount of a part of the hierarchy shows other paths than the process has
        (kind.starts_with("cgroup2 ") && root == "/").then_some(target)
    })?;
    Some(Path::new(mount).join(own.trim_start_matches('/')))
}

/// Removes empty folders that a Spark which was killed could not remove. One that is in use cannot be removed.
fn remove_stale(parent: &Path) {
    let Ok(folders) = std::fs::read_dir(parent) else { return };
    for folder in folders.flatten() {
        let ours = folder.file_name().to_str().is_some_and(|name| name.starts_with(PREFIX));
        let age = folder.metadata().and_then(|data| data.modified()).ok();
        let age = age.and_then(|modified| SystemTime::now().duration_since(modified).ok());
        if ours && age.is_some_and(|age| age > STALE) {
            let _ = std::fs::remove_dir(folder.path());
        }
    }
}
