//! The command line of Spark.

fn main() {}
