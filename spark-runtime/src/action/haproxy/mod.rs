//! Moving traffic by the weights of HAProxy's servers, over its runtime socket.
//!
//! The share is the canary servers' part of all weights in the backend, of the servers that get traffic now. It is exact
//! for new requests with `balance roundrobin`; a cookie or a stick table sends known users where they were. Weights that
//! were set are lost when HAProxy starts again: give the canary's servers `weight 0` in its configuration, so that they
//! get nothing then.

mod socket;
mod state;
mod weights;

use std::time::Duration;

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use spark_core::TimeSpan;

pub use self::socket::HaproxyAddress;
use self::socket::SocketError;
use self::state::{Server, servers};
use self::weights::{Weights, nearest, share};
use super::{ActionOutcome, Actions, Measured, Order, percent};

/// How far from a share the nearest weights may be where nothing else is said, in hundredths of a percent: a tenth of the
/// first stage of the usual plan.
pub const TOLERANCE_BP: u16 = 10;

/// How often a probe looks before it says that the share is unknown.
const LOOKS: u32 = 3;

/// The time between two looks of a probe.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// An HAProxy whose weights are set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HaproxySettings {
    /// Its runtime socket.
    pub socket: HaproxyAddress,
    /// The backend.
    pub backend: String,
    /// The servers of the canary.
    pub canary: Vec<String>,
    /// The servers of the stable version.
    pub stable: Vec<String>,
    /// How far from a share the weights may be, in hundredths of a percent.
    pub tolerance_bp: u16,
    /// Whether a rollback also drains the canary's servers: a user whom a cookie sends there still gets there, and
    /// nobody else does whatever the weights become.
    pub drain: bool,
    /// Whether a rollback also ends the sessions that the canary's servers have: their users get an error, and are
    /// elsewhere at once.
    pub shutdown_sessions: bool,
    /// How long an order may take, where it does not leave less.
    pub deadline: TimeSpan,
}

/// Why an HAProxy cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HaproxyError {
    /// A name is none of HAProxy's.
    #[error("`{0}` is no name of HAProxy's: expected letters, digits, `-`, `_`, `.` and `:`")]
    Name(String),
    /// A group has no server.
    #[error("the {0} version has no server")]
    Empty(&'static str),
    /// A server is named twice.
    #[error("the server `{0}` is named twice: a server runs one version")]
    Twice(String),
    /// The port is not this machine's.
    #[error("`{0}` is no address of this machine: HAProxy's runtime socket asks for no password")]
    NotLocal(std::net::SocketAddr),
}

/// Moves traffic by the weights of HAProxy's servers.
#[derive(Debug, Clone)]
pub struct HaproxyActions {
    // INVARIANT: the names hold nothing that ends a command
    settings: HaproxySettings,
}

/// The servers of both groups, and the part of the traffic that goes to neither.
struct Groups {
    canary: Vec<Server>,
    stable: Vec<Server>,
    others: Vec<Server>,
}

impl HaproxyActions {
    /// Actions by an HAProxy.
    ///
    /// # Errors
    /// A name is none of HAProxy's or stands twice, a group is empty, or the port is another machine's.
    pub fn new(settings: HaproxySettings) -> Result<Self, HaproxyError> {
        let names = || settings.canary.iter().chain(&settings.stable);
        if let Some(bad) = std::iter::once(&settings.backend).chain(names()).find(|name| !is_name(name)) {
            return Err(HaproxyError::Name(bad.clone()));
        }
        for (group, name) in [(&settings.canary, "new"), (&settings.stable, "stable")] {
            if group.is_empty() {
                return Err(HaproxyError::Empty(name));
            }
        }
        if let Some(twice) = names().find(|name| names().filter(|other| other == name).count() > 1) {
            return Err(HaproxyError::Twice(twice.clone()));
        }
        match settings.socket {
            HaproxyAddress::Tcp(address) if !address.ip().is_loopback() => {
                Err(HaproxyError::NotLocal(address))
            }
            _ => Ok(Self { settings }),
        }
    }

    fn set(&self, server: &str, what: &str) -> String {
        format!("set server {}/{server} {what}", self.settings.backend)
    }

    async fn groups(&self) -> Result<Groups, String> {
        let command = format!("show stat {} 4 -1", self.settings.backend);
        let answer =
            socket::ask(&self.settings.socket, &[command]).await.map_err(|error| self.words(&error))?;
        let all = servers(&answer, &self.settings.backend)?;
        let of = |names: &[String]| -> Result<Vec<Server>, String> {
            let found = |name: &String| all.iter().find(|server| server.name == *name).cloned();
            let missing =
                |name: &String| format!("the backend `{}` has no server `{name}`", self.settings.backend);
            names.iter().map(|name| found(name).ok_or_else(|| missing(name))).collect()
        };
        let (canary, stable) = (of(&self.settings.canary)?, of(&self.settings.stable)?);
        let others = all.iter().filter(|server| !canary.contains(server) && !stable.contains(server));
        let others = others.cloned().collect();
        Ok(Groups { canary, stable, others })
    }

    fn words(&self, error: &SocketError) -> String {
        let socket = &self.settings.socket;
        match error {
            SocketError::NotReached(error) => {
                format!("HAProxy's socket `{socket}` cannot be reached: {error}")
            }
            SocketError::Broken(error) => format!("HAProxy's socket `{socket}` broke off: {error}"),
        }
    }

    /// Sends commands that say nothing when all is well.
    async fn command(&self, commands: &[String]) -> ActionOutcome {
        let outcome = match socket::ask(&self.settings.socket, commands).await {
            Ok(answer) => {
                let complaint = answer.split_whitespace().collect::<Vec<_>>().join(" ");
                match complaint.is_empty() {
                    true => ActionOutcome::done(String::new()),
                    false => ActionOutcome {
                        stdout: super::text::excerpt(answer.as_bytes()),
                        ..ActionOutcome::failed(format!(
                            "HAProxy says `{}`",
                            super::text::excerpt(complaint.as_bytes())
                        ))
                    },
                }
            }
            Err(error @ SocketError::NotReached(_)) => ActionOutcome::failed(self.words(&error)),
            Err(error @ SocketError::Broken(_)) => ActionOutcome::unknown(self.words(&error)),
        };
        ActionOutcome { command: commands.to_vec(), ..outcome }
    }

    async fn give(&self, order: &Order) -> ActionOutcome {
        let groups = match self.groups().await {
            Ok(groups) => groups,
            Err(reason) => return ActionOutcome::failed(reason),
        };
        let backend = &self.settings.backend;
        if let Some(other) = groups.others.iter().find(|server| server.part() > 0) {
            let name = &other.name;
            let words = format!(
                "`{backend}/{name}` gets traffic, and is neither of the new nor of the stable version"
            );
            return ActionOutcome::failed(words);
        }
        let usable = |group: &[Server]| {
            // a drained canary is made ready again by this order
            let ready = |server: &&Server| server.usable() || (server.status == "DRAIN" && !server.backup);
            u32::try_from(group.iter().filter(ready).count()).unwrap_or(u32::MAX)
        };
        let (canaries, stables) = (usable(&groups.canary), usable(&groups.stable));
        let Some(weights) = nearest(order.share_bp, canaries, stables) else {
            return ActionOutcome::failed(format!(
                "{}% cannot be given: {canaries} of {} servers of the new version and {stables} of {} of the stable one are up in `{backend}`",
                order.percent(),
                groups.canary.len(),
                groups.stable.len()
            ));
        };
        let parts = (u64::from(weights.canary), u64::from(weights.stable));
        let found =
            share(parts.0.saturating_mul(u64::from(canaries)), parts.1.saturating_mul(u64::from(stables)));
        let found = found.unwrap_or_default();
        let off = found.checked_sub(Decimal::from(order.share_bp)).unwrap_or(Decimal::MAX).abs();
        if off > Decimal::from(self.settings.tolerance_bp) {
            return ActionOutcome::failed(format!(
                "{}% cannot be given with weights from 0 to 256 over {canaries} servers of the new version and {stables} of the stable one: the nearest share is {}%, and {}% off is allowed",
                order.percent(),
                shown(found),
                percent(self.settings.tolerance_bp)
            ));
        }
        let outcome = self.command(&self.weighing(&groups, weights)).await;
        if !outcome.succeeded() {
            return outcome;
        }
        let (canary, stable) = (weights.canary, weights.stable);
        let status = format!(
            "weight {canary} for each of {canaries} servers of the new version, {stable} for each of {stables} of the stable one: {}%",
            shown(found)
        );
        ActionOutcome { status, ..outcome }
    }

    /// The commands that set weights. Whoever gets more comes first: between two commands no request may be left without a
    /// server.
    fn weighing(&self, groups: &Groups, weights: Weights) -> Vec<String> {
        let mut canary = Vec::new();
        for server in &groups.canary {
            canary.push(self.set(&server.name, &format!("weight {}", weights.canary)));
            if server.status == "DRAIN" && weights.canary > 0 {
                canary.push(self.set(&server.name, "state ready"));
            }
        }
        let weight = format!("weight {}", weights.stable);
        let stable = self.settings.stable.iter().map(|name| self.set(name, &weight));
        match weights.stable {
            0 => canary.into_iter().chain(stable).collect(),
            _ => stable.chain(canary).collect(),
        }
    }

    async fn take_back(&self) -> ActionOutcome {
        let mut commands: Vec<String> = Vec::new();
        // first the way to the stable version: between two commands no request may be left without a server
        for name in &self.settings.stable {
            commands.push(self.set(name, "weight 100%"));
        }
        for name in &self.settings.canary {
            commands.push(self.set(name, "weight 0"));
            if self.settings.drain {
                commands.push(self.set(name, "state drain"));
            }
            if self.settings.shutdown_sessions {
                commands.push(format!("shutdown sessions server {}/{name}", self.settings.backend));
            }
        }
        let outcome = self.command(&commands).await;
        if !outcome.succeeded() {
            return outcome;
        }
        let mut status =
            "weight 0 for every server of the new version, its configured weight for every stable one"
                .to_owned();
        // a stable server whose configured weight is 0 was meant to be given one
        if let Ok(groups) = self.groups().await {
            if groups.stable.iter().all(|server| server.set == 0) {
                let given: Vec<String> =
                    self.settings.stable.iter().map(|name| self.set(name, "weight 100")).collect();
                let given = self.command(&given).await;
                if !given.succeeded() {
                    return given;
                }
                status = "weight 0 for every server of the new version, 100 for every stable one".to_owned();
            }
            let sessions: u64 = groups.canary.iter().map(|server| server.sessions).sum();
            if sessions > 0 {
                status = format!("{status}; {sessions} sessions of the new version go on until they end");
            }
        }
        ActionOutcome { status, ..outcome }
    }

    /// Measures, and looks again a little later where nothing could be known: while HAProxy is reloaded, its socket is
    /// gone for a moment.
    async fn measure(&self, order: &Order) -> Measured {
        for _ in 1..LOOKS {
            let measured = self.look(order).await;
            if measured.share_bp.is_some() {
                return measured;
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
        self.look(order).await
    }

    async fn look(&self, order: &Order) -> Measured {
        let groups = match self.groups().await {
            Ok(groups) => groups,
            Err(reason) => return Measured::unknown(reason),
        };
        let part = |group: &[Server]| group.iter().map(Server::part).sum::<u64>();
        let (canary, stable) =
            (part(&groups.canary), part(&groups.stable).saturating_add(part(&groups.others)));
        let Some(found) = share(canary, stable) else {
            return Measured::unknown(format!("no server of `{}` gets traffic", self.settings.backend));
        };
        let words =
            format!("weights of {canary} for the new version and {stable} for all others: {}%", shown(found));
        // nothing and everything are exact; what is between is met within the tolerance
        let edge = [0, 10_000].contains(&order.share_bp);
        let off = found.checked_sub(Decimal::from(order.share_bp)).unwrap_or(Decimal::MAX).abs();
        if !edge && off <= Decimal::from(self.settings.tolerance_bp) && canary > 0 && stable > 0 {
            return Measured::share(order.share_bp, words);
        }
        let rounded = match (canary, stable) {
            (0, _) => 0,
            (_, 0) => 10_000,
            // some is never none, and not all is never all
            _ => found.round().to_u16().unwrap_or(0).clamp(1, 9_999),
        };
        Measured::share(rounded, words)
    }

    async fn in_time<T>(
        &self,
        order: &Order,
        work: impl Future<Output = T>,
        late: impl Fn(String) -> T,
    ) -> T {
        let deadline = self.settings.deadline.min(order.deadline);
        match tokio::time::timeout(deadline.to_std(), work).await {
            Ok(done) => done,
            Err(_) => {
                late(format!("HAProxy's socket `{}` did not answer within {deadline}", self.settings.socket))
            }
        }
    }
}

/// A share in percent with four decimals at most.
fn shown(share_bp: Decimal) -> String {
    share_bp.checked_div(Decimal::ONE_HUNDRED).unwrap_or_default().round_dp(4).normalize().to_string()
}

/// Whether HAProxy accepts it as a name; nothing else may reach its command line, where `;` begins the next command.
fn is_name(name: &str) -> bool {
    !name.is_empty()
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b':'))
}

impl Actions for HaproxyActions {
    async fn set_share(&mut self, order: &Order) -> ActionOutcome {
        self.in_time(order, self.give(order), ActionOutcome::unknown).await
    }

    async fn roll_back(&mut self, order: &Order) -> ActionOutcome {
        self.in_time(order, self.take_back(), ActionOutcome::unknown).await
    }

    async fn measure_share(&mut self, order: &Order) -> Measured {
        self.in_time(order, self.measure(order), Measured::unknown).await
    }
}
