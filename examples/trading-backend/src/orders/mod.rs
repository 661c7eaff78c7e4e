//! Orders: what is asked for, how it is checked, filled against the book, cancelled, and what of it is kept.

mod cancel;
mod fill;
mod place;
mod record;
mod resting;
mod risk;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

pub use self::cancel::{cancel, find};
pub use self::fill::{Fill, match_book};
pub use self::place::place;
pub use self::resting::fill_resting;
pub use self::risk::Block;
use crate::idempotency::Fingerprint;
use crate::instrument::{Instrument, Instruments};
use crate::money::{Amount, MoneyError};

/// Buys or sells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// Gives money, gets the instrument.
    Buy,
    /// Gets money, gives the instrument.
    Sell,
}

impl Side {
    /// Its name in tables and requests.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Buy => "buy",
            Self::Sell => "sell",
        }
    }
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Side {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "buy" => Ok(Self::Buy),
            "sell" => Ok(Self::Sell),
            _ => Err(format!("there is no side `{text}`")),
        }
    }
}

/// An order as a client asks for it. Without a price it is a market order: it takes what the book offers, and the rest is
/// cancelled; with one, the rest stays open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlaceOrder {
    /// Whose order it is.
    pub account: String,
    /// What is traded.
    pub symbol: String,
    /// Bought or sold.
    pub side: Side,
    /// The worst price that is accepted, on the instrument's tick.
    #[serde(default)]
    pub price: Option<Amount>,
    /// How much, on the instrument's lot.
    pub quantity: Amount,
}

/// Why an order makes no sense, whoever asks and whenever.
#[derive(Debug, thiserror::Error)]
pub enum Invalid {
    /// The account's name.
    #[error("`account` has 1 to 32 of A-Z a-z 0-9 - _")]
    Account,
    /// The symbol.
    #[error("`symbol`: there is no instrument of this name")]
    Symbol,
    /// The price.
    #[error("`price`: {0}")]
    Price(MoneyError),
    /// The quantity.
    #[error("`quantity`: {0}")]
    Quantity(MoneyError),
}

impl PlaceOrder {
    /// The instrument, if the order makes sense on it.
    ///
    /// # Errors
    /// What makes no sense.
    pub fn check<'a>(&self, instruments: &'a Instruments) -> Result<&'a Instrument, Invalid> {
        check_account(&self.account)?;
        let instrument = instruments.get(&self.symbol).ok_or(Invalid::Symbol)?;
        if let Some(price) = self.price {
            instrument.tick.check(price).map_err(Invalid::Price)?;
        }
        instrument.lot.check(self.quantity).map_err(Invalid::Quantity)?;
        Ok(instrument)
    }

    /// What identifies the request: its meaning, so that spaces and the order of its fields do not matter.
    ///
    /// # Errors
    /// None that can happen: it is texts alone.
    pub fn fingerprint(&self) -> Result<Fingerprint, serde_json::Error> {
        Ok(Sha256::digest(serde_json::to_vec(self)?).into())
    }
}

/// Whether this can be an account.
///
/// # Errors
/// It cannot.
pub fn check_account(account: &str) -> Result<(), Invalid> {
    let fits = (1..=32).contains(&account.len())
        && account.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    if fits { Ok(()) } else { Err(Invalid::Account) }
}

/// An order as it is shown.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Order {
    /// Its number.
    pub id: i64,
    /// What was asked for.
    #[serde(flatten)]
    pub asked: PlaceOrderShown,
    /// `open`, `filled` or `cancelled`.
    pub status: String,
    /// How much was traded.
    pub filled: Amount,
}

/// The request within a shown order: the same words, without the strictness that is for clients.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PlaceOrderShown {
    /// Whose order it is.
    pub account: String,
    /// What is traded.
    pub symbol: String,
    /// Bought or sold.
    pub side: Side,
    /// The worst price that is accepted; none of a market order.
    pub price: Option<Amount>,
    /// How much.
    pub quantity: Amount,
}

impl From<&PlaceOrder> for PlaceOrderShown {
    fn from(order: &PlaceOrder) -> Self {
        Self {
            account: order.account.clone(),
            symbol: order.symbol.clone(),
            side: order.side,
            price: order.price,
            quantity: order.quantity,
        }
    }
}

/// Why a request about orders has no answer of its own.
#[derive(Debug, thiserror::Error)]
pub enum OrderError {
    /// The order makes no sense.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// The key came with another body before.
    #[error("this `Idempotency-Key` was used for another request")]
    KeyConflict,
    /// There is no such order.
    #[error("there is no such order")]
    NotFound,
    /// The order has ended.
    #[error("the order is {0} and cannot be cancelled")]
    Ended(String),
    /// The service has not read its instruments yet.
    #[error("the service is not ready")]
    NotReady,
    /// The limits' service fails.
    #[error("the risk limits cannot be read")]
    LimitsFailed,
    /// The database.
    #[error("the database: {0}")]
    Database(#[from] sqlx::Error),
    /// An answer that cannot be written.
    #[error("an answer cannot be written: {0}")]
    Json(#[from] serde_json::Error),
    /// An amount beyond what decimals hold.
    #[error("an amount does not fit")]
    Overflow,
}
