//! This machine's clock against servers of time.

use std::time::Duration;

use rsntp::AsyncSntpClient;
use rust_decimal::Decimal;
use serde_json::json;
use spark_core::TimeSpan;
use spark_core::decimal::from_float;

use super::{Measured, Probe, ProbeError, Value};

/// The stratum from which on a server says that it knows no time.
const STRATUM_MAX: u8 = 16;

/// How often each server is asked: servers of the public pool allow so few in a row.
const READINGS: usize = 4;

/// P2: the distance of this machine's clock from that of several servers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ntp {
    /// The servers, `HOST` or `HOST:PORT`.
    pub servers: Vec<String>,
    /// The longest that one answer may take.
    pub timeout: TimeSpan,
}

/// What a server says.
struct Told {
    offset: Decimal,
    way: Decimal,
    stratum: u8,
    alarm: bool,
}

impl Probe for Ntp {
    async fn measure(&self) -> Result<Measured, ProbeError> {
        let asked = self.servers.iter().map(|server| ask(server, self.timeout.to_std()));
        let answers = futures_util::future::join_all(asked).await;
        let good: Vec<&Told> = answers.iter().flatten().collect();
        let shown = |(server, answer): (&String, &Result<Told, String>)| match answer {
            Ok(told) => {
                json!({ "server": server, "offset": Value::seconds(told.offset), "way": Value::seconds(told.way),
                                "stratum": told.stratum })
            }
            Err(why) => json!({ "server": server, "error": why }),
        };
        let details: Vec<_> = self.servers.iter().zip(&answers).map(shown).collect();
        let offsets: Vec<Decimal> = good.iter().map(|told| told.offset).collect();
        let none = || Value::unknown("no server told the time");
        let (least, most) = (offsets.iter().min().copied(), offsets.iter().max().copied());
        // where servers disagree the one that is farthest from this clock counts: nobody knows which of them is right
        let drift = offsets.iter().map(Decimal::abs).max().map_or_else(none, Value::seconds);
        let spread = least.zip(most).and_then(|(least, most)| most.checked_sub(least));
        let way = good.iter().map(|told| told.way).max();
        let half = way.and_then(|way| way.checked_div(Decimal::from(2)));
        Ok(Measured::new(json!({ "servers": details }))
            .with("servers", Value::len(self.servers.len()))
            .with("answered", Value::len(good.len()))
            .with("drift", drift)
            .with("spread", spread.map_or_else(none, Value::seconds))
            .with("uncertainty", half.map_or_else(none, Value::seconds))
            .with(
                "stratum",
                good.iter().map(|told| told.stratum).max().map_or_else(none, |s| Value::count(u64::from(s))),
            )
            .with("leap_warnings", Value::len(good.iter().filter(|told| told.alarm).count())))
    }
}

/// The answer that was shortest on its way, of a few: what is late on the way looks like drift.
async fn ask(server: &str, timeout: Duration) -> Result<Told, String> {
    let mut best = once(server, timeout).await?;
    for _ in 1..READINGS {
        // one that is lost says nothing against the others
        if let Ok(told) = once(server, timeout).await
            && told.way < best.way
        {
            best = told;
        }
    }
    Ok(best)
}

async fn once(server: &str, timeout: Duration) -> Result<Told, String> {
    let mut client = AsyncSntpClient::new();
    client.set_timeout(timeout);
    let asked = tokio::time::timeout(timeout, client.synchronize(server)).await;
    let answer =
        asked.map_err(|_| format!("no answer within {timeout:?}"))?.map_err(|error| error.to_string())?;
    if answer.stratum() == 0 || answer.stratum() >= STRATUM_MAX {
        return Err(format!("it is not synchronised (stratum {})", answer.stratum()));
    }
    let seconds = |value: f64| from_float(value).ok_or_else(|| "it told a time that is none".to_owned());
    Ok(Told {
        offset: seconds(answer.clock_offset().as_secs_f64())?,
        way: seconds(answer.round_trip_delay().as_secs_f64())?,
        stratum: answer.stratum(),
        alarm: !matches!(answer.leap_indicator(), rsntp::LeapIndicator::NoWarning),
    })
}
