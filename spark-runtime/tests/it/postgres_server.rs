//! A real PostgreSQL and a real pgbouncer before it, in a folder of their own.
//!
//! They end with the process that started them, however that ends: a watcher waits for the end of a pipe that only this
//! process holds open.

use std::net::TcpListener;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Mutex, OnceLock};
use std::time::{Duration, Instant};

const BIN: &str = "/usr/lib/postgresql/15/bin";

/// How long a server may take to be ready on a busy machine.
const READY: Duration = Duration::from_secs(60);

/// A running pair of servers.
pub(crate) struct PostgresServer {
    folder: PathBuf,
    port: u16,
    pooler_port: u16,
    /// Words before `pg_ctl`.
    before: Vec<String>,
    /// Settings of the server's own.
    settings: String,
    watcher: Mutex<Child>,
}

impl PostgresServer {
    /// The one that the tests of this process share; each test takes a schema of its own.
    pub(crate) fn shared() -> &'static Self {
        static SHARED: OnceLock<PostgresServer> = OnceLock::new();
        SHARED.get_or_init(Self::start)
    }

    /// One more, for whoever wants to stop it in between.
    pub(crate) fn start() -> Self {
        Self::start_with(&[], |_| Vec::new())
    }

    /// One more with words before what starts it, and settings of its own, which may name its folder.
    pub(crate) fn start_with(before: &[&str], settings: impl Fn(&Path) -> Vec<String>) -> Self {
        let folder = tempfile::Builder::new().prefix("spark-postgres-").tempdir().unwrap().keep();
        if is_root() {
            run(Command::new("chown").arg("postgres:").arg(&folder));
        }
        let (port, pooler_port) = (free_port(), free_port());
        std::fs::write(
            folder.join("pgbouncer.ini"),
            format!(
                "[databases]\n* = host=127.0.0.1 port={port} user=postgres\n[pgbouncer]\nlisten_addr = 127.0.0.1\n\
                 listen_port = {pooler_port}\nauth_type = any\npool_mode = transaction\nunix_socket_dir =\n\
                 default_pool_size = 4\nserver_login_retry = 1\nlogfile = {0}/pgbouncer.log\npidfile = {0}/pgbouncer.pid\n",
                folder.display()
            ),
        )
        .unwrap();
        // the watcher is there before what it watches
        let stop = format!(
            "cat >/dev/null; {BIN}/pg_ctl -D {0}/data -m immediate stop; kill $(cat {0}/pgbouncer.pid); sleep 0.1; rm -rf {0}",
            folder.display()
        );
        let watcher = as_postgres("sh")
            .args(["-c", &stop])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .unwrap();
        let settings = settings(&folder).iter().map(|one| format!(" -c \"{one}\"")).collect();
        let before = before.iter().map(|word| (*word).to_owned()).collect();
        let server = Self { folder, port, pooler_port, before, settings, watcher: Mutex::new(watcher) };
        run(as_postgres(&format!("{BIN}/initdb"))
            .args(["-A", "trust", "-U", "postgres", "--no-sync", "--no-locale", "-E", "UTF8", "-D"])
            .arg(server.data()));
        server.control(&["start"]);
        run(as_postgres("/usr/sbin/pgbouncer").args(["-q", "-d"]).arg(server.folder.join("pgbouncer.ini")));
        let from = Instant::now();
        while std::net::TcpStream::connect(("127.0.0.1", pooler_port)).is_err() {
            assert!(from.elapsed() < READY, "pgbouncer did not get ready");
            std::thread::sleep(Duration::from_millis(20));
        }
        server
    }

    fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// `pg_ctl` with these words, which waits until it is done.
    pub(crate) fn control(&self, words: &[&str]) {
        let options = format!(
            "-c listen_addresses=127.0.0.1 -c port={} -c unix_socket_directories={}",
            self.port, self.settings
        );
        let mut all = self.before.clone();
        all.push(format!("{BIN}/pg_ctl"));
        run(as_postgres(&all[0])
            .args(&all[1..])
            .arg("-D")
            .arg(self.data())
            .arg("-l")
            .arg(self.folder.join("postgres.log"))
            .arg("-w")
            .args(["-o", &options])
            .args(words));
    }

    /// The folder of both servers.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// A client of the pooler that runs what is written to it, until it is dropped.
    pub(crate) fn client_of_pooler(&self) -> Client {
        let mut command = Command::new(format!("{BIN}/psql"));
        command.args(["-XAtq", &self.pooler_url()]).stdin(Stdio::piped());
        Client(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap())
    }

    /// Where the server itself answers.
    pub(crate) fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres?sslmode=disable", self.port)
    }

    /// Where something that stands before the server answers.
    pub(crate) fn url_at(&self, port: u16) -> String {
        self.url().replace(&self.port.to_string(), &port.to_string())
    }

    /// The server's port.
    pub(crate) const fn port(&self) -> u16 {
        self.port
    }

    /// Where the pooler answers, transaction by transaction.
    pub(crate) fn pooler_url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres?sslmode=disable", self.pooler_port)
    }

    /// What `psql` answers to a statement.
    pub(crate) fn ask(&self, sql: &str) -> String {
        let url = self.url();
        let output =
            run(Command::new(format!("{BIN}/psql")).args(["-XAtqv", "ON_ERROR_STOP=1", "-c", sql, &url]));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }
}

/// A `psql` that waits for what it is told.
pub(crate) struct Client(Child);

impl Client {
    pub(crate) fn say(&mut self, sql: &str) {
        use std::io::Write as _;
        let input = self.0.stdin.as_mut().unwrap();
        input.write_all(sql.as_bytes()).and_then(|()| input.flush()).unwrap();
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Drop for PostgresServer {
    fn drop(&mut self) {
        let mut watcher = self.watcher.lock().unwrap();
        drop(watcher.stdin.take());
        let _ = watcher.wait();
    }
}

pub(crate) fn is_root() -> bool {
    Path::new("/proc/self").metadata().is_ok_and(|m| std::os::unix::fs::MetadataExt::uid(&m) == 0)
}

/// PostgreSQL refuses to run as root.
fn as_postgres(program: &str) -> Command {
    let mut command = if is_root() {
        let mut command = Command::new("runuser");
        command.args(["-u", "postgres", "--", program]);
        command
    } else {
        Command::new(program)
    };
    command.current_dir("/");
    command
}

fn run(command: &mut Command) -> Output {
    // a server that is started must not hold this process' outputs open
    let errors = tempfile::tempfile().unwrap();
    let wanted = command.get_program() == format!("{BIN}/psql").as_str();
    command.stdin(Stdio::null()).stderr(errors.try_clone().unwrap());
    command.stdout(if wanted { Stdio::piped() } else { Stdio::null() });
    let missing = "install them: apt-get install postgresql pgbouncer";
    let output = command.spawn().and_then(Child::wait_with_output);
    let output = output.unwrap_or_else(|error| panic!("{command:?} does not start ({error}): {missing}"));
    if !output.status.success() {
        use std::io::{Read as _, Seek as _};
        let (mut errors, mut text) = (errors, String::new());
        errors.rewind().unwrap();
        errors.read_to_string(&mut text).unwrap();
        panic!("{command:?} failed: {text}; where it is not there, {missing}");
    }
    output
}

pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
