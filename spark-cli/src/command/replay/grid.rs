//! Tables of text: columns as wide as what stands in them.

use super::report::NONE;
use super::strip;
use crate::console::{Console, faint};

/// What stands between two columns.
const GAP: &str = "  ";
/// How far the further lines of a record are moved in.
const RECORD_INDENT: usize = 2;

/// A table on its way.
pub(super) struct Grid {
    /// A heading, and whether its column is of numbers.
    head: Vec<(String, bool)>,
    rows: Vec<Vec<String>>,
}

impl Grid {
    /// A table with these columns; those whose heading starts with `>` are aligned to the right.
    pub(super) fn new<'a>(head: impl IntoIterator<Item = &'a str>) -> Self {
        let column = |text: &str| match text.strip_prefix('>') {
            Some(text) => (text.to_owned(), true),
            None => (text.to_owned(), false),
        };
        Self { head: head.into_iter().map(column).collect(), rows: Vec::new() }
    }

    pub(super) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The table as markup; `marked` is a row that stands out.
    pub(super) fn html(&self, marked: Option<usize>) -> String {
        let class = |place: usize| self.head.get(place).is_some_and(|(_, right)| *right);
        let cells = |tag: &str, cells: &mut dyn Iterator<Item = &str>| -> String {
            let cell = |(place, cell): (usize, &str)| {
                let class = if class(place) { " class=\"n\"" } else { "" };
                format!("<{tag}{class}>{}</{tag}>", super::html::escaped(cell))
            };
            cells.enumerate().map(cell).collect()
        };
        let head = cells("th", &mut self.head.iter().map(|(head, _)| head.as_str()));
        let row = |(place, row): (usize, &Vec<String>)| {
            let class = if marked == Some(place) { " class=\"present\"" } else { "" };
            format!("<tr{class}>{}</tr>\n", cells("td", &mut row.iter().map(String::as_str)))
        };
        let rows: String = self.rows.iter().enumerate().map(row).collect();
        format!(
            "<div class=\"card scroll\"><table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{rows}</tbody></table></div>\n"
        )
    }

    pub(super) fn print(&self, console: &mut Console) {
        let widths: Vec<usize> = self
            .head
            .iter()
            .enumerate()
            .map(|(place, (head, _))| {
                let cells = self.rows.iter().filter_map(|row| row.get(place));
                cells.map(|cell| cell.chars().count()).max().unwrap_or(0).max(head.chars().count())
            })
            .collect();
        let gaps = widths.len().saturating_sub(1).saturating_mul(GAP.len());
        let total = widths.iter().fold(gaps, |sum, width| sum.saturating_add(*width));
        if let Some(columns) = strip::terminal().filter(|columns| total > *columns) {
            self.records(columns).iter().for_each(|line| console.line(line));
            return;
        }
        let line = |cells: &mut dyn Iterator<Item = &str>| {
            let columns = cells.zip(&self.head).zip(&widths);
            let cells: Vec<String> = columns
                .map(|((cell, (_, right)), width)| match right {
                    true => format!("{cell:>width$}"),
                    false => format!("{cell:width$}"),
                })
                .collect();
            cells.join(GAP).trim_end().to_owned()
        };
        console.line(faint(&line(&mut self.head.iter().map(|(head, _)| head.as_str()))));
        for row in &self.rows {
            console.line(line(&mut row.iter().map(String::as_str)));
        }
    }

    /// The rows one below the other, each with its headings, for a terminal that the table would not fit.
    fn records(&self, columns: usize) -> Vec<String> {
        let record = |row: &Vec<String>| {
            let cells = self.head.iter().map(|(head, _)| head.as_str()).zip(row);
            let told = cells.filter(|(_, cell)| !cell.is_empty() && *cell != NONE);
            let pieces: Vec<String> =
                told.map(|(head, cell)| format!("{head} {cell}").trim_start().to_owned()).collect();
            strip::wrapped(&pieces, GAP, RECORD_INDENT, columns)
        };
        self.rows.iter().flat_map(record).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What does not fit a terminal stands in records, none of whose lines is wider unless one cell is.
    #[test]
    fn records_fit() {
        let mut grid = Grid::new(["fired", "level", "", ">lasted", ">peak"]);
        grid.row(["api_latency", "hold", "(present)", "2m", "-"].map(str::to_owned));
        grid.row(["b", "rollback", "", "5m", "450ms"].map(str::to_owned));
        let expected = [
            "fired api_latency  level hold",
            "  (present)  lasted 2m",
            "fired b  level rollback",
            "  lasted 5m  peak 450ms",
        ];
        assert_eq!(grid.records(30), expected);
    }
}
