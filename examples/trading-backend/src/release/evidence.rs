//! What a release left, counted and checked on a copy elsewhere.

use std::fs;
use std::path::Path;

use super::{Failure, Show, Spark};

/// Files that a release leaves at least.
const FILES_MIN: usize = 50;

/// Golden signals in each stage.
const SIGNALS: usize = 8;

/// Stages of the plan.
const STAGES: u32 = 5;

/// What is evidence from before the release (E1), by its file.
const BEFORE: [(&str, &str); 16] = [
    ("release tag", "before/release-tag.json"),
    ("preflight", "before/preflight.json"),
    ("pgBouncer pools", "before/pgbouncer-pools.json"),
    ("migration status", "before/migration-status.json"),
    ("CSP headers", "before/csp-headers.json"),
    ("sequences", "before/sequences.json"),
    ("feature flags", "before/feature-flags.json"),
    ("Prometheus targets", "before/prometheus-targets.json"),
    ("baseline metrics", "before/baseline-metrics.json"),
    ("dead tuples", "before/dead-tuples.json"),
    ("blast radius", "before/blast-radius.json"),
    ("corner cases", "before/corner-cases.json"),
    ("SBOM", "before/sbom.json"),
    ("provenance", "before/provenance.json"),
    ("signed GO/NO-GO", "go-no-go.md"),
    ("what is released", "before/release.json"),
];

/// What each stage leaves (E2).
const OF_STAGE: [&str; 5] = ["rollout.json", "database.json", "pgbouncer.json", "log.jsonl", "summary.json"];

/// Verifies a copy of the evidence elsewhere, and says what there is.
pub(super) async fn verify(show: &Show<'_>, spark: &Spark<'_>) -> Result<(), Failure> {
    let release = show.settings.release.as_str();
    let (from, to) =
        (show.folder.join("evidence").join(release), show.folder.join("elsewhere").join(release));
    copy(&from, &to)?;
    let copied = format!("elsewhere/{release}");
    spark.expect(0, &["evidence", "verify", &copied, "--key", "release.key.pub"]).await?;
    spark.expect(0, &["evidence", "replay", &copied]).await?;
    let files = names(&to, "")?;
    let missing = missing(&files, show.settings.fault.is_some().then_some(show.settings.at_stage));
    if !missing.is_empty() {
        return Err(format!("the evidence lacks {}", missing.join(", ")).into());
    }
    if files.len() < FILES_MIN {
        return Err(format!("the evidence has {} files: expected at least {FILES_MIN}", files.len()).into());
    }
    let (points, decided) = data_points(&fs::read_to_string(to.join("data-points.csv"))?);
    show.tell(&format!(
        "{points} data points, {decided} of them with a value and a decision; {} files",
        files.len()
    ));
    let wanted = SIGNALS.saturating_mul(usize::try_from(STAGES)?);
    if show.settings.fault.is_none() && (points, decided) != (wanted, wanted) {
        return Err(format!("expected {wanted} data points, each with a value and a decision").into());
    }
    show.tell(&format!("sealed and verified: {}", from.display()));
    Ok(())
}

fn copy(from: &Path, to: &Path) -> Result<(), Failure> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let to = to.join(entry.file_name());
        match entry.file_type()?.is_dir() {
            true => copy(&entry.path(), &to)?,
            false => fs::copy(entry.path(), to).map(drop)?,
        }
    }
    Ok(())
}

/// All files of a folder, by their paths in it.
fn names(folder: &Path, below: &str) -> Result<Vec<String>, Failure> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = format!("{below}{}", entry.file_name().to_string_lossy());
        match entry.file_type()?.is_dir() {
            true => found.extend(names(&entry.path(), &format!("{name}/"))?),
            false => found.push(name),
        }
    }
    Ok(found)
}

/// What the inventory asks for and is not there; a release that was rolled back in a stage has no later ones and no night.
fn missing(files: &[String], rolled_back_in: Option<u32>) -> Vec<String> {
    let before = BEFORE.iter().map(|(what, path)| (format!("{what} (`{path}`)"), (*path).to_owned()));
    let of_stage = |stage: u32| OF_STAGE.iter().map(move |name| format!("stages/{stage}-{name}"));
    let stages = (1..=rolled_back_in.unwrap_or(STAGES)).flat_map(of_stage);
    let after: Vec<String> = match rolled_back_in {
        None => (0..24)
            .map(|hour| format!("after/hour-{hour:02}.json"))
            .chain(["after/stability.json".to_owned()])
            .collect(),
        Some(_) => vec!["post-mortem.md".to_owned()],
    };
    let always = ["release-note.md", "seal.json", "journal.jsonl"].map(str::to_owned);
    before
        .chain(stages.chain(after).chain(always).map(|path| (format!("`{path}`"), path)))
        .filter(|(_, path)| !files.contains(path))
        .map(|(what, _)| what)
        .collect()
}

/// How many data points there are, and how many of them have a value that was judged.
fn data_points(table: &str) -> (usize, usize) {
    let rows: Vec<Vec<&str>> = table.lines().skip(1).map(|row| row.split(',').collect()).collect();
    let decided = rows.iter().filter(|row| {
        let at = |place: usize| row.get(place).copied().unwrap_or_default();
        !at(2).is_empty() && !at(4).is_empty() && !at(5).is_empty() && matches!(at(6), "yes" | "no")
    });
    (rows.len(), decided.count())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A point without a value, or one that nothing judged, is none.
    #[test]
    fn points() {
        let table = "stage,share,at,signal,value,limit,met,cause\n1,1%,T,p95,120ms,200ms,yes,\n1,1%,T,lag,,50ms,unknown,gone\n";
        assert_eq!(data_points(table), (2, 1));
    }

    /// Each file that the inventory names is missed.
    #[test]
    fn each_is_missed() {
        assert_eq!(missing(&[], None).len(), 16 + 25 + 25 + 3);
        assert_eq!(missing(&[], Some(2)).len(), 16 + 10 + 1 + 3);
        let one = missing(&["stages/2-database.json".to_owned()], Some(2));
        assert!(!one.iter().any(|what| what.contains("2-database")) && one.len() == 29, "{one:?}");
    }
}
