//! The grammar of Spark's rules for tree-sitter, and its queries.

use tree_sitter_language::LanguageFn;

#[expect(unsafe_code, reason = "the parser is C")]
unsafe extern "C" {
    fn tree_sitter_spark_rules() -> *const ();
}

/// The grammar.
#[expect(unsafe_code, reason = "the function is that of the generated parser, and gives its tables")]
pub const LANGUAGE: LanguageFn = unsafe { LanguageFn::from_raw(tree_sitter_spark_rules) };

/// What is shown in which colour.
pub const HIGHLIGHTS: &str = include_str!("../../queries/highlights.scm");
/// What may be folded away.
pub const FOLDS: &str = include_str!("../../queries/folds.scm");
/// How lines are indented.
pub const INDENTS: &str = include_str!("../../queries/indents.scm");
/// Where names are declared and used.
pub const LOCALS: &str = include_str!("../../queries/locals.scm");
/// Text in other languages.
pub const INJECTIONS: &str = include_str!("../../queries/injections.scm");
