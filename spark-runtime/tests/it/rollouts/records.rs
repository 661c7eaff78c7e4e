//! What a rollout leaves behind, and that a change of it is found out.

use std::sync::Arc;

use spark_core::rollout::{Fact, Word};
use spark_runtime::audit::fold;
use spark_runtime::evidence::{self, EvidenceError, ReleaseId};
use spark_runtime::journal::JournalError;
use spark_runtime::release::{JOURNAL_NAME, OpenRelease, ReleaseError, read};

use super::Walk;

/// A journal whose chain is whole and whose facts were changed is found out all the same.
#[test]
fn changed_facts() {
    let walked = Walk::of(|n| Some(if n < 9 { 120 } else { 450 })).walk();
    let records = read(walked.folder()).unwrap();
    let check = |change: &dyn Fn(&mut Vec<spark_runtime::journal::Record>), what: &str| {
        let mut changed = records.clone();
        change(&mut changed);
        assert_ne!(changed, records, "{what}");
        assert!(fold(&changed, &mut |_: &_, _: &_| {}).is_err(), "{what}");
    };
    let replace = |from: &'static str, to: &'static str| {
        move |records: &mut Vec<spark_runtime::journal::Record>| {
            let found = records.iter_mut().find(|record| record.json.contains(from)).unwrap();
            found.json = found.json.replacen(from, to, 1);
        }
    };
    check(&replace("\"verdict\":\"rollback\"", "\"verdict\":\"hold\""), "another verdict");
    check(&replace("{\"value\":\"0.450\"}", "{\"value\":\"0.120\"}"), "another value");
    check(&replace("\"share_bp\":2500}", "\"share_bp\":5000}"), "another share");
    for word in ["\"fact\":\"sample\"", "\"fact\":\"intent\"", "\"fact\":\"decided\"", "\"fact\":\"probed\""]
    {
        let remove = |records: &mut Vec<spark_runtime::journal::Record>| {
            let place = records.iter().position(|record| record.json.contains(word)).unwrap();
            records.remove(place);
        };
        check(&remove, word);
    }
}

/// Whatever was said, showing the journal's file does nothing to a terminal, and it holds each word as it was said.
#[test]
fn harmless_to_show() {
    let hostile = "\u{1b}]0;owned\u{7}\u{9b}2J\u{202e}\u{2028}\u{7f}\u{feff} ışık 市場";
    let back = Word::Rollback { reason: hostile.to_owned(), stage: None };
    let walked = Walk::of(|_| Some(120)).saying(2, back.clone()).walk();
    let text = std::fs::read_to_string(walked.folder().join(JOURNAL_NAME)).unwrap();
    let shown: Vec<char> = text.chars().filter(|c| !c.is_ascii() || c.is_control()).collect();
    assert!(shown.iter().all(|c| *c == '\n' || c.is_alphabetic()), "{shown:?}");
    let mut said = Vec::new();
    let mut listen = |fact: &Fact, _: &_| {
        if let Fact::Word { said: word, .. } = fact {
            said.push(word.clone());
        }
    };
    fold(&read(walked.folder()).unwrap(), &mut listen).unwrap();
    assert_eq!(said, [back]);
}

/// Until the evidence is sealed, or given up, no other runner may have the rollout: it would write what is being sealed.
#[test]
fn sealed_alone() {
    for (stop_after, over) in [(4, false), (usize::MAX, true)] {
        let mut walked = Walk::of(|_| Some(120)).until(stop_after).walk();
        let root = walked.folder().parent().unwrap().to_owned();
        let open = || OpenRelease::open(&root, &ReleaseId::new("r1").unwrap()).map(drop);
        let held = |what: &str| {
            let refused = open().expect_err(what);
            let by = matches!(refused, ReleaseError::Journal(JournalError::Held { .. }));
            assert!(by, "{what}: {refused}");
        };
        held("before the seal");
        let key = evidence::throw_away_key().unwrap();
        walked.seal(&key).unwrap();
        evidence::verify(walked.folder(), &key.verifying_key()).unwrap();
        match (over, open()) {
            (true, Err(ReleaseError::Over { .. })) | (false, Ok(_)) => {}
            (_, other) => panic!("{other:?}"),
        }
    }
    let given_up = Walk::of(|_| Some(120)).until(4).walk();
    let (folder, dir) = (given_up.folder().to_owned(), Arc::clone(&given_up.dir));
    drop(given_up);
    OpenRelease::open(folder.parent().unwrap(), &ReleaseId::new("r1").unwrap()).unwrap();
    drop(dir);
}

/// Sealed evidence verifies; whatever is changed, lost, added or linked in it is found, and so is any other key.
#[test]
fn tampered_evidence() {
    let mut walked = Walk::of(|_| Some(120)).walk();
    let key = evidence::throw_away_key().unwrap();
    let sealed = walked.seal(&key).unwrap();
    let folder = walked.folder();
    let public = evidence::public_key(&evidence::key_beside(folder)).unwrap();
    assert_eq!(evidence::verify(folder, &public).unwrap(), sealed);

    let untrue = |what: &str| {
        let error = evidence::verify(folder, &public).expect_err(what);
        assert!(error.is_untrue(), "{what}: {error}");
        error.to_string()
    };
    let journal = folder.join(JOURNAL_NAME);
    let good = std::fs::read(&journal).unwrap();
    std::fs::write(&journal, &good[..good.len() - 1]).unwrap();
    assert!(
        untrue("shortened").starts_with("the content is not what was sealed: `journal.jsonl` was changed")
    );
    std::fs::remove_file(&journal).unwrap();
    assert_eq!(untrue("removed"), "the content is not what was sealed: `journal.jsonl` is missing");
    #[cfg(unix)]
    {
        let elsewhere = folder.parent().unwrap().join("elsewhere");
        std::fs::write(&elsewhere, &good).unwrap();
        std::os::unix::fs::symlink(&elsewhere, &journal).unwrap();
        assert_eq!(untrue("linked"), "`journal.jsonl` cannot be evidence: it is a symbolic link");
        std::fs::remove_file(&journal).unwrap();
    }
    std::fs::write(&journal, &good).unwrap();
    std::fs::write(folder.join("stages/more.json"), "{}").unwrap();
    assert_eq!(untrue("added"), "the content is not what was sealed: `stages/more.json` was added");
    std::fs::remove_file(folder.join("stages/more.json")).unwrap();
    std::fs::create_dir(folder.join("empty")).unwrap();
    assert_eq!(untrue("folder"), "`empty` cannot be evidence: it is an empty folder");
    std::fs::remove_dir(folder.join("empty")).unwrap();
    evidence::verify(folder, &public).unwrap();

    let other = evidence::throw_away_key().unwrap().verifying_key();
    assert!(matches!(evidence::verify(folder, &other), Err(EvidenceError::BadSignature { .. })));
}

/// No byte of the seal can change, go or come unnoticed.
#[test]
fn every_byte_of_the_seal() {
    let mut walked = Walk::of(|_| Some(120)).walk();
    let key = evidence::throw_away_key().unwrap();
    walked.seal(&key).unwrap();
    let path = walked.folder().join(evidence::SEAL_NAME);
    let good = std::fs::read(&path).unwrap();
    let check = |bytes: &[u8], what: String| {
        std::fs::write(&path, bytes).unwrap();
        let error = evidence::verify(walked.folder(), &key.verifying_key()).expect_err(&what);
        assert!(error.is_untrue(), "{what}: {error}");
    };
    // the payload is one text under one signature: a sample of its bytes, and every other byte
    let payload = good.windows(11).position(|bytes| bytes == b"\"payload\":\"").unwrap() + 11;
    let payload_end = payload + good[payload..].iter().position(|byte| *byte == b'"').unwrap();
    let sampled = (0..good.len()).filter(|place| !(payload..payload_end).contains(place) || place % 37 == 0);
    for place in sampled {
        let mut changed = good.clone();
        changed[place] ^= 1;
        check(&changed, format!("byte {place} changed"));
    }
    check(&good[..good.len() - 1], "the last byte lost".to_owned());
    check(&[&good[..], b"\n"].concat(), "a byte more".to_owned());
    check(b"", "emptied".to_owned());
    std::fs::remove_file(&path).unwrap();
    let gone = evidence::verify(walked.folder(), &key.verifying_key());
    assert!(matches!(gone, Err(EvidenceError::NotSealed(_))));
}

/// A release's name stays within the evidence folder, and its evidence is written once.
#[test]
fn release_names() {
    for bad in ["", ".", "..", "../up", "a/b", "-x", "a b", "é", "1.0.pub", "1.0.Reserve", &"x".repeat(129)]
    {
        assert!(ReleaseId::new(bad).is_err(), "{bad}");
    }
    for good in ["1.2.3", "2026-01-05.1", "v1_rc-2", &"x".repeat(128)] {
        assert!(ReleaseId::new(good).is_ok(), "{good}");
    }
}

/// Keys are in the PEM that others read, the private half for its owner alone, and never overwritten.
#[test]
fn keys() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("release.key");
    let (key, public) = evidence::keygen(&path).unwrap();
    assert_eq!(evidence::private_key(&path).unwrap().verifying_key(), key.verifying_key());
    // without the public half, as `openssl genpkey` writes it: OpenSSL 3.0 reads no other
    let text = std::fs::read_to_string(&path).unwrap();
    let body = text.lines().nth(1).unwrap();
    assert!(body.starts_with("MC4CAQAwBQYDK2VwBCIEI") && body.len() == 64, "not of version 1");
    assert_eq!(evidence::public_key(&public).unwrap(), key.verifying_key());
    assert!(std::fs::read_to_string(&public).unwrap().starts_with("-----BEGIN PUBLIC KEY-----\n"));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
    assert!(matches!(evidence::keygen(&path), Err(EvidenceError::KeyExists(_))));
    std::fs::remove_file(&public).unwrap();
    assert!(matches!(evidence::keygen(&path), Err(EvidenceError::KeyExists(_))));
    assert!(matches!(evidence::public_key(&path), Err(EvidenceError::BadKey { .. })));
}
