//! What came of it, as a table.

use std::fs;
use std::path::Path;
use std::time::Duration;

use super::Failure;
use super::scenario::Scenario;
use crate::reconcile::Reconciled;

/// The markers in the page between which the table stands.
const BEGIN: &str = "<!-- chaos: begin -->";
const END: &str = "<!-- chaos: end -->";

/// What came of one scenario.
pub(super) struct Row {
    scenario: Scenario,
    after: Duration,
    because: Vec<String>,
    served: Duration,
    pub(super) reconciled: Option<Reconciled>,
    pub(super) failure: Option<String>,
}

impl Row {
    pub(super) fn played(
        scenario: Scenario,
        after: Duration,
        because: Vec<String>,
        served: Duration,
    ) -> Self {
        Self { scenario, after, because, served, reconciled: None, failure: None }
    }

    pub(super) fn failed(scenario: Scenario, error: &Failure) -> Self {
        let failure = Some(error.to_string());
        Self { failure, ..Self::played(scenario, Duration::ZERO, Vec::new(), Duration::ZERO) }
    }

    /// Whether it went as expected, and nothing was lost.
    pub(super) fn is_as_expected(&self) -> bool {
        self.failure.is_none() && self.reconciled.is_some()
    }

    /// In a line.
    pub(super) fn summary(&self) -> String {
        match &self.failure {
            Some(failure) => format!("failed: {failure}"),
            None => format!(
                "{} after {}, because of {}; orders again after {}",
                self.scenario.expected().as_str(),
                seconds(self.after),
                self.because.join(", "),
                seconds(self.served)
            ),
        }
    }
}

/// All of them.
pub(super) fn table(rows: &[Row]) -> String {
    let mut text =
        "| scenario | what happens | expected | seen | after | because of | orders again after |\n\
                    | --- | --- | --- | --- | --- | --- | --- |\n"
            .to_owned();
    for row in rows {
        let (name, what) = (row.scenario.name(), row.scenario.what());
        let expected = row.scenario.expected().as_str();
        let rest = match &row.failure {
            Some(failure) => format!("failed: {failure} | | |"),
            None => {
                let because: Vec<String> = row.because.iter().map(|name| format!("`{name}`")).collect();
                let (after, served) = (seconds(row.after), seconds(row.served));
                format!("{expected} | {after} | {} | {served}", because.join(", "))
            }
        };
        text.push_str(&format!("| `{name}` | {what} | {expected} | {rest} |\n"));
    }
    if let Some(last) = rows.iter().rev().find_map(|row| row.reconciled) {
        text.push_str(&format!(
            "\n{} orders were accepted, with {} fills and {} events: none is missing, none is there twice. {} deliveries were repeated.\n",
            last.orders, last.fills, last.events, last.repeated
        ));
    }
    text
}

/// Writes the table into a page, between its markers.
pub(super) fn write(page: &Path, table: &str) -> Result<(), Failure> {
    let failed = |why: String| -> Failure { format!("`{}`: {why}", page.display()).into() };
    let text = fs::read_to_string(page).map_err(|error| failed(error.to_string()))?;
    let parts = text.split_once(BEGIN).and_then(|(before, rest)| Some((before, rest.split_once(END)?.1)));
    let (before, after) =
        parts.ok_or_else(|| failed(format!("expected the markers `{BEGIN}` and `{END}`")))?;
    let text = format!("{before}{BEGIN}\n{table}{END}{after}");
    fs::write(page, text).map_err(|error| failed(error.to_string()))
}

fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The table takes the place of the one before, and nothing else of the page changes.
    #[test]
    fn a_page_takes_the_table() {
        let folder = tempfile::tempdir().unwrap();
        let page = folder.path().join("page.md");
        fs::write(&page, format!("# A\n\n{BEGIN}\nold\n{END}\n\nrest\n")).unwrap();
        write(&page, "new\n").unwrap();
        assert_eq!(fs::read_to_string(&page).unwrap(), format!("# A\n\n{BEGIN}\nnew\n{END}\n\nrest\n"));
        fs::write(&page, "# A\n").unwrap();
        assert!(write(&page, "new\n").unwrap_err().to_string().contains("expected the markers"));
    }
}
