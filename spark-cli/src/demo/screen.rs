//! The screen: a frame that is drawn again in place on a terminal, plain lines anywhere else.

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use spark_core::{State, Verdict};

use super::frame::{FRAME_COLUMNS, FRAME_LINES, Glyphs, Line, clock, compact, frame};
use super::view::View;
use crate::screen::speaks_unicode;

/// Plain lines come at most so often, events aside.
const LINE_EVERY: Duration = Duration::from_secs(1);

/// A plain line comes at least so often, though nothing changed: a pipe shows life, too.
const SIGN_OF_LIFE_EVERY: Duration = Duration::from_secs(3);

/// Where the demo shows what happens.
#[derive(Debug)]
pub(crate) struct Screen {
    started: Instant,
    colour: bool,
    glyphs: Glyphs,
    way: Way,
}

#[derive(Debug)]
enum Way {
    /// Drawn again in place; how many lines stand there now.
    InPlace { drawn: usize, last: Vec<Line> },
    /// Nothing but the end.
    Silent,
    /// One line after the other; when the last one came, and what it said.
    Lines { last: Option<(Instant, Said)> },
}

/// What makes a plain line worth printing: it differs from the last one's.
#[derive(Debug, PartialEq, Eq)]
struct Said {
    verdict: Verdict,
    because: Vec<String>,
    states: Vec<(String, State)>,
    met: (usize, usize),
}

impl Screen {
    /// A screen for standard output as it is; a quiet one shows the end alone.
    pub(crate) fn new(quiet: bool) -> Self {
        let stdout = std::io::stdout();
        let dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb");
        let way = match room() {
            _ if quiet => Way::Silent,
            Some(_) if stdout.is_terminal() && !dumb => Way::InPlace { drawn: 0, last: Vec::new() },
            _ => Way::Lines { last: None },
        };
        let colour = anstream::AutoStream::choice(&stdout) != anstream::ColorChoice::Never;
        let glyphs = if speaks_unicode() { Glyphs::UNICODE } else { Glyphs::ASCII };
        Self { started: Instant::now(), colour, glyphs, way }
    }

    /// Time since the demo began.
    pub(crate) fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    /// Says something that stays.
    pub(crate) fn say(&mut self, text: &str) {
        if matches!(self.way, Way::Silent) {
            return;
        }
        let mut out = self.erased();
        out.push_str(text);
        out.push('\n');
        self.redraw(&mut out);
        write_out(&out);
    }

    /// Says that something happened, with when.
    pub(crate) fn event(&mut self, text: &str) {
        let bold = anstyle::Style::new().bold();
        let line = match self.colour {
            true => format!("{}  {bold}{text}{bold:#}", clock(self.elapsed())),
            false => format!("{}  {text}", clock(self.elapsed())),
        };
        self.say(&line);
    }

    /// Shows what was decided.
    pub(crate) fn show(&mut self, view: &View) {
        if let Way::Lines { last } = &mut self.way {
            let said = Said::of(view);
            let news = |(at, before): &(Instant, Said)| {
                let since = at.elapsed();
                since >= SIGN_OF_LIFE_EVERY || (since >= LINE_EVERY && *before != said)
            };
            if last.as_ref().is_none_or(news) {
                *last = Some((Instant::now(), said));
                write_out(&format!("{}\n", compact(view)));
            }
            return;
        }
        self.refresh(view);
    }

    /// Draws a view again, in which nothing was decided anew; plain lines need none of this.
    pub(crate) fn refresh(&mut self, view: &View) {
        let glyphs = self.glyphs;
        if let Way::InPlace { last, .. } = &mut self.way {
            *last = frame(view, glyphs);
            let mut out = self.erased();
            self.redraw(&mut out);
            write_out(&out);
        }
    }

    /// Says how it ended, below the last frame, which stays.
    pub(crate) fn end(&mut self, text: &str) {
        if let Way::InPlace { drawn, last } = &mut self.way {
            *drawn = 0;
            last.clear();
        }
        write_out(&format!("{text}\n"));
    }

    /// What takes the drawn frame away.
    fn erased(&mut self) -> String {
        match &mut self.way {
            Way::InPlace { drawn, .. } if *drawn > 0 => {
                let up = std::mem::take(drawn);
                format!("\x1b[{up}A\r\x1b[J")
            }
            Way::InPlace { .. } | Way::Lines { .. } | Way::Silent => String::new(),
        }
    }

    fn redraw(&mut self, out: &mut String) {
        let colour = self.colour;
        if let Way::InPlace { drawn, last } = &mut self.way {
            // a window that became too small shows events alone, until it is large enough again
            let Some(columns) = room() else { return };
            for line in &*last {
                out.push_str(&line.render(columns, colour));
                out.push('\n');
            }
            *drawn = last.len();
        }
    }
}

/// The columns of the terminal, where a frame finds room on it.
fn room() -> Option<usize> {
    let (rows, columns) = console::Term::stdout().size_checked()?;
    let fits = usize::from(rows) > FRAME_LINES && usize::from(columns) >= FRAME_COLUMNS;
    fits.then_some(usize::from(columns))
}

impl Said {
    fn of(view: &View) -> Self {
        let mut states: Vec<_> =
            view.triggers.iter().map(|row| (row.report.name.clone(), row.report.state)).collect();
        // rows come by nearness, which always changes
        states.sort_by(|a, b| a.0.cmp(&b.0));
        Self { verdict: view.verdict, because: view.because.clone(), states, met: view.met() }
    }
}

/// Writes, and looks no further: a reader that went away (`spark demo | head`) does not stop the demo, whose outcome is
/// its exit code and its evidence.
fn write_out(text: &str) {
    let mut stdout = std::io::stdout().lock();
    let _ = stdout.write_all(text.as_bytes());
    let _ = stdout.flush();
}
