//! The share that a probe says: `25`, `25%` or `{"share": 25}`, in percent.

use rust_decimal::Decimal;
use serde::Deserialize;

use super::text::excerpt;

/// Longest answer of a probe that is read: a number needs a line; what prints more is no probe.
const ANSWER_BYTES_MAX: usize = 4096;

/// A probe's answer as JSON. Other keys may stand there too; only this one counts.
#[derive(Deserialize)]
struct Answer {
    share: serde_json::Number,
}

/// The share in hundredths of a percent that a probe's output says.
///
/// # Errors
/// It does not say one: then the share is unknown, and why.
pub(crate) fn parse_share(text: &str) -> Result<u16, String> {
    let text = text.trim();
    if text.is_empty() {
        return Err("the probe said nothing; expected a share as `25`, `25%` or `{\"share\": 25}`".to_owned());
    }
    if text.len() > ANSWER_BYTES_MAX {
        return Err(format!("the probe said more than {ANSWER_BYTES_MAX} bytes; expected one share"));
    }
    let number = match text.starts_with('{') {
        true => {
            let answer: Answer = serde_json::from_str(text)
                .map_err(|error| format!("the probe said `{}`: {error}", excerpt(text.as_bytes())))?;
            answer.share.to_string()
        }
        false => text.strip_suffix('%').unwrap_or(text).trim_end().to_owned(),
    };
    share_bp(&number).ok_or_else(|| {
        let shown = excerpt(text.as_bytes());
        format!(
            "the probe said `{shown}`; expected a share from 0 to 100 percent with two decimals at most, as `25`, `25%` or `{{\"share\": 25}}`"
        )
    })
}

fn share_bp(number: &str) -> Option<u16> {
    // a sign, an exponent or a word is not what a share looks like
    if !number.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
        return None;
    }
    let share = Decimal::from_str_exact(number).ok()?;
    let bp = share.checked_mul(Decimal::ONE_HUNDRED)?.normalize();
    let bp = u16::try_from(bp).ok().filter(|_| bp.scale() == 0)?;
    (bp <= 10_000).then_some(bp)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A share is a plain number of percent; anything else is unknown, and says what was found.
    #[test]
    fn shares() {
        for (text, expected) in [
            ("25", Some(2500)),
            (" 25%\n", Some(2500)),
            ("0.05 %", Some(5)),
            ("12.50", Some(1250)),
            ("100", Some(10_000)),
            ("0", Some(0)),
            (r#"{"share": 25}"#, Some(2500)),
            (r#"{"share": 0.5, "at": "now"}"#, Some(50)),
            ("", None),
            ("100.01", None),
            ("101%", None),
            ("-0", None),
            ("+5", None),
            ("1e1", None),
            ("NaN", None),
            ("0.001", None),
            ("25 30", None),
            ("25\n25", None),
            ("%", None),
            (".", None),
            ("twenty", None),
            ("0x19", None),
            ("٢٥", None),
            (r#"{"share": "25"}"#, None),
            (r#"{"share": null}"#, None),
            (r#"{"share": 25, "share": 30}"#, None),
            (r#"{"weight": 25}"#, None),
            (r#"{"share": 25} {"share": 30}"#, None),
            ("99999999999999999999999999999999999999999", None),
        ] {
            assert_eq!(parse_share(text).ok(), expected, "{text}");
        }
        let error = parse_share(&"9".repeat(5000)).unwrap_err();
        assert_eq!(error, "the probe said more than 4096 bytes; expected one share");
        assert!(parse_share("n/a").unwrap_err().starts_with("the probe said `n/a`; expected a share"));
    }
}
