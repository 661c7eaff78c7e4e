//! The words that are offered, and where one may follow another.

use super::context::Context;

/// The types, and what they mean.
pub(super) const TYPES: &[(&str, &str)] = &[
    ("duration", "seconds, or what `in` says"),
    ("ratio", "a share, 0% to 100%"),
    ("count", "how many there are"),
    ("counter", "how many there were; it only grows"),
    ("rate", "how many per time"),
    ("bytes", "an amount of memory or data"),
    ("money", "an exact amount in a currency"),
    ("number", "a number without a unit"),
];

/// The units that a source of a type may be in.
pub(super) fn units(kind: &str) -> &'static [&'static str] {
    match kind {
        "duration" => &["s", "ms", "us"],
        "ratio" => &["%"],
        "bytes" => &["B", "KiB", "MiB"],
        "rate" => &["1/s", "1/min", "MiB/min"],
        "money" => &["USDT", "USD", "EUR"],
        "count" | "counter" | "number" => &[],
        _ => &["s", "ms", "%", "1/s", "1/min", "B", "MiB", "MiB/min", "USDT"],
    }
}

/// The functions of a window.
pub(super) const FUNCTIONS: &[&str] = &[
    "avg", "min", "max", "sum", "count", "p50", "p90", "p95", "p99", "stddev", "increase", "rate", "delta",
    "slope",
];

/// What may stand outside of blocks: how it is listed, what it means, what is written.
pub(super) const BLOCKS: &[(&str, &str, &str)] = &[
    (
        "signal",
        "what is measured",
        "signal ${1:name} {\n  is ${2:duration}\n  from ${3:push}\n  expect ${4:<= 200ms}\n}$0",
    ),
    (
        "trigger",
        "what holds a release, or rolls it back",
        "trigger ${1:name} {\n  hold     when ${2:signal > 300ms} for ${3:3m}\n  rollback when ${4:signal > 400ms} for ${5:5m}\n}$0",
    ),
    (
        "plan",
        "the stages of a rollout",
        "plan ${1:canary} {\n  stage ${2:5%}   for ${3:15m}\n  stage 100% for ${4:15m}\n  proceed when every signal meets its expectation for ${5:5m}\n}$0",
    ),
    (
        "check",
        "what must be so before a release",
        "check ${1:name} {\n  in       ${2:preflight}\n  probe    ${3:probe}\n  measure  ${4:waiting} is ${5:count}\n  pass     when ${6:waiting == 0}\n  else     ${7:no-go}\n  within   ${8:5s}\n  evidence \"${9:name.json}\"\n}$0",
    ),
    (
        "test",
        "series that are given, and what is expected",
        "test \"${1:what it shows}\" {\n  given  ${2:signal} ${3:200ms} for ${4:10m}, then ${5:450ms} for 10m\n  expect ${6:trigger} ${7:rollback} from ${8:15m}\n}$0",
    ),
    ("rollback when", "a trigger in one line", "rollback when ${1:signal > 5%} for ${2:5m}$0"),
    ("hold when", "a trigger in one line", "hold when ${1:signal > 5%} for ${2:5m}$0"),
    ("edition 2026", "the language's edition, on top of a file", "edition 2026"),
    ("evaluate every", "the time between evaluations", "evaluate every ${1:15s}"),
    ("use", "another file of the policy", "use \"${1:file.rules}\""),
];

/// How a clause is written on.
pub(super) fn clause(word: &str) -> (&'static str, &'static str, &'static str) {
    match word {
        "is" => ("is", "what the signal measures", "is ${1:duration}"),
        "from" => ("from", "where its numbers come from", "from ${1:push}"),
        "stale" => ("stale after", "when a sample is too old", "stale after ${1:45s}"),
        "expect" => ("expect", "what must be so", "expect $0"),
        "warn" => ("warn when", "tells, and asks for nothing", "warn when $0"),
        "hold" => ("hold when", "keeps the release where it is", "hold when $0"),
        "rollback" => ("rollback when", "takes the release back", "rollback when $0"),
        "clear" => ("clear when", "when a level is left", "clear when $0"),
        "given" => ("given", "what must be given", "given $0"),
        "unless" => ("unless", "the trigger that speaks instead", "unless $0"),
        "unknown" => (
            "unknown hold",
            "what is asked for without evidence",
            "unknown hold, then rollback after ${1:10m}",
        ),
        "runbook" => ("runbook", "a link for who is called", "runbook \"$1\""),
        "owner" => ("owner", "who answers for it", "owner \"$1\""),
        "in" => ("in", "when the check is made", "in ${1:preflight}"),
        "probe" => ("probe", "who looks", "probe ${1:name}"),
        "measure" => ("measure", "what the probe must bring", "measure ${1:name} is ${2:count}"),
        "pass" => ("pass when", "what must be so", "pass when $0"),
        "else" => ("else", "what it says where it does not pass", "else ${1:no-go}"),
        "within" => ("within", "how long the probe may take", "within ${1:5s}"),
        "evidence" => ("evidence", "the file that keeps what was found", "evidence \"${1:name.json}\""),
        "stage" => ("stage", "a share of the traffic, for a time", "stage ${1:5%} for ${2:15m}"),
        "warmup" => ("warmup", "how long nothing counts after each step", "warmup ${1:2m}"),
        "watch" => ("watch", "how long the release is watched in the end", "watch ${1:24h}"),
        "proceed" => (
            "proceed when",
            "when a stage may be left",
            "proceed when ${1:every signal meets its expectation for 5m}",
        ),
        _ => ("at stage", "the stage that the test is in", "at stage ${1:5%}"),
    }
}

/// Whether a word is the `2x` of `2x baseline`.
pub(super) fn times(word: &str) -> bool {
    word.strip_suffix('x').is_some_and(|number| {
        number.starts_with(|c: char| c.is_ascii_digit())
            && number.chars().all(|c| c.is_ascii_digit() || matches!(c, '.' | '_'))
    })
}

/// Whether a word compares two values.
pub(super) fn compares(word: &str) -> bool {
    matches!(word, ">" | ">=" | "<" | "<=" | "==" | "!=")
}

/// Whether what is written of a clause may be all of it, so that another may begin.
pub(super) fn clause_may_end(at: &Context<'_>) -> bool {
    let last = at.last().1;
    let open = compares(last)
        || at.inside()
        || times(last)
        || at.last().0 == "between"
        || matches!(
            last,
            "and"
                | "or"
                | "not"
                | "for"
                | "over"
                | "within"
                | "then"
                | "between"
                | "when"
                | "("
                | ","
                | "+"
                | "-"
                | "*"
                | "/"
                | "is"
                | "from"
                | "in"
                | "stale"
                | "after"
                | "unless"
                | "given"
                | "expect"
                | "at"
                | "stage"
                | "needs"
                | "warmup"
                | "watch"
                | "proceed"
                | "warn"
                | "hold"
                | "rollback"
                | "clear"
                | "unknown"
                | "runbook"
                | "owner"
                | "decision"
                | "because"
                | "of"
                | "every"
                | "evaluate"
                | "edition"
                | "use"
                | "previous"
                | "probe"
                | "measure"
                | "pass"
                | "else"
                | "evidence"
                | "check"
        );
    // signals may be called as a plan's clauses are
    let signal = at.words.len() > 1
        && matches!(last, "needs" | "warmup" | "watch")
        && at.words.first() != Some(&"stage");
    // a state and `unknown hold` end with words that open a clause elsewhere
    let ends = at.words.len() > 1 && matches!(last, "hold" | "rollback" | "warn" | "unknown")
        || last == "stage" && at.last().0 == "previous";
    !open || ends || signal
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check;
    use crate::parser::WINDOW_FUNCTIONS;

    /// Every type and every function of a window is offered; `correlation`, of two signals, in a form of its own.
    #[test]
    fn every_type_and_function_is_offered() {
        for word in check::TYPES {
            assert!(TYPES.iter().any(|(own, _)| own == word), "{word}");
        }
        for word in WINDOW_FUNCTIONS {
            assert!(FUNCTIONS.contains(word) || *word == "correlation", "{word}");
        }
    }
}
