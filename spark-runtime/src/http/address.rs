//! Addresses: which can be asked, and what of them people are shown.

use reqwest::Url;

use super::HttpFailure;

/// Whether `text` is an address that can be asked: `http` or `https`, and no credentials in it. Nothing is asked yet.
///
/// # Errors
/// It is not, and why.
pub fn check_address(text: &str) -> Result<(), String> {
    address(text).map(drop).map_err(|failure| failure.to_string())
}

/// An `http` or `https` address without credentials in it.
pub(super) fn address(text: &str) -> Result<Url, HttpFailure> {
    // an address parser drops or turns these, so that a reader sees another address than is asked
    if text.contains(|c: char| c.is_control() || c.is_whitespace() || c == '\\') {
        let reason = "a space, a control character or a backslash stands in it";
        return Err(HttpFailure::Address(reason.to_owned()));
    }
    let url = Url::parse(text).map_err(|error| HttpFailure::Address(format!("{error}")))?;
    let authority = text.split_once("://").map_or("", |(_, behind)| behind);
    let authority = authority.split(['/', '?', '#']).next().unwrap_or_default();
    // an empty name and password are dropped in silence, and a reader takes what stands before the sign for the host
    if !url.username().is_empty() || url.password().is_some() || authority.contains('@') {
        let reason = "a name or password stands in it, where logs would show it: use a token file";
        return Err(HttpFailure::Address(reason.to_owned()));
    }
    match url.scheme() {
        "http" | "https" => Ok(url),
        other => Err(HttpFailure::Address(format!("expected http or https, found `{other}`"))),
    }
}

/// An address in its one spelling, to tell whether two are the same; what is no address stays as it is.
pub(crate) fn one_spelling(text: &str) -> String {
    address(text).map_or_else(|_| text.to_owned(), String::from)
}

/// An address for people, as [`without_query`]; what is no address is not repeated.
pub(crate) fn shown_address(text: &str) -> String {
    let Ok(url) = address(text) else { return "an address that is none".to_owned() };
    let shown = without_query(&url);
    // the reader's own words where nothing but the root's slash was left out of them
    match shown.strip_suffix('/') == Some(text) {
        true => text.to_owned(),
        false => shown,
    }
}

/// An address for people; what is none is not repeated.
pub(crate) fn shown(url: &str) -> String {
    address(url).map_or_else(|failure| failure.to_string(), |url| without_query(&url))
}

/// An address for people: what stands in a query may be a key.
pub(super) fn without_query(url: &Url) -> String {
    let mut shown = url.clone();
    shown.set_fragment(None);
    if url.query().is_some() {
        shown.set_query(Some("…"));
        // the three bytes of the sign would be shown as `%E2%80%A6`
        return shown.as_str().replace("%E2%80%A6", "…");
    }
    shown.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An address is shown as its writer spelled it, a root's slash more or less; never a key in its query.
    #[test]
    fn shown() {
        for (text, expected) in [
            ("http://a", "http://a"),
            ("http://a/", "http://a/"),
            ("http://a/metrics", "http://a/metrics"),
            ("http://A:80/metrics", "http://a/metrics"),
            ("http://a?key=secret", "http://a/?…"),
            ("http://a/#secret", "http://a/"),
            ("http://u:secret@a", "an address that is none"),
        ] {
            assert_eq!(shown_address(text), expected);
        }
    }

    /// An address is http or https, without a password; the password is not repeated.
    #[test]
    fn addresses() {
        assert!(address("http://127.0.0.1:9090/x").is_ok());
        for (text, expected) in [
            ("ftp://h/", "this is no address: expected http or https, found `ftp`"),
            ("localhost:9090", "this is no address: expected http or https, found `localhost`"),
            (
                "http://u:secret@h/",
                "this is no address: a name or password stands in it, where logs would show it: use a token file",
            ),
            ("", "this is no address: relative URL without a base"),
            ("http://h\\@e/", "this is no address: a space, a control character or a backslash stands in it"),
        ] {
            assert_eq!(address(text).unwrap_err().to_string(), expected);
        }
    }
}
