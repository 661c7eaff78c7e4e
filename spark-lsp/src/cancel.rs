//! Requests that the client takes back while they wait: whoever types on asks again, and the old answer helps nobody.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use lsp_server::RequestId;
use serde_json::Value;

/// The requests that were taken back. The thread that reads adds them, ahead of the one that answers, which takes each out
/// at the request, or at the latest at the word that took it back.
#[derive(Debug, Clone, Default)]
pub(crate) struct Cancelled(Arc<Mutex<HashSet<RequestId>>>);

impl Cancelled {
    pub(crate) fn add(&self, id: RequestId) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(id);
    }

    /// Whether the request was taken back; it is forgotten.
    pub(crate) fn take(&self, id: &RequestId) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(id)
    }
}

/// The request that `$/cancelRequest` is about.
pub(crate) fn cancels(params: &Value) -> Option<RequestId> {
    serde_json::from_value(params.get("id")?.clone()).ok()
}
