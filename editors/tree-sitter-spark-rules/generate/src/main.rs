//! `cargo run -p generate`: `src/parser.c` and its kin from `grammar.js`, which Node.js evaluates.
//!
//! `cargo run -p generate -- --check` writes nothing and fails where the parser is not that of the grammar.

use std::path::Path;
use std::process::ExitCode;

use tree_sitter_generate::{OptLevel, generate_parser_in_directory};

/// What is generated, and committed: editors compile it, and have no generator.
const FILES: &[&str] = &["parser.c", "grammar.json", "node-types.json", "tree_sitter/parser.h"];
/// The version of the parser's tables: what the editors of the last two years read.
const ABI: usize = 15;

fn main() -> ExitCode {
    let package =
        Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("it stands below the grammar's package");
    let check = std::env::args().any(|word| word == "--check");
    let scratch = std::env::temp_dir().join(format!("spark-rules-grammar-{}", std::process::id()));
    let out = if check { scratch.clone() } else { package.join("src") };
    std::fs::create_dir_all(&out).expect("a folder for the parser");
    let grammar = Some(package.join("grammar.js"));
    let made = generate_parser_in_directory(
        package,
        Some(&out),
        grammar,
        ABI,
        None,
        Some("node"),
        true,
        OptLevel::default(),
    );
    if let Err(error) = made {
        eprintln!("error: {error}");
        return ExitCode::FAILURE;
    }
    if !check {
        return ExitCode::SUCCESS;
    }
    let read = |folder: &Path, file: &str| std::fs::read(folder.join(file)).unwrap_or_default();
    let stale: Vec<&str> = FILES
        .iter()
        .copied()
        .filter(|file| read(&scratch, file) != read(&package.join("src"), file))
        .collect();
    std::fs::remove_dir_all(&scratch).expect("the scratch folder goes");
    if stale.is_empty() {
        return ExitCode::SUCCESS;
    }
    eprintln!(
        "error: not what grammar.js gives: {}. Run `cargo run -p generate`, and commit it",
        stale.join(", ")
    );
    ExitCode::FAILURE
}
