//! A real chronyd on this machine, at the right time and 7.5 s ahead.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use spark_core::TimeSpan;
use spark_runtime::probe::Ntp;
use tempfile::TempDir;

use super::{fails, holds, measured, number, passes, until_it_passes};

struct Chrony {
    child: Child,
    port: u16,
    _folder: TempDir,
}

impl Drop for Chrony {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Where chronyd is: on the machine, or unpacked beside the build by `./test`.
fn program() -> PathBuf {
    let unpacked = std::env::current_exe().unwrap();
    let unpacked = unpacked.ancestors().nth(3).unwrap().join("parts/usr/sbin/chronyd");
    [PathBuf::from("/usr/sbin/chronyd"), unpacked].into_iter().find(|path| path.exists()).unwrap_or_else(
        || {
            panic!(
                "`chronyd` is not there: ./test unpacks it, or install it: apt-get install chrony faketime"
            )
        },
    )
}

impl Chrony {
    fn start(ahead: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let port = std::net::UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let path = folder.path().join("chrony.conf");
        let config = format!(
            "port {port}\nbindaddress 127.0.0.1\nallow 127.0.0.1\nlocal stratum 3\ncmdport 0\nbindcmdaddress /\npidfile {}\n",
            folder.path().join("pid").display()
        );
        std::fs::write(&path, config).unwrap();
        let user = Command::new("id").arg("-un").output().unwrap();
        let user = String::from_utf8(user.stdout).unwrap();
        // it sets no clock (-x), needs no rights (-U), and a filter of calls would forbid the faked time (-F 0)
        let words = super::ahead(ahead);
        let child = Command::new(&words[0])
            .args(&words[1..])
            .arg(program())
            .args(["-x", "-U", "-d", "-F", "0", "-u", user.trim(), "-f"])
            .arg(&path)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self { child, port, _folder: folder }
    }

    fn server(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }
}

fn probe(servers: Vec<String>) -> Ntp {
    Ntp { servers, timeout: TimeSpan::from_seconds(1) }
}

/// A clock that agrees has next to no drift; a server 7.5 s ahead is measured to within half a second, and counts although
/// another agrees; where none answers the drift is unknown.
#[tokio::test]
async fn servers_of_time() {
    let (right, other, ahead) = (Chrony::start("+0s"), Chrony::start("+0s"), Chrony::start("+7.5s"));
    let silent = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let silent = silent.local_addr().unwrap().to_string();
    let mut found = measured(probe(vec![right.server(), ahead.server()])).await;
    for _ in 0..20 {
        if number(&found, "answered") == 2.into() {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        found = measured(probe(vec![right.server(), ahead.server()])).await;
    }
    for name in ["drift", "spread"] {
        let value = number(&found, name);
        assert!(value > "7".parse().unwrap() && value < "8".parse().unwrap(), "{found:?}");
    }
    fails("clock", &found);
    let found = until_it_passes("clock", || probe(vec![right.server(), other.server()])).await;
    passes("clock", &found);
    let found = measured(probe(vec![right.server(), silent.clone()])).await;
    holds(&found, &[("servers", "2"), ("answered", "1"), ("stratum", "3"), ("leap_warnings", "0")]);
    assert!(number(&found, "drift") < "0.5".parse().unwrap(), "{found:?}");
    let none = measured(probe(vec![silent])).await.unwrap();
    assert_eq!(none.value("drift").to_string(), "unknown: no server told the time");
    fails("clock", &Ok(none));
}
