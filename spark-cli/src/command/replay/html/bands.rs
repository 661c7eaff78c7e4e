//! Bands of states and decisions: the height tells as much as the colour, and what is unknown is hatched.

use spark_core::{State, Timestamp, Verdict};
use spark_runtime::replay::{Axis, Band, Rank};

use super::axis::{Time, anchor};
use super::escape;

/// Height of a band.
const HEIGHT: f64 = 26.0;

/// How something is drawn: its class, and its part of the height.
pub(super) trait Shade: Rank {
    fn class(self) -> &'static str;
    fn height(self) -> f64;
}

impl Shade for State {
    fn class(self) -> &'static str {
        self.as_str()
    }

    fn height(self) -> f64 {
        match self {
            Self::Ok => 0.16,
            Self::Pending => 0.36,
            Self::Warn => 0.5,
            Self::Hold => 0.68,
            Self::Rollback | Self::Unknown => 1.0,
        }
    }
}

impl Shade for Verdict {
    fn class(self) -> &'static str {
        match self {
            Self::Proceed => "ok",
            Self::Hold => "hold",
            Self::Rollback => "rollback",
        }
    }

    fn height(self) -> f64 {
        match self {
            Self::Proceed => 0.16,
            Self::Hold => 0.68,
            Self::Rollback => 1.0,
        }
    }
}

/// A named band in a row; `name` is markup.
pub(super) fn row<T: Shade>(
    class: &str,
    name: &str,
    label: &str,
    band: &Band<T>,
    axis: Axis,
    time: Time,
) -> String {
    format!(
        "<div class=\"row {class}\"><div class=\"name\">{name}</div>{}</div>\n",
        svg(label, band, axis, time)
    )
}

fn svg<T: Shade>(label: &str, band: &Band<T>, axis: Axis, time: Time) -> String {
    let mut svg = format!(
        "<svg class=\"plot\" height=\"{HEIGHT}\" role=\"img\" aria-label=\"{}\"><rect class=\"track\" width=\"100%\" height=\"{HEIGHT}\"/>",
        escape::text(label)
    );
    let end_of = |bucket: usize| -> Timestamp {
        if bucket >= axis.buckets() { axis.to().plus(axis.every()) } else { axis.start_of(bucket) }
    };
    for (first, after, shown) in band.runs() {
        let (from, to) = (axis.start_of(first), end_of(after));
        let (x, end) = (time.percent(from), time.percent(to));
        let height = shown.height() * HEIGHT;
        let until = if after >= axis.buckets() { "the end".to_owned() } else { to.to_string() };
        svg.push_str(&format!(
            "<rect class=\"{}\" x=\"{x:.3}%\" y=\"{:.1}\" width=\"{:.3}%\" height=\"{height:.1}\"><title>{} from {from} to {until}</title></rect>",
            shown.class(),
            HEIGHT - height,
            end - x,
            shown.class()
        ));
    }
    svg.push_str(&format!("<line class=\"cross\" x1=\"0\" x2=\"0\" y1=\"0\" y2=\"{HEIGHT}\"/></svg>"));
    svg
}

/// The marks of time below bands.
pub(super) fn marks(time: Time) -> String {
    let mut svg = "<svg height=\"20\" aria-hidden=\"true\">".to_owned();
    for (x, words) in time.marks() {
        let anchor = anchor(x);
        svg.push_str(&format!("<text x=\"{x:.3}%\" y=\"14\" text-anchor=\"{anchor}\">{words}</text>"));
    }
    svg.push_str("</svg>");
    format!("<div class=\"row\"><div class=\"name\"></div>{svg}</div>\n")
}

/// What the bands' shades mean.
pub(super) fn key() -> String {
    let shades = [
        ("ok, proceed", State::Ok),
        ("pending", State::Pending),
        ("warn", State::Warn),
        ("hold", State::Hold),
        ("rollback", State::Rollback),
        ("unknown", State::Unknown),
    ];
    let entry = |(words, state): (&str, State)| format!("<li>{}{words}</li>", swatch(state));
    format!("<ul class=\"key\">{}</ul>\n", shades.map(entry).concat())
}

/// A piece of a band.
pub(super) fn swatch(shade: impl Shade) -> String {
    let height = shade.height() * 14.0;
    format!(
        "<svg width=\"20\" height=\"14\" aria-hidden=\"true\"><rect class=\"track\" width=\"20\" height=\"14\"/><rect class=\"{}\" width=\"20\" y=\"{:.1}\" height=\"{height:.1}\"/></svg>",
        shade.class(),
        14.0 - height
    )
}
