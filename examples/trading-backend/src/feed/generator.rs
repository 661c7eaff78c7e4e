//! Books and trades made from a seed: a price walks by ticks around where it began, and a book stands about it.

use crate::instrument::Venue;
use crate::market::Level;
use crate::money::{Amount, Step};
use crate::venue::Message;

/// Levels on each side of a book.
const LEVELS: i64 = 10;

/// Chances from a seed (SplitMix64): ten lines, so that a seed means the same prices with every version of every crate.
#[derive(Debug, Clone, Copy)]
pub struct Seed(u64);

impl Seed {
    /// Chances that begin here.
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        bits ^ (bits >> 31)
    }

    /// A number from 0 and below `end`; 0 where `end` is 0.
    pub fn below(&mut self, end: u32) -> u32 {
        // the low bits of a product: even enough for prices
        u32::try_from(self.bits() >> 33).unwrap_or(0).checked_rem(end).unwrap_or(0)
    }
}

/// What the generator knows of an instrument: it has no database.
struct Walk {
    venue: Venue,
    symbol: &'static str,
    tick: Step,
    lot: Step,
    /// Where the price began, in ticks; it is drawn back there.
    start: i64,
    /// The best bid, in ticks.
    bid: i64,
    /// Half of a level's usual quantity, in lots.
    depth: u32,
}

/// Generates what the venues send.
pub struct Generator {
    seed: Seed,
    walks: Vec<Walk>,
}

impl Generator {
    /// Prices from this seed on.
    ///
    /// # Errors
    /// None: the table below is read, and its amounts are amounts.
    pub fn new(seed: u64) -> Result<Self, crate::money::MoneyError> {
        // symbol, tick, lot, first price in ticks, lots on a level: as the migration has them, at prices of late 2026
        const TABLE: [(Venue, &str, &str, &str, i64, u32); 9] = [
            (Venue::Bist, "ASELS", "0.10", "1", 2_105, 4_000),
            (Venue::Bist, "GARAN", "0.10", "1", 1_428, 6_000),
            (Venue::Bist, "THYAO", "0.25", "1", 1_249, 3_000),
            (Venue::Binance, "BNBUSDT", "0.01", "0.001", 91_240, 8_000),
            (Venue::Binance, "BTCUSDT", "0.01", "0.00001", 9_871_000, 90_000),
            (Venue::Binance, "ETHUSDT", "0.01", "0.0001", 352_100, 60_000),
            (Venue::Btcturk, "BTCTRY", "1", "0.00000001", 4_120_000, 60_000_000),
            (Venue::Btcturk, "ETHTRY", "1", "0.0001", 147_000, 30_000),
            (Venue::Btcturk, "USDTTRY", "0.001", "0.01", 41_730, 900_000),
        ];
        let mut walks = Vec::new();
        for (venue, symbol, tick, lot, start, depth) in TABLE {
            let (tick, lot) = (Step::tick(Amount::parse(tick)?), Step::lot(Amount::parse(lot)?));
            walks.push(Walk { venue, symbol, tick, lot, start, bid: start, depth });
        }
        Ok(Self { seed: Seed::new(seed), walks })
    }

    /// The next messages of a venue: a book of each instrument, and now and then a trade.
    pub fn next(&mut self, venue: Venue) -> Vec<Message> {
        let mut messages = Vec::new();
        for walk in self.walks.iter_mut().filter(|walk| walk.venue == venue) {
            walk.step(&mut self.seed);
            if let Some(book) = walk.book(&mut self.seed) {
                messages.push(book);
            }
            if self.seed.below(3) == 0
                && let Some(trade) = walk.trade(&mut self.seed)
            {
                messages.push(trade);
            }
        }
        messages
    }
}

impl Walk {
    /// A tick up or down, or none; the further it has gone, the likelier it turns back.
    fn step(&mut self, seed: &mut Seed) {
        let away = self.bid.saturating_sub(self.start);
        // within a fiftieth of the start, so that no price collar is ever met by itself
        let reach = (self.start / 50).max(4);
        let pull = away.saturating_abs().saturating_mul(1_000).checked_div(reach).unwrap_or(0);
        let back = i64::from(seed.below(1_000)) < pull;
        let step =
            if back { away.signum().saturating_neg() } else { i64::from(seed.below(3)).saturating_sub(1) };
        self.bid = self.bid.saturating_add(step).max(LEVELS.saturating_add(1));
    }

    fn level(&self, seed: &mut Seed, ticks: i64) -> Option<Level> {
        let lots = i64::from(self.depth).saturating_add(i64::from(seed.below(self.depth)));
        Some(Level { price: self.tick.times(ticks)?, quantity: self.lot.times(lots)? })
    }

    fn book(&self, seed: &mut Seed) -> Option<Message> {
        let ask = self.bid.saturating_add(1);
        let bids =
            (0..LEVELS).map(|n| self.level(seed, self.bid.saturating_sub(n))).collect::<Option<_>>()?;
        let asks = (0..LEVELS).map(|n| self.level(seed, ask.saturating_add(n))).collect::<Option<_>>()?;
        Some(Message::Book { symbol: self.symbol.to_owned(), bids, asks })
    }

    fn trade(&self, seed: &mut Seed) -> Option<Message> {
        let side = i64::from(seed.below(2));
        Some(Message::Trade {
            symbol: self.symbol.to_owned(),
            price: self.tick.times(self.bid.saturating_add(side))?,
            quantity: self.lot.times(i64::from(seed.below(self.depth)).saturating_add(1))?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A seed means the same prices always, and another seed others.
    #[test]
    fn a_seed_means_its_prices() {
        let prices = |seed| {
            let mut generator = Generator::new(seed).unwrap();
            (0..200).flat_map(|_| generator.next(Venue::Binance)).collect::<Vec<_>>()
        };
        assert_eq!(prices(7), prices(7));
        assert_ne!(prices(7), prices(8));
    }

    /// Books are in order and not crossed, on tick and lot, and near where they began, for a long time.
    #[test]
    fn books_are_sound() {
        let mut generator = Generator::new(1).unwrap();
        for _ in 0..5_000 {
            for message in generator.next(Venue::Bist) {
                let Message::Book { symbol, bids, asks } = message else { continue };
                let walk = generator.walks.iter().find(|walk| walk.symbol == symbol).unwrap();
                assert!(bids.windows(2).all(|pair| pair[0].price > pair[1].price), "{bids:?}");
                assert!(asks.windows(2).all(|pair| pair[0].price < pair[1].price), "{asks:?}");
                assert!(bids[0].price < asks[0].price);
                for level in bids.iter().chain(&asks) {
                    assert!(walk.tick.check(level.price).is_ok() && walk.lot.check(level.quantity).is_ok());
                }
                assert!((walk.bid - walk.start).abs() <= walk.start / 20, "{symbol} ran away: {}", walk.bid);
            }
        }
    }
}
