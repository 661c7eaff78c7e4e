//! Whether an alert would really fire: a series is made up that has to make it, and somebody has to notice.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rust_decimal::prelude::ToPrimitive as _;
use serde_json::{Value as Json, json};
use spark_core::TimeSpan;
use tokio::time::sleep;

use super::super::web::Web;
use super::super::{Measured, Probe, ProbeError, Value};
use super::alertmanager::{Alertmanager, Labels};
use super::rule::{Rule, resend_after};
use super::write::{STALE, write};
use super::{DOCUMENT_BYTES_MAX, ask};
use crate::http::HttpClient;

/// How often the series is written and the rule looked at: rules are evaluated some seconds apart.
const EVERY: Duration = Duration::from_millis(500);

/// How long an alert may be on its way: Prometheus sends from a queue, and finds its Alertmanagers within five seconds.
const ON_ITS_WAY: Duration = Duration::from_secs(5);

/// R9: an alert's rule that is loaded, and fires when a series is there that it is for; and an Alertmanager that has it, and has
/// all else that fires, and is told to be silent about none of it.
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
    /// How long is waited until the alert fires, and until an Alertmanager has what fires.
    pub patience: TimeSpan,
    /// An Alertmanager that has to have it.
    pub alertmanager: Option<String>,
    /// How they are asked.
    pub web: Web,
}

/// What was seen while the series was there.
#[derive(Default)]
struct Seen {
    rule: Rule,
    noticed: Option<Duration>,
    fired: Option<Duration>,
    told: Option<Result<Told, ProbeError>>,
}

/// Prometheus' alerts against those of its Alertmanager.
struct Told {
    manager: Alertmanager,
    /// How long it takes until it is told again of what fires already.
    resend: Duration,
    /// For how long it was seen to lack something of it.
    missing: Duration,
    /// All that fires, and of them those that it lacks, and those that it is silent about.
    firing: usize,
    lost: Vec<Labels>,
    silent: Vec<Labels>,
    /// The alert that was made to fire: whether it has it, and whether it is silent about it.
    has: bool,
    silenced: bool,
}

impl Told {
    /// Whether it lacks what it was told again: one that has just started, or that Prometheus has just found, was not.
    fn is_settled(&self) -> bool {
        self.missing > self.resend.saturating_add(ON_ITS_WAY)
    }
}

impl Probe for Alert {
    async fn measure(&self) -> Result<Measured, ProbeError> {
        let client = self.web.client(DOCUMENT_BYTES_MAX)?;
        let before = Rule::named(&client, &self.url, &self.rule).await?;
        let sends_to = ask(&client, &self.url, "alertmanagers").await;
        let had_before = match &self.alertmanager {
            Some(base) => {
                Some(Alertmanager::look(&client, base).await.map(|manager| manager.has(&self.rule)))
            }
            None => None,
        };
        let active_before = before.pending.saturating_add(before.firing.len());
        let mut seen = Seen { rule: before.clone(), ..Seen::default() };
        // one that fires already proves nothing of the next, and one that is not there never will
        let quiet = active_before == 0;
        if before.loaded && quiet {
            let watched = self.watch(&client, &mut seen).await;
            // what was made up ends, also where the watch failed
            let ended = self.write(&client, STALE).await;
            watched.and(ended)?;
        }
        let proved = |so: bool| match quiet {
            true => Value::whether(so),
            false => {
                Value::unknown(format!("`{}` was active already, so its test proves nothing", self.rule))
            }
        };
        let span = |span: Option<Duration>, why: &str| span.map_or_else(|| Value::unknown(why), Value::span);
        let sends = |data: &Json| data.get("activeAlertmanagers").and_then(Json::as_array).map(Vec::len);
        let told = seen.told.as_ref().and_then(|told| told.as_ref().ok());
        let details = json!({
            "rule": self.rule, "query": seen.rule.query, "series": self.series, "value": self.value.to_string(),
            "loaded": before.loaded, "healthy": seen.rule.healthy, "error": seen.rule.error,
            "sends_to": sends_to.as_ref().ok(), "alertmanager": told.map(|told| told.manager.json()),
            "lost": told.map(|told| &told.lost), "silent": told.map(|told| &told.silent),
        });
        let measured = Measured::new(details)
            .with("loaded", Value::whether(before.loaded))
            .with("healthy", Value::whether(before.loaded && seen.rule.healthy))
            .with("active_before", Value::len(active_before))
            .with("noticed", proved(seen.noticed.is_some()))
            .with("fired", proved(seen.fired.is_some()))
            .with("noticed_after", span(seen.noticed, "the alert was never noticed"))
            .with("fired_after", span(seen.fired, "the alert never fired"))
            .with(
                "alertmanagers",
                match sends_to.as_ref().map(sends) {
                    Ok(Some(number)) => Value::len(number),
                    Ok(None) => Value::unknown("Prometheus does not tell whom it sends alerts to"),
                    Err(error) => Value::unknown(error.to_string()),
                },
            );
        Ok(self.with_manager(measured, had_before, seen.told))
    }
}

impl Alert {
    /// Writes the series until the alert has fired and whoever has to have it has it, or the patience ends.
    async fn watch(&self, client: &HttpClient, seen: &mut Seen) -> Result<(), ProbeError> {
        let bits = self.value.to_f64().unwrap_or(f64::NAN).to_bits();
        let begun = Instant::now();
        let mut whole_at = Duration::ZERO;
        while begun.elapsed() < self.patience.to_std() {
            self.write(client, bits).await?;
            sleep(EVERY).await;
            seen.rule = Rule::named(client, &self.url, &self.rule).await?;
            if seen.rule.pending > 0 || !seen.rule.firing.is_empty() {
                seen.noticed.get_or_insert(begun.elapsed());
            }
            if seen.rule.firing.is_empty() {
                whole_at = begun.elapsed();
                continue;
            }
            seen.fired.get_or_insert(begun.elapsed());
            let Some(base) = &self.alertmanager else { break };
            // one that does not answer may do so the next time; that it never did is told
            let told = self.told(client, base, &seen.rule).await.map(|told| {
                if told.lost.is_empty() {
                    whole_at = begun.elapsed();
                }
                Told { missing: begun.elapsed().saturating_sub(whole_at), ..told }
            });
            let done = |told: &Told| told.has && (told.lost.is_empty() || told.is_settled());
            if seen.told.insert(told).as_ref().is_ok_and(done) {
                break;
            }
        }
        Ok(())
    }

    async fn write(&self, client: &HttpClient, bits: u64) -> Result<(), ProbeError> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let url = format!("{}/api/v1/write", self.url.trim_end_matches('/'));
        write(client, &url, &self.series, bits, i64::try_from(now.as_millis()).unwrap_or(i64::MAX)).await
    }

    /// What the Alertmanager has of what fires: a Prometheus that fires into the void is silent.
    async fn told(&self, client: &HttpClient, base: &str, rule: &Rule) -> Result<Told, ProbeError> {
        let resend = resend_after(client, &self.url).await?;
        let alerts = ask(client, &self.url, "alerts").await?;
        let alerts = alerts.get("alerts").and_then(Json::as_array);
        let alerts =
            alerts.ok_or_else(|| ProbeError::Answer("the answer has no list of alerts".to_owned()))?;
        let firing =
            alerts.iter().filter(|alert| alert.get("state").and_then(Json::as_str) == Some("firing"));
        let firing: Vec<&Labels> =
            firing.filter_map(|alert| alert.get("labels").and_then(Json::as_object)).collect();
        let manager = Alertmanager::look(client, base).await?;
        let own: Vec<_> = rule.firing.iter().map(|labels| manager.alert(labels)).collect();
        let of = |wanted: fn(Option<bool>) -> bool| -> Vec<Labels> {
            let of = firing.iter().filter(|labels| wanted(manager.alert(labels).map(|held| held.suppressed)));
            of.map(|labels| (*labels).clone()).collect()
        };
        Ok(Told {
            resend,
            missing: Duration::ZERO,
            firing: firing.len(),
            lost: of(|held| held.is_none()),
            silent: of(|held| held == Some(true)),
            has: !own.is_empty() && own.iter().all(Option::is_some),
            silenced: own.iter().flatten().any(|held| held.suppressed),
            manager,
        })
    }

    /// What the Alertmanager says, or why that is not known.
    fn with_manager(
        &self,
        measured: Measured,
        had_before: Option<Result<bool, ProbeError>>,
        told: Option<Result<Told, ProbeError>>,
    ) -> Measured {
        let told = match (told, &had_before) {
            (Some(told), _) => told.map_err(|error| error.to_string()),
            (None, None) => Err("the probe's settings name no `alertmanager`".to_owned()),
            (None, Some(Err(error))) => Err(error.to_string()),
            (None, Some(Ok(_))) => {
                Err("the alert did not fire, so the Alertmanager was not asked for it".to_owned())
            }
        };
        let value = |of: &dyn Fn(&Told) -> Value| match &told {
            Ok(told) => of(told),
            Err(why) => Value::unknown(why.clone()),
        };
        // what it lacks within the time in which it is told again says nothing
        let settled = |told: &Told, known: Value| match told.is_settled() {
            true => known,
            false => Value::unknown(format!(
                "the Alertmanager was seen to lack what fires for {} only, and is told again after {}",
                Value::span(told.missing),
                Value::span(told.resend)
            )),
        };
        let again = || {
            let why = format!("the Alertmanager had `{}` already, so its test proves nothing", self.rule);
            Value::unknown(why)
        };
        let had = matches!(had_before, Some(Ok(true)));
        let notified = value(&|told| match (had, told.has) {
            (true, _) => again(),
            (false, true) => Value::whether(!told.silenced),
            (false, false) => settled(told, Value::whether(false)),
        });
        let silenced = value(&|told| match told.has {
            true => Value::whether(told.silenced),
            false => Value::unknown("the Alertmanager does not have the alert"),
        });
        let lost = value(&|told| match told.lost.len() {
            0 => Value::count(0),
            number => settled(told, Value::len(number)),
        });
        measured
            .with("notified", notified)
            .with("silenced", silenced)
            .with("alerts_firing", value(&|told| Value::len(told.firing)))
            .with("alerts_lost", lost)
            .with("alerts_silenced", value(&|told| Value::len(told.silent.len())))
            .with("silences", value(&|told| Value::len(told.manager.silences())))
    }
}
