//! Journals from outside: one contract for all of them, and what each alone must withstand.

mod contract;
mod crashes;
mod postgres;
mod proxy;
mod real_file;
mod sim_disk;

/// A record that tells itself from all others.
fn record(number: u64) -> String {
    format!(
        "{{\"fact\":\"noted\",\"number\":{number},\"text\":\"ä {}\"}}",
        "x".repeat((number % 7) as usize * 30)
    )
}

fn records(numbers: std::ops::Range<u64>) -> Vec<String> {
    numbers.map(record).collect()
}

/// Runs a future to its end on a runtime of its own.
fn wait<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}
