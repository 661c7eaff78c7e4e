//! The headers that keep a page's content to itself, and the ones that cannot be taken back.

use serde_json::json;

use super::super::{Measured, Probe, ProbeError, Value};
use super::request::{PAGE_BYTES_MAX, Web, page};
use crate::http::{Exchange, shown};

/// A year: what browsers' preload lists ask for at least.
const YEAR_SECONDS: u64 = 31_536_000;

/// P5, R4, R5: content security policy, cross-origin isolation, and strict transport security with the trap of its preload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Headers {
    /// The page.
    pub url: String,
    /// What the page embeds from elsewhere, which cross-origin isolation would block without a word of its own.
    pub resources: Vec<String>,
    /// Addresses of the domain's other hosts: all that strict transport security with its subdomains reaches.
    pub subdomains: Vec<String>,
    /// How it is asked.
    pub web: Web,
}

impl Probe for Headers {
    async fn measure(&self) -> Result<Measured, ProbeError> {
        let client = self.web.client(PAGE_BYTES_MAX)?;
        let answer = page(&client, &self.url).await?;
        let csp = Csp::of(&answer);
        let hsts = Hsts::of(&answer);
        let isolation = Isolation::of(&answer);
        let mut blocked = Vec::new();
        for url in &self.resources {
            let why = match page(&client, url).await {
                Ok(resource) => isolation.blocks(&resource),
                Err(error) => Some(error.to_string()),
            };
            blocked.extend(why.map(|why| json!({ "url": shown(url), "why": why })));
        }
        let mut unready = Vec::new();
        for url in &self.subdomains {
            if let Err(error) = page(&client, &secure(url)).await {
                unready.push(json!({ "url": shown(&secure(url)), "why": error.to_string() }));
            }
        }
        let trap = hsts.as_ref().map(Hsts::trap).unwrap_or_default();
        // it reaches every subdomain, and no browser forgets it before its time
        let reaches = hsts.as_ref().is_some_and(|hsts| hsts.subdomains || hsts.preload);
        let trapped = if reaches { unready.len() } else { 0 };
        let details = json!({
            "url": shown(&self.url), "status": answer.status, "headers": answer.headers, "csp_weak": csp.weak,
            "preload_trap": trap, "not_on_https": unready, "blocked": blocked,
        });
        Ok(Measured::new(details)
            .with("status", Value::count(u64::from(answer.status)))
            .with("csp", Value::whether(csp.enforced))
            .with("csp_weak", Value::len(csp.weak.len()))
            .with("csp_reports", Value::whether(csp.reports))
            .with("coep", Value::whether(isolation.coep))
            .with("coop", Value::whether(isolation.coop))
            .with("blocked_resources", Value::len(blocked.len()))
            .with("hsts", Value::whether(hsts.is_some()))
            .with("hsts_max_age", Value::seconds(hsts.as_ref().map_or(0, |hsts| hsts.max_age).into()))
            .with("hsts_preload", Value::whether(hsts.as_ref().is_some_and(|hsts| hsts.preload)))
            .with("hsts_preload_trap", Value::len(trap.len().saturating_add(trapped))))
    }
}

fn secure(url: &str) -> String {
    url.strip_prefix("http://").map_or_else(|| url.to_owned(), |rest| format!("https://{rest}"))
}

/// A content security policy: what it lacks to hold scripts back.
struct Csp {
    enforced: bool,
    reports: bool,
    weak: Vec<String>,
}

impl Csp {
    fn of(answer: &Exchange) -> Self {
        // several policies all hold; the strictest word of each counts, so one that is weak alone makes none weak
        let policies: Vec<&str> = answer
            .header("content-security-policy")
            .flat_map(|value| value.split(','))
            .map(str::trim)
            .collect();
        let mut weak = policies.first().map(|policy| weaknesses(policy)).unwrap_or_default();
        for policy in policies.iter().skip(1) {
            let other = weaknesses(policy);
            weak.retain(|words| other.contains(words));
        }
        let reports = policies.iter().any(|policy| {
            directives(policy).any(|(name, values)| {
                matches!(name.as_str(), "report-uri" | "report-to") && !values.is_empty()
            })
        });
        Self { enforced: policies.iter().any(|policy| !policy.is_empty()), reports, weak }
    }
}

fn directives(policy: &str) -> impl Iterator<Item = (String, Vec<String>)> {
    policy.split(';').filter_map(|directive| {
        let mut words = directive.split_ascii_whitespace();
        let name = words.next()?.to_ascii_lowercase();
        Some((name, words.map(str::to_ascii_lowercase).collect()))
    })
}

/// What lets scripts of others run, or the page be framed, in words.
fn weaknesses(policy: &str) -> Vec<String> {
    let find = |wanted: &str| directives(policy).find(|(name, _)| name == wanted).map(|(_, values)| values);
    let mut weak = Vec::new();
    let fallback = find("default-src");
    match find("script-src").or_else(|| fallback.clone()) {
        None => weak.push("neither `script-src` nor `default-src`: every script runs".to_owned()),
        Some(sources) => {
            // a nonce or a hash makes browsers forget this word
            let exact =
                sources.iter().any(|source| source.starts_with("'nonce-") || source.starts_with("'sha"));
            for source in &sources {
                match source.as_str() {
                    "'unsafe-inline'" if exact => {}
                    "'unsafe-inline'" | "'unsafe-eval'" | "*" | "http:" | "https:" | "data:" | "blob:" => {
                        weak.push(format!("scripts may be `{source}`"));
                    }
                    _ => {}
                }
            }
        }
    }
    if find("object-src").or(fallback).is_none() {
        weak.push("neither `object-src` nor `default-src`: every plug-in runs".to_owned());
    }
    if find("base-uri").is_none() {
        weak.push("no `base-uri`: an injected `<base>` turns every relative script".to_owned());
    }
    if find("frame-ancestors").is_none() {
        weak.push("no `frame-ancestors`: any page may frame this one".to_owned());
    }
    weak
}

/// Cross-origin isolation.
struct Isolation {
    coep: bool,
    /// Only what says that it may be embedded is.
    strict: bool,
    coop: bool,
}

impl Isolation {
    fn of(answer: &Exchange) -> Self {
        let word = |name| {
            let value = answer.header(name).next().unwrap_or_default();
            value.split(';').next().unwrap_or_default().trim().to_owned()
        };
        let policy = word("cross-origin-embedder-policy");
        Self {
            coep: matches!(policy.as_str(), "require-corp" | "credentialless"),
            strict: policy == "require-corp",
            coop: word("cross-origin-opener-policy") == "same-origin",
        }
    }

    /// Why a resource of another origin is not shown on the page.
    fn blocks(&self, resource: &Exchange) -> Option<String> {
        if !(200..300).contains(&resource.status) {
            return Some(format!("status {}", resource.status));
        }
        let may = resource.header("cross-origin-resource-policy").any(|value| value.trim() == "cross-origin")
            || resource.header("access-control-allow-origin").next().is_some();
        (self.strict && !may)
            .then(|| "no `cross-origin-resource-policy: cross-origin`, and the page requires it".to_owned())
    }
}

/// Strict transport security.
struct Hsts {
    max_age: u64,
    subdomains: bool,
    preload: bool,
}

impl Hsts {
    /// The first header counts, and one without a time is none.
    fn of(answer: &Exchange) -> Option<Self> {
        let value = answer.header("strict-transport-security").next()?;
        let words: Vec<String> = value.split(';').map(|word| word.trim().to_ascii_lowercase()).collect();
        let max_age =
            words.iter().find_map(|word| word.strip_prefix("max-age="))?.trim_matches('"').parse().ok()?;
        let has = |wanted: &str| words.iter().any(|word| word == wanted);
        Some(Self { max_age, subdomains: has("includesubdomains"), preload: has("preload") })
    }

    /// What is wrong with asking for a place on the browsers' lists: nobody gets off them within months.
    fn trap(&self) -> Vec<&'static str> {
        if !self.preload {
            return Vec::new();
        }
        let mut trap = Vec::new();
        if !self.subdomains {
            trap.push(
                "`preload` without `includeSubDomains`: the lists refuse it, or take every subdomain with it",
            );
        }
        if self.max_age < YEAR_SECONDS {
            trap.push("`preload` with less than a year: the lists refuse it, and it says that somebody still tries it out");
        }
        trap
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What lets others' scripts run is told, and nothing else is.
    #[test]
    fn policies() {
        for (policy, expected) in [
            ("default-src 'self'; base-uri 'none'; frame-ancestors 'none'", 0),
            (
                "default-src 'self'; script-src 'nonce-x' 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'",
                0,
            ),
            ("default-src 'self'; script-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'", 1),
            ("DEFAULT-SRC *; base-uri 'none'; frame-ancestors 'none'", 1),
            ("img-src 'self'", 4),
            ("", 4),
        ] {
            assert_eq!(weaknesses(policy).len(), expected, "{policy}: {:?}", weaknesses(policy));
        }
    }
}
