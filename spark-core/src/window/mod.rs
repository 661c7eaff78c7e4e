//! Functions of the samples in a window: of all at once, and of a window that slides.
//!
//! A window that slides gives what the function of all its samples gives, bit for bit, or it gives nothing and the function
//! has to be asked: [`Daba`] for what is merged, [`Total`], [`Moments`] and [`Pairs`] for what is summed, [`Fence`] for a
//! quantile that is held against a threshold.

mod daba;
mod estimate;
pub(crate) mod extrapolate;
mod fence;
mod functions;
mod moments;
mod pairs;
mod quantile;
pub(crate) mod regression;
mod total;

pub use self::daba::{Aggregate, Daba, Largest, Smallest};
pub use self::estimate::Estimate;
pub use self::extrapolate::{
    Ends, Kind, extrapolated, extrapolated_about, extrapolated_ends, growth_of, is_reset,
};
pub use self::fence::Fence;
pub use self::functions::{correlation, mean, standard_deviation, sum};
pub use self::moments::Moments;
pub use self::pairs::{Correlated, Pairs};
pub use self::quantile::quantile_over;
pub use self::regression::slope;
pub use self::total::Total;
