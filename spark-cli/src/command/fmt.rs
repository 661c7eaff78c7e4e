//! `spark fmt`: one canonical layout.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use clap::Args;
use similar::TextDiff;
use spark_rules::format::{FormatError, Formatted, format_bytes};

use crate::console::{Console, say};
use crate::exit::{Exit, Failure};
use crate::{paths, rules};

/// Most lines of a difference that `--check` shows of one file: it says what kind of change is asked for, and
/// `spark fmt` makes all of it.
const DIFF_LINES_MAX: usize = 30;

/// Most lines, from the first that differs, in which differences are looked for. Where all of them differ, looking takes
/// their number squared: 18 s of 20,000 lines.
const DIFFED_LINES_MAX: usize = 2_000;

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  spark fmt release.rules
  spark fmt --check rules/
  spark fmt - < release.rules")]
pub(crate) struct FmtArgs {
    /// Rule files; a directory means every .rules below it; `-` reads standard input and writes standard output
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Change nothing; name the files that would change, and end with 14 if there are any
    #[arg(long)]
    check: bool,
}

/// What became of the files.
#[derive(Default)]
struct Outcome {
    changed: usize,
    mistaken: usize,
    defects: usize,
    /// Files that could not be read or written.
    failed: usize,
}

pub(crate) fn run(console: &mut Console, args: &FmtArgs) -> Result<Exit, Failure> {
    let standard = |path: &PathBuf| path.as_os_str() == "-";
    if args.paths.iter().any(standard) {
        if args.paths.len() > 1 {
            return Err(Failure::bad_arguments("`-` is standard input, and stands alone"));
        }
        return standard_input(console, args.check);
    }
    let paths = paths::gather(&args.paths)?;
    let mut outcome = Outcome::default();
    for path in &paths {
        let bytes = match rules::read(path) {
            Ok(bytes) => bytes,
            Err(words) => {
                fail(&mut outcome, &format!("cannot read {words}"));
                continue;
            }
        };
        let name = path.display().to_string();
        let Some(formatted) = formatted(&name, &bytes, &mut outcome) else { continue };
        if formatted.text.as_bytes() == bytes {
            continue;
        }
        if args.check {
            console.line(format!("would change {name}"));
            difference(console, &bytes, &formatted.text);
        } else {
            if let Err(error) = replace(path, &bytes, formatted.text.as_bytes()) {
                fail(&mut outcome, &format!("cannot write `{name}`: {error}"));
                continue;
            }
            console.line(format!("formatted {name}"));
        }
        outcome.changed = outcome.changed.saturating_add(1);
        tell_renamed(console, &name, &formatted);
        tell_strayed(console, &name, &formatted);
    }
    summary(console, args.check, paths.len(), &outcome);
    Ok(exit(args.check, &outcome))
}

fn standard_input(console: &mut Console, check: bool) -> Result<Exit, Failure> {
    let bytes = rules::read_from(std::io::stdin().lock())
        .map_err(|error| Failure::could_not_run(format!("cannot read standard input: {error}")))?;
    let mut outcome = Outcome::default();
    if let Some(formatted) = formatted("<stdin>", &bytes, &mut outcome) {
        if formatted.text.as_bytes() != bytes {
            outcome.changed = 1;
        }
        if !check {
            console.text(&formatted.text);
        } else if outcome.changed > 0 {
            console.line("would change <stdin>");
            difference(console, &bytes, &formatted.text);
        }
        tell_renamed(console, "<stdin>", &formatted);
        tell_strayed(console, "<stdin>", &formatted);
    }
    Ok(exit(check, &outcome))
}

/// Tells of a file that could not be read or written; the others are not held up.
fn fail(outcome: &mut Outcome, words: &str) {
    say(&format!("error: {words}"));
    outcome.failed = outcome.failed.saturating_add(1);
}

/// A file in its layout. What is wrong with it is told and counted.
fn formatted(name: &str, bytes: &[u8], outcome: &mut Outcome) -> Option<Formatted> {
    match format_bytes(name, bytes) {
        Ok(formatted) => Some(formatted),
        Err(FormatError::Mistakes(failed)) => {
            for diagnostic in &failed.diagnostics {
                say(rules::render(&failed.files, diagnostic).trim_end());
                say("");
            }
            say(&format!("`{name}` {}, and is left as it is", rules::count(&failed.diagnostics)));
            outcome.mistaken = outcome.mistaken.saturating_add(1);
            None
        }
        Err(error @ FormatError::Unproven(_)) => {
            say(&format!("error: `{name}`: {error}; please report this"));
            outcome.defects = outcome.defects.saturating_add(1);
            None
        }
    }
}

fn exit(check: bool, outcome: &Outcome) -> Exit {
    match outcome {
        Outcome { defects: 1.., .. } | Outcome { failed: 1.., .. } => Exit::CouldNotRun,
        Outcome { mistaken: 1.., .. } => Exit::BadRules,
        Outcome { changed: 1.., .. } if check => Exit::NotGood,
        _ => Exit::Done,
    }
}

fn summary(console: &mut Console, check: bool, count: usize, outcome: &Outcome) {
    let files = |count: usize| if count == 1 { "1 file".to_owned() } else { format!("{count} files") };
    let left = outcome.mistaken.saturating_add(outcome.defects);
    let told = outcome.changed.saturating_add(left).saturating_add(outcome.failed);
    let same = count.saturating_sub(told);
    let mut parts = Vec::new();
    if outcome.changed > 0 {
        let words = if check { "would change" } else { "formatted" };
        parts.push(format!("{} {words}", files(outcome.changed)));
    }
    if same > 0 {
        parts.push(format!("{} laid out already", files(same)));
    }
    if left > 0 {
        parts.push(format!("{} left as {}", files(left), if left == 1 { "it is" } else { "they are" }));
    }
    console.flush();
    if !parts.is_empty() {
        console.note(parts.join(", "));
    }
}

/// Names of one-line triggers that others may refer to.
fn tell_renamed(console: &Console, name: &str, formatted: &Formatted) {
    for renamed in &formatted.renamed {
        let (from, to) = (&renamed.from, &renamed.to);
        console.note(format!(
            "{name}: the one-line trigger `{from}` is `{to}` in the new layout; where another file refers to it, write \
             `trigger NAME {{ … }}`"
        ));
    }
}

/// Comments that allow a warning, and cover more or something else in the new layout.
fn tell_strayed(console: &Console, name: &str, formatted: &Formatted) {
    for strayed in &formatted.strayed {
        let (line, comment) = (strayed.line, &strayed.comment);
        let what = match strayed.wider {
            true => "covers more in the new layout: all that begins below it",
            false => "no longer covers all that it covered: write one above each block",
        };
        console.note(format!("{name}:{line}: `{comment}` {what}"));
    }
}

/// The first lines of what would change.
fn difference(console: &mut Console, before: &[u8], after: &str) {
    let before = String::from_utf8_lossy(before);
    let (lines, whole) = difference_lines(&before, after);
    for line in lines.iter().take(DIFF_LINES_MAX) {
        console.line(line);
    }
    match (lines.len().saturating_sub(DIFF_LINES_MAX), whole) {
        (0, true) => {}
        (more, true) => console.line(format!("… and {more} more lines")),
        (_, false) => console.line("… and more lines"),
    }
}

/// What would change, and whether that is all of it.
fn difference_lines(before: &str, after: &str) -> (Vec<String>, bool) {
    let same = before.split_inclusive('\n').zip(after.split_inclusive('\n')).take_while(|(a, b)| a == b);
    // with one line around
    let from = same.count().saturating_sub(1);
    let window = |text| str::split_inclusive(text, '\n').skip(from).take(DIFFED_LINES_MAX).collect();
    let (old, new): (Vec<&str>, Vec<&str>) = (window(before), window(after));
    let whole = old.len().max(new.len()) < DIFFED_LINES_MAX;
    let diff = TextDiff::configure().newline_terminated(true).diff_slices(&old, &new);
    let mut lines = Vec::new();
    for hunk in diff.unified_diff().context_radius(1).iter_hunks() {
        let (Some(first), Some(last)) = (hunk.ops().first(), hunk.ops().last()) else { continue };
        let (ends, starts) = (
            (last.old_range().end, last.new_range().end),
            (first.old_range().start, first.new_range().start),
        );
        // what was cut off looks like a change
        if !whole && !lines.is_empty() && (ends.0 == old.len() || ends.1 == new.len()) {
            break;
        }
        let range = |start: usize, end: usize| match end.saturating_sub(start) {
            0 => format!("{},0", start.saturating_add(from)),
            1 => start.saturating_add(from).saturating_add(1).to_string(),
            count => format!("{},{count}", start.saturating_add(from).saturating_add(1)),
        };
        lines.push(format!("@@ -{} +{} @@", range(starts.0, ends.0), range(starts.1, ends.1)));
        let text = hunk.to_string();
        lines.extend(text.lines().skip(1).map(|line| line.trim_end_matches('\r').to_owned()));
    }
    (lines, whole)
}

/// Puts a new text in a file's place, whole or not at all, with the same permissions. A link stays one.
///
/// What somebody else has written there since `before` was read is not written over.
pub(crate) fn replace(path: &Path, before: &[u8], text: &[u8]) -> std::io::Result<()> {
    let path = path.canonicalize()?;
    let permissions = fs::metadata(&path)?.permissions();
    if permissions.readonly() {
        return Err(std::io::Error::new(std::io::ErrorKind::PermissionDenied, "it is read-only"));
    }
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::Builder::new().prefix(".spark-").tempfile_in(folder)?;
    file.write_all(text)?;
    file.as_file().set_permissions(permissions)?;
    file.as_file().sync_all()?;
    // as late as can be: an editor that saves meanwhile would lose what was typed
    if rules::read_from(fs::File::open(&path)?)? != before {
        return Err(std::io::Error::other("somebody else has changed it meanwhile"));
    }
    file.persist(&path).map_err(|error| error.error)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A difference has the numbers of the file's lines and one line around. Of a long one no change is told that is none:
    /// what lies beyond the lines looked at is not missing.
    #[test]
    fn differences() {
        let numbered = |n: usize| (0..n).map(|n| format!("{n}\n")).collect::<String>();
        let short = numbered(5);
        assert_eq!(
            difference_lines(&short, &short.replace("2\n", "two\n")),
            (["@@ -2,3 +2,3 @@", " 1", "-2", "+two", " 3"].map(str::to_owned).to_vec(), true)
        );
        assert_eq!(
            difference_lines("a\nb", "a\nb\n").0,
            ["@@ -1,2 +1,2 @@", " a", "-b", "\\ No newline at end of file", "+b"]
        );
        let long = numbered(3 * DIFFED_LINES_MAX);
        let changed = long.replace("\n2999\n", "\nnew\nnew\n");
        assert_eq!(
            difference_lines(&long, &changed),
            (
                ["@@ -2999,3 +2999,4 @@", " 2998", "-2999", "+new", "+new", " 3000"]
                    .map(str::to_owned)
                    .to_vec(),
                false
            )
        );
        // all of a large file in another layout
        let other = (0..20 * DIFFED_LINES_MAX).map(|n| format!("x {n}\n")).collect::<String>();
        let (lines, whole) = difference_lines(&long, &other);
        assert_eq!((lines.len(), whole), (1 + 2 * DIFFED_LINES_MAX, false));
    }

    /// What somebody saves between reading and writing stays, and is told.
    #[test]
    fn nothing_is_written_over() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.rules");
        fs::write(&path, "read").unwrap();
        replace(&path, b"read", b"laid out").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"laid out");
        let error = replace(&path, b"read", b"lost").unwrap_err();
        assert_eq!(error.to_string(), "somebody else has changed it meanwhile");
        assert_eq!(fs::read(&path).unwrap(), b"laid out");
    }
}
