//! What no test has seen, for people.

use spark_rules::test::coverage::{Coverage, Point};

use super::Suite;
use super::text::passed;
use crate::console::{Console, faint, strong};

pub(super) fn print(console: &mut Console, suite: &Suite, coverage: &Coverage) {
    let total = coverage.total();
    console.line(strong(&format!("coverage of {}", suite.path.display())));
    let blocks = coverage.blocks();
    let named = |kind: &str, name: &str| format!("{kind} {name}");
    let width = blocks.iter().map(|(block, ..)| named(block.kind(), block.name()).chars().count()).max();
    let width = width.unwrap_or(0).max("total".len());
    for (block, share, points) in blocks {
        let missing: Vec<&Point> =
            points.into_iter().filter(|point| point.seen == 0 && point.excluded.is_none()).collect();
        // people ask for what is missing; all of it is with -v
        if missing.is_empty() && !console.verbose() {
            continue;
        }
        let name = named(block.kind(), block.name());
        let share = format!("{:>7}  {} of {}", percent(share.hundredths()), share.seen, share.of);
        console.line(format!("  {name:width$}  {share}"));
        for point in missing {
            console.line(format!("    {}: never {}", place(suite, point), point.what));
        }
    }
    let share = format!("{:>7}  {} of {} points", percent(total.hundredths()), total.seen, total.of);
    let total_line = format!("  {:width$}  {share}", "total");
    console.line(if total.seen == total.of { passed(&total_line) } else { total_line });
    for point in coverage.excluded() {
        let why = point.excluded.as_deref().unwrap_or("");
        console.line(faint(&format!("    {}: not counted: {}: {why}", place(suite, point), point.what)));
    }
    console.line("");
}

fn place(suite: &Suite, point: &Point) -> String {
    let files = &suite.loaded.files;
    let position = files.position(point.span);
    format!("{}:{}:{}", files.name(point.span.file), position.line, position.column)
}

/// Hundredths of a percent as people write them.
pub(super) fn percent(hundredths: u32) -> String {
    format!("{}%", rust_decimal::Decimal::new(i64::from(hundredths), 2).normalize())
}
