//! Telling people what changed: best effort, never in the way of the rollout.
//!
//! Each recipient has its own queue and its own task, so a slow one delays no other. A queue is bounded; when it is full,
//! the oldest message gives way, because the newest says where things stand. What was not delivered is counted, and said
//! in the next message that is.

mod configured;
mod herald;
mod message;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use spark_core::TimeSpan;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

pub use self::herald::Herald;
pub use self::message::{Message, Signal};
use crate::action::hidden::forms;
use crate::action::webhook::{Signer, deliver, message_id, signed};
use crate::action::{ActionOutcome, Command, CommandSettings, CommandTemplate, Secret, WebhookError, text};
use crate::http::{HttpClient, HttpConfig};

/// Most messages that wait for a recipient. A rollout changes stage or verdict a few times a minute at worst, so this
/// is a quarter of an hour; what is older tells nobody anything.
pub const QUEUE_MAX: usize = 64;

/// Who is told.
#[derive(Debug, Clone)]
pub enum Recipient {
    /// A program, with the line at its standard input and in `SPARK_MESSAGE`.
    Command {
        /// Its words; the placeholder is `{release}`.
        command: CommandTemplate,
        /// How it runs.
        settings: CommandSettings,
        /// How long it may take.
        timeout: TimeSpan,
    },
    /// An HTTP service, with the message as JSON; `text` is the line, as chat systems expect it.
    Webhook {
        /// Its address, which may be a secret itself.
        url: Secret,
        /// The key that signs messages, where they are signed.
        secret: Option<Secret>,
        /// How it is asked.
        http: HttpConfig,
        /// How long a message may take with all attempts.
        timeout: TimeSpan,
    },
}

/// What came of the messages to one recipient.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Delivery {
    /// Who: `command ./tell`, `webhook 2`.
    pub recipient: String,
    /// Messages that arrived.
    pub delivered: u64,
    /// Messages that did not, and never will.
    pub failed: u64,
    /// Why the last one did not.
    pub last_failure: Option<String>,
}

/// Tells recipients what changed.
#[derive(Debug)]
pub struct Notifier {
    lines: Vec<(Arc<Line>, JoinHandle<()>)>,
}

/// The way to one recipient.
#[derive(Debug)]
struct Line {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    waiting: VecDeque<Message>,
    busy: bool,
    closed: bool,
    delivery: Delivery,
    /// Messages since the last delivered one that did not arrive.
    missed: u64,
}

impl Line {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Notifier {
    /// A notifier with its tasks; it has to be made inside a runtime.
    ///
    /// # Errors
    /// A webhook's key, address or certificates cannot be used.
    pub fn start(recipients: Vec<Recipient>) -> Result<Self, WebhookError> {
        let mut lines = Vec::new();
        for (place, recipient) in recipients.into_iter().enumerate() {
            let (name, teller) = Teller::of(recipient, place.saturating_add(1))?;
            let delivery = Delivery { recipient: name, ..Delivery::default() };
            let state = Mutex::new(State { delivery, ..State::default() });
            let line = Arc::new(Line { state, changed: Notify::new() });
            let task = tokio::spawn(serve(Arc::clone(&line), teller));
            lines.push((line, task));
        }
        Ok(Self { lines })
    }

    /// Queues a message for every recipient. It never waits, and never fails.
    pub fn tell(&self, message: &Message) {
        for (line, _) in &self.lines {
            let mut state = line.state();
            state.waiting.push_back(message.clone());
            if state.waiting.len() > QUEUE_MAX {
                state.waiting.pop_front();
                state.fail("too many messages wait: it is too slow".to_owned());
            }
            drop(state);
            line.changed.notify_one();
        }
    }

    /// What came of the messages so far.
    pub fn deliveries(&self) -> Vec<Delivery> {
        self.lines.iter().map(|(line, _)| line.state().delivery.clone()).collect()
    }

    /// Lets what waits be delivered, for at most `limit`, and says what came of all.
    pub async fn finish(self, limit: Duration) -> Vec<Delivery> {
        for (line, _) in &self.lines {
            line.state().closed = true;
            line.changed.notify_one();
        }
        let end = tokio::time::Instant::now().checked_add(limit);
        let mut deliveries = Vec::new();
        for (line, mut task) in self.lines {
            let done = match end {
                Some(end) => tokio::time::timeout_at(end, &mut task).await.is_ok(),
                None => false,
            };
            if !done {
                task.abort();
            }
            let mut state = line.state();
            let left =
                u64::try_from(state.waiting.len()).unwrap_or(u64::MAX).saturating_add(u64::from(state.busy));
            for _ in 0..left {
                state.fail("the rollout was over before it was delivered".to_owned());
            }
            deliveries.push(state.delivery.clone());
        }
        deliveries
    }
}

impl State {
    fn fail(&mut self, reason: String) {
        self.missed = self.missed.saturating_add(1);
        self.delivery.failed = self.delivery.failed.saturating_add(1);
        self.delivery.last_failure = Some(reason);
    }
}

/// Delivers what comes in, one after another.
async fn serve(line: Arc<Line>, teller: Teller) {
    loop {
        let next = {
            let mut state = line.state();
            let next = state.waiting.pop_front();
            state.busy = next.is_some();
            if next.is_none() && state.closed {
                return;
            }
            next.map(|message| (message, state.missed))
        };
        let Some((message, missed)) = next else {
            line.changed.notified().await;
            continue;
        };
        let told = teller.tell(&message, missed).await;
        let mut state = line.state();
        state.busy = false;
        match told {
            Ok(()) => {
                state.delivery.delivered = state.delivery.delivered.saturating_add(1);
                // messages that gave way meanwhile are still to be said
                state.missed = state.missed.saturating_sub(missed);
            }
            Err(reason) => state.fail(reason),
        }
    }
}

/// What reaches one recipient.
enum Teller {
    Command {
        command: CommandTemplate,
        settings: CommandSettings,
        timeout: TimeSpan,
    },
    Webhook {
        url: Secret,
        signer: Option<Signer>,
        client: Box<HttpClient>,
        timeout: TimeSpan,
        /// What its answers may repeat.
        hidden: Vec<Secret>,
    },
}

impl Teller {
    fn of(recipient: Recipient, number: usize) -> Result<(String, Self), WebhookError> {
        Ok(match recipient {
            Recipient::Command { command, settings, timeout } => {
                let program = command.fill(&[]).into_iter().next().unwrap_or_default();
                (format!("command {program}"), Self::Command { command, settings, timeout })
            }
            Recipient::Webhook { url, secret, http, timeout } => {
                crate::http::check_address(url.expose()).map_err(WebhookError::Address)?;
                let signer = secret.as_ref().map(Signer::new).transpose().map_err(WebhookError::Key)?;
                let client = Box::new(HttpClient::new(http)?);
                let mut hidden = forms(url.expose());
                hidden.extend(secret);
                // the address may be the secret: the place in the configuration names it
                (format!("webhook {number}"), Self::Webhook { url, signer, client, timeout, hidden })
            }
        })
    }

    async fn tell(&self, message: &Message, missed: u64) -> Result<(), String> {
        let outcome = match self {
            Self::Command { command, settings, timeout } => {
                let line = message.text(missed);
                let command = Command {
                    words: command.fill(&[("release", &message.release)]),
                    variables: vec![
                        ("SPARK_MESSAGE", line.clone()),
                        ("SPARK_SIGNAL", message.signal.word().to_owned()),
                        ("SPARK_RELEASE", message.release.clone()),
                    ],
                    input: format!("{line}\n").into_bytes(),
                };
                command.run(settings, *timeout).await
            }
            Self::Webhook { url, signer, client, timeout, hidden } => {
                let body = message.to_json(missed).into_bytes();
                let id = message_id(&[
                    &message.release,
                    &message.since.to_string(),
                    message.signal.word(),
                    &message.line(),
                ]);
                let headers = || signed(signer.as_ref(), &id, &body, &[]);
                let outcome = deliver(client, url.expose(), headers, &body, *timeout, hidden).await;
                ActionOutcome { status: text::without(&outcome.status, hidden), ..outcome }
            }
        };
        match outcome.succeeded() {
            true => Ok(()),
            false => {
                let said = text::excerpt(outcome.stderr.as_bytes());
                let said = if said.is_empty() { said } else { format!(": `{said}`") };
                Err(format!("{}{said}", outcome.status))
            }
        }
    }
}
