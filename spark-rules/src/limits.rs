//! Every limit on rule text, with its reason. What goes beyond one is an ordinary error.

/// Most bytes of rule text, all files together: four times the largest file that is measured (10,000 triggers, 4 MB).
pub const TEXT_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Most files that one policy is read from: a folder of packs, not a tree of sources.
pub const FILES_MAX: usize = 64;

/// Deepest nesting of parentheses and of `not`: people lose track at 5, and generated rules are flat.
pub const NESTING_MAX: u16 = 64;

/// Tallest tree of one condition or one expression, chains of `+` included. Checking, compiling and deciding recurse
/// over it; a condition and the expressions below it together stay under the 256 of the core.
pub const TREE_MAX: u16 = 100;

/// Most mistakes, and most warnings, that are told in one run: more say nothing new, and each costs memory.
pub const DIAGNOSTICS_MAX: usize = 1_000;

/// Most names that are compared in search of "did you mean", in one run: a file of 10,000 wrong names must not
/// cost 10,000 × 10,000 comparisons.
pub const SUGGESTION_COMPARISONS_MAX: usize = 300_000;

/// Longest name, in bytes: it has to fit into a line of output.
pub const NAME_BYTES_MAX: usize = 100;

/// Most evaluations of one test: a month at one a second is 2.6 million. A test is an example, not a backtest, and at some
/// microseconds each this many take half a minute.
pub const TEST_EVALUATIONS_MAX: u64 = 4 * 1024 * 1024;

/// Most samples of one test: eight series at as many instants. What asks for more has `every 1us` where it meant `every 1s`.
pub const TEST_SAMPLES_MAX: u64 = 8 * TEST_EVALUATIONS_MAX;

/// Most instants that are looked at after the last expected one, to say when what was expected came instead: two days at
/// one a minute.
pub(crate) const LOOK_ON_MAX: u32 = 3_000;
