//! Evidence in the hands of others: verified by programs that are not Spark's, and stamped by an authority.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::cases::{printed, run, text};

/// A folder `evidence/1.0`, sealed with `release.key`.
fn sealed() -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    let dir = root.path().join("evidence/1.0");
    fs::create_dir_all(dir.join("stages")).unwrap();
    fs::create_dir_all(dir.join("rules")).unwrap();
    fs::write(dir.join("result.json"), "{\"result\":\"completed\"}\n").unwrap();
    fs::write(dir.join("rules/0-release (old).rules"), "edition 2026\n").unwrap();
    fs::write(dir.join("stages/1-summary.json"), "{\"stage\":1}\n").unwrap();
    printed(root.path(), "spark evidence keygen release.key", 0);
    printed(root.path(), "spark evidence seal evidence/1.0 --key release.key", 0);
    root
}

/// A script of the manual.
fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/evidence").join(name).canonicalize().unwrap()
}

/// Runs a program, which must be there: `install` says how it comes there.
fn tool(dir: &Path, install: &str, line: &[&str]) -> Output {
    let output = Command::new(line[0]).args(&line[1..]).current_dir(dir).output();
    output.unwrap_or_else(|error| panic!("`{}`: {error}; install it: {install}", line[0]))
}

/// Another program must find a good folder good, and each bad one bad, as `spark` does.
fn check(verify: &dyn Fn(&Path) -> Output) {
    let root = sealed();
    let dir = root.path();
    let good = verify(dir);
    assert!(good.status.success(), "{}{}", text(&good.stdout), text(&good.stderr));
    let folder = dir.join("evidence/1.0");
    let changes: [(&str, &dyn Fn()); 6] = [
        ("changed", &|| fs::write(folder.join("result.json"), "{}").unwrap()),
        ("lost", &|| fs::remove_file(folder.join("stages/1-summary.json")).unwrap()),
        ("added", &|| fs::write(folder.join("stages/more"), "").unwrap()),
        ("renamed", &|| fs::rename(folder.join("result.json"), folder.join("stages/result.json")).unwrap()),
        ("seal of another", &|| {
            let seal = fs::read_to_string(folder.join("seal.json")).unwrap();
            let (head, payload) = seal.split_once("\"payload\":\"").unwrap();
            let changed = payload.replacen('M', "N", 1);
            fs::write(folder.join("seal.json"), format!("{head}\"payload\":\"{changed}")).unwrap();
        }),
        ("another key", &|| {
            printed(dir, "spark evidence keygen other.key", 0);
            fs::copy(dir.join("other.key.pub"), dir.join("evidence/1.0.pub")).unwrap();
        }),
    ];
    let saved = dir.join("saved");
    let copy = |from: &Path, to: &Path| {
        let _ = fs::remove_dir_all(to);
        assert!(Command::new("cp").arg("-a").arg(from).arg(to).status().unwrap().success());
    };
    copy(&dir.join("evidence"), &saved);
    for (what, change) in changes {
        change();
        assert_eq!(run(dir, "spark evidence verify evidence/1.0").status.code(), Some(13), "{what}");
        let bad = verify(dir);
        assert_eq!(bad.status.code(), Some(13), "{what}: {}{}", text(&bad.stdout), text(&bad.stderr));
        copy(&saved, &dir.join("evidence"));
    }
    assert!(verify(dir).status.success());
}

/// The manual's recipe of OpenSSL and sha256sum finds what Spark finds.
#[test]
fn openssl_and_sha256sum() {
    let script = script("verify.sh");
    check(&|dir| {
        let line =
            ["sh", script.to_str().unwrap(), "evidence/1.0", &format!("{}/evidence/1.0.pub", dir.display())];
        tool(dir, "apt-get install openssl", &line)
    });
}

/// The in-toto project's own library for Python finds what Spark finds.
#[test]
fn securesystemslib() {
    let venv = Path::new(env!("CARGO_TARGET_TMPDIR")).join("securesystemslib-1.6.0");
    let python = venv.join("bin/python");
    let ready = venv.join("ready");
    if !ready.exists() {
        let install = "apt-get install python3-venv";
        let made = tool(Path::new("."), install, &["python3", "-m", "venv", venv.to_str().unwrap()]);
        assert!(made.status.success(), "{}; install it: {install}", text(&made.stderr));
        let pip = [python.to_str().unwrap(), "-m", "pip", "install", "-q", "securesystemslib[crypto]==1.6.0"];
        let installed = tool(Path::new("."), install, &pip);
        assert!(installed.status.success(), "{}", text(&installed.stderr));
        fs::write(ready, "").unwrap();
    }
    let script = script("verify.py");
    check(&|dir| {
        let line = [python.to_str().unwrap(), script.to_str().unwrap(), "evidence/1.0", "evidence/1.0.pub"];
        tool(dir, "apt-get install python3-venv", &line)
    });
}

fn openssl(dir: &Path, line: &str) {
    let line: Vec<&str> = std::iter::once("openssl").chain(line.split(' ')).collect();
    let output = tool(dir, "apt-get install openssl", &line);
    assert!(output.status.success(), "{line:?}: {}", text(&output.stderr));
}

/// A time stamping authority: its certificates, and OpenSSL behind a small HTTP server on this machine.
fn authority(dir: &Path, new_key: &str, digest: &str) -> String {
    let ca = "-addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign";
    openssl(
        dir,
        &format!("req -x509 {new_key} -nodes -keyout ca.key -out ca.pem -subj /CN=ca -days 3650 {ca}"),
    );
    fs::write(
        dir.join("ext"),
        "extendedKeyUsage=critical,timeStamping\nkeyUsage=critical,digitalSignature\n",
    )
    .unwrap();
    openssl(dir, &format!("req {new_key} -nodes -keyout tsa.key -out tsa.csr -subj /CN=tsa"));
    let sign =
        "x509 -req -in tsa.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 365 -extfile ext -out tsa.pem";
    openssl(dir, sign);
    let config = format!(
        "[tsa]\ndefault_tsa = one\n[one]\nserial = {0}/serial\ndefault_policy = 1.2.3.4\nsigner_digest = {digest}\n\
         digests = sha256\naccuracy = secs:1\nordering = yes\ness_cert_id_alg = sha256\n\
         signer_cert = {0}/tsa.pem\nsigner_key = {0}/tsa.key\n",
        dir.display()
    );
    fs::write(dir.join("tsa.cnf"), config).unwrap();
    fs::write(dir.join("serial"), "01\n").unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let dir = dir.to_owned();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut asked = Vec::new();
            let mut byte = [0];
            while !asked.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|read| read == 1) {
                asked.push(byte[0]);
            }
            let head = text(&asked).to_ascii_lowercase();
            assert!(head.contains("content-type: application/timestamp-query"), "{head}");
            let length = head.split_once("content-length: ").unwrap().1.split('\r').next().unwrap();
            let mut query = vec![0; length.parse().unwrap()];
            stream.read_exact(&mut query).unwrap();
            fs::write(dir.join("query.tsq"), query).unwrap();
            openssl(&dir, "ts -reply -config tsa.cnf -queryfile query.tsq -out reply.tsr");
            let reply = fs::read(dir.join("reply.tsr")).unwrap();
            let head = "HTTP/1.1 200 OK\r\nContent-Type: application/timestamp-reply\r\nConnection: close";
            let _ = write!(stream, "{head}\r\nContent-Length: {}\r\n\r\n", reply.len());
            let _ = stream.write_all(&reply);
        }
    });
    url
}

/// An authority's token is fetched, kept and checked; OpenSSL takes it too; it is of no older folder, and no bit of it flips.
#[test]
fn time_stamps() {
    for (key, digest) in
        [("-newkey ec -pkeyopt ec_paramgen_curve:P-256", "sha256"), ("-newkey rsa:2048", "sha512")]
    {
        stamped(key, digest);
    }
}

fn stamped(key: &str, digest: &str) {
    let root = sealed();
    let dir = root.path();
    let url = authority(dir, key, digest);
    let saved = dir.join("saved");
    assert!(Command::new("cp").arg("-a").arg(dir.join("evidence")).arg(&saved).status().unwrap().success());
    fs::write(dir.join("evidence/1.0/later.json"), "{}").unwrap();
    printed(dir, "spark evidence seal evidence/1.0 --key release.key", 0);
    let told = printed(dir, &format!("spark evidence timestamp evidence/1.0 --tsa {url} --tsa-ca ca.pem"), 0);
    assert!(told.starts_with("stamped: an authority saw seal "), "{told}");
    openssl(dir, "ts -verify -data evidence/1.0/seal.json -in evidence/1.0.tsr -CAfile ca.pem");
    let verify = "spark evidence verify evidence/1.0 --timestamp evidence/1.0.tsr --tsa-ca";
    let told = printed(dir, &format!("{verify} ca.pem"), 0);
    assert!(told.contains("time stamp: an authority saw this seal at 20"), "{told}");

    let good = printed(dir, &format!("{verify} ca.pem --format json"), 0);
    let good: serde_json::Value = serde_json::from_str(&good).unwrap();

    // the authority's certificates are those of another
    fs::create_dir(dir.join("other")).unwrap();
    authority(&dir.join("other"), key, digest);
    refused(dir, &format!("{verify} other/ca.pem"), "is not of the authority that is trusted");
    let token = fs::read(dir.join("evidence/1.0.tsr")).unwrap();
    for place in (0..token.len()).step_by(13) {
        let mut changed = token.clone();
        changed[place] ^= 1 << (place % 8);
        fs::write(dir.join("changed.tsr"), &changed).unwrap();
        let line = "spark evidence verify evidence/1.0 --timestamp changed.tsr --tsa-ca ca.pem --format json";
        let output = run(dir, line);
        let told: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        // a few bits carry no meaning that is signed: the certificates of others, and the words of the status
        let same = output.status.code() == Some(0) && told["timestamp"] == good["timestamp"];
        assert!(same || output.status.code() == Some(13), "byte {place}: {told}");
    }
    for length in [0, 1, 20, token.len() / 2, token.len() - 1] {
        fs::write(dir.join("changed.tsr"), &token[..length]).unwrap();
        refused(
            dir,
            "spark evidence verify evidence/1.0 --timestamp changed.tsr --tsa-ca ca.pem",
            "does not hold",
        );
    }
    // the whole folder set back, with the token kept elsewhere
    fs::rename(dir.join("evidence/1.0.tsr"), dir.join("kept.tsr")).unwrap();
    fs::rename(dir.join("evidence"), dir.join("newest")).unwrap();
    fs::rename(&saved, dir.join("evidence")).unwrap();
    printed(dir, "spark evidence verify evidence/1.0", 0);
    refused(
        dir,
        "spark evidence verify evidence/1.0 --timestamp kept.tsr --tsa-ca ca.pem",
        "it is of another seal",
    );
    // an authority that is not there says nothing about the evidence
    let gone = run(dir, "spark evidence timestamp evidence/1.0 --tsa http://127.0.0.1:1/ --tsa-ca ca.pem");
    assert_eq!(gone.status.code(), Some(1), "{}", text(&gone.stderr));
}

fn refused(dir: &Path, line: &str, expected: &str) {
    let output = run(dir, line);
    let told = text(&output.stderr);
    assert_eq!(output.status.code(), Some(13), "{line}: {told}");
    assert!(told.contains(expected), "{line}: {told}");
}
