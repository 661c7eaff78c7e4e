//! What `spark-rules` holds to its users: files of cases, shapes, limits, and properties of any text.

mod cases;
mod limits;
mod load;
mod properties;
