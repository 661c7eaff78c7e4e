//! What services expose at `/metrics`: Prometheus text 0.0.4 and OpenMetrics text 1.0, read whole or not at all.
//!
//! Histograms and summaries are read as the plain series that they are made of; help, units and exemplars are
//! passed over. Anything that breaks the format is an error with its line and column: half a body, HTML, a
//! series that stands twice. It is more patient than the formats about blanks, empty lines and comments.

mod line;

use spark_core::Timestamp;
use spark_core::metrics::MetricPoint;

use line::{Cursor, Problem};

/// Longest body: a file of a day's recording of 100 series every 15 s is about 50 MB.
pub const BODY_BYTES_MAX: usize = 64 << 20;

/// Longest line: a label of a kilobyte is already a mistake, and this leaves room for sixty.
pub const LINE_BYTES_MAX: usize = 64 << 10;

/// Most labels of a series: Prometheus' own default warns far below.
pub const LABELS_MAX: usize = 128;

/// Most points of a body. Each takes some 500 bytes in memory with its labels, so this is half a gigabyte; a
/// day's recording of 100 series every 15 s has 576,000.
pub const POINTS_MAX: usize = 1_000_000;

/// Which of the two formats.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Prometheus text 0.0.4: times are in milliseconds, and the last line ends with a line break.
    Prometheus,
    /// OpenMetrics text 1.0: times are in seconds, and `# EOF` ends it.
    OpenMetrics,
}

impl Format {
    /// The format that an HTTP content type names. A missing one is taken for Prometheus text, as exporters
    /// written by hand send none.
    pub fn of_content_type(content_type: &str) -> Option<Self> {
        let media = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        match media.as_str() {
            "application/openmetrics-text" => Some(Self::OpenMetrics),
            "text/plain" | "" => Some(Self::Prometheus),
            _ => None,
        }
    }
}

/// What a point without a time of its own means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Untimed {
    /// It was measured now: at this instant.
    At(Timestamp),
    /// It is an error: a recording says when.
    Refuse,
}

/// What is wrong with a body, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {problem}")]
pub struct ExpositionError {
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
    /// The byte of the body, from 0.
    pub offset: usize,
    /// What is wrong, and what was expected.
    pub problem: String,
}

/// All points of a body, in its order.
///
/// # Errors
/// The first thing that breaks the format or a limit; then nothing is taken.
pub fn parse(body: &[u8], format: Format, untimed: Untimed) -> Result<Vec<MetricPoint>, ExpositionError> {
    parse_wanted(body, format, untimed, &|_| true)
}

/// The points of the metrics that `wanted` accepts, in the body's order; all of the body is checked.
///
/// # Errors
/// As [`parse`].
pub fn parse_wanted(
    body: &[u8],
    format: Format,
    untimed: Untimed,
    wanted: &dyn Fn(&str) -> bool,
) -> Result<Vec<MetricPoint>, ExpositionError> {
    if body.len() > BODY_BYTES_MAX {
        return Err(located("", 0, format!("the body is longer than {BODY_BYTES_MAX} bytes")));
    }
    let text = match std::str::from_utf8(body) {
        Ok(text) => text,
        Err(error) => {
            let valid = body.get(..error.valid_up_to()).and_then(|b| std::str::from_utf8(b).ok());
            let byte = body.get(error.valid_up_to()).copied().unwrap_or_default();
            let problem = format!("byte 0x{byte:02x} is not UTF-8");
            return Err(located(valid.unwrap_or_default(), error.valid_up_to(), problem));
        }
    };
    Body { format, untimed, wanted, points: Vec::new(), untimed_places: Vec::new() }
        .read(text)
        .map_err(|Problem { offset, problem }| located(text, offset, problem))
}

struct Body<'a> {
    format: Format,
    untimed: Untimed,
    wanted: &'a dyn Fn(&str) -> bool,
    points: Vec<MetricPoint>,
    /// For each point without a time of its own: its place among the points, and in the text.
    untimed_places: Vec<(usize, usize)>,
}

impl Body<'_> {
    fn read(mut self, text: &str) -> Result<Vec<MetricPoint>, Problem> {
        if let Some(problem) = no_metrics(text) {
            return Err(Problem { offset: 0, problem });
        }
        let mut offset = 0_usize;
        let mut ended = false;
        for raw in text.split_inclusive('\n') {
            let line = raw.strip_suffix('\n').unwrap_or(raw);
            let line = line.strip_suffix('\r').unwrap_or(line);
            let at = |Problem { offset: column, problem }| Problem {
                offset: offset.saturating_add(column),
                problem,
            };
            if line.len() > LINE_BYTES_MAX {
                return Err(at(Problem::new(0, format!("the line is longer than {LINE_BYTES_MAX} bytes"))));
            }
            if ended && !line.trim().is_empty() {
                return Err(at(Problem::new(0, "nothing may follow `# EOF`")));
            }
            if self.format == Format::OpenMetrics && line.trim_end() == "# EOF" {
                ended = true;
            } else {
                self.line(line, offset).map_err(at)?;
                if !raw.ends_with('\n') {
                    let problem = "the body is cut: its last line does not end with a line break";
                    return Err(at(Problem::new(line.len(), problem)));
                }
            }
            offset = offset.saturating_add(raw.len());
        }
        if self.format == Format::OpenMetrics && !ended {
            return Err(Problem::new(text.len(), "the body is cut: OpenMetrics text ends with `# EOF`"));
        }
        self.duplicates()?;
        Ok(self.points)
    }

    fn line(&mut self, line: &str, offset: usize) -> Result<(), Problem> {
        if let Some(nul) = line.find('\0') {
            return Err(Problem::new(nul, "a NUL byte stands in it: this is no text"));
        }
        let mut cursor = Cursor::new(line);
        cursor.blanks();
        if cursor.at_end() {
            return Ok(());
        }
        if cursor.eat('#') {
            return line::comment(&mut cursor);
        }
        let start = cursor.place();
        let (metric, labels) = line::series(&mut cursor)?;
        let reading = line::value(&mut cursor)?;
        let own = line::time(&mut cursor, self.format)?;
        let at = match (own, self.untimed) {
            (Some(at), _) => at,
            (None, Untimed::At(at)) => at,
            (None, Untimed::Refuse) => {
                return Err(Problem::new(
                    line.len(),
                    "expected a time after the value: a recording says when",
                ));
            }
        };
        line::end(&mut cursor, self.format)?;
        if !(self.wanted)(&metric) {
            return Ok(());
        }
        if self.points.len() >= POINTS_MAX {
            return Err(Problem::new(start, format!("there are more than {POINTS_MAX} points")));
        }
        if own.is_none() {
            self.untimed_places.push((self.points.len(), offset.saturating_add(start)));
        }
        self.points.push(MetricPoint { metric, labels, at, reading });
        Ok(())
    }

    /// A series may stand twice with different times, never without: one of the two values would be dropped.
    fn duplicates(&mut self) -> Result<(), Problem> {
        let points = &self.points;
        let key = |place: &usize| points.get(*place).map(|point| (&point.metric, &point.labels));
        self.untimed_places.sort_by(|(a, _), (b, _)| key(a).cmp(&key(b)).then(a.cmp(b)));
        let neighbours = self.untimed_places.iter().zip(self.untimed_places.iter().skip(1));
        let second =
            neighbours.filter(|((a, _), (b, _))| key(a) == key(b)).map(|(_, (_, offset))| *offset).min();
        match second {
            Some(offset) => Err(Problem::new(offset, "this series stands twice: expected each once")),
            None => Ok(()),
        }
    }
}

/// Why a body is no metrics at all, where its beginning shows that.
fn no_metrics(text: &str) -> Option<String> {
    let head = text.trim_start();
    let found = match head.chars().next()? {
        '<' => "HTML or XML",
        '[' => "JSON",
        '{' if !head.starts_with("{\"") || head.starts_with("{\"status\"") => "JSON",
        _ => return None,
    };
    let excerpt = crate::http::excerpt(head.as_bytes());
    Some(format!("expected metrics, found {found}: `{excerpt}`"))
}

fn located(text: &str, offset: usize, problem: String) -> ExpositionError {
    let mut end = offset.min(text.len());
    while !text.is_char_boundary(end) {
        end = end.saturating_sub(1);
    }
    let before = text.get(..end).unwrap_or_default();
    let line_start = before.rfind('\n').map_or(0, |place| place.saturating_add(1));
    ExpositionError {
        line: before.bytes().filter(|b| *b == b'\n').count().saturating_add(1),
        column: before.get(line_start..).unwrap_or_default().chars().count().saturating_add(1),
        offset,
        problem,
    }
}

#[cfg(test)]
mod tests;
