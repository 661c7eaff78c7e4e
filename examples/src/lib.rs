//! Programs that use only Spark's public API, one binary each. The Rust code of the README is tested here.

#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
