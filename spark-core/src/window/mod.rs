//! Functions of the samples in a window.

pub(crate) mod extrapolate;
pub(crate) mod functions;
pub(crate) mod quantile;
pub(crate) mod regression;

pub(crate) use extrapolate::{Kind, extrapolated};
pub(crate) use functions::{correlation, mean, standard_deviation, sum};
pub(crate) use quantile::quantile_over;
pub(crate) use regression::slope;
