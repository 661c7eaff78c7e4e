//! What goes on beside orders: the market-data feed, and the service's watch on its own runtime.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::{Fault, Service};

/// How often the feed brings a price.
const FEED_EVERY: Duration = Duration::from_millis(100);

/// How often the runtime's lag is measured.
const LAG_EVERY: Duration = Duration::from_millis(10);

/// How often the allocator is measured.
const ALLOCATE_EVERY: Duration = Duration::from_millis(50);

/// How much is allocated: large enough to reach the system's allocator, small enough to cost nothing.
const ALLOCATE_BYTES: usize = 1 << 20;

/// A price of the exchange, again and again, unless the feed is to stand still.
pub(super) async fn feed(service: Arc<Service>) {
    loop {
        if service.fault() != Fault::Stale {
            service.counters.feed_update();
        }
        sleep(FEED_EVERY).await;
    }
}

/// How late a timer fires: what anything else on this runtime would have waited, too.
pub(super) async fn runtime_lag(service: Arc<Service>) {
    loop {
        let started = Instant::now();
        sleep(LAG_EVERY).await;
        service.counters.runtime_lag.observe(started.elapsed().saturating_sub(LAG_EVERY));
        if service.fault() == Fault::Lag {
            // blocking the runtime is the very fault
            std::thread::sleep(Duration::from_millis(80));
        }
    }
}

/// How long it takes to get memory from the allocator, and to touch it.
pub(super) async fn allocator_pause(service: Arc<Service>) {
    loop {
        let started = Instant::now();
        let mut memory = vec![0u8; ALLOCATE_BYTES];
        memory.iter_mut().step_by(4096).for_each(|page| *page = 1);
        std::hint::black_box(&memory);
        drop(memory);
        if service.fault() == Fault::Pause {
            std::thread::sleep(Duration::from_millis(30));
        }
        service.counters.allocator_pause.observe(started.elapsed());
        sleep(ALLOCATE_EVERY).await;
    }
}
