//! What if a threshold or a `for` were another: values to try, and the rules that they make.
//!
//! A sweep names one value in the rules by its path and lists what is tried in its place. Every variant is a real rule
//! text: the literal is replaced where it stands, and the text is loaded and checked as any other.
//!
//! ```
//! let text = "edition 2026\nsignal p95 { is duration  from push }\ntrigger slow { rollback when p95 > 400ms for 5m }\n";
//! let loaded = spark_rules::load("r.rules", text, &mut |_| Err(String::new())).unwrap();
//! let what_if =
//!     spark_rules::sweep::what_if(&loaded.policy, &loaded.files, &["slow.rollback.threshold=300ms..500ms step 100ms"])
//!         .unwrap();
//! let tried: Vec<&str> = what_if.variants.iter().map(|variant| variant.values[0].as_str()).collect();
//! assert_eq!(tried, ["300ms", "400ms", "500ms"]);
//! assert!(what_if.variants[1].present, "400ms is what the rules say");
//! ```

mod knob;
mod range;
mod reference;
mod variant;

use spark_core::{Policy, Severity, SignalId, TriggerId};

use crate::files::Files;
use crate::suggest::{joined, nearest};
pub use knob::{Knob, knobs};
pub use variant::Variant;

/// Most variants of one backtest: a grid of 16 × 16. Each has an engine of its own with its own samples in memory, and a
/// row in the table; beyond it nobody reads them, and 30 days at 15 s take longer than a quarter of an hour.
pub const VARIANTS_MAX: usize = 256;

/// Most bytes of rule text that the variants of one backtest have together: loading 256 MiB takes about as long as a
/// person waits.
pub const VARIANTS_BYTES_MAX: usize = 256 * 1024 * 1024;

/// Most paths that an error lists: a screen of them.
const LISTED_MAX: usize = 12;

/// Whose value is swept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// A trigger's level.
    Level(TriggerId, Severity),
    /// A trigger's `clear` or `given`.
    Trigger(TriggerId),
    /// What a signal is expected to be.
    Expectation(SignalId),
}

/// One value of the rules, and what is tried in its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sweep {
    /// The value.
    pub knob: Knob,
    /// What is tried, as rules write it; no two are the same value.
    pub values: Vec<String>,
}

/// Sweeps, and the rules that they make: every combination of their values.
#[derive(Debug, Clone)]
pub struct WhatIf {
    /// The sweeps, in the order in which they were given.
    pub sweeps: Vec<Sweep>,
    /// The variants, the last sweep's values turning fastest. Exactly one of them is the present rules, be it that nobody
    /// asked for it.
    pub variants: Vec<Variant>,
}

/// Why a sweep is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SweepError {
    /// What is wrong, with the author's words in backticks.
    pub message: String,
    /// What to write instead.
    pub help: Option<String>,
}

impl SweepError {
    fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), help: None }
    }

    fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

impl std::fmt::Display for SweepError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)?;
        self.help.as_ref().map_or(Ok(()), |help| write!(f, "\n  help: {help}"))
    }
}

impl std::error::Error for SweepError {}

/// The variants of rules that sweeps ask for.
///
/// A sweep is `PATH=VALUE,VALUE,…` or `PATH=FROM..TO step STEP`; several make a grid. `policy` and `files` are those of the
/// loaded rules.
///
/// # Errors
/// A sweep does not read, names no value of the rules, or tries what does not fit there; or there are more than
/// [`VARIANTS_MAX`] variants. A variant that is no rules for another reason is none of these: it is
/// [told](Variant::policy) in its place.
pub fn what_if<S: AsRef<str>>(policy: &Policy, files: &Files, sweeps: &[S]) -> Result<WhatIf, SweepError> {
    let knobs = knobs(policy, files);
    let mut read: Vec<Sweep> = Vec::new();
    let mut asked: usize = 1;
    for text in sweeps {
        let text = text.as_ref();
        let (path, values) = text.split_once('=').ok_or_else(|| {
            SweepError::new(format!("`{text}` tries no value")).help(
                "write a path, `=`, and values, as in `api_latency.rollback.threshold=300ms..600ms step 50ms`",
            )
        })?;
        let knob = named(&knobs, path.trim(), policy)?;
        if read.iter().any(|other| other.knob.span == knob.span) {
            return Err(SweepError::new(format!("`{}` is swept twice", knob.path))
                .help("put all its values into one sweep"));
        }
        let series = range::Series::read(values.trim(), &reference::Reference::of(knob, files))?;
        let refused = |value: &str| variant::misfit(files, knob, value);
        series.units(&refused)?;
        asked = asked.saturating_mul(series.count());
        let bytes: usize = (0u32..).take(files.len()).map(|file| files.source(file).len()).sum();
        if asked > VARIANTS_MAX {
            return Err(SweepError::new(format!(
                "this asks for {} variants, at most {VARIANTS_MAX} are tried",
                many(asked)
            ))
            .help("take a longer step, or sweep one value at a time"));
        }
        if asked.saturating_mul(bytes) > VARIANTS_BYTES_MAX {
            return Err(SweepError::new(format!(
                "{asked} variants of rules of {bytes} bytes are too much text"
            ))
            .help("take the trigger and its signals into a file of their own"));
        }
        let values = knob.distinct(series.values()?);
        if let Some(words) = values.iter().find_map(|value| refused(value)) {
            return Err(SweepError::new(words));
        }
        read.push(Sweep { knob: knob.clone(), values });
    }
    Ok(WhatIf { variants: variant::variants(files, &read)?, sweeps: read })
}

/// A count that may have been cut short.
fn many(count: usize) -> String {
    match count {
        usize::MAX => "more than can be counted".to_owned(),
        count => count.to_string(),
    }
}

/// The value that a path names.
fn named<'k>(knobs: &'k [Knob], path: &str, policy: &Policy) -> Result<&'k Knob, SweepError> {
    let plain: String = path.chars().filter(|c| !c.is_whitespace()).collect();
    if let Some(knob) = knobs.iter().find(|knob| knob.paths.contains(&plain)) {
        return Ok(knob);
    }
    // `t.hold.threshold` or `t.hold.threshold(p95)` where there are several of them
    let bare = plain.split(['[', '(']).next().unwrap_or(&plain);
    let several: Vec<&Knob> = knobs.iter().filter(|knob| knob.stem == bare).collect();
    if !several.is_empty() {
        let message = match bare == plain {
            true => format!("`{plain}` stands for {} values", several.len()),
            false => format!("`{plain}` names none of the values, or several, of `{bare}`"),
        };
        return Err(SweepError::new(message).help(format!("say which: {}", listed(&several))));
    }
    let owner = plain.split('.').next().unwrap_or(&plain);
    let own: Vec<&Knob> = knobs.iter().filter(|knob| knob.owner() == owner).collect();
    let error = SweepError::new(format!("`{plain}` names no value of these rules"));
    if !own.is_empty() {
        return Err(error.help(format!("of `{owner}` there are {}", listed(&own))));
    }
    let triggers = policy.triggers().iter().map(|trigger| trigger.name.as_str());
    let signals = policy.signals().iter().map(|signal| signal.name.as_str());
    let near = nearest(owner, triggers.chain(signals));
    if !near.is_empty() {
        let own: Vec<&Knob> = knobs.iter().filter(|knob| near.contains(&knob.owner())).collect();
        let words = format!("did you mean {}?", joined(near, " or "));
        return Err(error.help(if own.is_empty() {
            words
        } else {
            format!("{words} There are {}", listed(&own))
        }));
    }
    let all: Vec<&Knob> = knobs.iter().collect();
    Err(error.help(match all.is_empty() {
        true => "no trigger and no expectation has a value that could be another".to_owned(),
        false => format!("there are {}", listed(&all)),
    }))
}

fn listed(knobs: &[&Knob]) -> String {
    let shown = knobs.iter().take(LISTED_MAX).map(|knob| format!("`{}` ({})", knob.path, knob.shown()));
    let mut text = shown.collect::<Vec<_>>().join(", ");
    if let Some(more) = knobs.len().checked_sub(LISTED_MAX).filter(|more| *more > 0) {
        text.push_str(&format!(" and {more} more"));
    }
    text
}
