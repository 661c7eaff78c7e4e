//! The codes of all diagnostics. A code is never reused: one that falls out of use stays here, marked as retired.
//!
//! `E01xx` reading · `E02xx` names and units · `E03xx` conditions · `E04xx` sources · `E05xx` triggers, plans and tests ·
//! `W03xx` warnings · `A03xx` advice.

use crate::diagnostic::DiagnosticSeverity;

/// A kind of diagnostic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Code {
    /// `E0203`.
    pub id: &'static str,
    /// What is wrong, in a few words.
    pub title: &'static str,
    /// Why it is refused, and what to do.
    pub page: &'static str,
}

impl Code {
    /// How bad what it names is: its first letter says it.
    pub fn severity(self) -> DiagnosticSeverity {
        match self.id.as_bytes().first() {
            Some(b'W') => DiagnosticSeverity::Warning,
            Some(b'A') => DiagnosticSeverity::Advice,
            _ => DiagnosticSeverity::Error,
        }
    }
}

macro_rules! codes {
    ($($id:ident $title:literal $page:literal;)*) => {
        $(pub(crate) const $id: Code = Code { id: stringify!($id), title: $title, page: $page };)*
        const ALL: &[Code] = &[$($id),*];
    };
}

codes! {
    A0390 "more advice than is told"
        "A thousand pieces of advice are told in one run; this says how many more there are.";
    E0101 "something else was expected here"
        "The text cannot be read at this place. The message says what was found and what may stand there.";
    E0102 "text without its closing quote"
        "Text in quotes ends on the line on which it starts: `\"API latency\"`. Only straight double quotes open and close it.";
    E0103 "a brace is missing"
        "A block is opened by `{` and closed by `}`: `trigger api_latency { … }`.";
    E0104 "no such clause or block"
        "Blocks are `signal`, `trigger`, `plan`, `test`; settings are `edition`, `evaluate every`, `use`. Each block has clauses of its own; the message lists them.";
    E0105 "a sign or word from another language"
        "Comparisons are `> >= < <= == !=`, and conditions are joined by `and`, `or`, `not`. The fix writes the sign as rules do.";
    E0106 "no such value or unit"
        "A value is a number with its unit, without a space: `400ms`, `3%`, `50/min`, `10MiB`, `0.10 USDT`. `m` is a minute, never a month.";
    E0107 "a `for` that can be read in two ways"
        "`a and b for 5m` may mean `(a and b) for 5m` or `a and (b for 5m)`, which decide differently. Say which one with parentheses.";
    E0108 "a chain of comparisons"
        "Write `p95 between 200ms and 400ms` (both ends included), or two comparisons joined by `and`.";
    E0109 "nested too deeply"
        "Parentheses and `not` may be nested 64 deep, and a condition's tree may be 100 high.";
    E0110 "text that is not UTF-8"
        "Rule files are UTF-8. The place is that of the first byte which is not.";
    E0111 "too much text"
        "All files of a policy together may have 16 MiB, in at most 64 files.";
    E0112 "another edition"
        "`edition 2026` stands on top of the file. This program reads the edition 2026 alone.";
    E0113 "an unknown escape in text"
        "In quotes, `\\\"`, `\\\\`, `\\n` and `\\t` are known. A backslash itself is written twice, as in the pattern `\"5\\\\d\\\\d\"`.";
    E0114 "a file that cannot be read"
        "`use \"file.rules\"` includes a file beside this one. It must be there and readable.";
    E0115 "files that include each other"
        "A file that is included may not lead back to the one that includes it.";
    E0116 "a file outside of the rules' folder"
        "`use` takes a path relative to the including file, and never one outside of the folder of the file that was named first.";
    E0117 "more mistakes than are told"
        "A thousand mistakes are told in one run; this says how many more there are. Mend some, and check again.";
    E0118 "a clause that stands twice"
        "A block has each of its clauses at most once; a trigger has each of `warn when`, `hold when` and `rollback when` at most once.";
    E0119 "a clause is missing"
        "A signal needs `is` and `from`.";
    E0120 "a name that cannot be one"
        "A name starts with a letter or `_`, and has ASCII letters, digits and `_`; a reserved word is no name.";
    E0121 "a window without its length"
        "A function of a window says how long it is: `avg(p95 over 5m)`.";
    E0201 "an unknown name"
        "Nothing has that name. The message offers the nearest names.";
    E0202 "two blocks of one name"
        "Signals, triggers and plans each have names of their own; a signal and a trigger never share one.";
    E0203 "units that do not agree"
        "Units are types: a duration is compared with a duration, a share with a share. Nothing is converted behind your back.";
    E0204 "a value without its unit"
        "Only counts and numbers are written without a unit. A share is written with `%`, a duration with `ms`, `s`, `m`, and so on.";
    E0205 "money without its currency, or in another"
        "A signal that `is money` names its currency once: `from push in USDT`. Currencies do not mix.";
    E0206 "a source's unit that does not fit"
        "The unit after `in` says what the source's numbers are in. It must be a unit of what the signal `is`.";
    E0207 "a function that does not fit"
        "`rate` and `increase` need something that adds up; `correlation` needs two signals; the other functions need one.";
    E0208 "an `unless` that leads back to itself"
        "Triggers that are quiet for each other would both be quiet. Take one `unless` away.";
    E0210 "a name of another kind"
        "A condition reads signals, `unless` names triggers.";
    E0211 "a calculation that has no meaning"
        "`+` and `-` take two values of one unit; `*` takes a number or a share on one side, or a rate and a duration; `/` divides by a number, a duration, or the same unit.";
    E0301 "a condition without a signal"
        "It would always be true, or never. Each comparison reads at least one signal on its left side.";
    E0302 "a `for` under `not`"
        "`for` counts evidence that something is true. Under `not` it would let missing evidence count as true. Write `(not a) for 5m`.";
    E0303 "a reference on the left side"
        "`baseline` and `previous stage` stand for the comparison's whole left side, so they stand on its right side.";
    E0304 "a division by zero"
        "Nothing can be divided by zero.";
    E0305 "a range that is empty"
        "`between A and B` takes the smaller end first; both ends are included.";
    E0306 "a value where a condition belongs"
        "A condition compares: `p95 > 300ms`.";
    E0307 "a condition where a value belongs"
        "A condition is true or false; it cannot be compared or calculated with.";
    E0308 "every expectation, outside of a plan"
        "`every signal meets its expectation` stands in a plan's `proceed when` alone. Everywhere else expectations count by themselves.";
    E0309 "a length of zero"
        "A length of time here must be longer than zero.";
    E0401 "a metrics expression that cannot be read"
        "`from metrics` takes a selector, a function of one (`rate`, `increase`, `delta`, `slope`, `p95`, `age`, …), an aggregation (`sum by (instance) (…)`), and arithmetic on those.";
    E0402 "a pattern that is no regular expression"
        "`=~` and `!~` take a regular expression, anchored at both ends.";
    E0403 "a function over time without its window"
        "`rate`, `increase`, quantiles and their kin need to know how far back: `from metrics rate(requests_total) over 1m`.";
    E0501 "a trigger without a level"
        "A trigger has at least one of `warn when`, `hold when`, `rollback when`.";
    E0502 "two one-line triggers on one line"
        "A one-line trigger is named by its line, so that each needs a line of its own.";
    E0503 "stages that do not rise"
        "Each stage sends more traffic to the new version than the one before it, up to 100 %.";
    E0504 "a share that cannot be sent"
        "A stage's share is above 0 % and at most 100 %, with at most two decimal places.";
    E0505 "a plan without a stage"
        "A plan has at least one stage: `stage 5% for 15m`.";
    E0506 "a test that cannot be run"
        "A test gives series (`given p95 200ms for 10m`) and says what it expects (`expect api_latency rollback from 15m`).";
    W0301 "no edition"
        "`edition 2026` on top says in which edition of the language the file is written, so that a later one can still read it.";
    W0302 "a share above 100 %"
        "The signal is a share, so it will hardly be compared with more than 100 %.";
    W0303 "a clear that overlaps its level"
        "Both can be true at once: the trigger would clear and come back at every evaluation. Leave a gap, or let them meet.";
    W0304 "a `for` longer than the shortest stage"
        "The stage is over before the condition can hold, so that the trigger is silent in it.";
    W0305 "a window that nothing uses"
        "`over` is the window of functions over time; no function here has one.";
    W0306 "samples that are stale before the next evaluation"
        "`stale after` is shorter than `evaluate every`: the signal may be unknown most of the time.";
    W0307 "an expectation that no signal has"
        "`every signal meets its expectation` is always true where no signal has an `expect`.";
    W0308 "a length of another scale"
        "The signal is compared with milliseconds elsewhere and with minutes here, and the same number in milliseconds would fit: `400s` is 6m40s.";
    W0309 "a test that expects nothing"
        "Only what is written after `expect` is compared, so that a test without it always passes.";
    W0310 "more warnings than are told"
        "A thousand warnings are told in one run; this says how many more there are.";
}

/// All codes, sorted.
pub fn all() -> &'static [Code] {
    ALL
}

/// A code by its id, in any case.
pub fn find(id: &str) -> Option<Code> {
    ALL.iter().copied().find(|code| code.id.eq_ignore_ascii_case(id))
}
