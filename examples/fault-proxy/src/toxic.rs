//! What a toxic is, and how it is written.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::error::Refused;
use crate::limits::{MILLISECONDS_MAX, NAME_BYTES_MAX};

/// The names of all kinds.
pub(crate) const KINDS: [&str; 7] =
    ["latency", "bandwidth", "slow_close", "timeout", "reset_peer", "slicer", "limit_data"];

/// A fault of one direction of a proxy's connections.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Toxic {
    /// Its name, unique on its proxy.
    pub name: String,
    /// Which bytes it is applied to.
    #[serde(rename = "stream")]
    pub direction: Direction,
    /// The share of connections that it is applied to, 0 to 1.
    pub toxicity: f64,
    /// What it does.
    #[serde(flatten)]
    pub kind: Kind,
}

/// Whose bytes a toxic is applied to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// From the client to the server.
    Upstream,
    /// From the server to the client.
    Downstream,
}

/// What a toxic does. Times are milliseconds where nothing else is said; what is left out is 0.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", content = "attributes", rename_all = "snake_case", deny_unknown_fields)]
pub enum Kind {
    /// Bytes come `latency` later, more or less by up to `jitter`, and in their order.
    Latency {
        /// How much later.
        #[serde(default)]
        latency: u64,
        /// How much that varies.
        #[serde(default)]
        jitter: u64,
    },
    /// So many thousand bytes a second go through; 0 is no limit.
    Bandwidth {
        /// Thousands of bytes a second.
        #[serde(default)]
        rate: u64,
    },
    /// The end of the stream comes later.
    SlowClose {
        /// How much later.
        #[serde(default)]
        delay: u64,
    },
    /// Nothing goes through, and the connection ends after this time; 0 is never. What was sent meanwhile is lost, so the connection
    /// also ends when the toxic goes.
    Timeout {
        /// After how long.
        #[serde(default)]
        timeout: u64,
    },
    /// Nothing goes through, and the connection is reset after this time.
    ResetPeer {
        /// After how long.
        #[serde(default)]
        timeout: u64,
    },
    /// Bytes go out in small pieces.
    Slicer {
        /// Bytes of a piece, on average.
        #[serde(default)]
        average_size: u64,
        /// How much that varies.
        #[serde(default)]
        size_variation: u64,
        /// Time between two pieces, in microseconds.
        #[serde(default)]
        delay: u64,
    },
    /// The connection ends after so many bytes.
    LimitData {
        /// How many.
        #[serde(default)]
        bytes: u64,
    },
}

/// A toxic as it is asked for.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ToxicRequest {
    /// Its name; `TYPE_STREAM` without one.
    #[serde(default)]
    pub name: String,
    /// Which kind.
    #[serde(rename = "type", default)]
    pub kind: String,
    /// `upstream` or `downstream`, which it is without a word.
    #[serde(default)]
    pub stream: String,
    /// The share of connections; all without a word.
    pub toxicity: Option<f64>,
    /// What its kind knows.
    #[serde(default)]
    pub attributes: Map<String, Value>,
}

/// What of a toxic is to be another; the rest stays as it is. What it is called and where it is applied cannot change, and may be repeated.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct ToxicChange {
    /// The share of connections.
    pub toxicity: Option<f64>,
    /// Those attributes that change.
    #[serde(default)]
    pub attributes: Map<String, Value>,
}

impl Toxic {
    /// Reads a toxic as it is asked for.
    ///
    /// # Errors
    /// A kind or a stream that there is not, an attribute that the kind does not know, a value out of its range.
    pub fn read(request: ToxicRequest) -> Result<Self, Refused> {
        let ToxicRequest { name, kind, stream, toxicity, attributes } = request;
        if kind.is_empty() {
            return Err(Refused::Missing("type"));
        }
        let direction = match stream.as_str() {
            "" | "downstream" => Direction::Downstream,
            "upstream" => Direction::Upstream,
            _ => return Err(Refused::Direction(stream)),
        };
        let name = if name.is_empty() { format!("{kind}_{}", direction.word()) } else { name };
        let kind = Kind::read(&kind, attributes)?;
        Self { name: checked_name(name)?, direction, toxicity: toxicity.unwrap_or(1.0), kind }.checked()
    }

    /// The same with what changes.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn changed(&self, change: ToxicChange) -> Result<Self, Refused> {
        let mut written =
            serde_json::to_value(&self.kind).map_err(|error| Refused::Body(error.to_string()))?;
        if let Some(attributes) = written.get_mut("attributes").and_then(Value::as_object_mut) {
            attributes.extend(change.attributes);
        }
        let kind = serde_json::from_value(written).map_err(|error| Refused::Body(error.to_string()))?;
        let toxicity = change.toxicity.unwrap_or(self.toxicity);
        Self { name: self.name.clone(), direction: self.direction, toxicity, kind }.checked()
    }

    fn checked(self) -> Result<Self, Refused> {
        if !(0.0..=1.0).contains(&self.toxicity) {
            let found = self.toxicity.to_string();
            return Err(Refused::Value { name: "toxicity", found, expected: "0 to 1".to_owned() });
        }
        let times: [(&'static str, u64); 2] = match self.kind {
            Kind::Latency { latency, jitter } => [("latency", latency), ("jitter", jitter)],
            Kind::SlowClose { delay } => [("delay", delay), ("", 0)],
            Kind::Timeout { timeout } | Kind::ResetPeer { timeout } => [("timeout", timeout), ("", 0)],
            // microseconds
            Kind::Slicer { delay, .. } => [("delay", delay.div_ceil(1_000)), ("", 0)],
            Kind::Bandwidth { .. } | Kind::LimitData { .. } => [("", 0); 2],
        };
        if let Some((name, found)) = times.into_iter().find(|(_, found)| *found > MILLISECONDS_MAX) {
            let found = format!("{found} ms");
            return Err(Refused::Value { name, found, expected: format!("{MILLISECONDS_MAX} ms at most") });
        }
        if let Kind::Slicer { average_size, size_variation, .. } = self.kind {
            if average_size == 0 {
                let expected = "1 at least: a piece has a byte".to_owned();
                return Err(Refused::Value { name: "average_size", found: "0".to_owned(), expected });
            }
            if size_variation >= average_size {
                let expected = format!("less than `average_size`, {average_size}");
                let found = size_variation.to_string();
                return Err(Refused::Value { name: "size_variation", found, expected });
            }
        }
        Ok(self)
    }
}

impl Kind {
    fn read(name: &str, attributes: Map<String, Value>) -> Result<Self, Refused> {
        if !KINDS.contains(&name) {
            return Err(Refused::Kind(name.to_owned()));
        }
        let written = json!({ "type": name, "attributes": attributes });
        serde_json::from_value(written).map_err(|error| Refused::Body(format!("`{name}`: {error}")))
    }
}

impl Direction {
    /// How it is written.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Upstream => "upstream",
            Self::Downstream => "downstream",
        }
    }
}

/// A name that can stand in an address.
pub(crate) fn checked_name(name: String) -> Result<String, Refused> {
    let fits = !name.is_empty() && name.len() <= NAME_BYTES_MAX && !name.contains('/');
    if fits { Ok(name) } else { Err(Refused::Name(name)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Toxic, String> {
        let request = serde_json::from_str(text).map_err(|error| error.to_string())?;
        Toxic::read(request).map_err(|error| error.to_string())
    }

    /// A toxic is written as Toxiproxy writes it, with what was left out; what changes, changes alone.
    #[test]
    fn toxics_read_and_change() {
        let toxic = read(r#"{ "type": "latency", "attributes": { "latency": 100 } }"#).unwrap();
        let expected = json!({
            "name": "latency_downstream", "type": "latency", "stream": "downstream", "toxicity": 1.0,
            "attributes": { "latency": 100, "jitter": 0 },
        });
        assert_eq!(serde_json::to_value(&toxic).unwrap(), expected);
        let change =
            serde_json::from_value(json!({ "attributes": { "jitter": 5 }, "toxicity": 0.5 })).unwrap();
        let changed = toxic.changed(change).unwrap();
        assert_eq!(changed.kind, Kind::Latency { latency: 100, jitter: 5 });
        assert_eq!((changed.toxicity, changed.name.as_str()), (0.5, "latency_downstream"));
    }

    /// What is refused says what was found and what was expected.
    #[test]
    fn what_is_refused() {
        for (text, expected) in [
            (r#"{}"#, "missing required field: `type`"),
            (
                r#"{ "type": "lag" }"#,
                "`lag` is no type of toxic: expected one of latency, bandwidth, slow_close, timeout, reset_peer, slicer, limit_data",
            ),
            (
                r#"{ "type": "latency", "stream": "sideways" }"#,
                "`sideways` is no stream: expected `upstream` or `downstream`",
            ),
            (
                r#"{ "type": "latency", "attributes": { "latancy": 1 } }"#,
                "bad request body: `latency`: unknown field `latancy`, expected `latency` or `jitter`",
            ),
            (r#"{ "type": "latency", "toxicity": 1.5 }"#, "`toxicity` is 1.5: expected 0 to 1"),
            (
                r#"{ "type": "timeout", "attributes": { "timeout": 86400001 } }"#,
                "`timeout` is 86400001 ms: expected 86400000 ms at most",
            ),
            (r#"{ "type": "slicer" }"#, "`average_size` is 0: expected 1 at least: a piece has a byte"),
            (
                r#"{ "type": "slicer", "attributes": { "average_size": 2, "size_variation": 2 } }"#,
                "`size_variation` is 2: expected less than `average_size`, 2",
            ),
            (
                r#"{ "type": "latency", "name": "a/b" }"#,
                "`a/b` is no name: expected 1 to 100 bytes without `/`",
            ),
        ] {
            assert_eq!(read(text).unwrap_err(), expected, "{text}");
        }
    }

    /// Every name of a kind is one.
    #[test]
    fn every_kind_is_read() {
        for kind in KINDS {
            let attributes = if kind == "slicer" { json!({ "average_size": 1 }) } else { json!({}) };
            let attributes = attributes.as_object().unwrap().clone();
            assert!(Kind::read(kind, attributes).is_ok(), "{kind}");
        }
    }
}
