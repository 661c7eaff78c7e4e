//! Spark embedded in a program.

fn main() {}
