//! Selectors made ready to match series: regular expressions are compiled once.

use std::collections::BTreeMap;

use regex_lite::{Regex, RegexBuilder};

use super::expression::{LabelMatch, LabelMatcher, MetricsNode, Selector};

/// Labels of a series, its name aside; a label with an empty value is no label.
pub(super) type Labels = BTreeMap<String, String>;

/// Bytes that one compiled regular expression may take: fifty times what alternatives of status codes, routes
/// and instances take, and too little for nested counted repetitions to fill memory.
const REGEX_BYTES_MAX: usize = 1 << 20;

/// The regular expressions of a signal's expression, by their text.
#[derive(Debug, Clone, Default)]
pub(super) struct Patterns {
    compiled: BTreeMap<String, Option<Regex>>,
}

impl Patterns {
    /// Compiles every regular expression below `node`.
    pub(super) fn of(node: &MetricsNode) -> Self {
        let mut patterns = Self::default();
        node.selectors(&mut |selector| {
            for matcher in &selector.matchers {
                if matches!(matcher.operator, LabelMatch::Matches | LabelMatch::NotMatches) {
                    patterns.compiled.entry(matcher.value.clone()).or_insert_with_key(|text| compile(text));
                }
            }
        });
        patterns
    }

    /// The first regular expression of a selector that cannot be understood.
    pub(super) fn broken<'a>(&self, selector: &'a Selector) -> Option<&'a str> {
        let broken = |matcher: &&LabelMatcher| self.compiled.get(&matcher.value).is_some_and(Option::is_none);
        selector.matchers.iter().find(broken).map(|matcher| matcher.value.as_str())
    }

    /// Whether labels satisfy all matchers of a selector.
    pub(super) fn matches(&self, selector: &Selector, labels: &Labels) -> bool {
        selector.matchers.iter().all(|matcher| {
            let text = labels.get(&matcher.label).map_or("", String::as_str);
            let pattern = || self.compiled.get(&matcher.value).and_then(Option::as_ref);
            match matcher.operator {
                LabelMatch::Equal => text == matcher.value,
                LabelMatch::NotEqual => text != matcher.value,
                LabelMatch::Matches => pattern().is_some_and(|regex| regex.is_match(text)),
                LabelMatch::NotMatches => pattern().is_some_and(|regex| !regex.is_match(text)),
            }
        })
    }
}

/// As Prometheus 3 does: anchored at both ends, and `.` matches a line break too.
fn compile(text: &str) -> Option<Regex> {
    let built = |pattern: &str| RegexBuilder::new(pattern).size_limit(REGEX_BYTES_MAX).build().ok();
    // by itself first: `a)(b` would be sound only within what is put around it
    built(text)?;
    built(&format!("^(?s:{text})$"))
}

impl MetricsNode {
    /// Calls `visit` for every selector, from left to right; a histogram's as it is written, without `_bucket`.
    pub(super) fn selectors<'a>(&'a self, visit: &mut impl FnMut(&'a Selector)) {
        match self {
            Self::Select(selector)
            | Self::Range { selector, .. }
            | Self::HistogramQuantile { selector, .. }
            | Self::Age(selector) => visit(selector),
            Self::Aggregate(aggregation) => aggregation.of.selectors(visit),
            Self::Arithmetic { left, right, .. } => {
                left.selectors(visit);
                right.selectors(visit);
            }
            Self::Number(_) => {}
        }
    }

    /// Calls `visit` with the name of every metric that it reads; a histogram's with `_bucket`.
    pub fn metrics(&self, visit: &mut impl FnMut(String)) {
        match self {
            Self::Select(selector) | Self::Range { selector, .. } | Self::Age(selector) => {
                visit(selector.metric.clone());
            }
            Self::HistogramQuantile { selector, .. } => visit(buckets_of(selector)),
            Self::Aggregate(aggregation) => aggregation.of.metrics(visit),
            Self::Arithmetic { left, right, .. } => {
                left.metrics(visit);
                right.metrics(visit);
            }
            Self::Number(_) => {}
        }
    }

    /// Whether it is nested more than `depth` deep.
    pub(super) fn deeper_than(&self, depth: usize) -> bool {
        let Some(left_depth) = depth.checked_sub(1) else { return true };
        match self {
            Self::Aggregate(aggregation) => aggregation.of.deeper_than(left_depth),
            Self::Arithmetic { left, right, .. } => {
                left.deeper_than(left_depth) || right.deeper_than(left_depth)
            }
            _ => false,
        }
    }
}

/// The metric of a histogram's buckets.
pub(super) fn buckets_of(histogram: &Selector) -> String {
    format!("{}_bucket", histogram.metric)
}

/// A selector's matchers as they are written, for a reader; empty without any.
pub(super) fn matchers_text(selector: &Selector) -> String {
    if selector.matchers.is_empty() {
        return String::new();
    }
    let parts: Vec<_> = selector
        .matchers
        .iter()
        .map(|m| format!("{}{}\"{}\"", m.label, m.operator.as_str(), m.value))
        .collect();
    format!("{{{}}}", parts.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(operator: LabelMatch, value: &str, status: Option<&str>, expected: bool) {
        let matcher = LabelMatcher { label: "status".into(), operator, value: value.into() };
        let node = MetricsNode::Select(Selector { metric: "m".into(), matchers: vec![matcher] });
        let MetricsNode::Select(selector) = &node else { panic!() };
        let labels = status.map(|s| ("status".to_owned(), s.to_owned())).into_iter().collect();
        let got = Patterns::of(&node).matches(selector, &labels);
        assert_eq!(got, expected, "{status:?} {operator:?} {value}");
    }

    /// Matchers see a missing label as empty text, and expressions are anchored at both ends.
    #[test]
    fn matchers() {
        use LabelMatch::{Equal, Matches, NotEqual, NotMatches};
        check(Equal, "200", Some("200"), true);
        check(Equal, "", None, true);
        check(NotEqual, "200", None, true);
        check(Matches, "5..", Some("503"), true);
        check(Matches, "5..", Some("1503"), false);
        check(Matches, "5..|4..", Some("404x"), false);
        check(Matches, ".*", None, true);
        check(Matches, "a.b", Some("a\nb"), true);
        check(NotMatches, "5..", Some("200"), true);
        check(NotMatches, "5..", Some("500"), false);
    }

    /// A regular expression that cannot be understood matches nothing, in either sense, and is named.
    #[test]
    fn broken_expressions() {
        check(LabelMatch::Matches, "(", Some("("), false);
        check(LabelMatch::NotMatches, "(", Some("x"), false);
        check(LabelMatch::Matches, "a)|(b", Some("a"), false);
        check(LabelMatch::Matches, "((a{1000}){1000}){1000}", Some("a"), false);
        let matcher = LabelMatcher { label: "l".into(), operator: LabelMatch::Matches, value: "(".into() };
        let node = MetricsNode::Select(Selector { metric: "m".into(), matchers: vec![matcher] });
        let MetricsNode::Select(selector) = &node else { panic!() };
        assert_eq!(Patterns::of(&node).broken(selector), Some("("));
    }
}
