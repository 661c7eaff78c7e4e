//! A command line with places for a step's values.

/// A command: a program and its arguments, in which `{share}`, `{stage}`, `{reason}` and `{release}` are replaced.
///
/// No shell reads it: what is replaced stays one argument, whatever stands in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandTemplate {
    // INVARIANT: the program first; every placeholder is known
    words: Vec<String>,
}

/// Why words are no command.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TemplateError {
    /// There is no program.
    #[error("a command needs at least the program's name")]
    Empty,
    /// The program's name is made from a placeholder.
    #[error("the program's name `{0}` has a placeholder; only arguments may")]
    ProgramPlaceholder(String),
    /// A placeholder is not known.
    #[error("`{{{0}}}` is no placeholder here; known are {1}")]
    UnknownPlaceholder(String, String),
}

impl CommandTemplate {
    /// A command from its words, with the placeholders that it may use.
    ///
    /// # Errors
    /// There is no program, or a placeholder is not among `known`.
    pub fn new(words: Vec<String>, known: &[&str]) -> Result<Self, TemplateError> {
        let program = words.first().filter(|word| !word.is_empty()).ok_or(TemplateError::Empty)?;
        if placeholders(program).next().is_some() {
            return Err(TemplateError::ProgramPlaceholder(program.clone()));
        }
        for word in &words {
            if let Some(name) = placeholders(word).find(|name| !known.contains(name)) {
                let list: Vec<String> = known.iter().map(|name| format!("`{{{name}}}`")).collect();
                return Err(TemplateError::UnknownPlaceholder(name.to_owned(), list.join(", ")));
            }
        }
        Ok(Self { words })
    }

    /// The words with the placeholders replaced, in one pass: a value's braces mean nothing.
    pub fn fill(&self, values: &[(&str, &str)]) -> Vec<String> {
        self.words.iter().map(|word| fill_word(word, values)).collect()
    }
}

/// The names between braces, where they look like names: JSON in an argument is left alone.
fn placeholders(word: &str) -> impl Iterator<Item = &str> {
    word.split('{').skip(1).filter_map(|rest| {
        let (name, _) = rest.split_once('}')?;
        (!name.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')).then_some(name)
    })
}

fn fill_word(word: &str, values: &[(&str, &str)]) -> String {
    let mut out = String::with_capacity(word.len());
    let mut rest = word;
    while let Some((before, after)) = rest.split_once('{') {
        out.push_str(before);
        let filled = after.split_once('}').and_then(|(name, tail)| {
            values.iter().find(|(known, _)| *known == name).map(|(_, v)| (*v, tail))
        });
        match filled {
            Some((value, tail)) => {
                out.push_str(value);
                rest = tail;
            }
            None => {
                out.push('{');
                rest = after;
            }
        }
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn template(words: &[&str]) -> Result<CommandTemplate, TemplateError> {
        CommandTemplate::new(words.iter().map(|w| (*w).to_owned()).collect(), &["share", "stage"])
    }

    /// A placeholder's value stays inside its argument, and is not read for placeholders again.
    #[test]
    fn placeholders_fill_once() {
        let filled = template(&["set", "{share}%", "a{stage}b", "{\"k\":1}", "{}"]).unwrap();
        assert_eq!(
            filled.fill(&[("share", "{stage}; rm -rf /"), ("stage", "2")]),
            ["set", "{stage}; rm -rf /%", "a2b", "{\"k\":1}", "{}"]
        );
    }

    /// A command without a program, or with a placeholder that nothing fills, is refused before it runs.
    #[test]
    fn bad_templates() {
        assert_eq!(template(&[]), Err(TemplateError::Empty));
        assert_eq!(template(&[""]), Err(TemplateError::Empty));
        assert!(matches!(template(&["{share}"]), Err(TemplateError::ProgramPlaceholder(_))));
        let error = template(&["set", "{weight}"]).unwrap_err().to_string();
        assert_eq!(error, "`{weight}` is no placeholder here; known are `{share}`, `{stage}`");
    }
}
