//! Counts the permits that an adaptive limit takes out of use: free permits at
//! once, permits in use when they are released.

use tokio::time::Instant;

use super::adaptive::AdaptiveLimit;
use crate::delivery::endpoint_signal::EndpointSignal;

/// The permits that are out of use.
pub(super) struct PermitDebt {
    adaptive: AdaptiveLimit,
    withheld: usize,
    /// How many permits in use are withheld once they are released.
    owed: usize,
    released: bool,
}

impl PermitDebt {
    pub(super) fn new(min: usize, max: usize) -> Self {
        let adaptive = AdaptiveLimit::new(min, max);
        Self {
            withheld: max - adaptive.limit(),
            adaptive,
            owed: 0,
            released: false,
        }
    }

    /// Returns how many permits are out of use.
    pub(super) fn withheld(&self) -> usize {
        self.withheld
    }

    /// Returns the current limit.
    pub(super) fn limit(&self) -> usize {
        self.adaptive.limit()
    }

    /// Records an attempt, and moves the limit. `forget` removes up to that many
    /// free permits and returns how many it removed. Returns how many free
    /// permits to add.
    pub(super) fn record(
        &mut self,
        signal: &EndpointSignal,
        begun: Instant,
        full: bool,
        forget: impl FnOnce(usize) -> usize,
    ) -> usize {
        let before = self.adaptive.limit();
        let moved = self.adaptive.record(signal, begun, Instant::now(), full);
        let Some(limit) = moved.filter(|_| !self.released) else {
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

    /// Returns whether more permits are in use than the limit allows.
    pub(super) fn has_debt(&self) -> bool {
        self.owed > 0
    }

    /// Returns whether a released permit is withheld.
    pub(super) fn withhold_released(&mut self) -> bool {
        let has_debt = self.owed > 0;
        if has_debt {
            self.owed -= 1;
            self.withheld += 1;
        }
        has_debt
    }

    /// Ends the withholding, and returns how many permits that frees.
    pub(super) fn release_all(&mut self) -> usize {
        self.released = true;
        self.owed = 0;
        std::mem::take(&mut self.withheld)
    }
}
