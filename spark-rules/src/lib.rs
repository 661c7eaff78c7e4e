//! The rule language: text → checked policy. No file access: the caller brings the text.
