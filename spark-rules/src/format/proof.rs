//! The proof that two texts say the same: the same words, the same comments, the same tree.

use super::pieces::Pieces;
use crate::ast::File;

/// Where the words, comments or trees of two texts part first, as the text of the word before; none where they agree.
pub(super) fn difference(text: &str, tree: &File, other_text: &str, other_tree: &File) -> Option<String> {
    let (one, other) = (Pieces::of(text), Pieces::of(other_text));
    // a comment may go above what it stood behind, so that its order among the comments counts
    if let Some(word) = [false, true].into_iter().find_map(|comments| parted(&one, &other, comments)) {
        return Some(word);
    }
    trees_parted(tree, other_tree)
}

/// As [`difference`], but for the places of comments among each other.
pub(super) fn more_than_comments_moved(
    text: &str,
    tree: &File,
    other_text: &str,
    other_tree: &File,
) -> Option<String> {
    let (one, other) = (Pieces::of(text), Pieces::of(other_text));
    let sorted = |pieces: &Pieces<'_>| {
        let mut comments: Vec<String> = pieces.texts(true).map(str::to_owned).collect();
        comments.sort_unstable();
        comments
    };
    if sorted(&one) != sorted(&other) {
        return Some("the comments".to_owned());
    }
    parted(&one, &other, false).or_else(|| trees_parted(tree, other_tree))
}

/// Where the words or the comments of two texts part first.
fn parted(one: &Pieces<'_>, other: &Pieces<'_>, comments: bool) -> Option<String> {
    let (mut first, mut second) = (one.texts(comments), other.texts(comments));
    loop {
        match (first.next(), second.next()) {
            (None, None) => return None,
            (a, b) if a == b => {}
            (a, b) => return a.or(b).map(str::to_owned),
        }
    }
}

/// Where two trees part first, places aside.
fn trees_parted(tree: &File, other_tree: &File) -> Option<String> {
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

    /// Layout alone is no difference; a word, a comment or a trigger's end is one.
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
            text.replace("# two", "# one"),
            text.replace("# two\n", ""),
            text.replace(" given", "\ngiven"),
            format!("{text}signal b {{}}"),
        ] {
            assert_eq!(differ(text, &other), other != text.replace("push }", "push}"), "{other}");
        }
    }
}
