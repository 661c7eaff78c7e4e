//! Spark beside the backend: both instances are scraped, and the rules are evaluated, as often as these say.

use std::sync::Arc;
use std::time::{Duration, Instant};

use spark_core::{Engine, Policy, Track, Verdict};
use spark_runtime::config::SourceConfig;
use spark_runtime::http::HttpConfig;
use spark_runtime::live::LiveSource;
use spark_runtime::runner::{Clock as _, SampleSource as _, SystemClock};
use spark_runtime::source::scrape::Target;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::Failure;
use crate::local::Addresses;

/// The rules, compiled in.
const RULES: &str = include_str!("../../chaos.rules");

/// How long an instance may take to show its metrics: longer, and it has none.
const SCRAPED_WITHIN: Duration = Duration::from_secs(1);

/// What Spark decides.
pub(super) struct Watch {
    seen: watch::Sender<Seen>,
    task: JoinHandle<()>,
}

/// What was decided since the last mark.
#[derive(Debug, Clone, Default)]
pub(super) struct Seen {
    /// The last decision.
    pub(super) now: Option<Decided>,
    /// The triggers that count.
    seen_by: &'static [&'static str],
    /// The first to hold, of those that count.
    pub(super) hold: Option<Decided>,
    /// The first to roll back.
    pub(super) rollback: Option<Decided>,
}

/// One decision.
#[derive(Debug, Clone)]
pub(super) struct Decided {
    pub(super) at: Instant,
    pub(super) verdict: Verdict,
    pub(super) because: Vec<String>,
}

impl Watch {
    /// Begins to scrape and to decide.
    pub(super) fn start(at: &Addresses) -> Result<Self, Failure> {
        let policy = policy()?;
        let target = |url: &str, track| Target { url: format!("{url}/metrics"), track };
        let targets = vec![target(&at.canary.url, Track::Canary), target(&at.baseline.url, Track::Baseline)];
        let http = HttpConfig {
            connect_timeout: SCRAPED_WITHIN,
            read_timeout: SCRAPED_WITHIN,
            total_timeout: SCRAPED_WITHIN,
            ..HttpConfig::default()
        };
        let mut source = LiveSource::new(SourceConfig::Scrape { targets, http }, Arc::clone(&policy))?;
        let seen = watch::Sender::new(Seen::default());
        let tell = seen.clone();
        let every = policy.every().to_std();
        let task = tokio::spawn(async move {
            let (clock, mut engine) = (SystemClock::start(), Engine::new(policy));
            let mut ticks = tokio::time::interval(every);
            ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
            loop {
                ticks.tick().await;
                let at = clock.now();
                for sample in source.samples(at).await {
                    let _ = engine.observe(&sample);
                }
                let decision = engine.evaluate(at);
                let because = decision.because.iter().map(ToString::to_string).collect();
                let decided = Decided { at: Instant::now(), verdict: decision.verdict, because };
                tell.send_modify(|seen| seen.learn(decided));
            }
        });
        Ok(Self { seen, task })
    }

    /// From now on counts what is decided, where one of these triggers is among the reasons; a rollback counts always.
    pub(super) fn mark(&self, seen_by: &'static [&'static str]) {
        self.seen.send_modify(|seen| *seen = Seen { seen_by, ..Seen::default() });
    }

    /// What was decided so far.
    pub(super) fn seen(&self) -> Seen {
        self.seen.borrow().clone()
    }

    /// Waits until something was decided.
    pub(super) async fn until(
        &self,
        what: &str,
        within: Duration,
        mut is_so: impl FnMut(&Seen) -> bool,
    ) -> Result<Seen, Failure> {
        let mut seen = self.seen.subscribe();
        let waited = tokio::time::timeout(within, seen.wait_for(|seen| is_so(seen))).await;
        match waited {
            Ok(Ok(seen)) => Ok(seen.clone()),
            Ok(Err(error)) => Err(error.into()),
            Err(_) => {
                let now = self.seen().now;
                let last = now.map_or("nothing".to_owned(), |now| now.words());
                Err(format!("no {what} within {within:?}: {last}").into())
            }
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Seen {
    fn learn(&mut self, decided: Decided) {
        match decided.verdict {
            Verdict::Proceed => {}
            Verdict::Hold if decided.is_because_of(self.seen_by) => {
                self.hold.get_or_insert_with(|| decided.clone());
            }
            Verdict::Hold => {}
            Verdict::Rollback => {
                self.rollback.get_or_insert_with(|| decided.clone());
            }
        }
        self.now = Some(decided);
    }

    /// Whether the last decision lets the release go on.
    pub(super) fn proceeds(&self) -> bool {
        self.now.as_ref().is_some_and(|now| now.verdict == Verdict::Proceed)
    }
}

impl Decided {
    /// Whether one of these is among the reasons.
    pub(super) fn is_because_of(&self, triggers: &[&str]) -> bool {
        self.because.iter().any(|name| triggers.contains(&name.as_str()))
    }

    /// In words.
    pub(super) fn words(&self) -> String {
        if self.because.is_empty() {
            return self.verdict.as_str().to_owned();
        }
        format!("{} because of {}", self.verdict.as_str(), self.because.join(", "))
    }
}

fn policy() -> Result<Arc<Policy>, Failure> {
    let loaded = spark_rules::load("chaos.rules", RULES, &mut |path| Err(format!("there is no `{path}`")))
        .map_err(|errors| errors.to_string())?;
    Ok(Arc::new(loaded.policy))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The rules decide what their own tests say.
    #[test]
    fn the_rules_hold_their_tests() {
        let loaded = spark_rules::load("chaos.rules", RULES, &mut |path| Err(path.to_owned())).unwrap();
        assert!(loaded.warnings.is_empty(), "{:?}", loaded.warnings);
        assert_eq!(loaded.tests.len(), 5);
        for case in &loaded.tests {
            let outcome = spark_rules::test::run(&loaded.policy, case);
            assert!(outcome.passed(), "{}", spark_rules::test::failure_text(&loaded, case, &outcome));
        }
    }
}
