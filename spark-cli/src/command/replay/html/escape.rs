//! Text of others in a page: nothing in it is markup or a script.

pub(in super::super) use crate::command::markup::escaped as text;

/// JSON inside of a `script` element: it cannot end it, nor open a comment in it.
pub(super) fn json(json: &str) -> String {
    json.replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026")
}

#[cfg(test)]
mod tests {
    /// What looks like markup stays text in data.
    #[test]
    fn data_is_no_markup() {
        let attack = "</script><script>alert(1)</script><!-- \" onload='x' & \u{0}";
        let json = super::json(&serde_json::to_string(attack).unwrap());
        assert!(!json.contains(['<', '>', '&']), "{json}");
        assert_eq!(serde_json::from_str::<String>(&json).unwrap(), attack);
    }
}
