//! The thread that checks whole policies and runs tests, so that keystrokes never wait for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Sender, SyncSender, channel};
use std::thread;
use std::time::{SystemTime, UNIX_EPOCH};

use lsp_server::RequestId;
use spark_core::Timestamp;
use spark_rules::Loaded;
use spark_rules::session::{Settled, Snapshot};
use spark_rules::test::{Outcome, run};

use crate::server::Event;

/// Something to do.
#[derive(Debug)]
pub(crate) enum Job {
    /// Check a policy, unless that is outdated before it begins.
    Check(Snapshot, Arc<AtomicBool>),
    /// Run the test with a title.
    Test { id: RequestId, snapshot: Snapshot, path: String, title: String },
}

/// What came of a test.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) id: RequestId,
    pub(crate) path: String,
    pub(crate) title: String,
    /// The rules and the outcome; none where the rules have mistakes or have no such test.
    pub(crate) outcome: Option<(Arc<Loaded>, usize, Outcome)>,
}

/// Starts the thread.
///
/// # Errors
/// The system gives no thread.
pub(crate) fn start(events: SyncSender<Event>) -> std::io::Result<Sender<Job>> {
    let (sender, jobs) = channel();
    thread::Builder::new().name("check".to_owned()).spawn(move || {
        for job in jobs {
            let event = match job {
                Job::Check(snapshot, stop) => {
                    let root = snapshot.root().to_owned();
                    let settled = snapshot.check(now(), &stop);
                    Event::Settled(root, settled.filter(|_| !stop.load(Ordering::Relaxed)).map(Box::new))
                }
                Job::Test { id, snapshot, path, title } => {
                    let settled = snapshot.check(None, &AtomicBool::new(false));
                    let outcome = settled.as_ref().and_then(Settled::loaded).and_then(|loaded| {
                        let place = loaded.tests.iter().position(|test| {
                            test.title == title && loaded.files.name(test.span.file) == path
                        })?;
                        let outcome = run(&loaded.policy, loaded.tests.get(place)?);
                        Some((loaded.clone(), place, outcome))
                    });
                    Event::Ran(Box::new(Ran { id, path, title, outcome }))
                }
            };
            if events.send(event).is_err() {
                return;
            }
        }
    })?;
    Ok(sender)
}

/// What time it is, for comments that allow a warning until a day.
fn now() -> Option<Timestamp> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).ok()?;
    Some(Timestamp::from_nanos(i64::try_from(since.as_nanos()).ok()?))
}
