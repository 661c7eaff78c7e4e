//! The proof that two texts say the same: the same words, the same comments, the same tree.

use super::pieces::Pieces;
use crate::ast::File;

/// Where the words, comments or trees of two texts part first, as the text of the word before; none where they agree.
pub(super) fn difference(text: &str, tree: &File, other_text: &str, other_tree: &File) -> Option<String> {
    let (one, other) = (Pieces::of(text), Pieces::of(other_text));
    for place in 0..one.len().max(other.len()) {
        let what = |pieces: &Pieces<'_>| pieces.get(place).map(|piece| piece.what);
        let comment = what(&one) == what(&other) && one.is_trailing(place) == other.is_trailing(place);
        if !comment || one.text(place) != other.text(place) {
            return Some(one.text(place).to_owned());
        }
    }
    if tree.items.len() != other_tree.items.len() {
        return Some("the number of blocks".to_owned());
    }
    // one item at a time: the words of a whole tree would take many times the text's memory
    let mut pairs = tree.items.iter().zip(&other_tree.items);
    let parted = pairs.find(|(one, other)| without_spans(one) != without_spans(other))?;
    Some(format!("{:?}", parted.0).chars().take(80).collect())
}

/// A tree as words, the places left out.
fn without_spans(tree: &impl std::fmt::Debug) -> String {
    const SPAN: &str = "SourceSpan {";
    let words = format!("{tree:?}");
    let mut parts = words.split(SPAN);
    let mut result = parts.next().unwrap_or("").to_owned();
    for part in parts {
        result.push_str(part.split_once('}').map_or("", |(_, rest)| rest));
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    fn differ(one: &str, other: &str) -> bool {
        let (first, ..) = crate::parser::parse(0, one);
        let (second, ..) = crate::parser::parse(0, other);
        difference(one, &first, other, &second).is_some()
    }

    /// Layout alone is no difference; a word, a comment, its place on a line or a trigger's end is one.
    #[test]
    fn told_apart() {
        let text = "signal a { is ratio from push } # one\nhold when a > 5%  given a > 1%\n# two\n";
        assert!(!differ(
            text,
            "signal a {\n is ratio\n from push\n} # one\n\nhold when a > 5% given a > 1%\n # two  \n"
        ));
        for other in [
            text.replace("5%", "5.0%"),
            text.replace("push }", "push}"),
            text.replace("one", "on"),
            text.replace("# one", "\n# one"),
            text.replace("# two\n", ""),
            text.replace(" given", "\ngiven"),
            format!("{text}signal b {{}}"),
        ] {
            assert_eq!(differ(text, &other), other != text.replace("push }", "push}"), "{other}");
        }
    }
}
