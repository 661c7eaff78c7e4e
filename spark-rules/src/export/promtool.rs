//! `test` blocks as a test file of promtool.

use super::ExportedTests;
use super::record::Builder;
use crate::Loaded;

pub(super) fn tests(_loaded: &Loaded, _builder: &Builder<'_>, _rules_name: &str) -> ExportedTests {
    ExportedTests { tests: String::new(), count: 0, skipped: Vec::new() }
}
