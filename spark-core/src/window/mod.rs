//! Functions of the samples in a window.

pub(crate) mod extrapolate;
pub(crate) mod quantile;
pub(crate) mod regression;
