//! The manual's picture of the screen, `docs/screen.svg`: what a terminal shows of a frame.

use std::fmt::Write as _;

use serde_json::json;

use super::*;

const COLUMNS: u16 = 96;
const ROWS: u16 = 24;

/// A cell of a 14-point font, which most are 0.6 as wide as high, and the picture's margin.
const CELL: (f32, f32) = (8.4, 18.0);
const MARGIN: f32 = 12.0;

/// How a run of cells looks.
type Face = (vt100::Color, bool, bool);

fn fill(colour: vt100::Color) -> &'static str {
    match colour {
        vt100::Color::Default => "#d4d4d4",
        vt100::Color::Idx(1) => "#ff6b68",
        vt100::Color::Idx(2) => "#6cc070",
        vt100::Color::Idx(3) => "#e5c07b",
        other => panic!("the screen has no such colour: {other:?}"),
    }
}

/// Runs of cells that look alike: where each begins and ends, its face and its text.
fn runs(screen: &vt100::Screen, row: u16) -> Vec<(u16, u16, Face, String)> {
    let mut runs: Vec<(u16, u16, Face, String)> = Vec::new();
    for column in 0..COLUMNS {
        let cell = screen.cell(row, column).unwrap();
        let face = (cell.fgcolor(), cell.bold(), cell.dim());
        // spaces part the runs, so that a font of another width moves nothing far
        if matches!(cell.contents(), "" | " ") {
            continue;
        }
        match runs.last_mut() {
            Some((_, end, last, text)) if *end == column && *last == face => {
                text.push_str(cell.contents());
                *end = column.saturating_add(1);
            }
            _ => runs.push((column, column.saturating_add(1), face, cell.contents().to_owned())),
        }
    }
    runs
}

fn svg(screen: &vt100::Screen, rows: u16, title: &str) -> String {
    let (width, height) =
        (f32::from(COLUMNS) * CELL.0 + 2.0 * MARGIN, f32::from(rows) * CELL.1 + 2.0 * MARGIN);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width:.0}\" height=\"{height:.0}\" viewBox=\"0 0 {width:.0} {height:.0}\" \
         role=\"img\">\n<title>{title}</title>\n<rect width=\"100%\" height=\"100%\" rx=\"6\" fill=\"#1e1e1e\"/>\n\
         <g font-family=\"ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace\" font-size=\"14\">\n"
    );
    for row in 0..rows {
        for (begin, end, (colour, bold, dim), text) in runs(screen, row) {
            let (x, y) = (MARGIN + f32::from(begin) * CELL.0, MARGIN + f32::from(row) * CELL.1 + 13.0);
            let weight = if bold { " font-weight=\"bold\"" } else { "" };
            let faint = if dim { " opacity=\"0.6\"" } else { "" };
            let text = text.replace('&', "&amp;").replace('<', "&lt;");
            let length = f32::from(end.saturating_sub(begin)) * CELL.0;
            writeln!(
                svg,
                "<text x=\"{x:.1}\" y=\"{y:.0}\" textLength=\"{length:.1}\" lengthAdjust=\"spacingAndGlyphs\" fill=\"{}\"{weight}{faint}>{text}</text>",
                fill(colour)
            )
            .unwrap();
        }
    }
    svg + "</g>\n</svg>\n"
}

/// The manual shows the screen that operators see.
#[test]
fn the_manuals_picture() {
    let held = json!({ "at": "2026-01-05T10:36:00Z", "by": "ayse", "because": "fills look odd" });
    let status = status(json!({ "held": held }));
    let lines = frame(&status, &look(COLUMNS.into(), ROWS.into()));
    let mut terminal = vt100::Parser::new(ROWS.try_into().unwrap(), COLUMNS.try_into().unwrap(), 0);
    for line in &lines {
        terminal.process(format!("{}\r\n", line.render(COLUMNS.into(), true)).as_bytes());
    }
    let rows = u16::try_from(lines.len()).unwrap();
    let drawn =
        svg(terminal.screen(), rows, "The screen of a rollout at 25 %, held because p95 is above its limit");
    let picture = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/screen.svg");
    if std::fs::read_to_string(&picture).ok().as_deref() != Some(drawn.as_str()) {
        let new = std::env::temp_dir().join("spark-screen.svg");
        std::fs::write(&new, drawn).unwrap();
        panic!("docs/screen.svg is not what the screen shows: look at {}, and put it there", new.display());
    }
}
