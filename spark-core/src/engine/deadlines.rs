//! Places by the time at which each has to be looked at: what is due is found without asking the others.

use super::places::place as number;
use crate::time::Timestamp;

/// A time that does not come.
pub(super) const NEVER: Timestamp = Timestamp::from_nanos(i64::MAX);

/// A heap with one entry for each place, at the most. A time that moves away stays where it stands until its old one has
/// come: most move away again and again, and then cost nothing.
#[derive(Debug, Clone)]
pub(super) struct Deadlines {
    /// By place: when it is due.
    due: Vec<Timestamp>,
    /// By place: the time that it stands at in the heap, not after the one at which it is due; `NEVER` where it is not in it.
    stands_at: Vec<Timestamp>,
    heap: Vec<u32>,
    /// By place: where it is in the heap, if it is.
    position: Vec<u32>,
}

impl Deadlines {
    pub(super) fn new(places: usize) -> Self {
        Self {
            due: vec![NEVER; places],
            stands_at: vec![NEVER; places],
            heap: Vec::with_capacity(places),
            position: vec![0; places],
        }
    }

    /// Says when a place is due.
    pub(super) fn set(&mut self, place: usize, due: Timestamp) {
        let (Some(slot), Some(stands_at)) = (self.due.get_mut(place), self.stands_at.get_mut(place)) else {
            return;
        };
        *slot = due;
        if due >= *stands_at {
            return;
        }
        if *stands_at == NEVER {
            if let Some(position) = self.position.get_mut(place) {
                *position = number(self.heap.len());
            }
            self.heap.push(number(place));
        }
        *stands_at = due;
        self.rise(place);
    }

    /// Takes out a place whose time has come, if there is one.
    pub(super) fn take_due(&mut self, at: Timestamp) -> Option<usize> {
        loop {
            let place = *self.heap.first()? as usize;
            if self.key(place) > at {
                return None;
            }
            let due = self.due.get(place).copied().unwrap_or(NEVER);
            if due > at && due != NEVER {
                self.stand(place, due);
                self.sink(place);
                continue;
            }
            self.stand(place, NEVER);
            self.heap.swap_remove(0);
            if let Some(moved) = self.heap.first().copied() {
                let moved = moved as usize;
                self.put(moved, 0);
                self.sink(moved);
            }
            if due <= at {
                if let Some(due) = self.due.get_mut(place) {
                    *due = NEVER;
                }
                return Some(place);
            }
        }
    }

    /// A time before which none is due.
    pub(super) fn not_before(&self) -> Timestamp {
        self.heap.first().map_or(NEVER, |place| self.key(*place as usize))
    }

    fn key(&self, place: usize) -> Timestamp {
        self.stands_at.get(place).copied().unwrap_or(NEVER)
    }

    fn stand(&mut self, place: usize, at: Timestamp) {
        if let Some(slot) = self.stands_at.get_mut(place) {
            *slot = at;
        }
    }

    fn put(&mut self, place: usize, position: usize) {
        if let (Some(slot), Some(entry)) = (self.position.get_mut(place), self.heap.get_mut(position)) {
            (*slot, *entry) = (number(position), number(place));
        }
    }

    fn rise(&mut self, place: usize) {
        let Some(mut position) = self.position.get(place).map(|position| *position as usize) else { return };
        while let Some(above) = position.checked_sub(1).map(|below| below / 2)
            && let Some(parent) = self.heap.get(above).map(|parent| *parent as usize)
            && self.key(parent) > self.key(place)
        {
            self.put(parent, position);
            position = above;
        }
        self.put(place, position);
    }

    fn sink(&mut self, place: usize) {
        let Some(mut position) = self.position.get(place).map(|position| *position as usize) else { return };
        loop {
            let left = position.saturating_mul(2).saturating_add(1);
            let children = self.heap.get(left..).unwrap_or_default().iter().take(2);
            let children = children.map(|child| *child as usize).enumerate();
            let Some((n, child)) = children.min_by_key(|(_, child)| self.key(*child)) else { break };
            if self.key(child) >= self.key(place) {
                break;
            }
            self.put(child, position);
            position = left.saturating_add(n);
        }
        self.put(place, position);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is due is found, and nothing else, whatever times come, move and go.
    #[test]
    fn what_is_due_is_found() {
        const PLACES: usize = 37;
        let mut seed: u64 = 7;
        let mut random = |below: i64| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            i64::try_from(seed >> 33).unwrap() % below
        };
        let (mut deadlines, mut peer) = (Deadlines::new(PLACES), vec![NEVER; PLACES]);
        for now in 0..3_000 {
            for _ in 0..random(6) {
                let place = usize::try_from(random(37)).unwrap();
                let due = match random(4) {
                    0 => NEVER,
                    // one that has passed is due at once
                    _ => Timestamp::from_nanos(now + random(40) - 2),
                };
                deadlines.set(place, due);
                peer[place] = due;
            }
            let mut found: Vec<usize> =
                std::iter::from_fn(|| deadlines.take_due(Timestamp::from_nanos(now))).collect();
            found.sort_unstable();
            let mut expected = Vec::new();
            for (place, due) in peer.iter_mut().enumerate() {
                if due.nanos() <= now {
                    expected.push(place);
                    *due = NEVER;
                }
            }
            assert_eq!(found, expected, "at {now}");
            assert!(deadlines.heap.len() <= PLACES);
        }
    }
}
