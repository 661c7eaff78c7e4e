//! What is asked of HTTP services.

mod burst;
mod cases;
mod flood;
mod headers;
mod health;
mod request;

pub use self::burst::Burst;
pub use self::cases::{HttpCase, HttpCases};
pub use self::flood::Flood;
pub use self::headers::Headers;
pub use self::health::Health;
pub use self::request::Web;
