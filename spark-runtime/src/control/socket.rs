//! The socket of a running rollout, and how programs ask there.

use std::fs;
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::UnixListener as StdListener;
use std::os::unix::net::UnixStream as StdStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;

use super::keeper::Keeper;
use super::protocol::{Answer, Ask, REQUEST_BYTES_MAX, line_of, read_line};
use super::socket_beside;
use super::words::Speaker;

/// Programs that are served at a time: a few people and a dashboard. The next one is told to come again.
pub const CLIENTS_MAX: usize = 16;

/// Programs that are told to come again at a time; whoever comes beyond them is hung up on.
const TURNED_AWAY_MAX: usize = 64;

/// How long is waited until a program has taken its answer and hung up: the system throws an answer away when this end hangs up while
/// something that was said is not read yet.
const HANG_UP_WITHIN: Duration = Duration::from_secs(1);

/// How long a program may take to say its question, and to take its answer.
const TALK_WITHIN: Duration = Duration::from_secs(5);

/// Longest answer that is read: a status of [`HISTORY_MAX`](super::HISTORY_MAX) words and some thousand triggers.
const ANSWER_BYTES_MAX: u64 = 8 * 1024 * 1024;

/// Longest path of a socket that the system takes, its final zero aside.
const PATH_BYTES_MAX: usize = 100;

/// How long a listener waits after the system could not accept, when files are short.
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);

/// Why there is no talk with a runner.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ControlError {
    /// Nobody listens: no runner has the release.
    #[error("nobody runs it: nobody listens at `{}`", .0.display())]
    Nobody(PathBuf),
    /// The socket.
    #[error("cannot {doing} `{}`: {source}", .path.display())]
    Io {
        /// What was tried.
        doing: &'static str,
        /// On which path.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// No answer came in time.
    #[error(
        "the runner has not answered within {0:?}: it may be carrying an action out, and what was said may be taken yet; \
         `spark status` says what became of it"
    )]
    Silent(Duration),
    /// The answer is none.
    #[error("the answer is not understood: {0}")]
    Garbled(String),
}

/// The socket of a running rollout: it answers what the status is by itself, and hands words to the runner. It is gone once this is
/// dropped.
#[derive(Debug)]
pub struct ControlSocket {
    serving: tokio::task::JoinHandle<()>,
    path: PathBuf,
    /// The device and the number of the file, to take no other's away.
    file: Option<(u64, u64)>,
}

impl ControlSocket {
    /// Listens beside a release's evidence folder, in the place of a runner that is no more: the caller has the journal's lock,
    /// so there is no other one. Within a tokio runtime.
    ///
    /// # Errors
    /// The socket cannot be made.
    pub fn bind(folder: &Path, keeper: Keeper, speaker: Speaker) -> Result<Self, ControlError> {
        let path = socket_beside(folder);
        let failed = |source| ControlError::Io { doing: "listen at", path: path.clone(), source };
        let listener = listen(&path).map_err(failed)?;
        listener.set_nonblocking(true).map_err(failed)?;
        let file = fs::symlink_metadata(&path).ok().map(|found| (found.dev(), found.ino()));
        let listener = UnixListener::from_std(listener).map_err(failed)?;
        let serving = tokio::spawn(serve(listener, keeper, speaker));
        Ok(Self { serving, path, file })
    }
}

impl Drop for ControlSocket {
    fn drop(&mut self) {
        self.serving.abort();
        let found = fs::symlink_metadata(&self.path).ok().map(|found| (found.dev(), found.ino()));
        if found.is_some() && found == self.file {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Makes the socket under another name first: at its own there is never one with another mode, and one that was left behind
/// is replaced in one step. The path may be longer than a socket's may: the folder is reached through its open file.
fn listen(path: &Path) -> io::Result<StdListener> {
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it names no file"));
    };
    let open = fs::File::open(folder)?;
    let made = format!(".spark-{}.sock", std::process::id());
    let near = near(folder, &open, &made)?;
    let _ = fs::remove_file(&near);
    let listener = StdListener::bind(&near)?;
    let placed = fs::set_permissions(&near, fs::Permissions::from_mode(0o600))
        .and_then(|()| fs::rename(&near, folder.join(name)));
    if let Err(error) = placed {
        let _ = fs::remove_file(&near);
        return Err(error);
    }
    Ok(listener)
}

/// A short path to a file in an open folder.
fn near(folder: &Path, open: &fs::File, name: &str) -> io::Result<PathBuf> {
    use std::os::fd::AsRawFd as _;
    let path = match cfg!(target_os = "linux") {
        true => PathBuf::from(format!("/proc/self/fd/{}", open.as_raw_fd())).join(name),
        false => folder.join(name),
    };
    short(path)
}

fn short(path: PathBuf) -> io::Result<PathBuf> {
    if path.as_os_str().len() > PATH_BYTES_MAX {
        let words = format!(
            "its path has more than {PATH_BYTES_MAX} bytes: use an evidence folder nearer to the root"
        );
        return Err(io::Error::new(io::ErrorKind::InvalidInput, words));
    }
    Ok(path)
}

async fn serve(listener: UnixListener, keeper: Keeper, speaker: Speaker) {
    let free = Arc::new(Semaphore::new(CLIENTS_MAX));
    let turned_away = Arc::new(Semaphore::new(TURNED_AWAY_MAX));
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(ACCEPT_AGAIN).await;
            continue;
        };
        if !stream.peer_cred().is_ok_and(|peer| may_speak(peer.uid())) {
            continue;
        }
        let (keeper, speaker) = (keeper.clone(), speaker.clone());
        if let Ok(place) = Arc::clone(&free).try_acquire_owned() {
            tokio::spawn(async move {
                talk(stream, &keeper, &speaker).await;
                drop(place);
            });
        } else if let Ok(place) = Arc::clone(&turned_away).try_acquire_owned() {
            tokio::spawn(async move {
                let words = format!("{CLIENTS_MAX} programs are being served: come again");
                let mut stream = stream;
                give(&mut stream, &Answer::Failed { words }).await;
                drop(place);
            });
        }
    }
}

/// Whether a program of this account may speak: the runner's own, and root, which may do anything.
fn may_speak(uid: u32) -> bool {
    uid == 0 || uid == rustix::process::geteuid().as_raw()
}

async fn talk(mut stream: UnixStream, keeper: &Keeper, speaker: &Speaker) {
    let line = match tokio::time::timeout(TALK_WITHIN, question(&mut stream)).await {
        Ok(Ok(line)) => line,
        Ok(Err(words)) => return give(&mut stream, &Answer::Failed { words }).await,
        Err(_) => {
            let words = format!("no question came within {TALK_WITHIN:?}");
            return give(&mut stream, &Answer::Failed { words }).await;
        }
    };
    let answer = match read_line::<Ask>(&line) {
        Err(words) => Answer::Failed { words: format!("the question is not understood: {words}") },
        Ok(Ask::Status) => match keeper.status() {
            Some(status) => Answer::Status { status: Box::new(status) },
            None => Answer::Failed { words: "the rollout has not begun yet".to_owned() },
        },
        Ok(Ask::Say { word, by, because }) => match speaker.hand(word, by, because) {
            Ok(answered) => answered.get().await,
            Err(answer) => answer,
        },
    };
    give(&mut stream, &answer).await;
}

async fn question(stream: &mut UnixStream) -> Result<Vec<u8>, String> {
    let limit = u64::try_from(REQUEST_BYTES_MAX).unwrap_or(u64::MAX);
    let mut line = Vec::new();
    let mut reader = BufReader::new(stream.take(limit));
    reader.read_until(b'\n', &mut line).await.map_err(|error| error.to_string())?;
    match line.pop() {
        Some(b'\n') => Ok(line),
        _ if line.len() >= REQUEST_BYTES_MAX.saturating_sub(1) => {
            Err(format!("the question has more than {REQUEST_BYTES_MAX} bytes"))
        }
        _ => Err("the question is no line: it has no end".to_owned()),
    }
}

/// Gives an answer, as far as somebody takes it.
async fn give(stream: &mut UnixStream, answer: &Answer) {
    let Ok(line) = line_of(answer) else { return };
    let given = async {
        stream.write_all(line.as_bytes()).await?;
        stream.shutdown().await
    };
    if !matches!(tokio::time::timeout(TALK_WITHIN, given).await, Ok(Ok(()))) {
        return;
    }
    let mut more = [0; 4096];
    let hung_up = async { while stream.read(&mut more).await.is_ok_and(|count| count > 0) {} };
    let _ = tokio::time::timeout(HANG_UP_WITHIN, hung_up).await;
}

/// Whether a runner listens for the release with this evidence folder.
pub fn is_served(folder: &Path) -> bool {
    connect(&socket_beside(folder)).is_ok()
}

/// Asks the runner of the release with this evidence folder, and waits for the answer, so long at most.
///
/// # Errors
/// Nobody runs it, nobody answers in time, or the answer is none.
pub fn ask(folder: &Path, ask: &Ask, within: Duration) -> Result<Answer, ControlError> {
    let path = socket_beside(folder);
    let failed = |doing: &'static str| {
        let path = path.clone();
        move |source: io::Error| match source.kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => ControlError::Silent(within),
            _ => ControlError::Io { doing, path, source },
        }
    };
    let mut stream = connect(&path).map_err(|source| match source.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => ControlError::Nobody(path.clone()),
        _ => ControlError::Io { doing: "ask at", path: path.clone(), source },
    })?;
    let line = line_of(ask).map_err(ControlError::Garbled)?;
    stream.set_read_timeout(Some(within)).map_err(failed("ask at"))?;
    stream.set_write_timeout(Some(TALK_WITHIN)).map_err(failed("ask at"))?;
    stream.write_all(line.as_bytes()).map_err(failed("ask at"))?;
    let mut answer = Vec::new();
    stream.take(ANSWER_BYTES_MAX).read_to_end(&mut answer).map_err(failed("read the answer of"))?;
    read_line(&answer).map_err(ControlError::Garbled)
}

fn connect(path: &Path) -> io::Result<StdStream> {
    if path.as_os_str().len() <= PATH_BYTES_MAX {
        return StdStream::connect(path);
    }
    connect_far(path)
}

/// A socket behind a path that is too long, through the open file of the socket itself.
#[cfg(target_os = "linux")]
fn connect_far(path: &Path) -> io::Result<StdStream> {
    use std::os::fd::AsRawFd as _;

    use rustix::fs::{Mode, OFlags};
    let socket = rustix::fs::open(path, OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())?;
    StdStream::connect(format!("/proc/self/fd/{}", socket.as_raw_fd()))
}

#[cfg(not(target_os = "linux"))]
fn connect_far(path: &Path) -> io::Result<StdStream> {
    short(path.to_owned()).and_then(StdStream::connect)
}
