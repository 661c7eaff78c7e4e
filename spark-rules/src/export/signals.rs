//! Signals as series: present where Spark would have a value, in the base unit, without labels.

use std::collections::BTreeSet;

use rust_decimal::Decimal;
use spark_core::metrics::{LabelMatcher, MetricsNode, PromqlOptions, RangeFunction, to_promql};
use spark_core::{Condition, Expression, Policy, Signal, SignalId, Source, Track};

use super::opaque::{Opaque, fresh, read};
use super::record::Builder;
use super::text::{Binding, Promql, duration, number};

/// Beyond this, Spark holds no number: NaN and infinities are left out with it.
const FINITE: &str = "> -7.9e28 < 7.9e28";

/// What is asked of Prometheus for a signal.
struct Asked {
    /// The query, guarded, in the source's unit.
    text: String,
    /// Whether it may leave several series.
    labelled: bool,
    /// The selector, where it is one alone.
    bare: Option<String>,
    /// The metric, where the selector has no matchers of its own.
    metric: Option<String>,
    /// Whether it gives a value without any series.
    makes: bool,
}

/// What a test gives a signal's samples as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Input {
    /// The metric itself, its numbers in the source's unit.
    Metric(String),
    /// The first series that is recorded of a query, as if it had been: in the base unit.
    Recorded(String),
    /// Nothing, for that reason.
    Nothing(&'static str),
}

/// The recorded series of a signal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SignalSeries {
    /// Its newest value while it is believed.
    pub(super) value: String,
    /// What windows read: a selector, without a range.
    pub(super) samples: String,
    /// What a number of `samples` has to be multiplied with; none where they are in the base unit.
    pub(super) factor: Option<String>,
    /// Whether `samples` may match several series.
    pub(super) labelled: bool,
    /// The series that a test gives its samples as.
    pub(super) input: Input,
}

impl Builder<'_> {
    /// The series of a signal on a track, recorded when first asked for.
    pub(super) fn signal(&mut self, id: SignalId, track: Track) -> Result<SignalSeries, String> {
        if let Some(known) = self.signals.get(&(id, track)) {
            return known.clone();
        }
        let found = match self.loaded.policy.signal(id) {
            Some(signal) => self.new_signal(signal, track),
            None => Err("it reads a signal that is not declared".to_owned()),
        };
        self.signals.insert((id, track), found.clone());
        found
    }

    fn new_signal(&mut self, signal: &Signal, track: Track) -> Result<SignalSeries, String> {
        let Asked { text, labelled, bare, metric, makes } = self.asked(signal, track)?;
        let series = match track {
            Track::Canary => self.series(&signal.name),
            Track::Baseline => format!("{}:baseline", self.series(&signal.name)),
        };
        self.block(format!("{} (stale after {})", self.cited(signal.span), duration(signal.stale_after)));
        let factor = factor(signal.scale);
        let mut text = match &factor {
            Some(factor) => format!("({text}) {factor}"),
            None => text,
        };
        if labelled {
            let all = format!("{series}:series");
            self.record(&all, text);
            text = one_series(&all);
        }
        let mut samples = bare.clone();
        let mut recorded = if labelled { format!("{series}:series") } else { series.clone() };
        if bare.is_none() && self.windowed.contains(signal.name.as_str()) {
            let raw = format!("{series}:raw");
            self.record(&raw, text);
            text = raw.clone();
            recorded.clone_from(&raw);
            samples = Some(raw);
        }
        self.record(&series, format!("({text}) {FINITE}"));
        let input = match (metric, &bare) {
            (Some(metric), Some(_)) => Input::Metric(metric),
            (None, Some(_)) => {
                Input::Nothing("its query matches labels, which a test's series would have to have")
            }
            (_, None) if makes => Input::Nothing("its query gives a value without any series"),
            (_, None) => Input::Recorded(recorded),
        };
        Ok(SignalSeries {
            value: series.clone(),
            samples: samples.unwrap_or(series),
            factor: factor.filter(|_| bare.is_some()),
            labelled: bare.is_some(),
            input,
        })
    }

    /// A signal's query in the source's unit, without a series of its own, and the factor to the base unit.
    pub(super) fn query(&mut self, id: SignalId, track: Track) -> Result<(Promql, Decimal), String> {
        let Some(signal) = self.loaded.policy.signal(id) else {
            return Err("it reads a signal that is not declared".to_owned());
        };
        let asked = self.asked(signal, track)?;
        Ok((Promql::new(asked.text, Binding::Or), signal.scale))
    }

    /// What is asked of Prometheus for a signal.
    fn asked(&mut self, signal: &Signal, track: Track) -> Result<Asked, String> {
        let name = &signal.name;
        let matchers = self.matchers(track)?.to_vec();
        let given = self.options.metrics.get(name).cloned();
        let query = match (&signal.source, given) {
            (_, Some(query)) => Some(query),
            (Source::Prometheus { query }, None) => Some(query.clone()),
            (Source::Metrics(_), None) => None,
            (Source::Push | Source::Sql { .. }, None) => {
                let kind = if signal.source == Source::Push { "push" } else { "sql" };
                return Err(format!(
                    "`{name}` comes from {kind}, which Prometheus does not see: name what does with `--metric {name}=PROMQL`"
                ));
            }
        };
        self.notes.insert(
            "A number that a query computes is compared as a binary float: one that differs from a threshold in its 16th digit is not yet the same, as it is in Spark.",
        );
        let mut metric = None;
        // what a query makes out of nothing would stand beside what a test gives
        let makes = query.as_ref().is_some_and(|query| query.contains("vector(") || query.contains("time("));
        let (text, labelled, bare) = match (query, &signal.source) {
            (Some(query), _) => {
                let written = matchers.iter().map(written).collect::<Vec<_>>().join(",");
                let read = read(&query, signal.stale_after, &written)
                    .map_err(|reason| format!("the query of `{name}`: {reason}"))?;
                if super::is_prefix(query.trim()) {
                    metric = Some(query.trim().to_owned());
                }
                match read {
                    Opaque::Bare { selector } => (fresh(&selector, signal.stale_after), true, Some(selector)),
                    Opaque::Guarded { query, alone } => {
                        (self.of_track(&query, track, alone), !(alone && track == Track::Canary), None)
                    }
                }
            }
            (None, Source::Metrics(expression)) => {
                self.notes.insert(
                    "A rate, increase or quantile over a window reads a sample that is exactly as old as the window in Prometheus 2, and not in Prometheus 3 and in Spark.",
                );
                let options = PromqlOptions { matchers, ..PromqlOptions::of(signal) };
                (to_promql(expression, &options), is_labelled(&expression.root, signal.counter), None)
            }
            (None, _) => return Err(format!("`{name}` has no query")),
        };
        Ok(Asked { text, labelled, bare, metric, makes })
    }

    fn matchers(&self, track: Track) -> Result<&[LabelMatcher], String> {
        match track {
            Track::Canary => Ok(&self.options.canary),
            Track::Baseline if self.options.baseline.is_empty() => Err(
                "it reads `baseline`, and nothing tells the baseline's series: with `--one-version` there are none".to_owned(),
            ),
            Track::Baseline => Ok(&self.options.baseline),
        }
    }

    /// Of a query's series those of a track, told by their labels.
    fn of_track(&self, query: &str, track: Track, alone: bool) -> String {
        if self.options.baseline.is_empty() || (alone && track == Track::Canary) {
            return query.to_owned();
        }
        // Spark tells the tracks of a query that it sends as it is by this label alone
        let word = if track == Track::Canary { "unless" } else { "and" };
        format!("({query}) {word} on(track) label_replace(vector(0), \"track\", \"baseline\", \"\", \"\")")
    }
}

/// The conditions that are exported: expectations, levels, clears and givens.
fn conditions_of(policy: &Policy) -> impl Iterator<Item = &Condition> {
    let expectations = policy.signals().iter().filter_map(|signal| signal.expectation.as_ref());
    let triggers = policy.triggers().iter().flat_map(|trigger| {
        trigger.levels.iter().map(|level| &level.condition).chain(&trigger.clear).chain(&trigger.given)
    });
    expectations.chain(triggers)
}

/// The names of the signals over whose time some window goes.
pub(super) fn windowed(policy: &Policy) -> BTreeSet<&str> {
    let mut found = BTreeSet::new();
    conditions_of(policy).for_each(|condition| {
        condition.comparisons(&mut |comparison| {
            for side in comparison.expressions() {
                each_window(side, &mut |id| {
                    found.extend(policy.signal(id).map(|signal| signal.name.as_str()));
                });
            }
        });
    });
    found
}

/// Calls `visit` for the signal of every window in an expression.
fn each_window(expression: &Expression, visit: &mut impl FnMut(SignalId)) {
    match expression {
        Expression::Window { signal, .. } => visit(*signal),
        Expression::Arithmetic { left, right, .. } => {
            each_window(left, visit);
            each_window(right, visit);
        }
        _ => {}
    }
}

/// The one series of several, without labels; nothing where there are several.
pub(super) fn one_series(name: &str) -> String {
    format!("sum({name}) and count({name}) == 1")
}

pub(super) fn written(matcher: &LabelMatcher) -> String {
    let mut value = String::new();
    for c in matcher.value.chars() {
        match c {
            '\\' | '"' => {
                value.push('\\');
                value.push(c);
            }
            '\n' => value.push_str("\\n"),
            c => value.push(c),
        }
    }
    format!("{}{}\"{value}\"", matcher.label, matcher.operator.as_str())
}

/// A source's factor: a division where that is the exact one, as a thousandth is no binary float.
fn factor(scale: Decimal) -> Option<String> {
    if scale == Decimal::ONE {
        return None;
    }
    let whole = Decimal::ONE.checked_div(scale).map(|parts| (parts, parts.round()));
    Some(match whole {
        Some((parts, whole))
            if scale < Decimal::ONE
                && parts.checked_sub(whole).is_some_and(|rest| rest.abs() < Decimal::new(1, 12)) =>
        {
            format!("/ {}", number(whole))
        }
        _ => format!("* {}", number(scale)),
    })
}

/// Whether what a `from metrics` expression leaves may have labels.
fn is_labelled(node: &MetricsNode, counter: bool) -> bool {
    match node {
        MetricsNode::Number(_) => false,
        MetricsNode::Select(_) => !counter,
        MetricsNode::Age(_) => true,
        MetricsNode::Range { function, .. } => {
            !matches!(function, RangeFunction::Rate | RangeFunction::Increase)
        }
        MetricsNode::HistogramQuantile { by, .. } => !by.is_empty(),
        MetricsNode::Aggregate(aggregation) => !aggregation.by.is_empty(),
        MetricsNode::Arithmetic { left, right, .. } => {
            is_labelled(left, counter) || is_labelled(right, counter)
        }
    }
}
