//! The way to a running rollout: what it is doing, for whoever asks, and operators' words, for the runner.
//!
//! A runner keeps a [`Status`] up to date ([`Keeper`], told every fact that counts), and answers on a Unix socket beside its
//! evidence folder ([`ControlSocket`], `evidence/RELEASE.sock`). `spark status` and the operator's words ask there ([`ask`]). Without a
//! runner, the same status is folded from the journal.
//!
//! The socket is for the account that runs the rollout, and for root: mode 0600, and the peer's account is checked. Whoever has
//! that account can move the traffic without Spark as well, so the name in `by` is taken as it is said.

mod keeper;
mod protocol;
mod shown;
#[cfg(unix)]
mod socket;
mod status;
mod words;

use std::path::{Path, PathBuf};

pub use self::keeper::{HISTORY_MAX, Keeper};
pub use self::protocol::{Answer, Ask, BY_CHARS_MAX, REASON_CHARS_MAX, REQUEST_BYTES_MAX, VERSION};
pub use self::shown::{RECENT_MAX, Shown, Waits};
#[cfg(unix)]
pub use self::socket::{CLIENTS_MAX, ControlError, ControlSocket, ask, is_served};
pub use self::status::{Frozen, Note, Reason, Spoke, StageStatus, Standing, Status, Taken};
pub use self::words::{Answered, Speaker, WAITING_MAX, Words, words};

/// Where the socket of a release stands whose evidence folder is this: `RELEASE.sock` beside it.
pub fn socket_beside(folder: &Path) -> PathBuf {
    crate::evidence::beside(folder, ".sock")
}
