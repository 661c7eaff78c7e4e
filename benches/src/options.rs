//! Sizes that a benchmark is asked for: `--series 100`.

/// What stands behind `--name`, or the default.
pub(crate) fn number(name: &str, default: u64) -> Result<u64, String> {
    let words: Vec<String> = std::env::args().collect();
    let wanted = format!("--{name}");
    let Some(at) = words.iter().position(|word| *word == wanted) else { return Ok(default) };
    let value = at.checked_add(1).and_then(|next| words.get(next)).map_or("", String::as_str);
    match value.parse() {
        Ok(0) | Err(_) => Err(format!("--{name}: expected a number of 1 or more, found `{value}`")),
        Ok(value) => Ok(value),
    }
}

/// Whether `--name` was given.
pub(crate) fn flag(name: &str) -> bool {
    std::env::args().any(|word| word.strip_prefix("--") == Some(name))
}
