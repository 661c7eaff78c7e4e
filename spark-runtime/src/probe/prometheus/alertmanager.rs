//! What an Alertmanager has, and what it keeps silent about.

use std::time::Duration;

use serde_json::{Value as Json, json};

use super::super::ProbeError;
use crate::http::HttpClient;

/// Labels and their values.
pub(super) type Labels = serde_json::Map<String, Json>;

/// An Alertmanager as it was when it was looked at.
pub(super) struct Alertmanager {
    /// How long it has been up: one that has just started has nothing yet, and says so as if all were well.
    up_for: Duration,
    alerts: Vec<Held>,
    silences: Vec<Json>,
}

/// An alert that it has.
pub(super) struct Held {
    labels: Labels,
    /// Whether a silence or another alert keeps it from being told to anybody.
    pub(super) suppressed: bool,
    receivers: Json,
    by: Json,
}

impl Alertmanager {
    /// Looks at one.
    pub(super) async fn look(client: &HttpClient, base: &str) -> Result<Self, ProbeError> {
        let status = ask(client, base, "status").await?;
        let since: Option<jiff::Timestamp> = text(&status, "/uptime").parse().ok();
        let since = since.ok_or_else(|| {
            ProbeError::Answer("the Alertmanager does not tell since when it is up".to_owned())
        })?;
        // a moment ahead of this clock is no time at all
        let up_for = jiff::Timestamp::now().duration_since(since).try_into().unwrap_or_default();
        // all of them, by name: what is left out would be what is silenced
        let alerts =
            ask(client, base, "alerts?active=true&silenced=true&inhibited=true&unprocessed=true").await?;
        let alerts = list(&alerts, "alerts")?.iter().map(held).collect::<Result<_, _>>()?;
        let silences = ask(client, base, "silences").await?;
        let active = |silence: &&Json| text(silence, "/status/state") == "active";
        let silences = list(&silences, "silences")?.iter().filter(active).cloned().collect();
        Ok(Self { up_for, alerts, silences })
    }

    /// The alert that has all these labels. It may have more: a Prometheus adds those of itself.
    pub(super) fn alert(&self, labels: &Labels) -> Option<&Held> {
        let has = |alert: &&Held| labels.iter().all(|(name, value)| alert.labels.get(name) == Some(value));
        self.alerts.iter().find(has)
    }

    /// Whether it has any alert of a rule.
    pub(super) fn has(&self, rule: &str) -> bool {
        self.alerts.iter().any(|alert| alert.labels.get("alertname").and_then(Json::as_str) == Some(rule))
    }

    /// How many silences are in force.
    pub(super) fn silences(&self) -> usize {
        self.silences.len()
    }

    /// For evidence.
    pub(super) fn json(&self) -> Json {
        let silence = |silence: &Json| {
            json!({ "by": silence.get("createdBy"), "why": silence.get("comment"), "until": silence.get("endsAt"),
                    "of": silence.get("matchers") })
        };
        let alert = |alert: &Held| json!({ "labels": alert.labels, "suppressed": alert.suppressed, "by": alert.by, "receivers": alert.receivers });
        json!({
            "up_for": super::super::Value::span(self.up_for),
            "alerts": self.alerts.iter().take(SHOWN_MAX).map(alert).collect::<Vec<_>>(),
            "silences": self.silences.iter().take(SHOWN_MAX).map(silence).collect::<Vec<_>>(),
        })
    }
}

/// Most alerts, and most silences, that are kept as evidence.
const SHOWN_MAX: usize = 100;

async fn ask(client: &HttpClient, base: &str, path: &str) -> Result<Json, ProbeError> {
    let url = format!("{}/api/v2/{path}", base.trim_end_matches('/'));
    let answer = client.get(&url, "application/json").await?;
    serde_json::from_slice(&answer.body)
        .map_err(|_| ProbeError::Answer(format!("the Alertmanager answered no JSON: `{}`", answer.excerpt())))
}

fn list<'j>(json: &'j Json, of: &str) -> Result<&'j Vec<Json>, ProbeError> {
    json.as_array().ok_or_else(|| ProbeError::Answer(format!("the Alertmanager answered no list of {of}")))
}

fn text<'j>(json: &'j Json, pointer: &str) -> &'j str {
    json.pointer(pointer).and_then(Json::as_str).unwrap_or_default()
}

/// An alert whose state is not known is an error: it may be one that nobody is told of.
fn held(alert: &Json) -> Result<Held, ProbeError> {
    let labels = alert.get("labels").and_then(Json::as_object).cloned();
    let suppressed = match text(alert, "/status/state") {
        "active" | "unprocessed" => false,
        "suppressed" => true,
        other => {
            let why = format!(
                "an alert of the Alertmanager is `{other}`: expected active, unprocessed or suppressed"
            );
            return Err(ProbeError::Answer(why));
        }
    };
    let labels =
        labels.ok_or_else(|| ProbeError::Answer("an alert of the Alertmanager has no labels".to_owned()))?;
    let by = json!({ "silences": alert.pointer("/status/silencedBy"), "alerts": alert.pointer("/status/inhibitedBy") });
    Ok(Held { labels, suppressed, receivers: alert.get("receivers").cloned().unwrap_or_default(), by })
}
