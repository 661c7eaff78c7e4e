//! Single requests with the answer that each has to get: corner cases.

use serde_json::json;
use std::time::Duration;

use super::super::{Measured, Probe, ProbeError, Value};
use super::request::{PAGE_BYTES_MAX, Web, headers};
use crate::http::Method;

/// Corner cases of a service, one request each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpCases {
    /// The cases.
    pub cases: Vec<HttpCase>,
    /// How they are asked.
    pub web: Web,
}

/// A request and the status that it has to get.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpCase {
    /// Its name.
    pub name: String,
    /// The method.
    pub method: Method,
    /// The address.
    pub url: String,
    /// The headers.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: String,
    /// The status that is right.
    pub status: u16,
}

impl Probe for HttpCases {
    async fn measure(&self) -> Result<Measured, ProbeError> {
        let client = self.web.client(PAGE_BYTES_MAX)?;
        let (mut wrong, mut slowest, mut told) = (0_usize, Duration::ZERO, Vec::new());
        for case in &self.cases {
            let headers = headers(&case.headers)?;
            let answer = client
                .exchange(case.method.clone(), &case.url, headers, case.body.clone().into_bytes())
                .await;
            let (found, took) = match &answer {
                Ok(answer) => (
                    json!({ "status": answer.status, "body": crate::http::excerpt(&answer.body) }),
                    answer.took,
                ),
                Err(error) => (json!({ "error": error.to_string() }), Duration::ZERO),
            };
            slowest = slowest.max(took);
            let right = answer.is_ok_and(|answer| answer.status == case.status);
            wrong = wrong.saturating_add(usize::from(!right));
            told.push(json!({ "case": case.name, "expected": case.status, "right": right, "found": found }));
        }
        Ok(Measured::new(json!({ "cases": told }))
            .with("cases", Value::len(self.cases.len()))
            .with("wrong", Value::len(wrong))
            .with("slowest", Value::span(slowest)))
    }
}
