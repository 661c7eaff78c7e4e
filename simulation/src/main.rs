//! Rollouts of Spark under one seed.

fn main() {}
