//! A live Prometheus over its HTTP API.

pub(crate) mod answer;
