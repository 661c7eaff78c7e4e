//! What the page's script shows at the pointer: for each piece of time, what was shown and measured.

use serde::Serialize;
use spark_core::{State, Verdict};
use spark_runtime::replay::{Backtest, Band, Picture, Rank};

use super::axis::Time;
use super::chart::{units, value_text};
use super::escape;
use crate::rules::Rules;

#[derive(Serialize)]
struct Data {
    /// Where each piece begins, in percent.
    places: Vec<String>,
    times: Vec<String>,
    rows: Vec<Row>,
}

#[derive(Serialize)]
struct Row {
    name: String,
    cells: Vec<String>,
}

/// The data as JSON that is safe in a page.
pub(super) fn json(rules: &Rules, backtest: &Backtest, triggers: &[usize], time: Time) -> String {
    let story = &backtest.story;
    let axis = story.axis;
    let starts: Vec<_> = (0..axis.buckets()).map(|bucket| axis.start_of(bucket)).collect();
    let mut rows =
        vec![Row { name: "decision".to_owned(), cells: cells(&story.decision.band, Verdict::as_str) }];
    rows.extend(
        triggers
            .iter()
            .filter_map(|place| story.triggers.get(*place))
            .map(|trigger| Row { name: trigger.name.clone(), cells: cells(&trigger.band, State::as_str) }),
    );
    rows.extend(backtest.pictures.iter().filter_map(|picture| signal(rules, picture, &starts)));
    let data = Data {
        places: starts.iter().map(|at| format!("{:.3}", time.percent(*at))).collect(),
        times: starts.iter().map(ToString::to_string).collect(),
        rows,
    };
    // nothing in it can fail to serialize: no map, no float
    escape::json(&serde_json::to_string(&data).unwrap_or_default())
}

fn cells<T: Rank>(band: &Band<T>, word: impl Fn(T) -> &'static str) -> Vec<String> {
    band.cells().iter().map(|cell| cell.map_or("", &word).to_owned()).collect()
}

fn signal(rules: &Rules, picture: &Picture, starts: &[spark_core::Timestamp]) -> Option<Row> {
    let signal = rules.policy.signal(picture.signal)?;
    let name = match picture.track {
        spark_core::Track::Canary => signal.name.clone(),
        spark_core::Track::Baseline => format!("{} (baseline)", signal.name),
    };
    let bytes = units(rules, signal);
    let mut newest = None;
    let cells = picture.cells.iter().zip(starts).map(|(cell, start)| match cell {
        Some(cell) => {
            newest = Some(cell.last);
            match cell.low.value == cell.high.value {
                true => value_text(signal, bytes, cell.last.value),
                false => format!(
                    "{} to {}",
                    value_text(signal, bytes, cell.low.value),
                    value_text(signal, bytes, cell.high.value)
                ),
            }
        }
        // between samples the newest one counts, until it is stale
        None => newest
            .filter(|newest| !picture.is_broken(newest.at, start.plus(spark_core::TimeSpan::from_nanos(1))))
            .map(|newest| value_text(signal, bytes, newest.value))
            .unwrap_or_default(),
    });
    Some(Row { name, cells: cells.collect() })
}
