//! What can be traded, and where: symbols with their venue, tick and lot.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sqlx::{PgPool, Row as _};

use crate::money::{Amount, Step};

/// An exchange whose market data is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Venue {
    /// Borsa Istanbul.
    Bist,
    /// Binance.
    Binance,
    /// BTCTurk.
    Btcturk,
}

impl Venue {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Bist, Self::Binance, Self::Btcturk];

    /// Its name in tables, labels and addresses.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bist => "bist",
            Self::Binance => "binance",
            Self::Btcturk => "btcturk",
        }
    }
}

impl fmt::Display for Venue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Venue {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|venue| venue.name() == text)
            .ok_or_else(|| format!("there is no venue `{text}`"))
    }
}

/// Something that can be traded.
#[derive(Debug, Clone)]
pub struct Instrument {
    /// Its symbol, the same in tables and requests.
    pub symbol: String,
    /// Where it is traded.
    pub venue: Venue,
    /// The step of its prices.
    pub tick: Step,
    /// The step of its quantities.
    pub lot: Step,
}

/// All instruments by their symbol. They do not change while the service runs.
#[derive(Debug, Clone, Default)]
pub struct Instruments(BTreeMap<String, Instrument>);

impl Instruments {
    /// Reads them from the table.
    ///
    /// # Errors
    /// Those of the database, and a venue that this version does not know.
    pub async fn load(pool: &PgPool) -> Result<Self, sqlx::Error> {
        let mut tx = pool.begin().await?;
        let rows = sqlx::query("SELECT symbol, venue, tick, lot FROM instruments ORDER BY symbol")
            .persistent(false)
            .fetch_all(&mut *tx)
            .await?;
        tx.commit().await?;
        let mut all = BTreeMap::new();
        for row in rows {
            let symbol: String = row.try_get("symbol")?;
            let venue: String = row.try_get("venue")?;
            let venue = venue.parse().map_err(|error: String| sqlx::Error::Decode(error.into()))?;
            let tick = Step::tick(Amount::new(row.try_get("tick")?));
            let lot = Step::lot(Amount::new(row.try_get("lot")?));
            all.insert(symbol.clone(), Instrument { symbol, venue, tick, lot });
        }
        Ok(Self(all))
    }

    /// The instrument of this symbol.
    pub fn get(&self, symbol: &str) -> Option<&Instrument> {
        self.0.get(symbol)
    }

    /// All of them, by symbol.
    pub fn iter(&self) -> impl Iterator<Item = &Instrument> {
        self.0.values()
    }
}
