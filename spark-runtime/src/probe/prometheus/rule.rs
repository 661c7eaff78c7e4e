//! What a Prometheus says of an alert's rule.

use std::time::Duration;

use serde_json::Value as Json;
use spark_core::quantity::parse_duration;

use super::super::ProbeError;
use super::alertmanager::Labels;
use super::ask;
use crate::http::HttpClient;

/// How long Prometheus waits until it tells again of what fires, where it does not say.
const RESEND: Duration = Duration::from_secs(60);

/// An alert's rule.
#[derive(Debug, Clone, Default)]
pub(super) struct Rule {
    pub(super) loaded: bool,
    pub(super) healthy: bool,
    pub(super) error: String,
    pub(super) query: String,
    /// Alerts that wait for their `for`.
    pub(super) pending: usize,
    /// The labels of those that fire.
    pub(super) firing: Vec<Labels>,
}

impl Rule {
    /// The rule of a name; where several have it, all of them together.
    pub(super) async fn named(client: &HttpClient, base: &str, name: &str) -> Result<Self, ProbeError> {
        let data = ask(client, base, "rules?type=alert").await?;
        let rules = groups(&data)?.iter().filter_map(|group| group.get("rules")?.as_array()).flatten();
        let mut found = Self { healthy: true, ..Self::default() };
        for rule in rules.filter(|rule| text(rule, "name") == name) {
            found.loaded = true;
            found.query = text(rule, "query");
            // before its first evaluation it is `unknown`
            if text(rule, "health") == "err" {
                found.healthy = false;
                found.error = text(rule, "lastError");
            }
            for alert in rule.get("alerts").and_then(Json::as_array).into_iter().flatten() {
                match text(alert, "state").as_str() {
                    "firing" => found.firing.extend(alert.get("labels").and_then(Json::as_object).cloned()),
                    _ => found.pending = found.pending.saturating_add(1),
                }
            }
        }
        Ok(found)
    }
}

/// After how long an Alertmanager that was away is told again of all that fires: the resend delay, and an evaluation of the
/// slowest group.
pub(super) async fn resend_after(client: &HttpClient, base: &str) -> Result<Duration, ProbeError> {
    let flags = ask(client, base, "status/flags").await?;
    let delay = flags.get("rules.alert.resend-delay").and_then(Json::as_str).and_then(parse_duration);
    let delay = delay.map_or(RESEND, |span| span.to_std());
    let data = ask(client, base, "rules?type=alert").await?;
    let seconds = groups(&data)?.iter().filter_map(|group| group.get("interval")?.as_f64());
    let slowest = seconds.map(|s| Duration::try_from_secs_f64(s).unwrap_or_default()).max();
    Ok(delay.saturating_add(slowest.unwrap_or_default()))
}

fn groups(data: &Json) -> Result<&Vec<Json>, ProbeError> {
    let groups = data.get("groups").and_then(Json::as_array);
    groups.ok_or_else(|| ProbeError::Answer("the answer has no groups of rules".to_owned()))
}

fn text(json: &Json, name: &str) -> String {
    json.get(name).and_then(Json::as_str).unwrap_or_default().to_owned()
}
