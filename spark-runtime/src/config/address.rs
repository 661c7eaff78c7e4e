//! What may stand as an address: no password, no token, nothing that logs must not show.

use reqwest::Url;

use crate::http::check_address;

/// Words in the name of a query's parameter that tell of a secret. Logs and evidence keep whole addresses.
const SECRET_WORDS: [&str; 10] =
    ["token", "secret", "password", "passwd", "pwd", "apikey", "auth", "signature", "credential", "session"];

/// Names that are one as a whole.
const SECRET_NAMES: [&str; 6] = ["key", "api-key", "api_key", "sig", "access_key", "code"];

/// Whether `text` is an address that may be asked, with a query where `queries` are allowed.
///
/// The words do not repeat it, and continue a sentence that begins with it.
pub(super) fn check(text: &str, queries: bool) -> Result<(), String> {
    const EXPECTED: &str = "is no address: expected one such as http://host:9090";
    let url = Url::parse(text).map_err(|_| EXPECTED.to_owned())?;
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return Err(EXPECTED.to_owned());
    }
    // it says "this is no address: …", and what is wrong may be a password
    check_address(text).map_err(|words| words.trim_start_matches("this ").to_owned())?;
    if url.fragment().is_some() {
        return Err("has a `#`, which no server ever sees: leave it out".to_owned());
    }
    if !queries && url.query().is_some() {
        return Err("has a `?`: expected the address alone, what is asked comes behind it".to_owned());
    }
    match url.query_pairs().find(|(name, _)| is_secret(name)) {
        Some(_) => Err(
            "has a secret in its query, where logs would show it: use a header from `token-file`, or name \
             where the whole address is, as { env: NAME }"
                .to_owned(),
        ),
        None => Ok(()),
    }
}

fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    SECRET_NAMES.contains(&name.as_str())
        || SECRET_WORDS.iter().any(|word| name.replace(['-', '_'], "").contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An address is one that may stand in a log.
    #[test]
    fn addresses() {
        for (text, queries, good) in [
            ("http://prom:9090", false, true),
            ("https://prom.example/base/", false, true),
            ("http://h:1/probe?target=x&module=y", true, true),
            ("http://h:1/probe?target=x", false, false),
            ("http://u:hunter2@h:1/", true, false),
            ("http://hunter2@h:1/", true, false),
            ("http://h:1/?access_token=hunter2", true, false),
            ("http://h:1/?sig=hunter2", true, false),
            ("http://h:1/?X-Amz-Signature=hunter2", true, false),
            ("http://h:1/#hunter2", true, false),
            ("file:///etc/passwd", true, false),
            ("localhost:9090", true, false),
            ("http://", true, false),
            ("", true, false),
        ] {
            let found = check(text, queries);
            assert_eq!(found.is_ok(), good, "{text}: {found:?}");
            assert!(!found.is_err_and(|words| words.contains("hunter2")), "{text}");
        }
    }
}
