//! Toxiproxy's published client for Node.js, as the check from outside.

use std::path::Path;
use std::process::Command;

use crate::server::Server;

/// What Toxiproxy's own client asks is done, and each toxic does to a TCP stream what Toxiproxy says of it.
#[test]
fn toxiproxys_client_is_served() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/client");
    // beside the build, so that the tree stays as it is
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("toxiproxy-client");
    std::fs::create_dir_all(&folder).unwrap();
    let changed = std::fs::read(source.join("package-lock.json")).unwrap()
        != std::fs::read(folder.join("package-lock.json")).unwrap_or_default();
    for name in ["package.json", "package-lock.json", "toxics.test.mjs"] {
        std::fs::copy(source.join(name), folder.join(name)).unwrap();
    }
    if changed || !folder.join("node_modules/toxiproxy-node-client").exists() {
        let words = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"];
        run(Command::new("npm").args(words).current_dir(&folder));
    }
    let server = Server::start(&[]);
    run(Command::new("node")
        .args(["--test", "toxics.test.mjs"])
        .env("FAULT_PROXY", &server.url)
        .current_dir(&folder));
}

fn run(command: &mut Command) {
    let output = command.output().unwrap_or_else(|error| {
        panic!("{command:?} does not start ({error}); install it: apt-get install nodejs npm")
    });
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{command:?}:\n{text}\n{}", String::from_utf8_lossy(&output.stderr));
}
