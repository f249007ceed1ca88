//! The books of places that may not be used for now: taken from the free ones
//! where there are any, and else owed by those in use.

use tokio::time::Instant;

use super::adaptive::Adaptive;
use crate::delivery::sign::Sign;

/// How many places are out of use.
pub(super) struct Squeeze {
    adaptive: Adaptive,
    withheld: usize,
    /// So many of those in use are not free when they are given back.
    owed: usize,
    over: bool,
}

impl Squeeze {
    pub(super) fn new(min: usize, places: usize) -> Self {
        let adaptive = Adaptive::new(min, places);
        Self {
            withheld: places - adaptive.limit(),
            adaptive,
            owed: 0,
            over: false,
        }
    }

    pub(super) fn withheld(&self) -> usize {
        self.withheld
    }

    pub(super) fn limit(&self) -> usize {
        self.adaptive.limit()
    }

    /// Moves the limit. `forget` takes up to so many free places away and
    /// tells how many it took; returned is how many to add to them.
    pub(super) fn told(
        &mut self,
        sign: &Sign,
        begun: Instant,
        full: bool,
        forget: impl FnOnce(usize) -> usize,
    ) -> usize {
        let before = self.adaptive.limit();
        let moved = self.adaptive.told(sign, begun, Instant::now(), full);
        let Some(limit) = moved.filter(|_| !self.over) else {
            return 0;
        };
        let less = before.saturating_sub(limit);
        if less > 0 {
            let taken = forget(less);
            self.withheld += taken;
            self.owed += less - taken;
        }
        let more = limit.saturating_sub(before);
        let forgiven = more.min(self.owed);
        self.owed -= forgiven;
        self.withheld -= more - forgiven;
        more - forgiven
    }

    /// Whether more are in use than may be.
    pub(super) fn owes(&self) -> bool {
        self.owed > 0
    }

    /// Whether a place given back is kept from use.
    pub(super) fn keeps(&mut self) -> bool {
        let owes = self.owed > 0;
        if owes {
            self.owed -= 1;
            self.withheld += 1;
        }
        owes
    }

    /// Nothing is kept from use any more. So many are free by it.
    pub(super) fn release(&mut self) -> usize {
        self.over = true;
        self.owed = 0;
        std::mem::take(&mut self.withheld)
    }
}
