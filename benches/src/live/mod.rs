//! The live engine: what a sample and a decision cost the caller's thread, calm and hovering, in small sets and big ones.

#![expect(
    clippy::arithmetic_side_effects,
    reason = "small numbers of a measurement; an overflow would end it"
)]

#[cfg(test)]
mod allocation;
mod decision;
mod rules;
mod sample;
mod scale;
mod stopwatch;
mod tail;

use crate::options::flag;

/// All tables; with `--tail` that of a hundred million samples alone.
pub(crate) fn run() -> Result<String, String> {
    if flag("tail") {
        return tail::table();
    }
    Ok([decision::table()?, sample::table()?, scale::table()?].join("\n"))
}
