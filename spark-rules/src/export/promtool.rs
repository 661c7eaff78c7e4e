//! `test` blocks as a test file of promtool: the same instants, the same states, and the alerts that fire there.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use spark_core::{State, TimeSpan, Timestamp, Verdict};

use super::ExportedTests;
use super::given::{InputSeries, step};
use super::record::{Builder, Rule};
use super::text::duration;
use super::triggers::highest;
use super::yaml::{quoted, scalar};
use crate::Loaded;
use crate::quote::comment;
use crate::test::kept::takes_part;
use crate::test::run::name_of;
use crate::test::{Expected, Moment, Subject, TestCase};

/// What a test expects, in promtool's words.
#[derive(Default)]
struct Expectations {
    alerts: BTreeSet<String>,
    expressions: Vec<String>,
}

pub(super) fn tests(loaded: &Loaded, builder: &Builder<'_>, rules_name: &str) -> ExportedTests {
    let every = loaded.policy.every();
    let mut out = format!(
        "# Written by `spark export prometheus --tests` from {}; run it with `promtool test rules`.\n",
        builder.file(0)
    );
    let mut body = String::new();
    let (mut skipped, mut count) = (Vec::new(), 0_usize);
    for case in &loaded.tests {
        match test(builder, case, &mut skipped) {
            Ok(text) => {
                body.push_str(&text);
                count = count.saturating_add(1);
            }
            Err(reason) => skipped.push(format!("test \"{}\": {reason}", comment(&case.title))),
        }
    }
    if !skipped.is_empty() {
        out.push_str("#\n# Not in this file:\n");
        for words in &skipped {
            let _ = writeln!(out, "# - {}", comment(words));
        }
    }
    let _ =
        writeln!(out, "rule_files:\n  - {}\nevaluation_interval: {}", quoted(rules_name), duration(every));
    out.push_str(if body.is_empty() { "tests: []\n" } else { "tests:\n" });
    out.push_str(&body);
    ExportedTests { tests: out, count, skipped }
}

fn test(builder: &Builder<'_>, case: &TestCase, skipped: &mut Vec<String>) -> Result<String, String> {
    let every = builder.loaded.policy.every();
    let last = case.expected.iter().map(|expected| expected.moment().time()).max().unwrap_or_default();
    let end = instant_of(last, every);
    let mut expectations = Expectations::default();
    for expected in &case.expected {
        if let Err(reason) = builder.expect(case, expected, &mut expectations) {
            let what = builder.quote(expected.span());
            skipped.push(format!("test \"{}\", `{what}`: {reason}", case.title));
        }
    }
    if expectations.expressions.is_empty() {
        return Err("nothing that it expects is exported".to_owned());
    }
    let series =
        case.given.iter().map(|given| builder.input(given, end)).collect::<Result<Vec<InputSeries>, _>>()?;
    let step = step(&series, every);
    let mut out = format!(
        "\n  # {}\n  - name: {}\n    interval: {}\n",
        builder.place(case.span),
        quoted(&case.title),
        duration(step)
    );
    let series: Vec<_> = series.iter().filter(|series| !series.is_empty()).collect();
    if !series.is_empty() {
        out.push_str("    input_series:\n");
    }
    for series in series {
        let values = series.values(step)?;
        let _ =
            writeln!(out, "      - series: {}\n        values: {}", quoted(&series.name), quoted(&values));
    }
    if !expectations.alerts.is_empty() {
        out.push_str("    alert_rule_test:\n");
        out.extend(expectations.alerts);
    }
    out.push_str("    promql_expr_test:\n");
    out.extend(expectations.expressions);
    Ok(out)
}

impl Builder<'_> {
    fn place(&self, span: spark_core::SourceSpan) -> String {
        format!("{}:{}", self.file(span.file), self.loaded.files.position(span).line)
    }

    fn expect(&self, case: &TestCase, expected: &Expected, into: &mut Expectations) -> Result<(), String> {
        let every = self.loaded.policy.every();
        let at = instant_of(expected.moment().time(), every);
        let (expr, labels, value) = match expected {
            Expected::State { subject, state, .. } => {
                if let Subject::Trigger(id) = subject {
                    self.expect_alerts(*id, *state, at, into);
                }
                self.state(*subject, *state)?
            }
            Expected::Check { .. } => {
                return Err("a check asks a probe, and Prometheus has none".to_owned());
            }
            Expected::Decision { verdict, because, .. } => {
                let expr = self.decision_in(case, *verdict, because)?;
                (expr, "{}".to_owned(), i8::try_from(number(*verdict)).unwrap_or(0))
            }
        };
        let mut push = |at: TimeSpan, samples: &str| {
            let text = format!(
                "      - expr: {}\n        eval_time: {}\n        exp_samples: {samples}\n",
                quoted(&expr),
                time(at)
            );
            into.expressions.push(text);
        };
        if matches!(expected.moment(), Moment::From(_)) && at >= every {
            push(at.minus(every), "[]");
        }
        push(at, &format!("[{{labels: {}, value: {value}}}]", quoted(&labels)));
        Ok(())
    }

    /// An expression that is present where a trigger or an expectation is in a state, with its labels and value.
    fn state(&self, subject: Subject, state: State) -> Result<(String, String, i8), String> {
        match subject {
            Subject::Trigger(id) => {
                let trigger = self.triggers.get(&id).ok_or("its trigger is not exported")?;
                let value = match state {
                    State::Unknown => -1,
                    State::Ok => 0,
                    State::Pending => 1,
                    State::Warn => 2,
                    State::Hold => 3,
                    State::Rollback => 4,
                };
                let name = format!("{}:state", trigger.series);
                Ok((format!("{name} == {value}"), name, value))
            }
            Subject::Expectation(id) => {
                if !self.expectations.contains(&id) {
                    return Err("its expectation is not exported".to_owned());
                }
                let policy = &self.loaded.policy;
                let name = policy.signal(id).map(|signal| self.series(&signal.name)).unwrap_or_default();
                let met = format!("{name}:met");
                Ok(match state {
                    State::Ok => (format!("{met} == 1"), met, 1),
                    State::Unknown => (format!("{name}:asks unless {met}"), format!("{name}:asks"), 1),
                    _ => (format!("{met} == 0"), met, 0),
                })
            }
        }
    }

    /// The decision of what takes part in a test, where it is this one for these reasons.
    fn decision_in(&self, case: &TestCase, verdict: Verdict, because: &[Subject]) -> Result<String, String> {
        let policy = &self.loaded.policy;
        let signals = (0u32..).zip(policy.signals()).filter(|(_, signal)| signal.expectation.is_some());
        let expectations = signals.map(|(place, _)| Subject::Expectation(spark_core::SignalId(place)));
        let triggers = (0u32..).zip(policy.triggers());
        let triggers = triggers.map(|(place, _)| Subject::Trigger(spark_core::TriggerId(place)));
        let mut series = Vec::new();
        for subject in expectations.chain(triggers).filter(|subject| takes_part(policy, *subject, case)) {
            let name = name_of(policy, subject).unwrap_or("");
            series.push(
                self.asks(subject).ok_or_else(|| format!("`{name}` takes part in it and is not exported"))?,
            );
        }
        if series.is_empty() {
            return Err("nothing takes part in it".to_owned());
        }
        let wanted = number(verdict);
        let mut expr = format!("({}) == {wanted}", highest(&series));
        for subject in because {
            let name = self.asks(*subject).ok_or("a reason of it is not exported")?;
            let _ = write!(expr, " and {name}:asks == {wanted}");
        }
        Ok(expr)
    }

    /// What the names of a subject's series begin with, where it is exported.
    fn asks(&self, subject: Subject) -> Option<String> {
        match subject {
            Subject::Trigger(id) => self.triggers.get(&id).map(|trigger| trigger.series.clone()),
            Subject::Expectation(id) => {
                let signal = self.loaded.policy.signal(id).filter(|_| self.expectations.contains(&id))?;
                Some(self.series(&signal.name))
            }
        }
    }

    /// Of a trigger in a state, which of its levels' alerts fire.
    fn expect_alerts(&self, id: spark_core::TriggerId, state: State, at: TimeSpan, into: &mut Expectations) {
        let Some(trigger) = self.triggers.get(&id) else { return };
        for (word, name) in trigger.alerts.iter().filter(|(word, _)| *word != "lost") {
            let mut text = format!("      - eval_time: {}\n        alertname: {}\n", time(at), scalar(name));
            if *word == state.as_str() {
                text.push_str("        exp_alerts:\n");
                text.push_str(&self.expected_alert(name));
            } else {
                text.push_str("        exp_alerts: []\n");
            }
            into.alerts.insert(text);
        }
    }

    /// An alert as it fires, with all that promtool compares.
    fn expected_alert(&self, wanted: &str) -> String {
        let mut out = String::new();
        let rules = self.blocks.iter().flat_map(|block| &block.rules);
        for rule in rules {
            let Rule::Alert { name, labels, annotations, .. } = rule else { continue };
            if name != wanted {
                continue;
            }
            let mut dash = '-';
            for (title, pairs) in [("exp_labels", labels), ("exp_annotations", annotations)] {
                let _ = writeln!(out, "          {dash} {title}:");
                for (key, value) in pairs {
                    let shown = value.replace("{{ \"{{\" }}", "{{");
                    let _ = writeln!(out, "              {key}: {}", scalar(&shown));
                }
                dash = ' ';
            }
        }
        out
    }
}

const fn number(verdict: Verdict) -> u8 {
    match verdict {
        Verdict::Proceed => 0,
        Verdict::Hold => 1,
        Verdict::Rollback => 2,
    }
}

/// The instant that shows what stands at a time.
const fn instant_of(time: TimeSpan, every: TimeSpan) -> TimeSpan {
    Timestamp::EPOCH.plus(time).last_multiple(every).since(Timestamp::EPOCH)
}

/// A time since the test's start.
fn time(at: TimeSpan) -> String {
    if at.is_zero() { "0s".to_owned() } else { duration(at) }
}
