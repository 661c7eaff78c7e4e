//! Tries mutants, and shows those that no test notices.

use spark_rules::Loaded;
use spark_rules::mutate::{Fate, Judged, hunk, judge as try_all, mutants};

use super::text::{failed, passed};
use super::{Suite, new_bar};
use crate::console::{Console, faint, some, strong};

/// Most threads: mutants are short, and a machine that builds something else as well has to breathe.
const THREADS_MAX: usize = 8;

pub(super) fn judge(console: &Console, loaded: &Loaded) -> Vec<Judged> {
    let mutants = mutants(loaded);
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(THREADS_MAX);
    let bar = console.shows_progress().then(|| new_bar(mutants.len(), "mutants"));
    let judged = try_all(loaded, &mutants, threads, &|| {
        if let Some(bar) = &bar {
            bar.inc(1);
        }
    });
    if let Some(bar) = bar {
        bar.finish_and_clear();
    }
    judged
}

/// How many mutants had which fate.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Count {
    pub(super) noticed: usize,
    pub(super) survived: usize,
    pub(super) equivalent: usize,
    pub(super) refused: usize,
}

pub(super) fn count(judged: &[Judged]) -> Count {
    let of = |is: fn(&Fate) -> bool| judged.iter().filter(|judged| is(&judged.fate)).count();
    Count {
        noticed: of(|fate| matches!(fate, Fate::Noticed { .. })),
        survived: of(|fate| matches!(fate, Fate::Survived { .. })),
        equivalent: of(|fate| matches!(fate, Fate::Equivalent(_))),
        refused: of(|fate| matches!(fate, Fate::Refused(_))),
    }
}

pub(super) fn print(console: &mut Console, suite: &Suite, judged: &[Judged]) {
    let files = &suite.loaded.files;
    for Judged { mutant, fate } in judged {
        let position = files.position(mutant.span);
        let place = format!("{}:{}:{}", files.name(mutant.span.file), position.line, position.column);
        let whose = format!("{} {}", mutant.block.kind(), mutant.block.name());
        match fate {
            Fate::Survived { tests } => {
                console.line(format!("{} {place}: {whose}: {}", failed("SURVIVED"), mutant.what));
                for line in hunk(files, mutant).lines() {
                    console.line(format!("    {line}"));
                }
                let why = match tests {
                    0 => "no test reads it".to_owned(),
                    _ => format!("{} ({} it)", mutant.notice, reads(*tests)),
                };
                console.line(format!("  {why}"));
                console.line("");
            }
            Fate::Noticed { by } if console.verbose() => {
                console.line(format!(
                    "{}  {place}: {whose}: {}  {}",
                    passed("noticed"),
                    mutant.what,
                    faint(&format!("by \"{by}\""))
                ));
            }
            Fate::Equivalent(why) if console.verbose() => {
                console.line(format!(
                    "same     {place}: {whose}: {}  {}",
                    mutant.what,
                    faint(&format!("({why})"))
                ));
            }
            Fate::Refused(why) if console.verbose() => {
                console.line(format!(
                    "refused  {place}: {whose}: {}  {}",
                    mutant.what,
                    faint(&format!("({why})"))
                ));
            }
            _ => {}
        }
    }
    let Count { noticed, survived, equivalent, refused } = count(judged);
    let counted = noticed.saturating_add(survived);
    console.line(strong(&format!("mutants of {}", suite.path.display())));
    let line = format!("  {noticed} of {} noticed", some(counted, "mutant"));
    console.line(if survived == 0 { passed(&line) } else { failed(&line) });
    if equivalent > 0 || refused > 0 {
        console.line(faint(&format!(
            "    not counted: {equivalent} that are proved to decide the same, {refused} that are no rules"
        )));
    }
    console.line("");
}

fn reads(tests: usize) -> String {
    match tests {
        1 => "1 test reads".to_owned(),
        many => format!("{many} tests read"),
    }
}
