//! A question with an answer of one key.
//!
//! The terminal's modes are changed only while it is asked, and put back whatever ends it: the answer, a signal, a panic. Nothing is read
//! from it at any other time: a process in the background that reads from its terminal is stopped by the system.

use std::io::{IsTerminal as _, stderr, stdin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::termios::{LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcsetattr};

/// How often it is looked whether the question was taken back: the terminal is left alone within this.
const LOOK_EVERY: Timespec = Timespec { tv_sec: 0, tv_nsec: 100_000_000 };

/// What an operator answers to Ctrl-C.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    /// Leave the traffic where it is.
    Stop,
    /// Take it back.
    RollBack,
    /// Go on as if nothing had been asked.
    Continue,
}

/// Whether somebody is there who sees a question and can answer it.
pub(crate) fn may_ask() -> bool {
    stdin().is_terminal() && stderr().is_terminal() && super::in_foreground()
}

/// Waits for the key. Dropping the future takes the question back.
pub(crate) async fn ask() -> Answer {
    let asked = Asked::default();
    let taken_back = Arc::clone(&asked.0);
    // where the terminal cannot be read any more, nobody answers
    tokio::task::spawn_blocking(move || key(&taken_back)).await.ok().flatten().unwrap_or(Answer::Stop)
}

#[derive(Default)]
struct Asked(Arc<AtomicBool>);

impl Drop for Asked {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// The terminal, giving each key at once and showing none.
struct Keys {
    before: Termios,
}

impl Keys {
    fn begin() -> rustix::io::Result<Self> {
        let before = tcgetattr(stdin())?;
        let mut modes = before.clone();
        modes.local_modes.remove(LocalModes::ICANON | LocalModes::ECHO);
        (modes.special_codes[SpecialCodeIndex::VMIN], modes.special_codes[SpecialCodeIndex::VTIME]) = (1, 0);
        tcsetattr(stdin(), OptionalActions::Now, &modes)?;
        Ok(Self { before })
    }
}

impl Drop for Keys {
    fn drop(&mut self) {
        let _ = tcsetattr(stdin(), OptionalActions::Now, &self.before);
    }
}

fn key(taken_back: &AtomicBool) -> Option<Answer> {
    let _keys = Keys::begin().ok()?;
    while !taken_back.load(Ordering::SeqCst) {
        let stdin = stdin();
        let mut ready = [PollFd::new(&stdin, PollFlags::IN)];
        let Ok(count) = poll(&mut ready, Some(&LOOK_EVERY)) else { continue };
        // in the background, reading would stop the whole rollout
        if count == 0 || !super::in_foreground() {
            continue;
        }
        let mut typed = [0_u8; 1];
        match rustix::io::read(&stdin, &mut typed) {
            Ok(0) | Err(_) => return None,
            Ok(_) => {}
        }
        match typed {
            [b's' | b'S'] => return Some(Answer::Stop),
            [b'r' | b'R'] => return Some(Answer::RollBack),
            [b'c' | b'C'] => return Some(Answer::Continue),
            _ => {}
        }
    }
    None
}
