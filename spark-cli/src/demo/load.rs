//! The load: what every tick sends to whom. Pure: no clock, no network, no chance.

use spark_core::Track;

use super::service::Order;

/// Orders of users per second, to both versions together.
pub(crate) const USERS_PER_SECOND: u32 = 250;

/// What each version gets per second at least: where users do not give that, probes fill up. 1 % of 250 orders
/// are two or three in a second; a 95th percentile over 3 s needs more.
pub(crate) const LEAST_PER_SECOND: u32 = 60;

/// One order in so many comes with an idempotency key.
const KEYED_EVERY: u64 = 2;

/// One keyed order in so many uses the key of the one before: about 0.3 % of keyed orders conflict.
const CONFLICT_EVERY: u64 = 300;

/// One order in so many is too large for the risk check.
const OVERSIZED_EVERY: u64 = 1_500;

/// After one order in so many, the browser reports that the page broke its content security policy.
const CSP_REPORT_EVERY: u64 = 5;

/// Who sends an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sender {
    /// A user; the split decides to which version.
    User,
    /// A synthetic probe, for evidence: nobody waits for it.
    Probe,
}

/// One thing to send.
#[derive(Debug)]
pub(crate) struct Shot {
    /// To which version.
    pub(crate) track: Track,
    /// By whom.
    pub(crate) sender: Sender,
    /// The order.
    pub(crate) order: Order,
    /// Its idempotency key, where it has one.
    pub(crate) key: Option<String>,
    /// Whether a CSP report follows.
    pub(crate) csp_report: bool,
}

/// Where the traffic goes, and what was sent so far.
#[derive(Debug)]
pub(crate) struct Split {
    /// The part of a whole user order that is due to the canary, in hundredths of a percent.
    canary_due: u32,
    baseline: Lane,
    canary: Lane,
}

/// What went to one version.
#[derive(Debug, Default)]
struct Lane {
    sent: u64,
    /// What is owed to reach [`LEAST_PER_SECOND`]: a probe at each [`ORDER`]. Below zero where users gave more.
    owed: i32,
}

/// One order, in the unit of [`Lane::owed`]: with as many ticks in a second, each tick owes the least.
const ORDER: i32 = USERS_PER_SECOND as i32;

/// All traffic, in hundredths of a percent.
const WHOLE: u32 = 10_000;

impl Default for Split {
    fn default() -> Self {
        // half a step ahead, so that small shares get their orders in the middle of each round
        Self { canary_due: WHOLE / 2, baseline: Lane::default(), canary: Lane::default() }
    }
}

impl Split {
    /// What is sent in the next tick: one user's order, and probes where a version gets too little. `share_bp` is the
    /// canary's share in hundredths of a percent; at 0 the canary gets nothing at all.
    pub(crate) fn tick(&mut self, share_bp: u16) -> Vec<Shot> {
        let mut shots = Vec::with_capacity(2);
        self.canary_due = self.canary_due.saturating_add(u32::from(share_bp));
        let user_to = if self.canary_due >= WHOLE {
            self.canary_due = self.canary_due.saturating_sub(WHOLE);
            Track::Canary
        } else {
            Track::Baseline
        };
        shots.push(self.lane(user_to).shot(user_to, Sender::User));
        for track in [Track::Baseline, Track::Canary] {
            if track == Track::Canary && share_bp == 0 {
                continue;
            }
            let lane = self.lane(track);
            lane.owed = lane.owed.saturating_add(LEAST_PER_SECOND as i32);
            if track == user_to {
                // what users gave beyond the least is not saved up
                lane.owed = lane.owed.saturating_sub(ORDER).max(-ORDER);
            }
            if lane.owed >= ORDER {
                lane.owed = lane.owed.saturating_sub(ORDER);
                shots.push(lane.shot(track, Sender::Probe));
            }
        }
        shots
    }

    const fn lane(&mut self, track: Track) -> &mut Lane {
        match track {
            Track::Canary => &mut self.canary,
            Track::Baseline => &mut self.baseline,
        }
    }
}

impl Lane {
    fn shot(&mut self, track: Track, sender: Sender) -> Shot {
        self.sent = self.sent.saturating_add(1);
        let number = self.sent;
        let keyed = number / KEYED_EVERY;
        let again = keyed % CONFLICT_EVERY == CONFLICT_EVERY / 2;
        let key = number
            .is_multiple_of(KEYED_EVERY)
            .then(|| format!("{}-{}", track.as_str(), if again { keyed.saturating_sub(1) } else { keyed }));
        let oversized = number % OVERSIZED_EVERY == OVERSIZED_EVERY / 2;
        let order = Order {
            symbol: "THYAO".to_owned(),
            quantity: if oversized { 5_000 } else { 100 },
            // another price each time, so that a key that is used again is used for another order
            price: format!("{}.{:02}", number / 100 % 1_000, number % 100),
        };
        Shot { track, sender, order, key, csp_report: number.is_multiple_of(CSP_REPORT_EVERY) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u32 = USERS_PER_SECOND;

    /// Sent in ten seconds at a share: users to the canary, probes to the canary, users and probes to the baseline.
    fn sent(share_bp: u16) -> [usize; 4] {
        let mut split = Split::default();
        let shots: Vec<_> = (0..10 * SECOND).flat_map(|_| split.tick(share_bp)).collect();
        let count = |track, sender| shots.iter().filter(|s| s.track == track && s.sender == sender).count();
        [
            count(Track::Canary, Sender::User),
            count(Track::Canary, Sender::Probe),
            count(Track::Baseline, Sender::User),
            count(Track::Baseline, Sender::Probe),
        ]
    }

    /// Users are split exactly by the share, and probes fill each version up to its least, but never a canary at 0 %.
    #[test]
    fn split() {
        for (share_bp, expected) in [
            (0, [0, 0, 2500, 0]),
            (100, [25, 575, 2475, 0]),
            (500, [125, 475, 2375, 0]),
            (2_500, [625, 0, 1875, 0]),
            (5_000, [1250, 0, 1250, 0]),
            (10_000, [2500, 0, 0, 600]),
        ] {
            let found = sent(share_bp);
            let near = found.iter().zip(&expected).all(|(a, b)| a.abs_diff(*b) <= 2);
            assert!(near, "{share_bp}: {found:?} instead of {expected:?}");
            assert_eq!(found[0] + found[2], 2500, "no user's order is lost at {share_bp}");
        }
    }

    /// Conflicts, oversized orders and CSP reports come in the shares that the rules' limits are written for.
    #[test]
    fn content() {
        let mut split = Split::default();
        let shots: Vec<_> = (0..20_000).flat_map(|_| split.tick(0)).collect();
        let mut seen = std::collections::BTreeSet::new();
        let keyed: Vec<_> = shots.iter().filter_map(|s| s.key.clone()).collect();
        let conflicts = keyed.iter().filter(|key| !seen.insert((*key).clone())).count();
        assert_eq!((keyed.len(), conflicts), (10_000, 33));
        assert_eq!(shots.iter().filter(|s| s.csp_report).count(), 4_000);
        assert_eq!(shots.iter().filter(|s| s.order.quantity > 1_000).count(), 13);
    }
}
