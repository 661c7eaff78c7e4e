//! The parts, in the order in which they need each other.

use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::processes::Processes;
use super::{Addresses, Failure, InstanceAddresses, UpSettings, files, free_ports};

/// How long a part may take to be ready on a busy machine.
const READY: Duration = Duration::from_secs(60);

/// Where Debian puts PostgreSQL 15.
const POSTGRES: &str = "/usr/lib/postgresql/15/bin";

/// What is known while parts start.
pub(super) struct Starting<'a> {
    folder: &'a Path,
    up: &'a UpSettings,
    program: PathBuf,
    owner: Option<(u32, u32)>,
    ports: Ports,
    addresses: Addresses,
}

#[derive(Clone, Copy)]
struct Ports {
    postgres: u16,
    pgbouncer: u16,
    feed: u16,
    baseline: (u16, u16),
    canary: (u16, u16),
    front: u16,
    haproxy_admin: u16,
}

impl<'a> Starting<'a> {
    pub(super) fn new(folder: &'a Path, up: &'a UpSettings) -> Result<Self, Failure> {
        let [postgres, pgbouncer, feed, front, haproxy_admin, b, b_admin, c, c_admin] = free_ports::<9>()?;
        let ports = Ports {
            postgres,
            pgbouncer,
            feed,
            baseline: (b, b_admin),
            canary: (c, c_admin),
            front,
            haproxy_admin,
        };
        let mut token = [0_u8; 16];
        getrandom::fill(&mut token)?;
        let http = |port: u16| format!("http://127.0.0.1:{port}");
        let instance = |(port, admin)| InstanceAddresses { url: http(port), admin: http(admin) };
        let database =
            |port: u16, name: &str| format!("postgres://postgres@127.0.0.1:{port}/{name}?sslmode=disable");
        let addresses = Addresses {
            front: http(front),
            haproxy_admin: format!("127.0.0.1:{haproxy_admin}"),
            baseline: instance(ports.baseline),
            canary: instance(ports.canary),
            admin_token: token.iter().map(|byte| format!("{byte:02x}")).collect(),
            feed: http(feed),
            postgres: database(postgres, "trading"),
            pgbouncer: database(pgbouncer, "trading"),
            pgbouncer_admin: database(pgbouncer, "pgbouncer"),
            wal_archive: folder.join("postgres/archive"),
            postgres_data: folder.join("postgres/data"),
            logs: folder.join("logs"),
        };
        let program = std::env::current_exe()?;
        Ok(Self { folder, up, program, owner: database_owner()?, ports, addresses })
    }

    /// Starts all parts, each when those that it needs are ready.
    pub(super) async fn all(self) -> Result<Addresses, Failure> {
        self.start_postgres().await?;
        self.start_pgbouncer().await?;
        let mut feed = self.command(&self.program);
        feed.args([
            "feed",
            "--listen",
            &loopback(self.ports.feed).to_string(),
            "--seed",
            &self.up.seed.to_string(),
        ]);
        self.start("feed", feed, self.ports.feed, false).await?;
        for (name, ports) in [("baseline", self.ports.baseline), ("canary", self.ports.canary)] {
            let settings = files::instance(name, ports, &self.addresses, self.up)?;
            let path = self.folder.join(format!("{name}.json"));
            files::write_private(&path, &serde_json::to_string_pretty(&settings)?)?;
            let mut serve = self.command(&self.program);
            serve.args(["serve", "--config"]).arg(&path);
            self.start(name, serve, ports.0, false).await?;
        }
        let path = self.folder.join("haproxy.cfg");
        let Ports { front, haproxy_admin, baseline, canary, .. } = self.ports;
        fs::write(&path, files::haproxy(front, haproxy_admin, baseline.0, canary.0, self.up.canary_share))?;
        let mut haproxy = self.command(Path::new("/usr/sbin/haproxy"));
        haproxy.arg("-db").arg("-f").arg(&path);
        self.start("haproxy", haproxy, front, false).await?;
        for instance in [&self.addresses.baseline, &self.addresses.canary] {
            wait_ready(&instance.url).await?;
        }
        if self.up.rate > 0 {
            let mut load = self.command(&self.program);
            load.args([
                "load",
                "--target",
                &loopback(front).to_string(),
                "--rate",
                &self.up.rate.to_string(),
            ]);
            load.args(["--seed", &self.up.seed.to_string()]);
            self.spawn("load", load, false)?;
        }
        Ok(self.addresses)
    }

    async fn start_postgres(&self) -> Result<(), Failure> {
        let folder = self.folder.join("postgres");
        let archive = &self.addresses.wal_archive;
        fs::create_dir_all(archive)?;
        if let Some((uid, gid)) = self.owner {
            for path in [&folder, archive] {
                std::os::unix::fs::chown(path, Some(uid), Some(gid))?;
            }
        }
        let mut initdb = self.as_owner(&format!("{POSTGRES}/initdb"));
        initdb.args(["-A", "trust", "-U", "postgres", "-E", "UTF8", "--no-sync"]);
        initdb.args(["--locale=C.UTF-8", "--locale-provider=icu", "--icu-locale=en-US", "-D"]);
        self.run("initdb", initdb.arg(&self.addresses.postgres_data))?;
        let mut postgres = self.as_owner(&format!("{POSTGRES}/postgres"));
        postgres.arg("-D").arg(&self.addresses.postgres_data);
        let archive_command = format!("archive_command=cp %p {}/%f", archive.display());
        for setting in [
            "listen_addresses=127.0.0.1",
            "unix_socket_directories=",
            &format!("port={}", self.ports.postgres),
            "max_connections=150",
            "shared_buffers=64MB",
            // a point in time can be gone back to from the first base backup on
            "archive_mode=on",
            &archive_command,
            // dead rows show within seconds, and are cleaned within seconds
            "autovacuum_naptime=5s",
            // who keeps a transaction open for so long has forgotten it; longer than any fault of the demo
            "idle_in_transaction_session_timeout=2h",
        ] {
            postgres.args(["-c", setting]);
        }
        self.start("postgres", postgres, self.ports.postgres, true).await?;
        let mut createdb = self.as_owner(&format!("{POSTGRES}/createdb"));
        createdb.args([
            "-h",
            "127.0.0.1",
            "-U",
            "postgres",
            "-p",
            &self.ports.postgres.to_string(),
            "trading",
        ]);
        // the port answers before the server does
        let from = Instant::now();
        while let Err(error) = self.run("createdb", &mut createdb) {
            if from.elapsed() > READY {
                return Err(error);
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        crate::migrate::migrate(&self.addresses.postgres).await?;
        Ok(())
    }

    async fn start_pgbouncer(&self) -> Result<(), Failure> {
        let path = self.folder.join("pgbouncer.ini");
        fs::write(&path, files::pgbouncer(self.ports.postgres, self.ports.pgbouncer, self.up.pool))?;
        let mut pgbouncer = self.as_owner("/usr/sbin/pgbouncer");
        pgbouncer.arg(&path);
        self.start("pgbouncer", pgbouncer, self.ports.pgbouncer, true).await
    }

    /// A command that keeps nothing of ours open, and does not end with the terminal.
    fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.current_dir("/").process_group(0).stdin(Stdio::null());
        command
    }

    /// The same as the user that servers of databases insist on.
    fn as_owner(&self, program: &str) -> Command {
        let mut command = self.command(Path::new(program));
        if let Some((uid, gid)) = self.owner {
            command.uid(uid).gid(gid);
        }
        command
    }

    fn spawn(&self, name: &str, mut command: Command, last: bool) -> Result<Child, Failure> {
        let log = fs::File::create(self.log(name))?;
        command.stdout(log.try_clone()?).stderr(log);
        let child = command.spawn().map_err(|error| missing(&command, &error))?;
        Processes::add(self.folder, name, child.id(), last)?;
        Ok(child)
    }

    /// Starts a server and waits until its port answers.
    async fn start(&self, name: &str, command: Command, port: u16, last: bool) -> Result<(), Failure> {
        let mut child = self.spawn(name, command, last)?;
        let from = Instant::now();
        while TcpStream::connect_timeout(&loopback(port), Duration::from_secs(1)).is_err() {
            if let Some(status) = child.try_wait()? {
                return Err(format!("{name} ended ({status}):\n{}", self.end_of_log(name)).into());
            }
            if from.elapsed() > READY {
                return Err(format!("{name} is not ready after {READY:?}:\n{}", self.end_of_log(name)).into());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }

    /// Runs a command to its end.
    fn run(&self, name: &str, command: &mut Command) -> Result<(), Failure> {
        let log = fs::File::create(self.log(name))?;
        command.stdout(log.try_clone()?).stderr(log);
        let status = command.status().map_err(|error| missing(command, &error))?;
        if status.success() {
            Ok(())
        } else {
            Err(format!("{name} failed ({status}):\n{}", self.end_of_log(name)).into())
        }
    }

    fn log(&self, name: &str) -> PathBuf {
        self.addresses.logs.join(format!("{name}.log"))
    }

    fn end_of_log(&self, name: &str) -> String {
        let text = fs::read_to_string(self.log(name)).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines.iter().skip(lines.len().saturating_sub(10)).copied().collect::<Vec<_>>().join("\n")
    }
}

async fn wait_ready(url: &str) -> Result<(), Failure> {
    let client = crate::client::Client::default();
    let from = Instant::now();
    loop {
        let reply = client.get(&format!("{url}/health/ready")).await;
        match reply {
            // all venues have spoken, too
            Ok(reply) if reply.status.is_success() && reply.body.contains("\"silent_venues\":[]") => {
                return Ok(());
            }
            _ if from.elapsed() > READY => {
                let last = reply.map_or_else(|error| error.to_string(), |reply| reply.body);
                return Err(format!("{url} is not ready after {READY:?}: {last}").into());
            }
            _ => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}

fn loopback(port: u16) -> SocketAddr {
    ([127, 0, 0, 1], port).into()
}

fn missing(command: &Command, error: &std::io::Error) -> Failure {
    let program = command.get_program().to_string_lossy();
    format!("`{program}` does not start ({error}); install the parts: apt-get install postgresql pgbouncer haproxy").into()
}

/// PostgreSQL does not run as root: then its files and processes are those of the user `postgres`.
fn database_owner() -> Result<Option<(u32, u32)>, Failure> {
    if !rustix::process::geteuid().is_root() {
        return Ok(None);
    }
    let users = fs::read_to_string("/etc/passwd")?;
    let line = users.lines().find_map(|line| line.strip_prefix("postgres:"));
    let mut fields =
        line.ok_or("there is no user `postgres`: apt-get install postgresql")?.split(':').skip(1);
    let mut id =
        || -> Result<u32, Failure> { Ok(fields.next().ok_or("`/etc/passwd` is cut short")?.parse()?) };
    Ok(Some((id()?, id()?)))
}
