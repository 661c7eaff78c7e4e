//! A Grafana dashboard of what an exported rule file records: the states, the decision, and each signal with the thresholds that
//! it is compared with.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use serde_json::{Value, json};
use spark_core::{
    Comparison, Condition, Dimension, Expression, Relation, Severity, Signal, SignalId, Test, Track,
};

use super::record::Builder;
use crate::Loaded;

/// The version of the dashboard's form: Grafana 10 and later bring it up to date themselves.
const SCHEMA: u32 = 39;

/// The width of a dashboard, and the size of a signal's panel.
const WIDTH: usize = 24;
const PANEL_WIDTH: usize = 12;
const PANEL_HEIGHT: usize = 8;

pub(super) fn dashboard(loaded: &Loaded, builder: &Builder<'_>, title: &str) -> String {
    let prefix = &builder.options.prefix;
    let mut panels = vec![states(builder, prefix)];
    let thresholds = thresholds(loaded);
    for (id, signal) in (0u32..).map(SignalId).zip(loaded.policy.signals()) {
        let Some(Ok(series)) = builder.signals.get(&(id, Track::Canary)) else { continue };
        let mut queries = vec![(series.value.clone(), "canary")];
        if let Some(Ok(baseline)) = builder.signals.get(&(id, Track::Baseline)) {
            queries.push((baseline.value.clone(), "baseline"));
        }
        let steps = thresholds.get(&id).map(Vec::as_slice).unwrap_or_default();
        panels.push(panel(signal, &queries, steps, panels.len()));
    }
    let dashboard = json!({
        "title": format!("Spark: {title}"),
        "uid": null,
        "tags": ["spark"],
        "schemaVersion": SCHEMA,
        "editable": true,
        "refresh": "30s",
        "time": {"from": "now-1h", "to": "now"},
        "templating": {"list": [{
            "name": "datasource", "label": "Prometheus", "type": "datasource", "query": "prometheus",
        }]},
        "panels": panels,
    });
    // plain values have text
    let mut text = serde_json::to_string_pretty(&dashboard).unwrap_or_default();
    text.push('\n');
    text
}

fn source() -> Value {
    json!({"type": "prometheus", "uid": "${datasource}"})
}

fn target(expr: &str, legend: &str, place: usize) -> Value {
    let letter = u32::try_from(place).ok().and_then(|place| char::from_digit(place.saturating_add(10), 36));
    let letter = letter.unwrap_or('z').to_ascii_uppercase();
    json!({"refId": letter.to_string(), "datasource": source(), "expr": expr, "legendFormat": legend})
}

/// The states of all triggers over time, and the decision below them.
fn states(builder: &Builder<'_>, prefix: &str) -> Value {
    let words = [
        (-1, "unknown", "purple"),
        (0, "ok", "green"),
        (1, "pending", "yellow"),
        (2, "warn", "light-orange"),
        (3, "hold", "orange"),
        (4, "rollback", "red"),
    ];
    let mapping: serde_json::Map<String, Value> = words
        .iter()
        .map(|(value, text, color)| (value.to_string(), json!({"text": text, "color": color})))
        .collect();
    let triggers = builder.loaded.policy.triggers().iter().enumerate();
    let targets: Vec<_> = builder
        .triggers
        .iter()
        .enumerate()
        .filter_map(|(place, (id, series))| {
            let name = triggers.clone().nth(id.index()).map(|(_, trigger)| trigger.name.as_str())?;
            Some(target(&format!("{}:state", series.series), name, place))
        })
        .collect();
    json!({
        "id": 1,
        "type": "state-timeline",
        "title": format!("States ({prefix})"),
        "datasource": source(),
        "gridPos": {"x": 0, "y": 0, "w": WIDTH, "h": PANEL_HEIGHT},
        "targets": targets,
        "fieldConfig": {"defaults": {"mappings": [{"type": "value", "options": mapping}]}, "overrides": []},
        "options": {"showValue": "never", "mergeValues": true, "legend": {"displayMode": "list", "placement": "bottom"}},
    })
}

fn panel(signal: &Signal, queries: &[(String, &str)], steps: &[(Decimal, &str)], place: usize) -> Value {
    let column = place.saturating_sub(1) % 2;
    let row = place.saturating_sub(1) / 2;
    let targets: Vec<_> =
        queries.iter().enumerate().map(|(place, (expr, legend))| target(expr, legend, place)).collect();
    // the first is what is below all of them
    let mut shown = vec![json!({"color": "transparent", "value": null})];
    shown.extend(steps.iter().map(|(value, color)| json!({"color": color, "value": value.to_f64()})));
    json!({
        "id": place.saturating_add(1),
        "type": "timeseries",
        "title": signal.title.as_ref().unwrap_or(&signal.name),
        "datasource": source(),
        "gridPos": {
            "x": column.saturating_mul(PANEL_WIDTH),
            "y": row.saturating_add(1).saturating_mul(PANEL_HEIGHT),
            "w": PANEL_WIDTH,
            "h": PANEL_HEIGHT,
        },
        "targets": targets,
        "fieldConfig": {
            "defaults": {
                "unit": unit(signal),
                "custom": {"thresholdsStyle": {"mode": if steps.is_empty() { "off" } else { "line" }}},
                "thresholds": {"mode": "absolute", "steps": shown},
            },
            "overrides": [],
        },
        "options": {"legend": {"displayMode": "list", "placement": "bottom"}},
    })
}

/// Grafana's word for a unit.
const fn unit(signal: &Signal) -> &'static str {
    match (signal.unit.dimension, signal.unit.per_time) {
        (Dimension::Duration, false) => "s",
        (Dimension::Ratio, false) => "percentunit",
        (Dimension::Bytes, false) => "bytes",
        (Dimension::Bytes, true) => "binBps",
        (_, true) => "cps",
        _ => "short",
    }
}

/// By signal: the thresholds that it is compared with itself, rising, in the colour of their level.
fn thresholds(loaded: &Loaded) -> BTreeMap<SignalId, Vec<(Decimal, &'static str)>> {
    let mut found: BTreeMap<SignalId, Vec<(Decimal, &'static str)>> = BTreeMap::new();
    for level in loaded.policy.triggers().iter().flat_map(|trigger| &trigger.levels) {
        let color = match level.severity {
            Severity::Warn => "yellow",
            Severity::Hold => "orange",
            Severity::Rollback => "red",
        };
        level.condition.comparisons(&mut |comparison| {
            if let Some((signal, value)) = plain(comparison) {
                found.entry(signal).or_default().push((value, color));
            }
        });
    }
    for (id, signal) in (0u32..).map(SignalId).zip(loaded.policy.signals()) {
        if let Some(Condition::Compare(comparison)) = &signal.expectation
            && let Some((_, value)) = plain(comparison)
        {
            found.entry(id).or_default().push((value, "green"));
        }
    }
    for steps in found.values_mut() {
        steps.sort_by_key(|(value, _)| *value);
        steps.dedup_by_key(|(value, _)| *value);
    }
    found
}

/// A signal against a number.
const fn plain(comparison: &Comparison) -> Option<(SignalId, Decimal)> {
    match (&comparison.left, &comparison.test) {
        (
            Expression::Signal(signal),
            Test::Is(
                Relation::Above | Relation::AtLeast | Relation::Below | Relation::AtMost,
                Expression::Literal(value),
            ),
        ) => Some((*signal, *value)),
        _ => None,
    }
}
