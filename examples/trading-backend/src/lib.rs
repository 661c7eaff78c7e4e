//! A trading backend.
