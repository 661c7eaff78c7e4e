//! Edits carried out: the one way in which a change becomes text.

use super::Edit;

/// `text` with the edits carried out. They may come in any order.
///
/// An edit that overlaps an earlier one, ends before it starts, lies outside of the text or splits a character is
/// left out: nothing is ever written that no edit says. Two insertions at one place are both carried out, in the
/// order in which they came.
///
/// ```
/// use spark_rules::{Edit, apply};
/// let edit = Edit { start: 5, end: 7, text: "400ms".to_owned() };
/// assert_eq!(apply("p95 >5%", &[edit]), "p95 >400ms");
/// ```
pub fn apply(text: &str, edits: &[Edit]) -> String {
    let mut order: Vec<&Edit> = edits.iter().collect();
    order.sort_by_key(|edit| (edit.start, edit.end));
    let mut result = String::with_capacity(text.len());
    let mut at = 0;
    for edit in order {
        let (start, end) = (edit.start as usize, edit.end as usize);
        // both cuts are tried before anything is written
        let Some(before) = text.get(at..start) else { continue };
        if text.get(start..end).is_none() {
            continue;
        }
        result.push_str(before);
        result.push_str(&edit.text);
        at = end;
    }
    result.push_str(text.get(at..).unwrap_or(""));
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Edits are carried out in order of place, and what cannot be carried out changes nothing.
    #[test]
    fn applied() {
        let edit = |start, end, text: &str| Edit { start, end, text: text.to_owned() };
        for (edits, expected) in [
            (vec![], "abcö"),
            (vec![edit(1, 2, "X")], "aXcö"),
            (vec![edit(2, 3, "Y"), edit(0, 1, "")], "bYö"),
            (vec![edit(1, 1, "1"), edit(1, 1, "2")], "a12bcö"),
            (vec![edit(0, 2, "X"), edit(1, 3, "Y")], "Xcö"),
            (vec![edit(2, 1, "X")], "abcö"),
            (vec![edit(4, 5, "X"), edit(9, 9, "X")], "abcö"),
            (vec![edit(3, 5, "o"), edit(5, 5, "!")], "abco!"),
        ] {
            assert_eq!(apply("abcö", &edits), expected, "{edits:?}");
        }
    }
}
