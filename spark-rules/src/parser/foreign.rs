//! Words from other languages and from plain English, and what rules write for them. Data alone: the parser asks.

use spark_core::Relation;

/// What others write for a sign of comparison. Of two that begin alike, the longer one comes first.
pub(super) const RELATIONS: &[(&[&str], Relation)] = &[
    (&[">", "="], Relation::AtLeast),
    (&["<", "="], Relation::AtMost),
    (&["!", "="], Relation::NotEqual),
    (&["!=", "="], Relation::NotEqual),
    (&["==", "="], Relation::Equal),
    (&["=", "="], Relation::Equal),
    (&[":", "="], Relation::Equal),
    (&[">", ">"], Relation::Above),
    (&["<", "<"], Relation::Below),
    (&["greater", "than", "or", "equal", "to"], Relation::AtLeast),
    (&["less", "than", "or", "equal", "to"], Relation::AtMost),
    (&["greater", "or", "equal"], Relation::AtLeast),
    (&["less", "or", "equal"], Relation::AtMost),
    (&["greater", "than"], Relation::Above),
    (&["higher", "than"], Relation::Above),
    (&["larger", "than"], Relation::Above),
    (&["bigger", "than"], Relation::Above),
    (&["longer", "than"], Relation::Above),
    (&["slower", "than"], Relation::Above),
    (&["more", "than"], Relation::Above),
    (&["less", "than"], Relation::Below),
    (&["lower", "than"], Relation::Below),
    (&["smaller", "than"], Relation::Below),
    (&["fewer", "than"], Relation::Below),
    (&["shorter", "than"], Relation::Below),
    (&["faster", "than"], Relation::Below),
    (&["no", "more", "than"], Relation::AtMost),
    (&["not", "more", "than"], Relation::AtMost),
    (&["no", "less", "than"], Relation::AtLeast),
    (&["not", "less", "than"], Relation::AtLeast),
    (&["not", "above"], Relation::AtMost),
    (&["not", "below"], Relation::AtLeast),
    (&["not", "equal", "to"], Relation::NotEqual),
    (&["at", "least"], Relation::AtLeast),
    (&["at", "most"], Relation::AtMost),
    (&["up", "to"], Relation::AtMost),
    (&["equal", "to"], Relation::Equal),
    (&["goes", "above"], Relation::Above),
    (&["goes", "over"], Relation::Above),
    (&["rises", "above"], Relation::Above),
    (&["stays", "above"], Relation::Above),
    (&["remains", "above"], Relation::Above),
    (&["goes", "below"], Relation::Below),
    (&["goes", "under"], Relation::Below),
    (&["falls", "below"], Relation::Below),
    (&["drops", "below"], Relation::Below),
    (&["stays", "below"], Relation::Below),
    (&["remains", "below"], Relation::Below),
    (&["="], Relation::Equal),
    (&["=>"], Relation::AtLeast),
    (&["=<"], Relation::AtMost),
    (&["<>"], Relation::NotEqual),
    (&["≥"], Relation::AtLeast),
    (&["≤"], Relation::AtMost),
    (&["≠"], Relation::NotEqual),
    (&["above"], Relation::Above),
    (&["over"], Relation::Above),
    (&["exceeds"], Relation::Above),
    (&["exceed"], Relation::Above),
    (&["gt"], Relation::Above),
    (&["ge"], Relation::AtLeast),
    (&["gte"], Relation::AtLeast),
    (&["below"], Relation::Below),
    (&["under"], Relation::Below),
    (&["lt"], Relation::Below),
    (&["le"], Relation::AtMost),
    (&["lte"], Relation::AtMost),
    (&["greater"], Relation::Above),
    (&["higher"], Relation::Above),
    (&["larger"], Relation::Above),
    (&["bigger"], Relation::Above),
    (&["less"], Relation::Below),
    (&["lower"], Relation::Below),
    (&["smaller"], Relation::Below),
    (&["equals"], Relation::Equal),
    (&["eq"], Relation::Equal),
    (&["ne"], Relation::NotEqual),
];

/// What stands before a length of time and says nothing that `for` does not say.
pub(super) const BEFORE_LENGTH: &[&[&str]] = &[
    &["at", "least"],
    &["more", "than"],
    &["longer", "than"],
    &["a", "minimum", "of"],
    &["the", "last"],
    &["about"],
    &["over"],
    &["a", "full"],
    &["the"],
];

/// What others write for the `for` behind a condition, before a length of time.
pub(super) const HELD: &[&[&str]] = &[
    &["over", "the", "last"],
    &["in", "the", "last"],
    &["for", "the", "last"],
    &["within", "the", "last"],
    &["sustained", "for"],
    &["lasting", "for"],
    &["lasting"],
    &["sustained"],
    &["throughout"],
    &["during"],
    &["over"],
    &["since"],
    &["in"],
];

/// Counts of evaluations, which are no length of time.
pub(super) const COUNTS: &[&str] = &[
    "evaluations",
    "evaluation",
    "times",
    "samples",
    "checks",
    "ticks",
    "scrapes",
    "intervals",
    "cycles",
    "points",
    "rounds",
    "runs",
    "periods",
];

/// What others write for the states of a trigger.
pub(super) const STATES: &[(&str, &str)] = &[
    ("firing", "rollback"),
    ("fires", "rollback"),
    ("fired", "rollback"),
    ("alerting", "rollback"),
    ("critical", "rollback"),
    ("rolls", "rollback"),
    ("triggered", "rollback"),
    ("green", "ok"),
    ("healthy", "ok"),
    ("normal", "ok"),
    ("good", "ok"),
    ("inactive", "ok"),
    ("passing", "ok"),
    ("silent", "ok"),
    ("warning", "warn"),
    ("held", "hold"),
    ("holds", "hold"),
    ("paused", "hold"),
    ("missing", "unknown"),
    ("nodata", "unknown"),
    ("waiting", "pending"),
    ("pass", "proceed"),
    ("promote", "proceed"),
    ("proceeds", "proceed"),
    ("continue", "proceed"),
];

/// What others write for the words that open a step of a series.
pub(super) const STEPS: &[(&str, &str)] = &[
    ("missing", "nothing"),
    ("none", "nothing"),
    ("null", "nothing"),
    ("nil", "nothing"),
    ("stale", "nothing"),
    ("nan", "NaN"),
    ("NAN", "NaN"),
    ("inf", "Inf"),
    ("infinity", "Inf"),
    ("increases", "rises"),
    ("grows", "rises"),
    ("rise", "rises"),
    ("decreases", "falls"),
    ("drops", "falls"),
    ("fall", "falls"),
    ("fails", "error"),
];

/// What others call the sources.
pub(super) const SOURCES: &[(&str, &str)] = &[
    ("promql", "prometheus"),
    ("prom", "prometheus"),
    ("thanos", "prometheus"),
    ("mimir", "prometheus"),
    ("victoriametrics", "prometheus"),
    ("postgres", "sql"),
    ("postgresql", "sql"),
    ("mysql", "sql"),
    ("sqlite", "sql"),
    ("database", "sql"),
    ("db", "sql"),
    ("query", "sql"),
    ("metric", "metrics"),
    ("scrape", "metrics"),
    ("openmetrics", "metrics"),
    ("http", "push"),
    ("api", "push"),
    ("code", "push"),
    ("sdk", "push"),
    ("app", "push"),
];

/// Words before a reference that multiply it.
pub(super) const MULTIPLES: &[(&str, &str)] =
    &[("twice", "2x"), ("double", "2x"), ("triple", "3x"), ("thrice", "3x"), ("half", "0.5x")];

/// Numbers that people write as words.
pub(super) const NUMBERS: &[(&str, &str)] = &[
    ("one", "1"),
    ("two", "2"),
    ("three", "3"),
    ("four", "4"),
    ("five", "5"),
    ("six", "6"),
    ("seven", "7"),
    ("eight", "8"),
    ("nine", "9"),
    ("ten", "10"),
    ("fifteen", "15"),
    ("twenty", "20"),
    ("thirty", "30"),
    ("sixty", "60"),
    ("ninety", "90"),
    ("hundred", "100"),
    ("a", "1"),
    ("an", "1"),
];

/// A word in the place of a clause's: what is meant, where that is one word; and what to do.
pub(super) type Clause = (&'static str, Option<&'static str>, &'static str);

/// Where the lengths of time of a plan stand.
const WARMUP: &str =
    "`warmup` stands in a plan, beside its stages: `plan canary { stage 5% for 15m  warmup 2m }`";
const WATCH: &str =
    "`watch` stands in a plan, beside its stages: `plan canary { stage 100% for 15m  watch 24h }`";

/// Words that others open a clause of a signal with.
const SIGNAL: &[Clause] = &[
    ("type", Some("is"), "a signal says what it is: `is duration`"),
    ("kind", Some("is"), "a signal says what it is: `is duration`"),
    ("unit", None, "`is duration` says what it is, and `in ms` behind its source what its numbers are in"),
    ("in", None, "`in` stands behind the source: `from push in ms`"),
    ("source", Some("from"), "a signal says where it comes from: `from push`"),
    ("query", None, "a query stands behind its source: `from prometheus \"…\"` or `from sql \"…\"`"),
    ("metric", None, "a metric stands behind `from metrics`: `from metrics requests_total`"),
    ("metrics", None, "write `from` before it: `from metrics requests_total`"),
    ("prometheus", None, "write `from` before it: `from prometheus \"…\"`"),
    ("sql", None, "write `from` before it: `from sql \"…\"`"),
    ("push", None, "write `from` before it: `from push`"),
    ("expects", Some("expect"), "write `expect`"),
    ("expected", Some("expect"), "write `expect`"),
    ("should", None, "what a signal should be is its `expect`: `expect <= 200ms`"),
    ("must", None, "what a signal must be is its `expect`: `expect <= 200ms`"),
    ("slo", None, "what a signal should be is its `expect`: `expect <= 200ms`"),
    (
        "threshold",
        None,
        "a threshold stands in a trigger: `rollback when p95 > 400ms`; what is normal in `expect <= 200ms`",
    ),
    ("max", None, "what a signal should be is its `expect`: `expect <= 200ms`"),
    ("min", None, "what a signal should be is its `expect`: `expect >= 200ms`"),
    ("title", None, "a title stands in quotes behind the signal's name"),
    ("name", None, "the name stands behind `signal`, and a title in quotes behind it"),
    ("description", None, "a title stands in quotes behind the signal's name"),
    ("labels", None, "labels stand in the source: `from metrics requests_total{status=\"500\"}`"),
    ("over", None, "the window stands behind the source: `from metrics rate(requests_total) over 1m`"),
    ("stale_after", Some("stale after"), "write `stale after`"),
    ("timeout", Some("stale after"), "when a sample is too old says `stale after 45s`"),
    ("ttl", Some("stale after"), "write `stale after`"),
    ("warmup", None, WARMUP),
    ("watch", None, WATCH),
    ("rollback", None, "levels stand in a trigger of their own: `trigger api_latency { rollback when … }`"),
    ("hold", None, "levels stand in a trigger of their own: `trigger api_latency { hold when … }`"),
    ("warn", None, "levels stand in a trigger of their own: `trigger api_latency { warn when … }`"),
];

/// Words that others open a clause of a trigger with.
const TRIGGER: &[Clause] = &[
    ("critical", Some("rollback"), "levels are `warn when`, `hold when` and `rollback when`"),
    ("abort", Some("rollback"), "levels are `warn when`, `hold when` and `rollback when`"),
    ("fail", Some("rollback"), "levels are `warn when`, `hold when` and `rollback when`"),
    ("stop", Some("rollback"), "levels are `warn when`, `hold when` and `rollback when`"),
    ("revert", Some("rollback"), "levels are `warn when`, `hold when` and `rollback when`"),
    ("error", Some("rollback"), "levels are `warn when`, `hold when` and `rollback when`"),
    ("page", None, "levels are `warn when`, `hold when` and `rollback when`"),
    ("alert", None, "levels are `warn when`, `hold when` and `rollback when`"),
    ("level", None, "levels are `warn when`, `hold when` and `rollback when`"),
    ("pause", Some("hold"), "levels are `warn when`, `hold when` and `rollback when`"),
    ("wait", Some("hold"), "levels are `warn when`, `hold when` and `rollback when`"),
    ("warning", Some("warn"), "levels are `warn when`, `hold when` and `rollback when`"),
    ("notify", Some("warn"), "levels are `warn when`, `hold when` and `rollback when`"),
    ("roll", None, "`rollback when` is written as one word"),
    ("proceed", None, "a trigger never asks for proceed: that is so where nothing asks for more"),
    ("condition", None, "a condition stands behind its level: `rollback when p95 > 400ms`"),
    ("expr", None, "a condition stands behind its level: `rollback when p95 > 400ms`"),
    ("threshold", None, "a threshold stands in a condition: `rollback when p95 > 400ms`"),
    ("severity", None, "a trigger's levels say how bad it is: `warn when`, `hold when`, `rollback when`"),
    ("action", None, "a trigger's levels say what to do: `hold when`, `rollback when`"),
    ("for", None, "`for` stands behind its condition: `rollback when p95 > 400ms for 5m`"),
    ("and", None, "a condition ends where the next clause begins: join conditions before that"),
    ("or", None, "a condition ends where the next clause begins: join conditions before that"),
    ("resolve", Some("clear"), "write `clear when`"),
    ("recover", Some("clear"), "write `clear when`"),
    ("reset", Some("clear"), "write `clear when`"),
    ("until", None, "when a trigger may leave its level says `clear when p95 < 280ms`"),
    (
        "keep_firing_for",
        None,
        "a trigger keeps its level until its `clear` is so, and says there for how long: `clear when p95 < 280ms for 5m`",
    ),
    ("requires", Some("given"), "what must be true first is `given`"),
    ("require", Some("given"), "what must be true first is `given`"),
    ("while", Some("given"), "what must be true first is `given`"),
    ("where", Some("given"), "what must be true first is `given`"),
    ("provided", Some("given"), "what must be true first is `given`"),
    ("except", Some("unless"), "triggers that speak for this one are named by `unless`"),
    ("ignore", Some("unless"), "triggers that speak for this one are named by `unless`"),
    ("missing", Some("unknown"), "what missing data ask for says `unknown hold`"),
    ("nodata", Some("unknown"), "what missing data ask for says `unknown hold`"),
    ("team", Some("owner"), "write `owner \"edge\"`"),
    ("contact", Some("owner"), "write `owner \"edge\"`"),
    ("link", Some("runbook"), "write `runbook \"https://…\"`"),
    ("url", Some("runbook"), "write `runbook \"https://…\"`"),
    ("docs", Some("runbook"), "write `runbook \"https://…\"`"),
    ("title", None, "a title stands in quotes behind the trigger's name"),
    ("name", None, "the name stands behind `trigger`, and a title in quotes behind it"),
    ("description", None, "a title stands in quotes behind the trigger's name"),
    ("summary", None, "a title stands in quotes behind the trigger's name"),
    ("labels", None, "a trigger has no labels: `owner \"edge\"` says who answers for it"),
    (
        "annotations",
        None,
        "a title stands in quotes behind the trigger's name; `runbook \"https://…\"` leads on",
    ),
    ("expect", None, "`expect` stands in a signal or a test; a trigger has levels: `hold when …`"),
    ("is", None, "`is` and `from` stand in a signal of their own"),
    ("from", None, "`is` and `from` stand in a signal of their own"),
    ("stage", None, "stages stand in a plan: `plan canary { stage 5% for 15m }`"),
    ("needs", None, super::approval::HELP),
    ("warmup", None, WARMUP),
    ("watch", None, WATCH),
];

/// Words that others open a clause of a plan with.
const PLAN: &[Clause] = &[
    ("step", Some("stage"), "write `stage 5% for 15m`"),
    ("weight", Some("stage"), "write `stage 5% for 15m`"),
    ("setWeight", Some("stage"), "write `stage 5% for 15m`"),
    ("canary", Some("stage"), "write `stage 5% for 15m`"),
    ("steps", None, "each stage is a clause of its own: `stage 5% for 15m  stage 25% for 15m`"),
    ("stages", None, "each stage is a clause of its own: `stage 5% for 15m  stage 25% for 15m`"),
    ("wait", None, "how long a stage lasts stands behind it: `stage 5% for 15m`"),
    ("pause", None, "how long a stage lasts stands behind it: `stage 5% for 15m`"),
    ("delay", None, "how long a stage lasts stands behind it: `stage 5% for 15m`"),
    ("needs", None, super::approval::HELP),
    ("requires", None, super::approval::HELP),
    ("require", None, super::approval::HELP),
    ("approval", None, super::approval::HELP),
    ("approvals", None, super::approval::HELP),
    ("approve", None, super::approval::HELP),
    ("manual", None, super::approval::HELP),
    ("gate", None, super::approval::HELP),
    ("confirm", None, super::approval::HELP),
    ("warm", None, "how long nothing counts after each step is written `warmup 2m`"),
    ("bake", Some("watch"), "how long the release is watched after its last stage is written `watch 24h`"),
    ("soak", Some("watch"), "how long the release is watched after its last stage is written `watch 24h`"),
    ("monitor", Some("watch"), "how long the release is watched after its last stage is written `watch 24h`"),
    ("observe", Some("watch"), "how long the release is watched after its last stage is written `watch 24h`"),
    ("then", None, "stages follow each other by themselves: take `then` away"),
    ("promote", Some("proceed"), "write `proceed when …`"),
    ("advance", Some("proceed"), "write `proceed when …`"),
    ("continue", Some("proceed"), "write `proceed when …`"),
    ("next", Some("proceed"), "write `proceed when …`"),
    (
        "rollback",
        None,
        "what rolls back stands in a trigger: `rollback when errors > 3% for 5m` outside of the plan",
    ),
    ("hold", None, "what holds stands in a trigger: `hold when errors > 1% for 5m` outside of the plan"),
    (
        "abort",
        None,
        "what rolls back stands in a trigger: `rollback when errors > 3% for 5m` outside of the plan",
    ),
    (
        "expect",
        None,
        "what is expected stands in the signal; here `proceed when every signal meets its expectation`",
    ),
    ("over", None, "how long a stage lasts stands behind it: `stage 5% for 15m`"),
    ("for", None, "how long a stage lasts stands behind it: `stage 5% for 15m`"),
];

/// Words that others open a clause of a test with.
const TEST: &[Clause] = &[
    ("with", Some("given"), "what a signal does is `given p95 200ms for 10m`"),
    ("input", Some("given"), "what a signal does is `given p95 200ms for 10m`"),
    ("input_series", Some("given"), "what a signal does is `given p95 200ms for 10m`"),
    ("series", Some("given"), "what a signal does is `given p95 200ms for 10m`"),
    ("let", Some("given"), "what a signal does is `given p95 200ms for 10m`"),
    ("when", Some("given"), "what a signal does is `given p95 200ms for 10m`"),
    ("set", Some("given"), "what a signal does is `given p95 200ms for 10m`"),
    ("assert", Some("expect"), "what must be so is `expect api_latency rollback at 15m`"),
    ("should", Some("expect"), "what must be so is `expect api_latency rollback at 15m`"),
    ("then", Some("expect"), "what must be so is `expect api_latency rollback at 15m`"),
    ("verify", Some("expect"), "what must be so is `expect api_latency rollback at 15m`"),
    ("and", None, "each clause of a test has its own word: `given …` or `expect …`"),
    ("at", None, "the time stands at the end: `expect api_latency rollback at 15m`"),
    ("for", None, "how long a value lasts stands behind it: `given p95 200ms for 10m`"),
    ("evaluate", None, "`evaluate every 15s` stands on top of the file"),
    ("warmup", None, WARMUP),
    ("watch", None, WATCH),
];

/// Words that others open a block or a setting with.
const FILE: &[Clause] = &[
    ("include", Some("use"), "another file is read by `use \"latency.rules\"`"),
    ("import", Some("use"), "another file is read by `use \"latency.rules\"`"),
    ("require", Some("use"), "another file is read by `use \"latency.rules\"`"),
    ("version", Some("edition"), "the language's edition is `edition 2026`"),
    ("rule", Some("trigger"), "what holds or rolls back is a `trigger`"),
    ("alert", Some("trigger"), "what holds or rolls back is a `trigger`"),
    ("alarm", Some("trigger"), "what holds or rolls back is a `trigger`"),
    ("monitor", Some("trigger"), "what holds or rolls back is a `trigger`"),
    ("guard", Some("trigger"), "what holds or rolls back is a `trigger`"),
    ("metric", Some("signal"), "what is measured is a `signal`"),
    ("sli", Some("signal"), "what is measured is a `signal`"),
    ("indicator", Some("signal"), "what is measured is a `signal`"),
    ("measure", Some("signal"), "what is measured is a `signal`"),
    ("source", Some("signal"), "what is measured is a `signal`"),
    ("rollout", Some("plan"), "the stages of a rollout are a `plan`"),
    ("strategy", Some("plan"), "the stages of a rollout are a `plan`"),
    ("canary", Some("plan"), "the stages of a rollout are a `plan`"),
    ("pipeline", Some("plan"), "the stages of a rollout are a `plan`"),
    ("scenario", Some("test"), "what is expected of the rules is a `test`"),
    ("case", Some("test"), "what is expected of the rules is a `test`"),
    ("describe", Some("test"), "what is expected of the rules is a `test`"),
    ("it", Some("test"), "what is expected of the rules is a `test`"),
    ("roll", None, "`rollback when` is written as one word"),
    ("every", None, "how often rules are evaluated says `evaluate every 15s`"),
    ("interval", None, "how often rules are evaluated says `evaluate every 15s`"),
    ("let", None, "rules have no variables: write the value where it is compared"),
    ("const", None, "rules have no variables: write the value where it is compared"),
    ("var", None, "rules have no variables: write the value where it is compared"),
    ("set", None, "rules have no variables: write the value where it is compared"),
    ("def", None, "rules have no functions of their own: a signal can be named and read by many triggers"),
    ("func", None, "rules have no functions of their own: a signal can be named and read by many triggers"),
    ("stage", None, "a stage stands in a plan: `plan canary { stage 5% for 15m }`"),
    ("warmup", None, WARMUP),
    ("watch", None, WATCH),
    ("proceed", None, "`proceed when` stands in a plan: `plan canary { … }`"),
    ("given", None, "`given` stands in a trigger or a test"),
    ("expect", None, "`expect` stands in a signal or a test"),
    ("clear", None, "`clear when` stands in a trigger, beside its levels"),
    ("is", None, "`is` stands in a signal: `signal p95 { is duration  from push }`"),
    ("from", None, "`from` stands in a signal: `signal p95 { is duration  from push }`"),
];

/// What is meant by a word in the place of a clause's: `what` is the block, "a signal", or "a file".
pub(super) fn clause(what: &str, word: &str) -> Option<Clause> {
    let table = match what {
        "a signal" => SIGNAL,
        "a plan" => PLAN,
        "a test" => TEST,
        "a file" => FILE,
        _ => TRIGGER,
    };
    table.iter().copied().find(|(foreign, ..)| *foreign == word)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each foreign word stands once in its table, so that none hides another.
    #[test]
    fn once() {
        for table in [SIGNAL, TRIGGER, PLAN, TEST, FILE] {
            for (place, (word, ..)) in table.iter().enumerate() {
                assert!(table[..place].iter().all(|(other, ..)| other != word), "{word}");
            }
        }
        for (place, (words, _)) in RELATIONS.iter().enumerate() {
            assert!(RELATIONS[..place].iter().all(|(before, _)| !words.starts_with(before)), "{words:?}");
        }
    }
}
