//! The folder and the files in it.

use std::fs;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use super::processes::Processes;
use super::{Addresses, Failure, UpSettings};
use crate::config::Settings;

/// Makes the folder, or takes one that is empty.
pub(super) fn prepare(folder: &Path) -> Result<(), Failure> {
    fs::create_dir_all(folder)?;
    if fs::read_dir(folder)?.next().is_some() {
        return Err(format!("`{}` is not empty", folder.display()).into());
    }
    // PostgreSQL's user passes through; what is private in here says so itself
    fs::set_permissions(folder, fs::Permissions::from_mode(0o711))?;
    fs::create_dir(folder.join("logs"))?;
    Processes::begin(folder)
}

/// Writes a file that only its owner reads.
pub(super) fn write_private(path: &Path, text: &str) -> Result<(), Failure> {
    use std::io::Write as _;
    let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    Ok(file.write_all(text.as_bytes())?)
}

/// pgBouncer's settings: one pool for each instance, so that one of them cannot starve the other, and one for those who watch.
pub(super) fn pgbouncer(postgres: u16, pgbouncer: u16, pool: u32, instances: &[String]) -> String {
    let database = |name: &str, size: u32| {
        format!("{name} = host=127.0.0.1 port={postgres} dbname=trading user=postgres pool_size={size}\n")
    };
    let own: String = instances.iter().map(|name| database(&format!("trading_{name}"), pool)).collect();
    // whoever watches has a few connections for each
    let watchers = u32::try_from(instances.len()).unwrap_or(u32::MAX).saturating_mul(2).max(12);
    format!(
        "[databases]\n{}{own}\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {pgbouncer}\nunix_socket_dir =\n\
         auth_type = any\npool_mode = transaction\nmax_client_conn = 2000\nignore_startup_parameters = extra_float_digits\n\
         ; a burst must not hold the pool full for good\nserver_idle_timeout = 5\nserver_login_retry = 1\n",
        database("trading", watchers),
    )
}

/// HAProxy's settings: the share of each instance is its weight, and who is not ready gets nothing.
pub(super) fn haproxy(
    (front, admin): (u16, u16),
    socket: &Path,
    baseline: u16,
    canary: u16,
    share: u32,
) -> String {
    let socket = socket.display();
    format!(
        "global\n  nbthread 1\n  stats socket 127.0.0.1:{admin} level admin\n  stats socket {socket} mode 600 level admin\n\
         defaults\n  mode http\n  timeout connect 2s\n  timeout client 20s\n  timeout server 20s\n  option forwardfor\n\
         frontend web\n  bind 127.0.0.1:{front}\n  default_backend trading\n\
         backend trading\n  balance roundrobin\n  option httpchk GET /health/started\n  default-server check inter 500ms fall 3 rise 1\n  \
         server baseline 127.0.0.1:{baseline} weight {}\n  server canary 127.0.0.1:{canary} weight {share}\n",
        100_u32.saturating_sub(share)
    )
}

/// Settings of an instance.
pub(super) fn instance(
    origin: &str,
    ports: (u16, u16),
    addresses: &Addresses,
    up: &UpSettings,
) -> Result<Settings, Failure> {
    let [listen, admin] = [ports.0, ports.1].map(|port| ([127, 0, 0, 1], port).into());
    Ok(Settings {
        origin: origin.to_owned().try_into()?,
        listen,
        admin,
        admin_token: addresses.admin_token.clone(),
        database: addresses.pgbouncer.replace("/trading?", &format!("/trading_{origin}?")),
        watch_database: addresses.pgbouncer.clone(),
        pooler: addresses.pgbouncer_admin.clone(),
        connections: 32,
        feed: addresses.feed.replace("http://", "ws://"),
        publish: format!("{}/events", addresses.feed),
        idempotency_ttl_seconds: up.idempotency_ttl,
        collect_every_ms: 1_000,
        memory_limit_mib: up.memory_limit,
        cpu_limit_cores: up.cpu_limit,
        guard: up.guard,
    })
}

/// Leads an instance's ways to pgBouncer and to the venues through a proxy: each pair is the port there, and the proxy's.
pub(super) fn lead_through(settings: &mut Settings, database: (u16, u16), feed: (u16, u16)) {
    let lead = |url: &mut String, (from, to): (u16, u16)| {
        *url = url.replace(&format!("127.0.0.1:{from}"), &format!("127.0.0.1:{to}"));
    };
    lead(&mut settings.database, database);
    lead(&mut settings.watch_database, database);
    lead(&mut settings.pooler, database);
    lead(&mut settings.feed, feed);
}
