//! `edition` and `evaluate every`.

use spark_core::{SourceSpan as Span, TimeSpan};

use super::Problems;
use crate::ast::{File, Item, Length};
use crate::codes;
use crate::diagnostic::{Diagnostic, Edit};
use crate::files::Files;
use crate::suggest::nearest;

/// The edition that this program reads.
const EDITION: &str = "2026";

/// The time between evaluations where nothing is said.
const EVERY_DEFAULT: TimeSpan = TimeSpan::from_seconds(15);

/// Checks the settings of all files, and gives the time between evaluations.
pub(super) fn check(files: &Files, trees: &[File], problems: &mut Problems) -> TimeSpan {
    let mut every: Option<Length> = None;
    for tree in trees {
        edition(files, tree, problems);
        let mut own: Option<Span> = None;
        for item in &tree.items {
            let Item::Evaluate { every: length, span } = item else { continue };
            if let Some(first) = own {
                let twice = Diagnostic::error(codes::E0118, *span, "`evaluate every` stands twice");
                problems.tell(twice.also(first, "first here").help("keep one of them"));
                continue;
            }
            own = Some(*span);
            match every {
                Some(first) if first.value != length.value => problems.tell(
                    Diagnostic::error(
                        codes::E0118,
                        *span,
                        "files of one policy are evaluated at different times",
                    )
                    .also(first.span, "here it is another")
                    .help("keep `evaluate every` in the file that includes the others"),
                ),
                Some(_) => {}
                None => every = Some(*length),
            }
        }
    }
    every.map_or(EVERY_DEFAULT, |every| every.value)
}

/// The time between evaluations of the trees, which are not checked.
pub(super) fn every(trees: &[&File]) -> TimeSpan {
    let items = trees.iter().flat_map(|tree| &tree.items);
    let mut said = items.filter_map(|item| match item {
        Item::Evaluate { every, .. } => Some(every.value),
        _ => None,
    });
    said.next().unwrap_or(EVERY_DEFAULT)
}

fn edition(files: &Files, tree: &File, problems: &mut Problems) {
    let mut first: Option<Span> = None;
    for item in &tree.items {
        let Item::Edition { year, span } = item else { continue };
        if let Some(first) = first {
            let twice =
                Diagnostic::error(codes::E0118, *span, "`edition` stands twice").also(first, "first here");
            problems.tell(twice.help("take it away").machine(vec![Edit::replace(*span, "")]));
            continue;
        }
        first = Some(*span);
        if year != EDITION {
            let message = format!("`edition {year}` is not one that this program reads");
            problems.tell(
                Diagnostic::error(codes::E0112, *span, message)
                    .help(format!("write `edition {EDITION}`"))
                    .maybe(vec![Edit::replace(*span, format!("edition {EDITION}"))]),
            );
        }
    }
    let text = files.source(tree.number).trim_start_matches('\u{FEFF}').trim_start();
    // a misspelt `edition` on top has been told
    let opening = text.split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or("");
    let meant = opening == "edition" || !nearest(opening, ["edition"]).is_empty();
    // nor is text of another tool in need of one
    let foreign = tree.items.is_empty() && problems.tells(codes::E0128, tree.number);
    if first.is_none() && !text.is_empty() && !meant && !foreign {
        let start = Span { file: tree.number, start: 0, end: 0 };
        let after_mark = if files.source(tree.number).starts_with('\u{FEFF}') { 3 } else { 0 };
        problems.tell(
            Diagnostic::warning(codes::W0301, start, "the file does not say its edition")
                .help(format!("write `edition {EDITION}` on top"))
                .machine(vec![Edit::insert(after_mark, format!("edition {EDITION}\n\n"))]),
        );
    }
}
