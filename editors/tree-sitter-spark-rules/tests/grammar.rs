//! The grammar and its queries, on their corpus and on all rules of the repository.

use std::fs;
use std::path::{Path, PathBuf};

use streaming_iterator::StreamingIterator;
use tree_sitter::{Language, Node, Parser, Query, QueryCursor, Tree};
use tree_sitter_spark_rules::{FOLDS, HIGHLIGHTS, INDENTS, INJECTIONS, LANGUAGE, LOCALS};

fn language() -> Language {
    LANGUAGE.into()
}

fn parse(text: &str) -> Tree {
    let mut parser = Parser::new();
    parser.set_language(&language()).unwrap();
    parser.parse(text, None).unwrap()
}

fn package() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The first place at which a tree has an error.
fn error(node: Node<'_>) -> Option<Node<'_>> {
    if node.is_error() || node.is_missing() {
        return Some(node);
    }
    let mut cursor = node.walk();
    let children: Vec<Node<'_>> = node.children(&mut cursor).collect();
    children.into_iter().filter(Node::has_error).find_map(error)
}

/// All rules that are right to write: the pack, the starter, the examples, right cases, and the blocks of the manual.
fn right_rules() -> Vec<(PathBuf, String)> {
    let root = package().join("../..");
    let mut found = Vec::new();
    let folders = [
        "rules",
        "examples/first",
        "spark-cli/src/starter",
        "spark-cli/src/demo",
        "spark-rules/tests/cases/ok",
        "spark-rules/tests/cases/format",
        "spark-rules/tests/cases/warnings",
    ];
    for folder in folders {
        for entry in fs::read_dir(root.join(folder)).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "rules") {
                let text = fs::read_to_string(&path).unwrap();
                found.push((path, text));
            }
        }
    }
    assert!(found.len() > 8, "{found:?}");
    found
}

/// A tree as one line, fields included.
fn shown(sexp: &str) -> String {
    sexp.split_whitespace().collect::<Vec<_>>().join(" ").replace(" )", ")")
}

/// Each text of the corpus has its tree: name, text and tree between lines of `=` and `-`, as in all such grammars.
#[test]
fn corpus() {
    let mut cases = 0;
    for entry in fs::read_dir(package().join("test/corpus")).unwrap() {
        let path = entry.unwrap().path();
        let text = fs::read_to_string(&path).unwrap();
        let mut parts = text.split("==================\n").skip(1);
        while let (Some(name), Some(body)) = (parts.next(), parts.next()) {
            let (rules, tree) = body.split_once("\n------------------\n").unwrap();
            assert_eq!(shown(&parse(rules).root_node().to_sexp()), shown(tree), "{}: {name}", path.display());
            cases += 1;
        }
    }
    assert!(cases >= 10, "{cases}");
}

/// Rules that are right to write have a tree without an error.
#[test]
fn right_rules_have_no_error() {
    for (path, text) in right_rules() {
        let tree = parse(&text);
        if let Some(node) = error(tree.root_node()) {
            let start = node.start_position();
            panic!("{}:{}:{}: {}", path.display(), start.row + 1, start.column + 1, node.to_sexp());
        }
    }
}

/// What is being written breaks its own block and not the others.
#[test]
fn broken_rules_keep_their_neighbours() {
    let text =
        "signal a { is ratio from push }\ntrigger t { rollback when a > }\nsignal b { is ratio from push }\n";
    let tree = parse(text);
    assert!(tree.root_node().has_error());
    let mut cursor = tree.walk();
    let signals =
        tree.root_node().children(&mut cursor).filter(|node| node.kind() == "signal" && !node.has_error());
    assert_eq!(signals.count(), 2);
}

/// Every query is one for this grammar.
#[test]
fn queries_compile() {
    for (name, text) in [
        ("highlights", HIGHLIGHTS),
        ("folds", FOLDS),
        ("indents", INDENTS),
        ("locals", LOCALS),
        ("injections", INJECTIONS),
    ] {
        let query = Query::new(&language(), text).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(query.pattern_count() > 0, "{name}");
    }
}

/// The last capture of each word of a text: what an editor shows it as.
fn captured(query: &str, text: &str) -> Vec<(String, String)> {
    let query = Query::new(&language(), query).unwrap();
    let tree = parse(text);
    let mut cursor = QueryCursor::new();
    let mut captures = cursor.captures(&query, tree.root_node(), text.as_bytes());
    let mut found: Vec<(std::ops::Range<usize>, String)> = Vec::new();
    while let Some((matched, index)) = captures.next() {
        let capture = matched.captures[*index];
        let name = query.capture_names()[capture.index as usize].to_owned();
        let range = capture.node.byte_range();
        match found.iter_mut().find(|(place, _)| *place == range) {
            Some(place) => place.1 = name,
            None => found.push((range, name)),
        }
    }
    found.into_iter().map(|(range, name)| (text[range].to_owned(), name)).collect()
}

/// Words have the colours of what they are.
#[test]
fn highlights() {
    let text = "trigger t \"Title\" { hold when rate(errors over 5m) > 3x baseline for 5m unless u } # why\n\
        signal m { is money from metrics x{a=~\"b\"} in USDT }\n\
        test \"it\" { given m 10 USDT at stage 5% of p expect t ok at 5m }\n\
        plan q { stage 5% for 5m needs approval watch 24h proceed when watch > 5 }";
    let found = captured(HIGHLIGHTS, text);
    for (word, colour) in [
        ("trigger", "keyword"),
        ("t", "function.definition"),
        ("\"Title\"", "string.special"),
        ("hold", "keyword"),
        ("rate", "function"),
        ("errors", "variable"),
        (">", "operator"),
        ("3x", "number"),
        ("baseline", "constant.builtin"),
        ("u", "function"),
        ("# why", "comment"),
        ("m", "variable.definition"),
        ("money", "type.builtin"),
        ("x", "variable"),
        ("a", "property"),
        ("\"b\"", "string.regexp"),
        ("USDT", "type"),
        ("ok", "constant.builtin"),
        ("p", "module"),
        ("watch", "keyword"),
        ("watch", "variable"),
        ("approval", "keyword"),
    ] {
        let told: Vec<&str> =
            found.iter().filter(|(text, _)| text == word).map(|(_, name)| name.as_str()).collect();
        assert!(told.contains(&colour), "{word}: {told:?}");
    }
}

/// Every word of the pack has a colour.
#[test]
fn every_word_has_a_colour() {
    for (path, text) in right_rules() {
        let query = Query::new(&language(), HIGHLIGHTS).unwrap();
        let tree = parse(&text);
        let mut coloured = vec![false; text.len()];
        let mut cursor = QueryCursor::new();
        let mut captures = cursor.captures(&query, tree.root_node(), text.as_bytes());
        while let Some((matched, index)) = captures.next() {
            coloured[matched.captures[*index].node.byte_range()].fill(true);
        }
        let plain =
            text.char_indices().find(|(at, c)| !c.is_whitespace() && *c != '\u{feff}' && !coloured[*at]);
        if let Some((at, _)) = plain {
            panic!("{}: {:?}", path.display(), text[at..].lines().next());
        }
    }
}

/// Each block folds, names are found where they are used, and other languages where they are quoted.
#[test]
fn other_queries() {
    let text = "signal a { is rate from prometheus \"up\" }\nplan p { stage 5% for 5m }\nhold when a > 5/min";
    assert_eq!(captured(FOLDS, text).len(), 2);
    let locals = captured(LOCALS, text);
    let named = |name: &str| locals.iter().filter(|(text, found)| text == "a" && found == name).count();
    assert_eq!((named("local.definition"), named("local.reference")), (1, 1));
    assert!(captured(INJECTIONS, text).contains(&("up".to_owned(), "injection.content".to_owned())));
    assert_eq!(captured(INDENTS, text).iter().filter(|(_, name)| name == "indent.begin").count(), 2);
}
