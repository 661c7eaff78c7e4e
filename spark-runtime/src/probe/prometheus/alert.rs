//! Whether an alert would really fire: a series is made up that has to make it, and somebody has to notice.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::{Value as Json, json};
use spark_core::TimeSpan;
use tokio::time::sleep;

use super::super::web::Web;
use super::super::{Measured, Probe, ProbeError, Value};
use super::ask;
use super::write::{STALE, write};
use crate::http::HttpClient;

/// How often the series is written and the rule looked at: rules are evaluated some seconds apart.
const EVERY: Duration = Duration::from_millis(500);

/// R9: an alert's rule that is loaded, and fires when a series is there that it is for.
///
/// The series is written through remote write under the labels of the settings, which should say that it is made up, and is
/// ended afterwards. Whoever is told of the alert has to know of the test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alert {
    /// The Prometheus.
    pub url: String,
    /// The alert's name.
    pub rule: String,
    /// The labels of the made-up series, with `__name__`.
    pub series: Vec<(String, String)>,
    /// Its value.
    pub value: rust_decimal::Decimal,
    /// How long is waited until the alert fires.
    pub patience: TimeSpan,
    /// An Alertmanager that has to have it.
    pub alertmanager: Option<String>,
    /// How they are asked.
    pub web: Web,
}

/// What Prometheus says of a rule.
#[derive(Debug, Clone, Default)]
struct Rule {
    loaded: bool,
    healthy: bool,
    error: String,
    pending: usize,
    firing: usize,
    query: String,
}

impl Probe for Alert {
    async fn measure(&self) -> Result<Measured, ProbeError> {
        let client = self.web.client()?;
        let before = self.rule(&client).await?;
        let quiet = before.pending.saturating_add(before.firing) == 0;
        let (mut noticed, mut fired, mut told, mut after) = (None, None, false, before.clone());
        // one that fires already proves nothing of the next, and one that is not there never will
        if before.loaded && quiet {
            let begun = Instant::now();
            while begun.elapsed() < self.patience.to_std() {
                self.write(
                    &client,
                    rust_decimal::prelude::ToPrimitive::to_f64(&self.value).unwrap_or(f64::NAN).to_bits(),
                )
                .await?;
                sleep(EVERY).await;
                after = self.rule(&client).await?;
                if after.pending.saturating_add(after.firing) > 0 {
                    noticed.get_or_insert(begun.elapsed());
                }
                if after.firing > 0 {
                    fired.get_or_insert(begun.elapsed());
                    told = self.notified(&client).await?;
                }
                if fired.is_some() && (told || self.alertmanager.is_none()) {
                    break;
                }
            }
            self.write(&client, STALE).await?;
        }
        let proved = |so: bool| match quiet {
            true => Value::whether(so),
            false => {
                Value::unknown(format!("`{}` was active already, so its test proves nothing", self.rule))
            }
        };
        let span = |span: Option<Duration>, why: &str| span.map_or_else(|| Value::unknown(why), Value::span);
        let notified = match &self.alertmanager {
            Some(_) => proved(told),
            None => Value::unknown("the probe's settings name no `alertmanager`"),
        };
        let details = json!({
            "rule": self.rule, "query": after.query, "series": self.series, "value": self.value.to_string(),
            "loaded": before.loaded, "healthy": after.healthy, "error": after.error,
        });
        Ok(Measured::new(details)
            .with("loaded", Value::whether(before.loaded))
            .with("healthy", Value::whether(before.loaded && after.healthy))
            .with("active_before", Value::len(before.pending.saturating_add(before.firing)))
            .with("noticed", proved(noticed.is_some()))
            .with("fired", proved(fired.is_some()))
            .with("notified", notified)
            .with("noticed_after", span(noticed, "the alert was never noticed"))
            .with("fired_after", span(fired, "the alert never fired")))
    }
}

impl Alert {
    async fn rule(&self, client: &HttpClient) -> Result<Rule, ProbeError> {
        let data = ask(client, &self.url, "rules?type=alert").await?;
        let groups = data.get("groups").and_then(Json::as_array);
        let groups =
            groups.ok_or_else(|| ProbeError::Answer("the answer has no groups of rules".to_owned()))?;
        let rules = groups.iter().filter_map(|group| group.get("rules")?.as_array()).flatten();
        let text =
            |rule: &Json, name: &str| rule.get(name).and_then(Json::as_str).unwrap_or_default().to_owned();
        let mut found = Rule { healthy: true, ..Rule::default() };
        for rule in rules.filter(|rule| text(rule, "name") == self.rule) {
            found.loaded = true;
            found.query = text(rule, "query");
            // before its first evaluation it is `unknown`
            if text(rule, "health") == "err" {
                found.healthy = false;
                found.error = text(rule, "lastError");
            }
            let alerts = rule.get("alerts").and_then(Json::as_array).into_iter().flatten();
            for alert in alerts {
                let count =
                    if text(alert, "state") == "firing" { &mut found.firing } else { &mut found.pending };
                *count = count.saturating_add(1);
            }
        }
        Ok(found)
    }

    async fn write(&self, client: &HttpClient, bits: u64) -> Result<(), ProbeError> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let url = format!("{}/api/v1/write", self.url.trim_end_matches('/'));
        write(client, &url, &self.series, bits, i64::try_from(now.as_millis()).unwrap_or(i64::MAX)).await
    }

    /// Whether the Alertmanager has it: a Prometheus that fires into the void is silent.
    async fn notified(&self, client: &HttpClient) -> Result<bool, ProbeError> {
        let Some(base) = &self.alertmanager else { return Ok(false) };
        let url = format!("{}/api/v2/alerts?active=true", base.trim_end_matches('/'));
        let answer = client.get(&url, "application/json").await?;
        let alerts: Vec<Json> = serde_json::from_slice(&answer.body).map_err(|_| {
            ProbeError::Answer(format!("the answer is no list of alerts: `{}`", answer.excerpt()))
        })?;
        let named = |alert: &Json| {
            alert.pointer("/labels/alertname").and_then(Json::as_str) == Some(self.rule.as_str())
        };
        Ok(alerts.iter().any(named))
    }
}
