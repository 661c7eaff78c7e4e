//! `spark run` on a real terminal: what stands on it, what Ctrl-C asks, and how the terminal is left.

use std::fs;
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, Winsize, tcgetattr, tcsetwinsize};

use crate::cases::{printed, run, text};
use crate::live::Service;

const RULES: &str = "edition 2026
evaluate every 200ms
signal p95 \"p95 \u{1b}[2J\u{1b}]0;owned\u{7}\" { is duration  from metrics latency_seconds  expect <= 200ms  stale after 5s }
trigger latency \"API latency\" { rollback when p95 > 400ms for 30s }
plan canary {
  stage 25%  for 1h
  stage 100% for 1h
  proceed when every signal meets its expectation
}
";

/// A rollout on a terminal of its own.
struct Terminal {
    dir: tempfile::TempDir,
    service: Service,
    child: Child,
    master: File,
    seen: Arc<Mutex<vt100::Parser>>,
    /// All that was written, as it came.
    raw: Arc<Mutex<Vec<u8>>>,
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Terminal {
    fn start(rows: u16, columns: u16, more: &[&str], env: &[(&str, &str)]) -> Self {
        let (dir, service) = (tempfile::tempdir().unwrap(), Service::start());
        let rules = if more.contains(&"--plain-title") {
            RULES.replace("\u{1b}[2J\u{1b}]0;owned\u{7}", "")
        } else {
            RULES.to_owned()
        };
        let more: Vec<&str> = more.iter().copied().filter(|word| *word != "--plain-title").collect();
        fs::write(dir.path().join("release.rules"), rules).unwrap();
        fs::write(dir.path().join("set.sh"), "echo \"$1\" > share\n").unwrap();
        let config = format!(
            "spark: 1
sources: {{ scrape: {{ canary: [{}] }} }}
actions:
  deadline: 5s
  command: {{ set: [sh, set.sh, \"{{share}}\"], rollback: [sh, set.sh, \"0\"], probe: [cat, share] }}
rollout: {{ probe-every: 500ms }}
",
            service.url
        );
        fs::write(dir.path().join("spark.yaml"), config).unwrap();
        let (master, slave) = pair(rows, columns);
        // a session of its own, whose terminal this is: so a key there is a signal here
        let child = Command::new("setsid")
            .args([
                "--ctty",
                "--wait",
                env!("CARGO_BIN_EXE_spark"),
                "run",
                "release.rules",
                "--release",
                "1.0",
            ])
            .args(["--config", "spark.yaml"])
            .args(&more)
            .env("TERM", "xterm-256color")
            .env("LC_ALL", "C.UTF-8")
            .env_remove("NO_COLOR")
            .env_remove("CLICOLOR_FORCE")
            .env_remove("CI")
            .envs(env.iter().copied())
            .current_dir(dir.path())
            .stdin(Stdio::from(slave.try_clone().unwrap()))
            .stdout(Stdio::from(slave.try_clone().unwrap()))
            .stderr(Stdio::from(slave))
            .spawn()
            .unwrap();
        let seen = Arc::new(Mutex::new(vt100::Parser::new(some(rows), some(columns), 1000)));
        let raw = Arc::new(Mutex::new(Vec::new()));
        let master = File::from(master);
        let (mut reader, parser, all) = (master.try_clone().unwrap(), Arc::clone(&seen), Arc::clone(&raw));
        std::thread::spawn(move || {
            let mut some = [0; 4096];
            while let Ok(count @ 1..) = reader.read(&mut some) {
                parser.lock().unwrap().process(&some[..count]);
                all.lock().unwrap().extend_from_slice(&some[..count]);
            }
        });
        Self { dir, service, child, master, seen, raw }
    }

    fn screen(&self) -> String {
        self.seen.lock().unwrap().screen().contents()
    }

    fn until(&self, words: &str) -> String {
        let begun = Instant::now();
        loop {
            let screen = self.screen();
            if screen.contains(words) {
                return screen;
            }
            assert!(begun.elapsed() < Duration::from_secs(40), "`{words}` does not stand on\n{screen}");
            std::thread::sleep(Duration::from_millis(30));
        }
    }

    fn key(&mut self, keys: &str) {
        self.master.write_all(keys.as_bytes()).unwrap();
    }

    /// Whether the terminal shows what is typed, and gives it line by line, as it did before.
    fn is_as_before(&self) -> bool {
        let modes = tcgetattr(&self.master).unwrap().local_modes;
        modes.contains(LocalModes::ICANON | LocalModes::ECHO)
    }

    fn end(&mut self) -> Option<i32> {
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(40) {
            if let Some(status) = self.child.try_wait().unwrap() {
                // what is on its way to the terminal arrives
                std::thread::sleep(Duration::from_millis(200));
                return status.code();
            }
            std::thread::sleep(Duration::from_millis(30));
        }
        panic!("it does not end:\n{}", self.screen());
    }

    fn share(&self) -> String {
        fs::read_to_string(self.dir.path().join("share")).unwrap().trim().to_owned()
    }
}

fn size(rows: u16, columns: u16) -> Winsize {
    Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 }
}

fn some(count: u16) -> std::num::NonZeroU16 {
    std::num::NonZeroU16::new(count).unwrap()
}

/// The two ends of a new terminal.
fn pair(rows: u16, columns: u16) -> (OwnedFd, File) {
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
    grantpt(&master).unwrap();
    unlockpt(&master).unwrap();
    tcsetwinsize(&master, size(rows, columns)).unwrap();
    let name = ptsname(&master, Vec::new()).unwrap().into_string().unwrap();
    (master, File::options().read(true).write(true).open(name).unwrap())
}

const QUESTION: &str = "leave the traffic at 25 % and stop?  [s]top / [r]oll back / [c]ontinue";

/// The frame shows the stage, the signals and the triggers, follows a change of size, and stays below all that was said.
#[test]
fn frame_on_a_terminal() {
    let mut terminal = Terminal::start(30, 100, &[], &[]);
    terminal.until("stage 1 of 2");
    let screen = terminal.until("of 1h served");
    for words in [
        "◉ 25% ── ○ 100%",
        "PROCEED",
        "1 of 1 signals met",
        "120ms",
        "API latency",
        "nearest triggers",
        "by plan",
    ] {
        assert!(screen.contains(words), "{words}:\n{screen}");
    }
    assert!(screen.contains("step 1.1: give 25% to the canary"), "what was said stays above:\n{screen}");
    // a name's escape codes are shown, and not obeyed
    assert!(screen.contains("p95 \\u001b[2J"), "{screen}");
    let raw = String::from_utf8_lossy(&terminal.raw.lock().unwrap().clone()).into_owned();
    assert!(!raw.contains("\x1b[2J") && !raw.contains("\x1b]0;") && !raw.contains("\x1b[?1049h"), "{raw:?}");
    for (rows, columns) in [(10, 40), (24, 80)] {
        // what a terminal does to its old lines, each does in its own way: here it forgets them
        *terminal.seen.lock().unwrap() = vt100::Parser::new(some(rows), some(columns), 1000);
        tcsetwinsize(&terminal.master, size(rows, columns)).unwrap();
        std::thread::sleep(Duration::from_secs(1));
        let screen = terminal.until("stage 1 of 2");
        assert_eq!(screen.matches("stage 1 of 2").count(), 1, "{screen}");
    }
    terminal.service.millis.store(600, Ordering::SeqCst);
    terminal.until("of 30s to rollback");
    printed(terminal.dir.path(), "spark hold --by ayse --because looking", 0);
    terminal.until("HELD by ayse since ");
    printed(terminal.dir.path(), "spark rollback --by ayse --reason late", 0);
    assert_eq!(terminal.end(), Some(11));
    let screen = terminal.screen();
    assert!(
        screen.contains("rolled back from stage 1 of 2")
            && screen.contains("rollback in stage 1 because ayse: late"),
        "{screen}"
    );
    assert!(terminal.is_as_before());
}

/// `spark status --watch` paints the same frame in another terminal until the runner is gone, and needs a terminal.
#[test]
fn watched_from_elsewhere() {
    let terminal = Terminal::start(24, 90, &[], &[]);
    terminal.until("of 1h served");
    assert_eq!(run(terminal.dir.path(), "spark status --watch").status.code(), Some(2));
    let (master, slave) = pair(24, 90);
    let mut child = Command::new(env!("CARGO_BIN_EXE_spark"))
        .args(["status", "--watch"])
        .envs([("TERM", "xterm"), ("LC_ALL", "C.UTF-8")])
        .current_dir(terminal.dir.path())
        .stdin(Stdio::null())
        .stderr(Stdio::from(slave))
        .spawn()
        .unwrap();
    let reader = std::thread::spawn(move || {
        let mut seen = vt100::Parser::new(some(24), some(90), 0);
        let (mut master, mut bytes) = (File::from(master), [0; 4096]);
        // once the other end is closed, reading fails
        while let Ok(count @ 1..) = master.read(&mut bytes) {
            seen.process(&bytes[..count]);
        }
        seen
    });
    std::thread::sleep(Duration::from_secs(2));
    end_softly(&terminal);
    assert_eq!(child.wait().unwrap().code(), Some(10));
    let screen = reader.join().unwrap().screen().contents();
    assert!(screen.contains("◉ 25% ── ○ 100%") && screen.contains("of 1h served"), "{screen}");
    assert!(screen.contains("NOBODY RUNS IT"), "{screen}");
}

/// Ctrl-C asks; `c` goes on, a second Ctrl-C stops, and the traffic stays where it is.
#[test]
fn ctrl_c_asks() {
    let mut terminal = Terminal::start(24, 90, &[], &[]);
    terminal.until("of 1h served");
    terminal.key("\x03");
    terminal.until(QUESTION);
    terminal.key("xyz\r\x1b[A");
    terminal.key("c");
    terminal.until("the rollout goes on");
    assert!(terminal.is_as_before() && terminal.child.try_wait().unwrap().is_none());
    terminal.key("\x03");
    terminal.until(QUESTION);
    terminal.key("\x03");
    assert_eq!(terminal.end(), Some(10));
    let screen = terminal.screen();
    assert!(
        screen.contains("hold stopped on request: nothing was moved, the canary stays at 25%"),
        "{screen}"
    );
    assert!(!screen.contains("[s]top") && terminal.is_as_before(), "{screen}");
    assert_eq!(terminal.share(), "25");
}

/// `r` takes the traffic back, with who asked in the record; a terminal that is too small for a frame is asked in a line.
#[test]
fn ctrl_c_rolls_back() {
    let mut terminal =
        Terminal::start(3, 80, &[], &[("USER", "ayse"), ("LOGNAME", "ayse"), ("SUDO_USER", "ayse")]);
    terminal.until("stage 1: 25%");
    terminal.key("\x03");
    terminal.until(QUESTION);
    terminal.key("r");
    assert_eq!(terminal.end(), Some(11));
    assert_eq!(terminal.share(), "0");
    let told = printed(terminal.dir.path(), "spark evidence show evidence/1.0", 0);
    assert!(told.contains("ayse says rollback (asked for with Ctrl-C)"), "{told}");
    assert!(terminal.is_as_before());
}

/// A signal to end never asks; in the question too, it puts the terminal back and stops.
#[test]
fn signals_never_ask() {
    for asked in [false, true] {
        let mut terminal = Terminal::start(24, 90, &[], &[]);
        terminal.until("of 1h served");
        if asked {
            terminal.key("\x03");
            terminal.until(QUESTION);
            assert!(!terminal.is_as_before());
        }
        end_softly(&terminal);
        assert_eq!(terminal.end(), Some(10));
        assert!(terminal.is_as_before());
        assert_eq!(terminal.share(), "25");
    }
}

/// Sends the rollout SIGTERM: it is the child of `setsid` where that had to fork, else it took its place.
fn end_softly(terminal: &Terminal) {
    let id = terminal.child.id();
    let forked = fs::read_to_string(format!("/proc/{id}/comm")).unwrap().trim() == "setsid";
    let pid = match forked {
        true => fs::read_to_string(format!("/proc/{id}/task/{id}/children")).unwrap().trim().to_owned(),
        // its own children are commands that it runs
        false => id.to_string(),
    };
    assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
}

/// Without colour there is none: by `NO_COLOR`, by `--color never`; a quiet run and a dumb terminal have no frame.
#[test]
fn colours_and_lines() {
    for (more, env, framed, coloured) in [
        (&["--plain-title"][..], &[][..], true, true),
        (&["--plain-title"], &[("NO_COLOR", "1")], true, false),
        (&["--plain-title", "--color", "never"], &[], true, false),
        (&["--plain-title"], &[("TERM", "dumb")], false, false),
        (&["--plain-title"], &[("TERM", "dumb"), ("CI", "true")], false, false),
    ] {
        let terminal = Terminal::start(24, 90, more, env);
        terminal.until(if framed { "of 1h served" } else { "stage 1: 25%" });
        let raw = text(&terminal.raw.lock().unwrap().clone());
        assert_eq!(raw.contains("\x1b[3"), coloured, "{more:?} {env:?}: {raw:?}");
        assert_eq!(raw.contains("\x1b[J"), framed, "{more:?} {env:?}: {raw:?}");
    }
}
