//! Compiles the generated parser.

fn main() {
    let mut build = cc::Build::new();
    build.include("src").flag_if_supported("-Wno-unused-parameter").std("c11");
    for file in ["src/parser.c", "src/scanner.c"] {
        println!("cargo:rerun-if-changed={file}");
        build.file(file);
    }
    build.compile("tree-sitter-spark-rules");
}
