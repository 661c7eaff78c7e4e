//! Mutants: rules changed in one small way each, to see whether their tests notice.
//!
//! A mutant is an edit of the text. It is loaded as any rules are, and the tests that read the changed block are run until
//! one finds fault. A mutant that is no rules any more, or that is proved to decide as before, is not held against the tests.
//!
//! ```
//! let text = r#"
//! edition 2026
//! evaluate every 15s
//! signal p95 { is duration  from push }
//! trigger slow { rollback when p95 > 400ms }
//! test "fires" { given p95 400ms for 1m, then 401ms  expect slow rollback from 1m }
//! "#;
//! let loaded = spark_rules::load("slow.rules", text, &mut |_| Err("no other file".to_owned())).unwrap();
//! let judged = spark_rules::mutate::judge(&loaded, &spark_rules::mutate::mutants(&loaded), 1, &|| ());
//! assert_eq!(judged.len(), 4, "`>=`, 399 ms, 401 ms and 800 ms");
//! assert!(judged.iter().all(|judged| !judged.survived()));
//! ```

mod diff;
mod judge;
mod kind;
mod make;
mod number;
mod same;

use spark_core::SourceSpan;

pub use diff::hunk;
pub use judge::{Fate, Judged, judge};
pub use kind::Kind;
pub use make::mutants;

use crate::diagnostic::Edit;
use crate::test::coverage::Block;

/// Rules changed in one small way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mutant {
    /// Which way.
    pub kind: Kind,
    /// The block that it is in.
    pub block: Block,
    /// The text that is changed.
    pub span: SourceSpan,
    /// How: edits of the file that `span` is in, in order.
    pub edits: Vec<Edit>,
    /// The change in words: `` `>` for `>=` ``.
    pub what: String,
    /// What a test would have to do to notice it.
    pub notice: String,
}
