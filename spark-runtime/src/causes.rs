//! Errors in one line: the first alone often says only that something failed.

use std::error::Error;

/// An error with what lies behind it, in one line; what an error repeats of its cause is said once.
///
/// ```
/// let error = std::io::Error::other("the disk is full");
/// assert_eq!(spark_runtime::causes::in_one_line(&error), "the disk is full");
/// ```
pub fn in_one_line(error: &dyn Error) -> String {
    let mut words = error.to_string();
    let mut cause = error.source();
    while let Some(behind) = cause {
        let text = behind.to_string();
        if !words.ends_with(&text) {
            words.push_str(": ");
            words.push_str(&text);
        }
        cause = behind.source();
    }
    words
}
