//! What must not come out of what commands and services say: the secrets that a configuration leads to, in the forms in which
//! they are repeated.

use std::path::Path;

use reqwest::Url;

use super::Secret;
use crate::config::{ExposeSecret, SecretSource, of_process};

/// Shortest value of a variable that is taken for a secret: shorter ones are words, such as `prod` or a region, which
/// would be hidden everywhere.
const VALUE_BYTES_MIN: usize = 8;

/// Shortest line of a secret that is hidden by itself: those of a PEM key have 64 characters.
const LINE_BYTES_MIN: usize = 16;

/// What stands at both ends of a PEM key, and is no secret.
const BOUNDARY: &str = "-----";

/// What the sources hold now. What cannot be read hides nothing: whoever needs it says so.
pub(crate) fn held(sources: &[SecretSource]) -> Vec<Secret> {
    let read = sources.iter().filter_map(|source| source.read(&of_process).ok());
    read.flat_map(|secret| forms(secret.expose_secret())).collect()
}

/// The values of variables that commands are given. One that names a file is where something is, such as
/// `KUBECONFIG`; any other may be a secret, and nobody can tell by its name.
pub(crate) fn given(variables: &[String]) -> Vec<Secret> {
    let values = variables.iter().filter_map(|name| of_process(name));
    let secret = |value: &String| value.trim().len() >= VALUE_BYTES_MIN && !Path::new(value.trim()).exists();
    values.filter(secret).flat_map(|value| forms(value.trim())).collect()
}

/// A secret as it is repeated: whole, each line of a key, the password of an address and what stands behind its host.
pub(crate) fn forms(secret: &str) -> Vec<Secret> {
    let mut forms = vec![secret.to_owned()];
    let lines = secret.lines().map(str::trim).filter(|line| !line.starts_with(BOUNDARY));
    forms.extend(lines.filter(|line| line.len() >= LINE_BYTES_MIN && *line != secret).map(str::to_owned));
    if let Ok(url) = Url::parse(secret)
        && url.has_host()
    {
        if let Some(password) = url.password() {
            forms.push(password.to_owned());
            forms.extend(decoded(password));
        }
        let path = url.path().trim_start_matches('/');
        forms.extend((path.len() >= LINE_BYTES_MIN).then(|| path.to_owned()));
        forms.extend(url.query().filter(|query| query.len() >= VALUE_BYTES_MIN).map(str::to_owned));
    }
    forms.into_iter().map(Secret::new).collect()
}

/// A text with its `%XX` replaced; nothing where there are none, or where they are no text.
fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, behind)) = rest.split_first() {
        let digits = behind.get(..2).filter(|_| *first == b'%').and_then(|hex| std::str::from_utf8(hex).ok());
        match digits.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = behind.get(2..).unwrap_or_default();
            }
            None => {
                bytes.push(*first);
                rest = behind;
            }
        }
    }
    String::from_utf8(bytes).ok().filter(|decoded| decoded != text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(secret: &str) -> Vec<String> {
        forms(secret).iter().map(|form| form.expose().to_owned()).collect()
    }

    /// A key's lines, an address' password in both spellings, and the part of a chat service's address that is its secret.
    #[test]
    fn every_form() {
        assert_eq!(shown("s3cr3t"), ["s3cr3t"]);
        let key = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIAAA\n-----END PRIVATE KEY-----";
        assert_eq!(shown(key), [key, "MC4CAQAwBQYDK2VwBCIEIAAA"]);
        let database = "postgres://spark:p%40ss%2Fword@db/spark";
        assert_eq!(shown(database), [database, "p%40ss%2Fword", "p@ss/word"]);
        let chat = "https://hooks.example/services/T0/B0/XXXXXXXX?key=12345678";
        assert_eq!(shown(chat), [chat, "services/T0/B0/XXXXXXXX", "key=12345678"]);
    }

    /// What a command is given is hidden, unless it is the name of a file, too short, or not there.
    #[test]
    fn variables() {
        let names = ["PATH", "HOME", "SPARK_TEST_NOT_SET"].map(str::to_owned);
        let home = std::env::var("HOME").unwrap_or_default();
        let given = given(&names);
        assert!(given.iter().any(|form| Some(form.expose()) == of_process("PATH").as_deref()));
        assert!(given.iter().all(|form| form.expose() != home));
    }
}
