//! The parts, in the order in which they need each other.

use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use fault_proxy::ProxyRequest;

use super::processes::{New, Processes, log, missing};
use super::{Addresses, Failure, FreePorts, InstanceAddresses, UpSettings, files};

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

struct Ports {
    postgres: u16,
    pgbouncer: u16,
    feed: u16,
    baseline: (u16, u16),
    canary: (u16, u16),
    beside: Vec<(u16, u16)>,
    front: u16,
    haproxy_admin: u16,
    /// The fault proxy's interface, and its proxies: those of each instance to pgBouncer and to the venues.
    fault_proxy: u16,
    proxied: Vec<(u16, u16)>,
}

impl Ports {
    /// All instances with their names.
    fn instances(&self) -> Vec<(String, (u16, u16))> {
        let beside = (2_u32..).zip(&self.beside).map(|(n, ports)| (format!("canary_{n}"), *ports));
        let first = [("baseline", self.baseline), ("canary", self.canary)];
        first.into_iter().map(|(name, ports)| (name.to_owned(), ports)).chain(beside).collect()
    }
}

impl<'a> Starting<'a> {
    pub(super) fn new(folder: &'a Path, up: &'a UpSettings) -> Result<Self, Failure> {
        let mut free = FreePorts::default();
        let ports = Ports {
            postgres: free.next()?,
            pgbouncer: free.next()?,
            feed: free.next()?,
            baseline: free.pair()?,
            canary: free.pair()?,
            beside: (0..up.beside).map(|_| free.pair()).collect::<Result<_, _>>()?,
            front: free.next()?,
            haproxy_admin: free.next()?,
            fault_proxy: free.next()?,
            proxied: (0..up.beside.saturating_add(2)).map(|_| free.pair()).collect::<Result<_, _>>()?,
        };
        drop(free);
        let mut token = [0_u8; 16];
        getrandom::fill(&mut token)?;
        let http = |port: u16| format!("http://127.0.0.1:{port}");
        let instance = |(port, admin)| InstanceAddresses { url: http(port), admin: http(admin) };
        let database =
            |port: u16, name: &str| format!("postgres://postgres@127.0.0.1:{port}/{name}?sslmode=disable");
        let addresses = Addresses {
            front: http(ports.front),
            haproxy_admin: format!("127.0.0.1:{}", ports.haproxy_admin),
            haproxy_socket: folder.join("haproxy.sock"),
            baseline: instance(ports.baseline),
            canary: instance(ports.canary),
            beside: ports.beside.iter().copied().map(instance).collect(),
            admin_token: token.iter().map(|byte| format!("{byte:02x}")).collect(),
            feed: http(ports.feed),
            postgres: database(ports.postgres, "trading"),
            pgbouncer: database(ports.pgbouncer, "trading"),
            pgbouncer_admin: database(ports.pgbouncer, "pgbouncer"),
            wal_archive: folder.join("postgres/archive"),
            postgres_data: folder.join("postgres/data"),
            logs: folder.join("logs"),
            fault_proxy: up.fault_proxy.then(|| http(ports.fault_proxy)),
        };
        let program = std::env::current_exe()?;
        Ok(Self { folder, up, program, owner: database_owner()?, ports, addresses })
    }

    /// Starts all parts, each when those that it needs are ready.
    pub(super) async fn all(self) -> Result<Addresses, Failure> {
        self.start_postgres().await?;
        self.start_pgbouncer().await?;
        let (listen, seed) = (loopback(self.ports.feed).to_string(), self.up.seed.to_string());
        let feed = self.part("feed", &self.program, &["feed", "--listen", &listen, "--seed", &seed]);
        self.start(feed, self.ports.feed).await?;
        if self.up.fault_proxy {
            self.start_fault_proxy().await?;
        }
        for ((name, ports), proxied) in self.ports.instances().into_iter().zip(&self.ports.proxied) {
            let mut settings = files::instance(&name, ports, &self.addresses, self.up)?;
            if self.up.fault_proxy {
                let (database, feed) = *proxied;
                files::lead_through(&mut settings, (self.ports.pgbouncer, database), (self.ports.feed, feed));
            }
            let path = self.folder.join(format!("{name}.json"));
            files::write_private(&path, &serde_json::to_string_pretty(&settings)?)?;
            let path = path.display().to_string();
            self.start(self.part(&name, &self.program, &["serve", "--config", &path]), ports.0).await?;
        }
        let path = self.folder.join("haproxy.cfg");
        let Ports { front, haproxy_admin, baseline, canary, .. } = self.ports;
        fs::write(
            &path,
            files::haproxy(
                (front, haproxy_admin),
                &self.addresses.haproxy_socket,
                baseline.0,
                canary.0,
                self.up.canary_share,
            ),
        )?;
        let path = path.display().to_string();
        self.start(self.part("haproxy", Path::new("/usr/sbin/haproxy"), &["-db", "-f", &path]), front)
            .await?;
        let Addresses { baseline, canary, beside, front, .. } = &self.addresses;
        let instances = [baseline, canary].into_iter().chain(beside).map(|at| &at.url);
        for url in instances.chain([front]) {
            wait_ready(url).await?;
        }
        if self.up.rate > 0 {
            let (target, rate) = (loopback(self.ports.front).to_string(), self.up.rate.to_string());
            let words = ["load", "--target", &target, "--rate", &rate, "--seed", &seed];
            Processes::start(self.folder, self.part("load", &self.program, &words))?;
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
        initdb.args(["--locale=C.UTF-8", "--locale-provider=icu", "--icu-locale=en-US"]);
        if let Some(wal) = &self.up.wal_folder {
            // segments that suit a small file system
            initdb.args(["--wal-segsize=1", "--waldir"]).arg(wal.canonicalize()?);
        }
        self.run("initdb", initdb.arg("-D").arg(&self.addresses.postgres_data))?;
        let data = self.addresses.postgres_data.display().to_string();
        let (port, archive_command) = (
            format!("port={}", self.ports.postgres),
            format!("archive_command=cp %p {}/%f", archive.display()),
        );
        // all pools at their fullest, those who watch, and an operator
        let instances = self.up.beside.saturating_add(2);
        let most = instances.saturating_mul(self.up.pool.saturating_add(2)).saturating_add(70).max(150);
        let max_connections = format!("max_connections={most}");
        let settings = [
            "listen_addresses=127.0.0.1",
            "unix_socket_directories=",
            &port,
            &max_connections,
            "shared_buffers=64MB",
            // a point in time can be gone back to from the first base backup on
            "archive_mode=on",
            &archive_command,
            // dead rows show within seconds, and are cleaned within seconds
            "autovacuum_naptime=5s",
            // who keeps a transaction open for so long has forgotten it; longer than any fault of the demo
            "idle_in_transaction_session_timeout=2h",
        ];
        // a log that is cut back before a small file system is full
        let small = ["max_wal_size=16MB", "min_wal_size=4MB"];
        let settings: Vec<&str> =
            settings.into_iter().chain(small.into_iter().filter(|_| self.up.wal_folder.is_some())).collect();
        let words: Vec<&str> = ["-D", data.as_str()]
            .into_iter()
            .chain(settings.iter().flat_map(|setting| ["-c", *setting]))
            .collect();
        let postgres = self.server("postgres", &format!("{POSTGRES}/postgres"), &words);
        self.start(postgres, self.ports.postgres).await?;
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

    async fn start_fault_proxy(&self) -> Result<(), Failure> {
        let Ports { pgbouncer, feed, fault_proxy, .. } = self.ports;
        let mut proxies = Vec::new();
        for ((name, _), (to_database, to_feed)) in self.ports.instances().iter().zip(&self.ports.proxied) {
            for (what, listen, upstream) in [("database", *to_database, pgbouncer), ("feed", *to_feed, feed)]
            {
                proxies.push(ProxyRequest {
                    name: format!("{name}-{what}"),
                    listen: loopback(listen).to_string(),
                    upstream: loopback(upstream).to_string(),
                    enabled: true,
                });
            }
        }
        let path = self.folder.join("fault-proxy.json");
        fs::write(&path, serde_json::to_string_pretty(&proxies)?)?;
        let (listen, config) = (loopback(fault_proxy).to_string(), path.display().to_string());
        let words = ["fault-proxy", "--listen", &listen, "--config", &config];
        self.start(self.part("fault-proxy", &self.program, &words), fault_proxy).await
    }

    async fn start_pgbouncer(&self) -> Result<(), Failure> {
        let path = self.folder.join("pgbouncer.ini");
        let instances: Vec<String> = self.ports.instances().into_iter().map(|(name, _)| name).collect();
        let Ports { postgres, pgbouncer, .. } = self.ports;
        fs::write(&path, files::pgbouncer(postgres, pgbouncer, self.up.pool, &instances))?;
        let path = path.display().to_string();
        self.start(self.server("pgbouncer", "/usr/sbin/pgbouncer", &[&path]), self.ports.pgbouncer).await
    }

    /// A command as the user that servers of databases insist on.
    fn as_owner(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.current_dir("/").stdin(Stdio::null());
        if let Some((uid, gid)) = self.owner {
            command.uid(uid).gid(gid);
        }
        command
    }

    /// A part that everybody may run.
    fn part(&self, name: &str, program: &Path, words: &[&str]) -> New {
        let words = words.iter().map(|word| (*word).to_owned());
        let command = std::iter::once(program.display().to_string()).chain(words).collect();
        New { name: name.to_owned(), last: false, command, owner: None }
    }

    /// A server of the database: not run by root, and ended last.
    fn server(&self, name: &str, program: &str, words: &[&str]) -> New {
        New { last: true, owner: self.owner, ..self.part(name, Path::new(program), words) }
    }

    /// Starts a server and waits until its port answers.
    async fn start(&self, new: New, port: u16) -> Result<(), Failure> {
        let name = new.name.clone();
        let name = name.as_str();
        let mut child = Processes::start(self.folder, new)?;
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
        let log = fs::File::create(log(self.folder, name))?;
        command.stdout(log.try_clone()?).stderr(log);
        let status =
            command.status().map_err(|error| missing(&command.get_program().to_string_lossy(), &error))?;
        if status.success() {
            Ok(())
        } else {
            Err(format!("{name} failed ({status}):\n{}", self.end_of_log(name)).into())
        }
    }

    fn end_of_log(&self, name: &str) -> String {
        let text = fs::read_to_string(log(self.folder, name)).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines.iter().skip(lines.len().saturating_sub(10)).copied().collect::<Vec<_>>().join("\n")
    }
}

/// Waits until an instance, or what stands before some, is ready.
pub(crate) async fn wait_ready(url: &str) -> Result<(), Failure> {
    let client = crate::client::Client::default();
    let from = Instant::now();
    loop {
        let reply = client.get(&format!("{url}/health/ready")).await;
        match reply {
            Ok(reply) if reply.status.is_success() => return Ok(()),
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

/// PostgreSQL does not run as root: then its files and processes are those of the user `postgres`.
pub(crate) fn database_owner() -> Result<Option<(u32, u32)>, Failure> {
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
