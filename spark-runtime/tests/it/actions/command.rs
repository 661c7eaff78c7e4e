//! Commands: what they get, what is kept of what they say, and that nothing of them outlives their step.

use std::path::Path;
use std::time::{Duration, Instant};

use spark_core::TimeSpan;
use spark_runtime::action::{
    ActionEnd, ActionOutcome, Actions, Command, CommandActions, CommandSettings, CommandTemplate,
    Containment, GRACE, Measured, OUTPUT_BYTES_MAX, Secret,
};

use super::order;

const LONG: TimeSpan = TimeSpan::from_seconds(20);
const BOTH: [Containment; 2] = [Containment::Best, Containment::Walk];

fn within(containment: Containment) -> CommandSettings {
    CommandSettings { containment, ..CommandSettings::default() }
}

async fn sh(script: &str, settings: &CommandSettings, deadline: TimeSpan) -> ActionOutcome {
    let words = ["sh", "-c", script].map(str::to_owned).to_vec();
    Command { words, variables: Vec::new(), input: Vec::new() }.run(settings, deadline).await
}

/// The living processes that have `needle` in their arguments.
fn living(needle: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let path = entry.path();
        let Ok(arguments) = std::fs::read(path.join("cmdline")) else { continue };
        let arguments = String::from_utf8_lossy(&arguments).replace('\0', " ");
        let ours = path.file_name().is_some_and(|name| name == std::process::id().to_string().as_str());
        if arguments.contains(needle) && !ours {
            found.push(arguments);
        }
    }
    found
}

/// The exit status says how it ended, somebody's signal that nobody knows, and the outputs are kept.
#[tokio::test]
async fn statuses() {
    for containment in BOTH {
        let settings = within(containment);
        let good = sh("echo out; echo err >&2", &settings, LONG).await;
        assert_eq!((good.end, good.status.as_str()), (ActionEnd::Succeeded, "exit status 0"));
        assert_eq!((good.stdout.as_str(), good.stderr.as_str()), ("out\n", "err\n"));
        assert_eq!(good.command, ["sh", "-c", "echo out; echo err >&2"]);
        for (script, end, status) in [
            ("exit 3", ActionEnd::Failed, "exit status 3"),
            ("exit 125", ActionEnd::Failed, "exit status 125"),
            ("kill -9 $$", ActionEnd::Unknown, "signal: 9 (SIGKILL)"),
        ] {
            let outcome = sh(script, &settings, LONG).await;
            assert_eq!((outcome.end, outcome.status.as_str()), (end, status), "{script}");
        }
        for (program, reason) in [
            ("/no/such/program", "No such file or directory (os error 2)"),
            ("no-such-program", "there is no such program in PATH"),
            ("/etc/passwd", "it is no file that may be run"),
            ("/etc", "it is no file that may be run"),
        ] {
            let command =
                Command { words: vec![program.to_owned()], variables: Vec::new(), input: Vec::new() };
            let outcome = command.run(&settings, LONG).await;
            assert_eq!(outcome.end, ActionEnd::Failed);
            assert_eq!(outcome.status, format!("`{program}` could not be started: {reason}"));
        }
    }
}

/// A command gets its order, `PATH`, what is allowed, and nothing else; words reach it as they are.
#[tokio::test]
async fn environment_and_words() {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("set");
    std::fs::write(
        &program,
        "#!/bin/sh\nenv | sort | grep -v '^SPARK_RUN=[0-9a-f]*$'; printf '<%s>' \"$@\"\n",
    )
    .unwrap();
    std::fs::set_permissions(&program, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let template = |words: &[&str]| {
        let words = words.iter().map(|word| (*word).to_owned()).collect();
        CommandTemplate::new(words, &["share", "stage", "release", "reason"]).unwrap()
    };
    for containment in BOTH {
        let mut actions = CommandActions {
            set: template(&["./set", "{share}", "$(id) `id` ; id", "", "*", "-e"]),
            rollback: template(&["./set", "{reason}"]),
            probe: None,
            deadline: LONG,
            settings: CommandSettings {
                dir: folder.path().to_owned(),
                // an allowed name that is not set is not given, and no value overrides what Spark says
                environment: ["HOME", "NOT_SET_ANYWHERE", "SPARK_STEP"].map(str::to_owned).to_vec(),
                ..within(containment)
            },
        };
        let mut told = order(50, LONG);
        told.reason = "a\"b$(id)\0".to_owned();
        let outcome = actions.set_share(&told).await;
        let path = std::env::var("PATH").unwrap();
        let home = std::env::var("HOME").map_or_else(|_| String::new(), |home| format!("HOME={home}\n"));
        let environment = "SPARK_FENCE=3\nSPARK_REASON=a\"b$(id) \nSPARK_RELEASE=1.4\nSPARK_SHARE=0.5\nSPARK_STAGE=3\nSPARK_STEP=1.4/3.7\n";
        let expected = format!(
            "{home}PATH={path}\nPWD={}\n{environment}<0.5><$(id) `id` ; id><><*><-e>",
            std::env::current_dir().unwrap().display()
        );
        assert_eq!(outcome.stdout, expected, "{outcome:?}");
        let back = actions.roll_back(&order(0, LONG)).await;
        assert!(back.stdout.ends_with("<api_latency, errors>"), "{}", back.stdout);
    }
}

/// Output beyond the limit is counted, not kept, and never blocks the command; what is no text is replaced.
#[tokio::test]
async fn outputs_are_bounded() {
    for containment in BOTH {
        let settings = CommandSettings { secrets: vec![Secret::new("hunter2")], ..within(containment) };
        let long = sh("head -c 1000000 /dev/zero | tr '\\0' x", &settings, LONG).await;
        assert_eq!(long.end, ActionEnd::Succeeded);
        assert_eq!((long.stdout.len(), long.dropped_bytes), (OUTPUT_BYTES_MAX, 1_000_000 - 16_384));
        let bytes = sh("printf 'a\\377\\033[31mb'; echo hunter2 >&2; exit 4", &settings, LONG).await;
        assert_eq!(bytes.stdout, "a\u{fffd}\u{fffd}[31mb");
        assert_eq!(bytes.stderr, "[secret]\n");
        assert!(!format!("{bytes:?}").contains("hunter2"), "{bytes:?}");
        // whoever closes its outputs is waited for all the same
        let closed = sh("exec >&- 2>&-; sleep 0.2; exit 3", &settings, LONG).await;
        assert_eq!((closed.end, closed.status.as_str()), (ActionEnd::Failed, "exit status 3"));
        let begun = Instant::now();
        let lives_on = sh("exec >&- 2>&-; sleep 60", &settings, TimeSpan::from_nanos(300_000_000)).await;
        assert_eq!(lives_on.end, ActionEnd::Unknown, "{lives_on:?}");
        assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
        let begun = Instant::now();
        let endless = sh("yes", &settings, TimeSpan::from_nanos(300_000_000)).await;
        assert_eq!(endless.end, ActionEnd::Unknown, "{endless:?}");
        assert!(endless.stdout.len() <= OUTPUT_BYTES_MAX && endless.dropped_bytes > 0);
        assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    }
}

/// What is left running in all the ways that are known: none of it is there once the action is over.
#[tokio::test]
async fn no_orphans() {
    // `sleep 31.4159…` is told apart from all other sleeps by its digits; `exec -a` is no part of sh
    let escapes = [
        ("a child", "sleep NEEDLE & "),
        ("a child that ignores SIGTERM", "(trap '' TERM; sleep NEEDLE; sleep NEEDLE) & "),
        ("its own session", "setsid sleep NEEDLE & "),
        ("a daemon by two forks", "setsid sh -c 'sleep NEEDLE & sleep NEEDLE &' & "),
        (
            "a daemon with an empty environment",
            "env -i setsid sh -c 'env -i sleep NEEDLE & env -i setsid sleep NEEDLE &' & ",
        ),
        (
            "an orphan in its own session, its name in brackets",
            "(setsid sh -c 'sleep NEEDLE' ') Z 1 1 1' &) ; ",
        ),
        ("many", "for i in 1 2 3 4 5 6 7 8 9; do setsid sh -c 'sleep NEEDLE & sleep NEEDLE' & done; "),
        ("one that makes others", "(trap '' TERM; while :; do sleep NEEDLE & sleep 0.01; done) & "),
    ];
    for (way, containment) in BOTH.into_iter().enumerate() {
        for (place, (name, script)) in escapes.iter().enumerate() {
            // each that ignores SIGTERM costs its grace: one of each kind is enough
            let endings = if [1, 4].contains(&place) { 2 } else { 1 };
            for (ends, rest) in ["sleep 0.1; exit 0", "trap '' TERM; while :; do sleep 1; done"]
                .iter()
                .enumerate()
                .take(endings)
            {
                let needle = format!("31.4{way}{place}{ends}159{}", std::process::id());
                let script = format!("{}{rest}", script.replace("NEEDLE", &needle));
                let begun = Instant::now();
                let outcome = sh(&script, &within(containment), TimeSpan::from_nanos(400_000_000)).await;
                assert_eq!(living(&needle), [""; 0], "{name}, {containment:?}: {outcome:?}");
                assert!(begun.elapsed() < GRACE + Duration::from_secs(4), "{:?}", begun.elapsed());
                let (end, words) = match ends {
                    0 => (ActionEnd::Succeeded, "that it left"),
                    _ => (ActionEnd::Unknown, "it did not end when asked to (SIGTERM), and was killed with"),
                };
                assert!(outcome.end == end && outcome.status.contains(words), "{name}: {outcome:?}");
                if containment == Containment::Walk {
                    assert!(outcome.status.ends_with("by a walk over all processes"), "{outcome:?}");
                }
            }
        }
    }
}

/// At the deadline a command is asked first, and has the time to put things in order.
#[tokio::test]
async fn asked_to_end() {
    for containment in BOTH {
        let folder = tempfile::tempdir().unwrap();
        let mark = folder.path().join("mark");
        let script = format!("trap 'touch {}; exit 0' TERM; sleep 30 & wait", mark.display());
        let outcome = sh(&script, &within(containment), TimeSpan::from_nanos(300_000_000)).await;
        assert_eq!(outcome.end, ActionEnd::Unknown);
        let expected = "no end within 300ms; it ended when asked to (SIGTERM)";
        assert!(outcome.status.starts_with(expected), "{outcome:?}");
        assert!(mark.exists());
    }
}

/// A step that is dropped in the middle takes its command with it.
#[tokio::test]
async fn dropped() {
    for (way, containment) in BOTH.into_iter().enumerate() {
        let needle = format!("27.1{way}828{}", std::process::id());
        let script = format!("setsid sleep {needle} & sleep {needle}");
        let settings = within(containment);
        let run = sh(&script, &settings, LONG);
        assert!(tokio::time::timeout(Duration::from_millis(300), run).await.is_err());
        let begun = Instant::now();
        while !living(&needle).is_empty() && begun.elapsed() < Duration::from_secs(5) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert_eq!(living(&needle), [""; 0], "{containment:?}");
    }
}

/// What has left the session and the environment is known by whose child it became.
#[tokio::test]
async fn emptied_environment() {
    let needle = format!("29.1828{}", std::process::id());
    let script = format!("env -i setsid sleep {needle} & sleep 0.1; exit 0");
    let outcome = sh(&script, &within(Containment::Walk), LONG).await;
    assert_eq!(living(&needle), [""; 0], "{outcome:?}");
    assert_eq!(
        outcome.status,
        "exit status 0; 1 process that it left was ended by a walk over all processes"
    );
}

/// In a container Spark's own session is often one outside of it, whose number is 0 there; what a command left is found
/// and ended all the same.
#[test]
fn session_outside() {
    let outcome = std::process::Command::new("unshare")
        .args(["--user", "--map-root-user", "--pid", "--fork", "--mount-proc"])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "actions::command::emptied_environment", "actions::command::dropped"])
        .output()
        .expect("`unshare`, which the tests use, is missing. Install it: apt-get install util-linux");
    let said = String::from_utf8_lossy(&outcome.stdout);
    assert!(outcome.status.success() && said.contains("2 passed"), "{outcome:?}");
}

/// Another program that this process started at the same time is nobody's orphan.
#[tokio::test]
async fn strangers_live() {
    let mut stranger = std::process::Command::new("sleep").arg("20").spawn().unwrap();
    let mut detached = std::process::Command::new("setsid").args(["-w", "sleep", "20"]).spawn().unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await;
    for containment in BOTH {
        let outcome = sh("sleep 20 & exit 0", &within(containment), LONG).await;
        assert!(outcome.status.contains("1 process that it left was ended by"), "{outcome:?}");
        assert!(stranger.try_wait().unwrap().is_none() && detached.try_wait().unwrap().is_none());
    }
    for child in [&mut stranger, &mut detached] {
        child.kill().unwrap();
        child.wait().unwrap();
    }
}

fn prober(folder: &Path, script: &str) -> CommandActions {
    let words = |script: &str| ["sh", "-c", script].map(str::to_owned).to_vec();
    let template = |script: &str| CommandTemplate::new(words(script), &[]).unwrap();
    CommandActions {
        set: template("exit 0"),
        rollback: template("exit 0"),
        probe: Some(template(script)),
        deadline: TimeSpan::from_nanos(500_000_000),
        settings: CommandSettings { dir: folder.to_owned(), ..CommandSettings::default() },
    }
}

/// A probe's number is the share, and whatever else it does leaves the share unknown, with the reason.
#[tokio::test]
async fn probes() {
    let folder = tempfile::tempdir().unwrap();
    for (script, share_bp, words) in [
        ("echo 25", Some(2500), "`sh` measured 25%"),
        ("echo 0.5%", Some(50), "`sh` measured 0.5%"),
        (r#"echo '{"share": 25}'"#, Some(2500), "`sh` measured 25%"),
        ("echo lots", None, "the probe said `lots`; expected a share"),
        ("true", None, "the probe said nothing; expected a share"),
        ("echo 25; exit 1", None, "the probe `sh` failed (exit status 1)"),
        ("echo 25; echo no route >&2; exit 7", None, "the probe `sh` failed (exit status 7): `no route`"),
        (
            "echo 25; sleep 20",
            None,
            "the probe `sh` failed (no end within 500ms; it ended when asked to (SIGTERM)",
        ),
        ("yes 25 | head -c 100000", None, "the probe said more than 4096 bytes; expected one share"),
    ] {
        let found = prober(folder.path(), script).measure_share(&order(2500, LONG)).await;
        assert_eq!(found.share_bp, share_bp, "{script}: {found:?}");
        assert!(found.words.starts_with(words), "{script}: {found:?}");
    }
    let none = CommandActions { probe: None, ..prober(folder.path(), "exit 0") }
        .measure_share(&order(1, LONG))
        .await;
    assert_eq!(none, Measured::unknown("no probe is configured"));
}
