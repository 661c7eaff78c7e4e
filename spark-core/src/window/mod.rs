//! Functions of the samples in a window.
