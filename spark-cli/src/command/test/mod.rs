//! `spark test`: runs the `test` blocks.

mod coverage;
mod json;
mod junit;
mod mutants;
mod text;

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};
use spark_rules::mutate::Judged;
use spark_rules::test::coverage::{Coverage, Share, Watch};
use spark_rules::test::{Outcome, Runner, TestCase};
use spark_rules::{Failed, Files, Loaded};

use crate::console::{Console, say};
use crate::exit::{Exit, Failure};
use crate::{paths, rules};

/// Fewer tests than this are over before a bar is seen.
const WORTH_A_BAR: usize = 200;

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  spark test rules/
  spark test release.rules --filter \"rolls back\" -v
  spark test rules/ --coverage --fail-under 100
  spark test rules/ --mutants

A file of a directory that another one uses is tested with that one. Exit codes: 0 all pass, 14 a test fails, there is none,
the coverage is below --fail-under or a mutant survives, 12 the rules have errors.")]
pub(crate) struct TestArgs {
    /// Rule files; a directory means every .rules below it
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Run only the tests with this in their title
    #[arg(long, value_name = "TEXT")]
    filter: Option<String>,
    /// How results are written
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// Show what of the rules no test has seen
    #[arg(long)]
    coverage: bool,
    /// Fail where less than this share of the points was seen, in percent
    #[arg(long, value_name = "P", requires = "coverage", value_parser = parse_percent)]
    fail_under: Option<u32>,
    /// Change the rules in small ways, and show each change that no test notices
    #[arg(long)]
    mutants: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people
    Text,
    /// For programs
    Json,
    /// For CI servers: the tests alone
    Junit,
}

/// A percentage in hundredths: `95`, `99.5`, `100%`.
fn parse_percent(text: &str) -> Result<u32, String> {
    let refused = || format!("`{text}` is no percentage from 0 to 100, as in 95 or 99.5");
    let number = text.strip_suffix('%').unwrap_or(text).trim();
    let percent: rust_decimal::Decimal = number.parse().map_err(|_| refused())?;
    let hundredths = percent.checked_mul(rust_decimal::Decimal::ONE_HUNDRED).ok_or_else(refused)?.ceil();
    u32::try_from(hundredths).ok().filter(|hundredths| *hundredths <= 10_000).ok_or_else(refused)
}

/// A file with tests, and what came of them.
struct Suite {
    path: PathBuf,
    loaded: Loaded,
    /// By the place of the test, in the order of the files; what the filter leaves.
    came: Vec<(usize, Outcome)>,
    coverage: Option<Coverage>,
    mutants: Option<Vec<Judged>>,
}

impl Suite {
    /// The tests that were run, and what came of each.
    fn outcomes(&self) -> impl Iterator<Item = (&TestCase, &Outcome)> {
        self.came.iter().filter_map(|(place, outcome)| Some((self.loaded.tests.get(*place)?, outcome)))
    }
}

pub(crate) fn run(console: &mut Console, args: &TestArgs) -> Result<Exit, Failure> {
    if args.format == Format::Junit && (args.coverage || args.mutants) {
        return Err(Failure::bad_arguments(
            "`--format junit` holds tests alone: use `text` or `json` with `--coverage` and `--mutants`",
        ));
    }
    if args.filter.is_some() && (args.coverage || args.mutants) {
        return Err(Failure::bad_arguments(
            "`--filter` leaves tests out, so `--coverage` and `--mutants` would blame the rules for it: ask without it",
        ));
    }
    let mut suites = load(console, &args.paths)?;
    let bar = bar(console, suites.iter().map(|suite| suite.loaded.tests.len()).sum());
    for suite in &mut suites {
        run_tests(suite, args, bar.as_ref());
    }
    if let Some(bar) = bar {
        bar.finish_and_clear();
    }
    let all = || suites.iter().flat_map(Suite::outcomes);
    let failed = all().filter(|(_, outcome)| !outcome.passed()).count();
    let passed = all().count().saturating_sub(failed);
    if args.mutants && failed == 0 {
        for suite in &mut suites {
            suite.mutants = Some(mutants::judge(console, &suite.loaded));
        }
    }
    match args.format {
        Format::Json => {
            let report = json::report(&suites);
            console.line(report.map_err(|error| Failure::could_not_run(format!("no report: {error}")))?);
        }
        Format::Junit => console.line(junit::report(&suites).trim_end()),
        Format::Text => text::report(console, &suites),
    }
    if passed.saturating_add(failed) == 0 {
        let words = match &args.filter {
            Some(filter) => format!("no test has `{filter}` in its title"),
            None => "there is no test: write one, as in `spark init` writes them".to_owned(),
        };
        return Err(Failure { exit: Exit::NotGood, words });
    }
    if args.mutants && failed > 0 {
        console.note("no mutants were made: first all tests have to pass");
    }
    Ok(if failed > 0 || !enough(console, &suites, args.fail_under) || survivors(&suites) > 0 {
        Exit::NotGood
    } else {
        Exit::Done
    })
}

/// Loads every file that stands for itself.
fn load(console: &Console, named: &[PathBuf]) -> Result<Vec<Suite>, Failure> {
    let mut read: Vec<(PathBuf, Result<Loaded, Failed>)> = Vec::new();
    let mut unread: Vec<String> = Vec::new();
    for path in paths::gather(named)? {
        match rules::load(&path) {
            Ok(loaded) => read.push((path, loaded)),
            Err(failure) => unread.push(failure.words),
        }
    }
    let files: Vec<(&std::path::Path, &Files)> = read
        .iter()
        .map(|(path, loaded)| {
            (path.as_path(), loaded.as_ref().map_or_else(|failed| &failed.files, |l| &l.files))
        })
        .collect();
    let stand_alone = paths::stand_alone(&files, named);
    let (mut suites, mut wrong) = (Vec::new(), Vec::new());
    for ((path, loaded), alone) in read.into_iter().zip(stand_alone) {
        match loaded {
            _ if !alone => {}
            Ok(loaded) => {
                if !loaded.warnings.is_empty() {
                    let words = rules::count(&loaded.warnings);
                    console.note(format!("`{0}` {words}: see `spark check {0}`", path.display()));
                }
                suites.push(Suite { path, loaded, came: Vec::new(), coverage: None, mutants: None });
            }
            Err(failed) => {
                for diagnostic in &failed.diagnostics {
                    say(rules::render(&failed.files, diagnostic).trim_end());
                }
                wrong.push(format!("`{}` {}", path.display(), rules::count(&failed.diagnostics)));
            }
        }
    }
    if !unread.is_empty() {
        unread.extend(wrong);
        return Err(Failure::could_not_run(unread.join("\nerror: ")));
    }
    match wrong.is_empty() {
        true => Ok(suites),
        false => Err(Failure { exit: Exit::BadRules, words: wrong.join("; ") }),
    }
}

fn run_tests(suite: &mut Suite, args: &TestArgs, bar: Option<&ProgressBar>) {
    let mut watch = Watch::default();
    let mut runner = Runner::new(&suite.loaded.policy);
    let wanted = |case: &TestCase| args.filter.as_ref().is_none_or(|filter| case.title.contains(filter));
    for (place, case) in suite.loaded.tests.iter().enumerate().filter(|(_, case)| wanted(case)) {
        let outcome = match args.coverage {
            true => watch.run(&suite.loaded, case),
            false => runner.run(case),
        };
        suite.came.push((place, outcome));
        if let Some(bar) = bar {
            bar.inc(1);
        }
    }
    if args.coverage {
        suite.coverage = Some(watch.coverage(&suite.loaded));
    }
}

/// A progress bar, where somebody sees it and it is not over at once.
fn bar(console: &Console, tests: usize) -> Option<ProgressBar> {
    (tests >= WORTH_A_BAR && console.shows_progress()).then(|| new_bar(tests, "tests"))
}

fn new_bar(length: usize, what: &str) -> ProgressBar {
    let bar = ProgressBar::new(u64::try_from(length).unwrap_or(u64::MAX));
    let template = format!("{{bar:40}} {{pos}} of {{len}} {what}");
    // the template is a constant but for a word, and is checked by a test that sees the bar
    ProgressStyle::with_template(&template).map_or(bar.clone(), |style| bar.with_style(style))
}

/// Whether enough was seen of every file's rules together.
fn enough(console: &Console, suites: &[Suite], fail_under: Option<u32>) -> bool {
    let Some(least) = fail_under else { return true };
    let found = total(suites).hundredths();
    if found < least {
        let shown = |hundredths| coverage::percent(hundredths);
        console.note(format!("coverage is {}, below {}", shown(found), shown(least)));
    }
    found >= least
}

/// The coverage of all files together.
fn total(suites: &[Suite]) -> Share {
    let shares = suites.iter().filter_map(|suite| suite.coverage.as_ref()).map(Coverage::total);
    shares.fold(Share::default(), |sum, share| Share {
        seen: sum.seen.saturating_add(share.seen),
        of: sum.of.saturating_add(share.of),
    })
}

fn survivors(suites: &[Suite]) -> usize {
    let judged = suites.iter().filter_map(|suite| suite.mutants.as_ref()).flatten();
    judged.filter(|judged| judged.survived()).count()
}
