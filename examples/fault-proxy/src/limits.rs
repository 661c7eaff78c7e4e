//! Every limit, with its argument.

use std::time::Duration;

/// Most proxies: each has a port and a task. A test has a handful.
pub const PROXIES_MAX: usize = 100;

/// Most toxics of a proxy: fourteen are one of each kind in each direction.
pub const TOXICS_MAX: usize = 20;

/// Most connections of all proxies together. With full buffers in both directions they hold 512 MiB.
pub const CONNECTIONS_MAX: usize = 1_024;

/// Most bytes of one direction of a connection that are held back; then the sender waits, as it does before a full network.
/// At a latency of 100 ms this carries 2.6 MB a second.
pub const HELD_BYTES_MAX: usize = 256 * 1024;

/// Most bytes that are read at once: 64 of them fill the buffer, so that each has the time at which it came.
pub const READ_BYTES: usize = 4 * 1024;

/// Longest body of a request: a hundred proxies with all that can be said of them are 30 KiB.
pub const BODY_BYTES_MAX: usize = 64 * 1024;

/// Longest name of a proxy or a toxic, in bytes: it is a part of an address.
pub const NAME_BYTES_MAX: usize = 100;

/// Longest time that a toxic can name, in milliseconds: a day is for ever in a test.
pub const MILLISECONDS_MAX: u64 = 86_400_000;

/// How long the upstream may take to accept a connection: a host that is not there answers nothing for minutes.
pub const CONNECT_WITHIN: Duration = Duration::from_secs(5);
