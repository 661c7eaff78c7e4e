//! Standard output and standard error: what is written where, in colour or not, and what a closed pipe means.

mod harmless;

use std::io::{self, IsTerminal, Write};

use anstyle::{AnsiColor, Style};
use clap::{Args, ValueEnum};
use spark_core::{State, Verdict};

pub(crate) use self::harmless::{harmless, one_line};

/// Options of every command.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct ConsoleArgs {
    /// Say nothing but results and errors
    #[arg(long, short, global = true)]
    pub(crate) quiet: bool,
    /// Say more: what every trigger rests on, and every evaluation of a run
    #[arg(long, short, global = true, conflicts_with = "quiet")]
    pub(crate) verbose: bool,
    /// When text has colour; `NO_COLOR` is obeyed unless it is always
    #[arg(long, global = true, value_name = "WHEN", value_enum, default_value_t = Colour::Auto, hide_default_value = true)]
    color: Colour,
}

/// When text has colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Colour {
    /// On a terminal
    Auto,
    /// In files and pipes too
    Always,
    /// Nowhere
    Never,
}

impl ConsoleArgs {
    /// Makes the choice of colour that of the whole program.
    pub(crate) fn choose_colour(self) {
        match self.color {
            Colour::Auto if is_dumb() => anstream::ColorChoice::Never.write_global(),
            Colour::Auto => {}
            Colour::Always => anstream::ColorChoice::Always.write_global(),
            Colour::Never => anstream::ColorChoice::Never.write_global(),
        }
    }
}

/// Whether the terminal shows escape sequences as they are. Within CI the library takes any terminal to know colours.
fn is_dumb() -> bool {
    let forced = std::env::var_os("CLICOLOR_FORCE").is_some_and(|force| force != "0");
    !forced && std::env::var_os("TERM").is_some_and(|term| term == "dumb")
}

/// Where a command writes.
///
/// Results go to standard output; what is said about the work goes to standard error. Colour is dropped where
/// the stream is no terminal or `NO_COLOR` is set. A reader that went away is no error: what it asked for is done.
pub(crate) struct Console {
    args: ConsoleArgs,
    out: io::BufWriter<anstream::AutoStream<io::Stdout>>,
    closed: bool,
    failed: Option<io::Error>,
}

impl Console {
    pub(crate) fn new(args: ConsoleArgs) -> Self {
        let out = io::BufWriter::new(anstream::AutoStream::auto(io::stdout()));
        Self { args, out, closed: false, failed: None }
    }

    /// Whether only results are wanted.
    pub(crate) const fn quiet(&self) -> bool {
        self.args.quiet
    }

    /// Whether more is wanted.
    pub(crate) const fn verbose(&self) -> bool {
        self.args.verbose
    }

    /// Whether standard error is a terminal that progress may be shown on.
    pub(crate) fn shows_progress(&self) -> bool {
        !self.args.quiet && io::stderr().is_terminal()
    }

    /// Whether the reader of standard output went away, or the disk behind it is full: nothing more is worth doing.
    pub(crate) const fn closed(&self) -> bool {
        self.closed
    }

    /// A line of the result.
    pub(crate) fn line(&mut self, text: impl AsRef<str>) {
        if self.closed {
            return;
        }
        let text = harmless(text.as_ref());
        let written = self.out.write_all(text.as_bytes()).and_then(|()| self.out.write_all(b"\n"));
        self.keep(written);
    }

    /// A result as it is, without a line's end of its own.
    pub(crate) fn text(&mut self, text: &str) {
        if !self.closed {
            let written = self.out.write_all(text.as_bytes());
            self.keep(written);
        }
    }

    /// Whole lines for programs, which have no colour: they need not be searched for it.
    pub(crate) fn lines(&mut self, text: &str) {
        self.flush();
        if !self.closed {
            let written = io::stdout().write_all(harmless(text).as_bytes());
            self.keep(written);
        }
    }

    /// Brings what was written to the reader.
    pub(crate) fn flush(&mut self) {
        if !self.closed {
            let flushed = self.out.flush();
            self.keep(flushed);
        }
    }

    fn keep(&mut self, result: io::Result<()>) {
        if let Err(error) = result {
            self.closed = true;
            if error.kind() != io::ErrorKind::BrokenPipe {
                self.failed = Some(error);
            }
        }
    }

    /// Why the result could not be written, where that is the writer's fault.
    pub(crate) fn failure(&mut self) -> Option<io::Error> {
        self.flush();
        self.failed.take()
    }

    /// A word about the work, on standard error.
    pub(crate) fn note(&self, text: impl AsRef<str>) {
        if !self.args.quiet {
            say(text.as_ref());
        }
    }
}

/// Writes a line to standard error; there is nobody left to tell when that fails.
pub(crate) fn say(text: &str) {
    let text = harmless(text);
    let plain = anstream::AutoStream::choice(&io::stderr()) == anstream::ColorChoice::Never;
    let shown = if plain { anstream::adapter::strip_str(&text).to_string() } else { text.into_owned() };
    if !crate::screen::say_above(&shown) {
        let _ = writeln!(anstream::stderr().lock(), "{shown}");
    }
}

/// `text` in bold.
pub(crate) fn strong(text: &str) -> String {
    styled(Style::new().bold(), text)
}

/// `text` set back.
pub(crate) fn faint(text: &str) -> String {
    styled(Style::new().dimmed(), text)
}

/// A verdict's word in its colour.
pub(crate) fn verdict(verdict: Verdict) -> String {
    let colour = match verdict {
        Verdict::Proceed => AnsiColor::Green,
        Verdict::Hold => AnsiColor::Yellow,
        Verdict::Rollback => AnsiColor::Red,
    };
    styled(colour.on_default().bold(), verdict.as_str())
}

/// A state's word in its colour, filled up to `width`.
pub(crate) fn state(state: State, width: usize) -> String {
    let colour = match state {
        State::Ok => AnsiColor::Green,
        State::Pending | State::Warn | State::Hold => AnsiColor::Yellow,
        State::Rollback => AnsiColor::Red,
        State::Unknown => AnsiColor::Magenta,
    };
    styled(colour.on_default(), &format!("{:width$}", state.as_str()))
}

/// `text` in a colour, bold.
pub(crate) fn coloured(colour: AnsiColor, text: &str) -> String {
    styled(colour.on_default().bold(), text)
}

fn styled(style: Style, text: &str) -> String {
    format!("{style}{text}{style:#}")
}

/// `count` of a thing, in words.
pub(crate) fn some(count: impl std::fmt::Display, word: &str) -> String {
    let count = count.to_string();
    match count.as_str() {
        "1" => format!("1 {word}"),
        _ => format!("{count} {word}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One of a thing is one, and not ones.
    #[test]
    fn counts() {
        let told: Vec<String> = [0u64, 1, 2, 21].iter().map(|count| some(count, "sample")).collect();
        assert_eq!(told, ["0 samples", "1 sample", "2 samples", "21 samples"]);
    }
}
