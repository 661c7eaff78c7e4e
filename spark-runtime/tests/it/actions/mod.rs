//! What moves traffic: real commands, servers and load balancers, well-behaved and not.

mod command;
mod haproxy;
mod notify;
mod recipes;
mod webhook;

use spark_core::TimeSpan;
use spark_runtime::action::Order;

/// An order as a runner gives it.
pub(crate) fn order(share_bp: u16, deadline: TimeSpan) -> Order {
    Order {
        release: "1.4".to_owned(),
        key: "1.4/3.7".to_owned(),
        fence: 3,
        stage: 2,
        share_bp,
        reason: "api_latency, errors".to_owned(),
        deadline,
    }
}
