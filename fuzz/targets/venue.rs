//! A venue's text is a stranger's: whatever it is, it is a message or refused, a message can be written and read again, and
//! what is admitted stands on its tick and lot.
#![no_main]

use std::sync::LazyLock;

use trading_backend::instrument::{Instrument, Venue};
use trading_backend::market::Intake;
use trading_backend::money::{Amount, Step};
use trading_backend::venue::{Message, Stamp, decode, encode};

static INSTRUMENTS: LazyLock<Vec<Instrument>> = LazyLock::new(|| {
    let Ok(size) = Amount::parse("0.1") else { return Vec::new() };
    let of = |venue| {
        let (tick, lot) = (Step::tick(size), Step::lot(size));
        Instrument { symbol: "BTCTRY".to_owned(), venue, tick, lot }
    };
    Venue::ALL.map(of).into()
});

libfuzzer_sys::fuzz_target!(|text: &str| {
    for venue in Venue::ALL {
        let Ok(Some(received)) = decode(venue, text) else { continue };
        let stamp = Stamp { sequence: 7, at_ms: 1_767_226_500_123 };
        let again = encode(venue, &received.message, stamp).ok().and_then(|text| decode(venue, &text).ok());
        assert_eq!(again.flatten().map(|again| again.message).as_ref(), Some(&received.message));
        let now = received.at_ms.unwrap_or(stamp.at_ms);
        let admitted = Intake::new(venue, &INSTRUMENTS).admit(&received, now).is_ok();
        if let (true, Message::Trade { price, quantity, .. }) = (admitted, &received.message) {
            assert!(*price > Amount::ZERO && *quantity > Amount::ZERO);
        }
    }
});
