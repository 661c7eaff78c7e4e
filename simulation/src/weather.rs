//! What goes wrong in a rollout, drawn from its seed.

use crate::rng::Rng;
use crate::world::{SECOND, Weather};

/// Nothing in half of the rollouts, else up to `most`.
fn part(rng: &mut Rng, most: u64) -> u64 {
    if rng.permille(500) { 0 } else { 1 + rng.below(most) }
}

pub fn draw(rng: &mut Rng) -> Weather {
    Weather {
        samples: part(rng, 260),
        sources: part(rng, 200),
        actions: if rng.permille(150) { 0 } else { 1 + rng.below(999) },
        probes: part(rng, 300),
        disk: part(rng, 85),
        crashes: part(rng, 20),
        pauses: part(rng, 30),
        steps: part(rng, 12),
        moves: part(rng, 8),
        seconds: part(rng, 20),
        stops: part(rng, 10),
        reloads: part(rng, 160),
        rot: part(rng, 80),
        talk: if rng.permille(300) { 0 } else { 1 + rng.below(12) },
        until: rng.range(8, 50) * SECOND,
        fenced: true,
        stuck: rng.permille(90),
        helpless: rng.permille(20),
    }
}
