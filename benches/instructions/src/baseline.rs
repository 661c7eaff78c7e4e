//! The recorded counts: a line each, under the compiler that they are of.

use std::fmt::Write as _;
use std::process::Command;

/// Where they stand.
pub(crate) const PATH: &str = "benches/instructions/baseline.txt";
/// Of a hundred, by how much a count may differ. The same binary gives the same count; another allocator, libc or processor
/// moves it by one or two.
const TOLERANCE: u64 = 5;
const HEAD: &str = "# instructions for one unit of each workload; `cargo run --release -p spark-instructions -- --record` writes this file";

/// How a count stands to the recorded one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Judged {
    Same,
    Slower,
    Faster,
}

/// What was recorded.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Baseline {
    pub(crate) compiler: String,
    counts: Vec<(String, u64)>,
}

impl Baseline {
    /// Counts of this compiler.
    pub(crate) fn of(counts: Vec<(&str, u64)>) -> Result<Self, String> {
        let counts = counts.into_iter().map(|(name, count)| (name.to_owned(), count)).collect();
        Ok(Self { compiler: compiler()?, counts })
    }

    pub(crate) fn read() -> Result<Self, String> {
        let text = std::fs::read_to_string(path()).map_err(|error| format!("{PATH}: {error}"))?;
        Self::parse(&text)
    }

    fn parse(text: &str) -> Result<Self, String> {
        let mut lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
        let compiler = lines.next().and_then(|line| line.strip_prefix("compiler ")).unwrap_or_default();
        let count = |line: &str| {
            let (name, count) = line.rsplit_once(' ')?;
            Some((name.trim().to_owned(), count.parse().ok().filter(|count| *count > 0)?))
        };
        let counts: Result<Vec<_>, String> = lines
            .map(|line| {
                count(line).ok_or_else(|| format!("{PATH}: expected a name and a count, found `{line}`"))
            })
            .collect();
        Ok(Self { compiler: compiler.to_owned(), counts: counts? })
    }

    pub(crate) fn text(&self) -> String {
        let mut text = format!("{HEAD}\ncompiler {}\n", self.compiler);
        for (name, count) in &self.counts {
            // writing to a string cannot fail
            let _ = writeln!(text, "{name:<28} {count:>10}");
        }
        text
    }

    pub(crate) fn write(&self) -> Result<(), String> {
        std::fs::write(path(), self.text()).map_err(|error| format!("{PATH}: {error}"))
    }

    pub(crate) fn recorded(&self, name: &str) -> Result<u64, String> {
        let found = self.counts.iter().find(|(recorded, _)| recorded == name);
        found.map(|(_, count)| *count).ok_or_else(|| format!("{PATH}: no `{name}`: record it"))
    }

    pub(crate) fn judge(&self, name: &str, found: u64) -> Result<Judged, String> {
        let recorded = self.recorded(name)?;
        let margin = recorded.saturating_mul(TOLERANCE);
        let difference = found.abs_diff(recorded).saturating_mul(100);
        Ok(match (difference > margin, found > recorded) {
            (false, _) => Judged::Same,
            (true, true) => Judged::Slower,
            (true, false) => Judged::Faster,
        })
    }

    /// Whether this is the compiler that the counts are of.
    pub(crate) fn compiler_now(&self) -> bool {
        compiler().is_ok_and(|now| now == self.compiler)
    }
}

fn path() -> std::path::PathBuf {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("baseline.txt")
}

/// The compiler that built this and what it builds for, in one line.
fn compiler() -> Result<String, String> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(rustc).arg("-vV").output().map_err(|error| format!("rustc: {error}"))?;
    let said = String::from_utf8_lossy(&output.stdout);
    let version = said.lines().next().unwrap_or_default();
    let host = said.lines().find_map(|line| line.strip_prefix("host: ")).unwrap_or_default();
    Ok(format!("{version} for {host}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recorded() -> Baseline {
        Baseline {
            compiler: "rustc 1".to_owned(),
            counts: vec![("a, b".to_owned(), 1_000), ("c".to_owned(), 20)],
        }
    }

    /// What is written is read back as it was.
    #[test]
    fn a_baseline_reads_back() {
        assert_eq!(Baseline::parse(&recorded().text()), Ok(recorded()));
    }

    /// Five of a hundred may pass, more may not, and a count that was never recorded is no pass.
    #[test]
    fn more_than_five_percent_is_slower() {
        let baseline = recorded();
        let cases =
            [(1_000, Judged::Same), (1_050, Judged::Same), (1_051, Judged::Slower), (949, Judged::Faster)];
        for (found, expected) in cases {
            assert_eq!(baseline.judge("a, b", found), Ok(expected), "{found}");
        }
        assert!(baseline.judge("unheard of", 1).is_err());
    }

    /// A line that is none is an error, not a count that is left out.
    #[test]
    fn a_broken_line_is_told() {
        for line in ["c", "c many", "c 0", "c -1"] {
            assert!(Baseline::parse(&format!("compiler x\n{line}\n")).is_err(), "{line}");
        }
    }
}
