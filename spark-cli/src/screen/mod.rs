//! The screen of a rollout on a terminal: a frame that is drawn again in place below all that is said; plain lines anywhere else.
//!
//! It is drawn from the `Status` of the control socket that `spark status` tells as well, so an operator sees here what every program is told.

#[cfg(unix)]
mod ask;
mod frame;
mod line;
mod paint;
mod rows;
mod words;

use std::io::{IsTerminal as _, stderr};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use spark_core::Timestamp;
use spark_runtime::control::{Keeper, Status};
use spark_runtime::runner::{Clock as _, SystemClock};

#[cfg(unix)]
pub(crate) use self::ask::{Answer, ask, may_ask};
use self::frame::{COLUMNS, Glyphs, Look, ROWS, frame};
pub(crate) use self::paint::say_above;
pub(crate) use self::rows::urgency;
pub(crate) use self::words::question;
use crate::console::ConsoleArgs;

/// How often it is looked for what changed: a person takes less for at once.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// A pause longer than this between two looks is one in which the process was stopped, and others wrote on the terminal.
const STOPPED_FOR: Duration = Duration::from_secs(2);

/// Lowest terminal that a frame is painted on; on a lower one there are lines alone.
const ROWS_MIN: usize = 4;

/// Narrowest terminal that a frame is painted on.
const COLUMNS_MIN: usize = 20;

/// What a frame is painted from.
type Source = Box<dyn Fn() -> Option<(Status, Timestamp)> + Send + Sync>;

/// A rollout's screen. Once it is dropped, its last frame stays where it is.
pub(crate) struct Screen {
    shared: Arc<Shared>,
    painter: Option<JoinHandle<()>>,
}

struct Shared {
    source: Source,
    paints: bool,
    colour: bool,
    glyphs: Glyphs,
    state: Mutex<State>,
    wake: Condvar,
}

#[derive(Default)]
struct State {
    question: Option<String>,
    over: bool,
}

impl Screen {
    /// The screen of a rollout of this process. It paints where standard error is a terminal that can be painted on.
    pub(crate) fn of_run(keeper: &Keeper, clock: SystemClock, said: ConsoleArgs) -> Self {
        let keeper = keeper.clone();
        Self::start(Box::new(move || Some((keeper.status()?, clock.now()))), !said.quiet && may_paint())
    }

    /// The screen of a rollout of another process, as that tells it; none where standard error is no terminal.
    pub(crate) fn of_other(told: impl Fn() -> Option<Status> + Send + Sync + 'static) -> Option<Self> {
        let last = Mutex::default();
        let source = move || {
            let mut last: MutexGuard<'_, Option<Status>> =
                last.lock().unwrap_or_else(PoisonError::into_inner);
            // once its runner is gone, the last that it told stays, and is said to be that
            *last = told().or_else(|| last.take().map(|status| Status { running: false, ..status }));
            Some((last.clone()?, SystemClock::start().now()))
        };
        may_paint().then(|| Self::start(Box::new(source), true))
    }

    fn start(source: Source, paints: bool) -> Self {
        let colour = anstream::AutoStream::choice(&stderr()) != anstream::ColorChoice::Never;
        let glyphs = if speaks_unicode() { Glyphs::UNICODE } else { Glyphs::ASCII };
        let (state, wake) = (Mutex::default(), Condvar::new());
        let shared = Arc::new(Shared { source, paints, colour, glyphs, state, wake });
        let painter = paints.then(|| {
            leave_when_panicking();
            let shared = Arc::clone(&shared);
            std::thread::spawn(move || shared.look())
        });
        Self { shared, painter }
    }

    /// What a question may be put to, while the screen goes on.
    pub(crate) fn panel(&self) -> Panel {
        Panel(Arc::clone(&self.shared))
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        self.shared.lock().over = true;
        self.shared.wake.notify_all();
        if let Some(painter) = self.painter.take() {
            let _ = painter.join();
            if !std::thread::panicking() {
                self.shared.paint();
            }
            paint::leave();
        }
    }
}

/// Where a question stands.
#[derive(Clone)]
pub(crate) struct Panel(Arc<Shared>);

impl Panel {
    /// The rollout as it is now.
    pub(crate) fn status(&self) -> Option<Status> {
        (self.0.source)().map(|(status, _)| status)
    }

    /// Puts a question, or takes it away.
    pub(crate) fn ask(&self, question: Option<String>) {
        if let (Some(question), false) = (&question, self.0.can_paint()) {
            crate::console::say(question);
        }
        self.0.lock().question = question;
        self.0.wake.notify_all();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Paints until it is over.
    fn look(&self) {
        let mut last = Instant::now();
        while !self.lock().over {
            if last.elapsed() > STOPPED_FOR {
                paint::leave();
            }
            last = Instant::now();
            self.paint();
            let state = self.lock();
            if !state.over {
                drop(self.wake.wait_timeout(state, LOOK_EVERY));
            }
        }
    }

    /// Whether a frame finds room now, in a terminal that is this process' own now.
    fn can_paint(&self) -> bool {
        let room = size().is_some_and(|(rows, columns)| rows >= ROWS_MIN && columns >= COLUMNS_MIN);
        self.paints && room && in_foreground()
    }

    fn paint(&self) {
        if !self.can_paint() {
            return paint::leave();
        }
        let (Some((status, now)), Some((rows, columns))) = ((self.source)(), size()) else { return };
        let question = self.lock().question.clone();
        // the last column stays free: what is written there, some terminals wrap and some do not
        let room = columns.saturating_sub(1);
        let look = Look { now, columns: room, rows, glyphs: self.glyphs, question };
        let lines = frame(&status, &look);
        let lines = lines.iter().map(|line| self.drawn(line.render(room, self.colour)));
        paint::paint(lines.collect(), columns);
    }

    /// A line in the letters that the terminal has.
    fn drawn(&self, line: String) -> String {
        if self.glyphs == Glyphs::UNICODE || line.is_ascii() {
            return line;
        }
        line.chars().map(|c| if c.is_ascii() { c } else { '?' }).collect()
    }
}

/// Whether standard error is a terminal that can be painted on.
fn may_paint() -> bool {
    stderr().is_terminal() && std::env::var_os("TERM").is_some_and(|term| term != "dumb")
}

/// The terminal's rows and columns.
#[cfg(unix)]
fn size() -> Option<(usize, usize)> {
    let size = rustix::termios::tcgetwinsize(stderr()).ok()?;
    Some(match (size.ws_row, size.ws_col) {
        (0, _) | (_, 0) => (ROWS, COLUMNS),
        (rows, columns) => (usize::from(rows), usize::from(columns)),
    })
}

#[cfg(not(unix))]
fn size() -> Option<(usize, usize)> {
    let size = console::Term::stderr().size_checked();
    size.map(|(rows, columns)| (usize::from(rows), usize::from(columns))).or(Some((ROWS, COLUMNS)))
}

/// Whether the terminal is this process' own now: in the background, a shell is using it.
#[cfg(unix)]
fn in_foreground() -> bool {
    match rustix::termios::tcgetpgrp(stderr()) {
        Ok(group) => group == rustix::process::getpgrp(),
        // a terminal that controls no one, as of a container
        Err(_) => true,
    }
}

#[cfg(not(unix))]
const fn in_foreground() -> bool {
    true
}

/// A panic's words come below the frame, and are not painted over.
fn leave_when_panicking() {
    let told = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        paint::leave();
        told(panic);
    }));
}

/// Whether the locale says that text is UTF-8: the first of these that is set decides, as POSIX has it.
pub(crate) fn speaks_unicode() -> bool {
    let set =
        ["LC_ALL", "LC_CTYPE", "LANG"].iter().filter_map(std::env::var_os).find(|value| !value.is_empty());
    set.is_some_and(|value| {
        let value = value.to_string_lossy().to_ascii_lowercase();
        value.contains("utf-8") || value.contains("utf8")
    })
}
