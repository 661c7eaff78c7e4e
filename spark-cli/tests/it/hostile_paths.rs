//! Paths and names that lead elsewhere: none is opened, none is written, and none hangs.

use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStringExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use crate::cases::{run, text};

/// Longest time for a command with a path that never ends or never begins.
const WITHIN: Duration = Duration::from_secs(20);

/// What stands in the file that no path may lead to.
const OUTSIDE: &str = "the-file-outside-was-read";

/// What rules may write after `use`, and none of which is a file below their folder.
const USES: &str = r"
../outside.rules
./../outside.rules
../in/../outside.rules
parts/../../outside.rules
parts/./../../outside.rules
parts//../../outside.rules
parts/../parts/../../outside.rules
..//outside.rules
.././outside.rules
../../../../../../../../etc/passwd
../../../../../../../../proc/self/environ
....//outside.rules
..../outside.rules
..;/outside.rules
..%2foutside.rules
%2e%2e/outside.rules
..%c0%afoutside.rules
..\outside.rules
parts\..\..\outside.rules
\\server\share\outside.rules
//server/share/outside.rules
/etc/passwd
/proc/self/environ
/proc/self/fd/0
/proc/self/fd/1
/proc/1/environ
/dev/stdin
/dev/fd/0
/dev/zero
/dev/random
/dev/tty
//etc/passwd
/./etc/passwd
~/outside.rules
~root/.ssh/id_ed25519
$HOME/outside.rules
${HOME}/outside.rules
C:\outside.rules
C:/outside.rules
c:outside.rules
CON
NUL
COM1.rules
outside.rules::$DATA
file:///etc/passwd
file://outside.rules
http://127.0.0.1/outside.rules
https://example.com/outside.rules
ftp://127.0.0.1/outside.rules
data:text/plain,edition%202026
-
--output
-rf
.
./
..
../
/
//
parts
parts/
parts/.
link.rules
linked/outside.rules
linked/../outside.rules
chain.rules
loop.rules
zero.rules
random.rules
environ.rules
fd.rules
absolute.rules
pipe.rules
socket.rules
parts/link.rules
parts/up/outside.rules
LINK.rules
Parts/a.rules
PARTS/A.RULES
nothing.rules
nothing/at/all.rules
a b.rules
 parts/a.rules
parts/a.rules 
parts/a.rules/
parts/a.rules/..
parts/a.rules/x
*.rules
parts/*.rules
{parts,..}/outside.rules
`cat ../outside.rules`
$(cat ../outside.rules)
|cat ../outside.rules
parts/a.rules;../outside.rules
pаrts/a.rules
parts／a.rules
parts∕a.rules
‥/outside.rules
．．/outside.rules
";

/// Names of releases that are none: each would be a folder of its own, elsewhere or of another name.
const RELEASES: &str = r"
.
..
../up
../../up
/tmp/up
/etc
a/b
a/../b
a\b
..\up
~
~root
-rf
--help-me
.hidden
_x
a b
a:b
a*
a?
a|b
a<b
a>b
a&b
a;b
$HOME
$(id)
`id`
%2e%2e
..%2fup
a%00
1.pub
1.PUB
1.sock
1.json
a..
ünïcode
１.０
а
https://h/
con:
";

/// A folder of rules with links, pipes and devices, beside a file that is none of theirs.
fn prepare(dir: &Path) {
    let link = |to: &str, name: &str| std::os::unix::fs::symlink(to, dir.join("in").join(name)).unwrap();
    fs::create_dir_all(dir.join("in/parts")).unwrap();
    fs::create_dir(dir.join("out")).unwrap();
    let outside = format!("edition 2026\nsignal p95 \"{OUTSIDE}\" {{ is duration  from push }}\n");
    fs::write(dir.join("outside.rules"), &outside).unwrap();
    fs::write(dir.join("out/outside.rules"), &outside).unwrap();
    fs::write(dir.join("in/parts/a.rules"), "edition 2026\nsignal p95 { is duration  from push }\n").unwrap();
    link("../outside.rules", "link.rules");
    link("../out", "linked");
    link("link.rules", "chain.rules");
    link("loop.rules", "loop.rules");
    link("/dev/zero", "zero.rules");
    link("/dev/random", "random.rules");
    link("/proc/self/environ", "environ.rules");
    link("/proc/self/fd/0", "fd.rules");
    link("../../outside.rules", "parts/link.rules");
    link("../../out", "parts/up");
    std::os::unix::fs::symlink(dir.join("outside.rules"), dir.join("in/absolute.rules")).unwrap();
    pipe(&dir.join("in/pipe.rules"));
    drop(std::os::unix::net::UnixListener::bind(dir.join("in/socket.rules")).unwrap());
}

fn pipe(path: &Path) {
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
}

/// Runs a command that must end by itself.
fn ended(mut command: Command) -> Output {
    let begun = Instant::now();
    let command = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    while child.try_wait().unwrap().is_none() {
        if begun.elapsed() > WITHIN {
            child.kill().unwrap();
            panic!("it hangs: {command:?}");
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    child.wait_with_output().unwrap()
}

fn spark(dir: &Path, words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_spark"));
    command.current_dir(dir).args(words);
    command
}

/// The hostile paths of rules, those that no list of lines can hold among them.
fn uses() -> Vec<String> {
    let mut all: Vec<String> = USES.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect();
    all.extend([
        String::new(),
        " ".to_owned(),
        "x".repeat(256),
        "x/".repeat(3_000),
        format!("{}outside.rules", "../".repeat(3_000)),
        "\u{202e}../outside.rules".to_owned(),
        "\u{feff}parts/a.rules".to_owned(),
        "parts/a.rules\u{0}".to_owned(),
        "\u{0}".to_owned(),
        "parts\u{0}/../../outside.rules".to_owned(),
    ]);
    all
}

/// No path after `use` leads out of the rules' folder, whatever stands there, none hangs, and the one that is right does.
/// The kernel is asked which files were opened, all rules in one run.
#[test]
fn none_is_opened() {
    let dir = tempfile::tempdir().unwrap();
    prepare(dir.path());
    let all = uses();
    assert!(all.len() >= 100, "{}", all.len());
    let mut names = Vec::new();
    for (place, path) in all.iter().enumerate() {
        let name = format!("in/hostile-{place}.rules");
        let rules = format!("edition 2026\nuse \"{path}\"\nrollback when p95 > 400ms\n");
        fs::write(dir.path().join(&name), rules).unwrap();
        names.push(name);
    }
    fs::write(
        dir.path().join("in/good.rules"),
        "edition 2026\nuse \"parts/a.rules\"\nrollback when p95 > 400ms\n",
    )
    .unwrap();
    assert_eq!(run(dir.path(), "spark check in/good.rules").status.code(), Some(0));
    for (name, path) in names.iter().zip(&all) {
        let output = ended(spark(dir.path(), &["check", name]));
        let told = String::from_utf8_lossy(&output.stdout).into_owned() + &text(&output.stderr);
        let normal = path.trim() == "parts/a.rules" && output.status.code() == Some(0);
        assert!(
            output.status.code() == Some(12) && !normal,
            "`{path}` ends with {:?}\n{told}",
            output.status
        );
        assert!(!told.contains(OUTSIDE), "`{path}` was read\n{told}");
    }
    let trace = dir.path().join("trace");
    let mut command = Command::new("strace");
    command.args(["-f", "-qq", "-s", "4096", "-e", "trace=open,openat,openat2", "-o"]).arg(&trace);
    command.arg(env!("CARGO_BIN_EXE_spark")).arg("check").args(&names).current_dir(dir.path());
    if Command::new("strace").arg("-V").output().is_err() {
        panic!("install it: apt-get install strace");
    }
    assert_eq!(ended(command).status.code(), Some(12));
    let trace = fs::read_to_string(&trace).unwrap();
    let opened: Vec<&str> = trace
        .lines()
        .filter(|line| !line.contains(" = -1 "))
        .filter_map(|line| line.split('"').nth(1))
        .collect();
    assert!(opened.iter().any(|path| path.contains("hostile-0")), "nothing was seen");
    let real = dir.path().canonicalize().unwrap().join("in").display().to_string();
    for path in opened {
        // the rules themselves, by the names that were given; the libraries; what the kernel says of the machine
        let own = path.starts_with("in/hostile-") || path.starts_with(&real);
        let system = [
            "/lib",
            "/usr/lib",
            "/etc/ld.so",
            "/proc/self/maps",
            "/proc/self/cgroup",
            "/proc/sys/kernel/random/boot_id",
            "/sys/fs/cgroup",
        ]
        .iter()
        .any(|folder| path.starts_with(folder));
        assert!(own || system, "opened `{path}`");
        assert!(!path.contains("pipe.rules") && !path.contains("zero.rules"), "opened `{path}`");
    }
}

/// A release's name is a folder's name everywhere, or bad arguments: nothing is written, anywhere.
#[test]
fn releases() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("work")).unwrap();
    let work = dir.path().join("work");
    fs::write(
        work.join("r.rules"),
        "edition 2026\nsignal p95 { is duration  from push }\nplan p { stage 5% for 1s }\n",
    )
    .unwrap();
    fs::write(work.join("c"), "").unwrap();
    let mut all: Vec<OsString> =
        RELEASES.lines().filter(|line| !line.is_empty()).map(OsString::from).collect();
    all.extend(
        ["1\u{202e}0", "\u{feff}1", "1\u{200b}0", "", " ", "a\nb", "a\tb", "\u{1b}[31m", "a\u{7f}"]
            .map(OsString::from),
    );
    all.push("x".repeat(256).into());
    all.push("x".repeat(10_000).into());
    all.push(OsString::from_vec(vec![b'a', 0xff]));
    for release in &all {
        let mut command = spark(&work, &["run", "r.rules", "--config", "c"]);
        let mut word = OsString::from("--release=");
        word.push(release);
        command.arg(word);
        let output = ended(command);
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{release:?}\n{told}");
        assert!(
            !told.contains(|c: char| c.is_control() && !matches!(c, '\n' | '\t')),
            "{release:?} is told as {told:?}"
        );
    }
    let mut left: Vec<OsString> =
        fs::read_dir(&work).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    left.sort();
    assert_eq!(left, ["c", "r.rules"]);
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
}

/// A file that never ends or never begins, where a key, a token, a configuration, samples or evidence is expected, is an
/// error in bounded time.
#[test]
fn none_hangs() {
    let dir = tempfile::tempdir().unwrap();
    let rules = "edition 2026\nsignal p95 { is duration  from prometheus \"p95\"  expect <= 1s }\nplan p { stage 5% for 1s }\n";
    fs::write(dir.path().join("r.rules"), rules).unwrap();
    fs::create_dir_all(dir.path().join("evidence/x/sub")).unwrap();
    fs::write(dir.path().join("evidence/x/seal.json"), "{}").unwrap();
    pipe(&dir.path().join("pipe"));
    pipe(&dir.path().join("evidence/x/sub/pipe"));
    for words in [
        "decide r.rules --samples /dev/zero",
        "decide r.rules --samples /",
        "replay r.rules --samples /dev/zero",
        "decide r.rules --prometheus http://127.0.0.1:1 --token-file pipe",
        "decide r.rules --prometheus http://127.0.0.1:1 --token-file /dev/zero",
        "decide r.rules --prometheus http://127.0.0.1:1 --token-file /proc/self/environ",
        "decide r.rules --prometheus https://127.0.0.1:1 --ca-file /dev/zero",
        "check /dev/zero",
        "check /",
        "run r.rules --release 1 --config /dev/zero",
        "run r.rules --release 1 --config /",
        "evidence verify evidence/x",
        "evidence verify evidence/x --key /dev/zero",
        "evidence verify /dev/zero",
        "evidence verify /proc/self/fd",
        "evidence show /dev/zero",
        "evidence replay evidence/x",
        "import prometheus /dev/zero",
        "import prometheus /",
    ] {
        let output = ended(spark(dir.path(), &words.split(' ').collect::<Vec<_>>()));
        let code = output.status.code();
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(matches!(code, Some(1 | 2 | 12 | 13)), "{words} ends with {code:?}\n{told}");
        assert!(told.len() < 20_000, "{words} tells {} bytes", told.len());
    }
}
