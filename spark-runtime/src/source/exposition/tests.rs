//! Whole bodies and broken ones: points, or where it breaks.

use proptest::prelude::*;

use super::*;

const NOW: Untimed = Untimed::At(Timestamp::from_millis(1_000));

fn shown(point: &MetricPoint) -> String {
    let labels: Vec<_> = point.labels.iter().map(|(label, value)| format!("{label}={value:?}")).collect();
    let value = match &point.reading {
        spark_core::Reading::Value(value) => value.to_string(),
        other => format!("{other:?}"),
    };
    format!("{}{{{}}} {value} @{}", point.metric, labels.join(","), point.at.unix_seconds())
}

fn check(format: Format, body: &str, expected: &[&str]) {
    let points = parse(body.as_bytes(), format, NOW).unwrap_or_else(|error| panic!("{body:?}: {error}"));
    assert_eq!(points.iter().map(shown).collect::<Vec<_>>(), expected, "{body:?}");
}

fn refused(format: Format, body: impl AsRef<[u8]>, expected: &str) {
    let body = body.as_ref();
    let error = parse(body, format, NOW).expect_err(&String::from_utf8_lossy(body)).to_string();
    assert!(error.contains(expected), "{error:?} does not say {expected:?}");
}

/// Prometheus text 0.0.4 is read with its escapes, times in milliseconds, and whatever blanks it has.
#[test]
fn prometheus_text() {
    check(
        Format::Prometheus,
        "# HELP m A \\ help \"text\"\n# TYPE m counter\n# a comment\n\nm 1\nm{a=\"x\"} 2.5 1767226500123\n",
        &["m{} 1 @1", "m{a=\"x\"} 2.5 @1767226500.123"],
    );
    check(
        Format::Prometheus,
        "  m { a = \"q\\\"b\\\\n\\n\" , b=\"ä}\" , }\t+Inf  -5 \nn NaN\nn{l=\"\"} -Inf\r\no 1.2e-05\n",
        &[
            "m{a=\"q\\\"b\\\\n\\n\",b=\"ä}\"} Infinite { negative: false } @-0.005",
            "n{} NotANumber @1",
            "n{l=\"\"} Infinite { negative: true } @1",
            "o{} 0.000012 @1",
        ],
    );
    check(
        Format::Prometheus,
        "# TYPE h histogram\nh_bucket{le=\"0.1\"} 3\nh_bucket{le=\"+Inf\"} 4\nh_sum 0.30000000000000004\nh_count 4\n",
        &["h_bucket{le=\"0.1\"} 3 @1", "h_bucket{le=\"+Inf\"} 4 @1", "h_sum{} 0.3 @1", "h_count{} 4 @1"],
    );
    check(Format::Prometheus, "", &[]);
    check(Format::Prometheus, "{\"a.b\",\"c d\"=\"x\"} 1\n", &["a.b{c d=\"x\"} 1 @1"]);
}

/// OpenMetrics is read with times in seconds, exemplars passed over, up to `# EOF`.
#[test]
fn open_metrics_text() {
    check(
        Format::OpenMetrics,
        "# TYPE m counter\n# UNIT m seconds\nm_total 1 1767226500.123456789\nm_total 2 1.7672265e9 # {t=\"1\"} 0.5 1\nm_created 5 # {} 1\n# EOF",
        &["m_total{} 1 @1767226500.123456789", "m_total{} 2 @1767226500", "m_created{} 5 @1"],
    );
    check(Format::OpenMetrics, "# EOF\n", &[]);
}

/// Whatever breaks a body is named with its place, and nothing of the body is taken.
#[test]
fn broken_bodies() {
    use Format::{OpenMetrics, Prometheus};
    for (body, expected) in [
        ("m 1\nm{a=\"x\" 2\n", "line 2, column 9: expected `,` or `}`, found `2`"),
        ("m", "line 1, column 2: expected a value, found the end of the line"),
        ("m 1", "line 1, column 4: the body is cut: its last line does not end with a line break"),
        ("m{a=\"x", "line 1, column 7: expected the closing `\"`, found the end of the line"),
        ("m{a=x} 1\n", "line 1, column 5: expected text in double quotes, found `x`"),
        ("m{a=\"\\x\"} 1\n", "line 1, column 6: expected one of the escapes"),
        ("m{1a=\"x\"} 1\n", "line 1, column 3: expected a label's name or `}`, found `1`"),
        ("m{\"a\"} 1\n", "line 1, column 6: expected `=`, found `}`"),
        ("m{a=\"x\",a=\"y\"} 1\n", "line 1, column 9: the label `a` stands twice"),
        ("{a=\"x\"} 1\n", "expected metrics, found JSON"),
        (" m{ä=\"x\"} 1\n", "line 1, column 4: expected a label's name or `}`, found `ä`"),
        ("9m 1\n", "line 1, column 1: expected a metric's name"),
        ("ä 1\n", "line 1, column 1: expected a metric's name"),
        ("m x\n", "line 1, column 3: expected a number, NaN, +Inf or -Inf, found `x`"),
        ("m 1_000\n", "expected a number"),
        ("m 0x10\n", "expected a number"),
        (
            "m 1 1.5\n",
            "line 1, column 5: expected a time in whole milliseconds since 1970, up to the year 2262, found `1.5`",
        ),
        ("m 1 99999999999999999\n", "expected a time"),
        ("m 1 1 1\n", "line 1, column 7: expected the end of the line, found `1`"),
        ("m 1 # {} 1\n", "expected a time in whole milliseconds since 1970, up to the year 2262, found `#`"),
        (
            "# TYPE m meter\n",
            "line 1, column 10: expected a metric's type such as counter, gauge or histogram, found `meter`",
        ),
        ("# TYPE 9 gauge\n", "line 1, column 8: expected a metric's name"),
        ("m 1\nn 1\nm 2\n", "line 3, column 1: this series stands twice"),
        ("m{a=\"1\",b=\"2\"} 1\nm{b=\"2\",a=\"1\"} 1\n", "line 2, column 1: this series stands twice"),
        ("m 1\n\0\n", "line 2, column 1: a NUL byte"),
        (
            "<!DOCTYPE html>\n<html><body>login</body></html>",
            "line 1, column 1: expected metrics, found HTML or XML: `<!DOCTYPE html> <html><body>login</body></html>`",
        ),
        ("{\"status\":\"ok\"}", "expected metrics, found JSON"),
        ("[1]\n", "expected metrics, found JSON"),
    ] {
        refused(Prometheus, body, expected);
    }
    for (body, expected) in [
        ("m 1\n", "line 2, column 1: the body is cut: OpenMetrics text ends with `# EOF`"),
        ("", "line 1, column 1: the body is cut"),
        ("m 1\n# EO", "the body is cut"),
        ("# EOF\nm 1\n", "line 2, column 1: nothing may follow `# EOF`"),
        (
            "m 1 1767226500123\n# EOF\n",
            "line 1, column 5: expected a time in seconds since 1970, up to the year 2262, found `1767226500123`",
        ),
        ("m 1 NaN\n# EOF\n", "expected a time in seconds"),
        ("m 1 1 # x\n# EOF\n", "line 1, column 9: expected an exemplar's labels in braces, found `x`"),
    ] {
        refused(OpenMetrics, body, expected);
    }
    refused(Prometheus, b"m 1\nm\xff 1\n", "line 2, column 2: byte 0xff is not UTF-8");
    let untimed = parse(b"m 1\n# EOF", Format::OpenMetrics, Untimed::Refuse).unwrap_err().to_string();
    assert_eq!(untimed, "line 1, column 4: expected a time after the value: a recording says when");
}

/// Each limit is an ordinary error at its place.
#[test]
fn limits() {
    let long = format!("m{{a=\"{}\"}} 1\n", "x".repeat(LINE_BYTES_MAX));
    refused(Format::Prometheus, long, "line 1, column 1: the line is longer than 65536 bytes");
    let labels: String = (0..=LABELS_MAX).map(|n| format!("l{n}=\"x\",")).collect();
    refused(Format::Prometheus, format!("m{{{labels}}} 1\n"), "there are more than 128 labels");
    refused(Format::Prometheus, vec![b'\n'; BODY_BYTES_MAX + 1], "the body is longer than 67108864 bytes");
    let many: String = (0..=POINTS_MAX).map(|n| format!("m 1 {n}\n")).collect();
    refused(Format::Prometheus, many, "line 1000001, column 1: there are more than 1000000 points");
}

/// A series may have several points with times of their own; which of them stay is decided where they are kept.
#[test]
fn several_points_of_a_series() {
    check(Format::OpenMetrics, "m 1 1\nm 2 1\nm 3 2\n# EOF", &["m{} 1 @1", "m{} 2 @1", "m{} 3 @2"]);
}

/// Only wanted metrics are taken, and all of the body is checked.
#[test]
fn wanted_metrics() {
    let wanted = |name: &str| name == "a";
    let points = parse_wanted(b"a 1\nb 2\n", Format::Prometheus, NOW, &wanted).unwrap();
    assert_eq!(points.iter().map(shown).collect::<Vec<_>>(), ["a{} 1 @1"]);
    assert!(parse_wanted(b"a 1\nb x\n", Format::Prometheus, NOW, &wanted).is_err());
}

/// Content types name their format; others are none.
#[test]
fn content_types() {
    for (text, expected) in [
        ("text/plain; version=0.0.4; charset=utf-8", Some(Format::Prometheus)),
        ("application/openmetrics-text; version=1.0.0", Some(Format::OpenMetrics)),
        ("Text/Plain", Some(Format::Prometheus)),
        ("", Some(Format::Prometheus)),
        ("text/html", None),
        ("application/json", None),
    ] {
        assert_eq!(Format::of_content_type(text), expected, "{text}");
    }
}

proptest! {
    /// No bytes make the parser panic, in either format.
    #[test]
    fn any_bytes(body in proptest::collection::vec(any::<u8>(), 0..200)) {
        for format in [Format::Prometheus, Format::OpenMetrics] {
            let _ = parse(&body, format, Untimed::Refuse);
        }
    }

    /// No text of the format's own characters makes the parser panic, and what is cut is refused.
    #[test]
    fn any_near_miss(body in "([a-c{}=\",\\\\ #0-9.eE+\n\u{e4}-]|m\\{a=\"b\"\\} 1\n){0,60}") {
        for format in [Format::Prometheus, Format::OpenMetrics] {
            let _ = parse(body.as_bytes(), format, NOW);
        }
        let _ = parse(format!("{body}\n# EOF").as_bytes(), Format::OpenMetrics, NOW);
    }

    /// No cut of a good OpenMetrics body is read; of a good Prometheus body only a cut between lines.
    #[test]
    fn any_cut(cut in 0_usize..57) {
        let body = "# TYPE m counter\nm_total{a=\"x\"} 1.5 1767226500.5\nn 2 10\n# EOF";
        let part = body.get(..cut).unwrap();
        prop_assert!(parse(part.as_bytes(), Format::OpenMetrics, NOW).is_err());
        if !part.is_empty() && !part.ends_with('\n') && part.len() > 17 && part.len() < 53 {
            prop_assert!(parse(part.as_bytes(), Format::Prometheus, NOW).is_err());
        }
    }
}
