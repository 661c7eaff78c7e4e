//! Why something is refused, in words.

use crate::limits::{NAME_BYTES_MAX, PROXIES_MAX, TOXICS_MAX};

/// Why a request is refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Refused {
    /// The body is not what was asked for.
    #[error("bad request body: {0}")]
    Body(String),
    /// Something has to be said and is not.
    #[error("missing required field: `{0}`")]
    Missing(&'static str),
    /// A name that does not fit into an address.
    #[error("`{0}` is no name: expected 1 to {NAME_BYTES_MAX} bytes without `/`")]
    Name(String),
    /// There is no such proxy.
    #[error("proxy not found: `{0}`")]
    NoProxy(String),
    /// A proxy has this name.
    #[error("proxy already exists: `{0}`")]
    ProxyExists(String),
    /// There is no such toxic.
    #[error("toxic not found: `{0}`")]
    NoToxic(String),
    /// A toxic of the proxy has this name.
    #[error("toxic already exists: `{0}`")]
    ToxicExists(String),
    /// A direction that there is not.
    #[error("`{0}` is no stream: expected `upstream` or `downstream`")]
    Direction(String),
    /// A kind of toxic that there is not.
    #[error("`{0}` is no type of toxic: expected one of {known}", known = crate::toxic::KINDS.join(", "))]
    Kind(String),
    /// A value out of its range.
    #[error("`{name}` is {found}: expected {expected}")]
    Value {
        /// Which attribute.
        name: &'static str,
        /// What it is.
        found: String,
        /// What it may be.
        expected: String,
    },
    /// There are too many proxies.
    #[error("there are {PROXIES_MAX} proxies, and no more are served: delete one")]
    TooManyProxies,
    /// There are too many toxics on a proxy.
    #[error("there are {TOXICS_MAX} toxics on `{0}`, and no more are applied: delete one")]
    TooManyToxics(String),
    /// The address cannot be listened on.
    #[error("`{address}` cannot be listened on: {error}")]
    Listen {
        /// The address.
        address: String,
        /// Why not.
        #[source]
        error: std::io::Error,
    },
}
