//! Which weights give a share.

use rust_decimal::Decimal;

/// The largest weight that HAProxy knows.
pub(super) const WEIGHT_MAX: u32 = 256;

/// The weight that every canary server gets, and the one that every stable server gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Weights {
    pub(super) canary: u32,
    pub(super) stable: u32,
}

/// The weights nearest to a share, with equal ones within a group, and the smallest of those that are equally near.
///
/// A share between nothing and everything gives every server some weight; nothing and everything are met exactly. None
/// where a group that has to carry traffic has no server.
pub(super) fn nearest(share_bp: u16, canaries: u32, stables: u32) -> Option<Weights> {
    match share_bp {
        0 if stables > 0 => return Some(Weights { canary: 0, stable: 100 }),
        10_000.. if canaries > 0 => return Some(Weights { canary: 100, stable: 0 }),
        0 | 10_000.. => return None,
        _ if canaries == 0 || stables == 0 => return None,
        _ => {}
    }
    let pairs =
        (1..=WEIGHT_MAX).flat_map(|canary| (1..=WEIGHT_MAX).map(move |stable| Weights { canary, stable }));
    // the smallest sum first, so that the first of equally near ones is the simplest
    pairs.min_by(|one, other| {
        let off = |w: &Weights| off_by(share_bp, part(w.canary, canaries), part(w.stable, stables));
        let sum = |w: &Weights| w.canary.saturating_add(w.stable);
        // a/b < c/d without a division
        let ((a, b), (c, d)) = (off(one), off(other));
        a.saturating_mul(d).cmp(&c.saturating_mul(b)).then(sum(one).cmp(&sum(other)))
    })
}

fn part(weight: u32, servers: u32) -> u64 {
    u64::from(weight).saturating_mul(u64::from(servers))
}

/// How far these weights are from the share, as a fraction of ten thousand times the whole.
fn off_by(share_bp: u16, canary: u64, stable: u64) -> (u64, u64) {
    let whole = canary.saturating_add(stable);
    let wanted = u64::from(share_bp).saturating_mul(whole);
    (canary.saturating_mul(10_000).abs_diff(wanted), whole)
}

/// The share that these weights are, in hundredths of a percent with a fraction; none where there is no weight at all.
pub(super) fn share(canary: u64, stable: u64) -> Option<Decimal> {
    let whole = canary.checked_add(stable)?;
    Decimal::from(canary).checked_mul(Decimal::from(10_000))?.checked_div(Decimal::from(whole))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every share of the usual plans is met exactly, and so is every share that weights can give at all.
    #[test]
    fn exact_shares() {
        for (share_bp, canaries, stables, expected) in [
            (100, 1, 1, (1, 99)),
            (500, 1, 1, (1, 19)),
            (2500, 1, 1, (1, 3)),
            (5000, 1, 1, (1, 1)),
            (2500, 1, 3, (1, 1)),
            (5000, 2, 5, (5, 2)),
            (0, 1, 1, (0, 100)),
            (10_000, 1, 1, (100, 0)),
            (9_900, 1, 1, (99, 1)),
        ] {
            let found = nearest(share_bp, canaries, stables).unwrap();
            assert_eq!((found.canary, found.stable), expected, "{share_bp} {canaries} {stables}");
        }
        assert_eq!(nearest(100, 0, 3), None);
        assert_eq!(nearest(100, 3, 0), None);
        assert_eq!(nearest(0, 3, 0), None);
        assert_eq!(nearest(10_000, 0, 3), None);
        assert_eq!(nearest(0, 0, 3), Some(Weights { canary: 0, stable: 100 }));
    }

    /// No other weights are nearer than the ones that are found.
    #[test]
    fn nothing_is_nearer() {
        for (share_bp, canaries, stables) in
            [(1, 1, 1), (33, 2, 7), (3333, 1, 2), (7777, 5, 3), (9999, 1, 100)]
        {
            let found = nearest(share_bp, canaries, stables).unwrap();
            let off = |w: Weights| {
                let share = share(part(w.canary, canaries), part(w.stable, stables)).unwrap();
                (share - Decimal::from(share_bp)).abs()
            };
            for canary in 1..=WEIGHT_MAX {
                for stable in 1..=WEIGHT_MAX {
                    assert!(
                        off(found) <= off(Weights { canary, stable }),
                        "{share_bp}: {found:?} {canary}/{stable}"
                    );
                }
            }
        }
    }
}
