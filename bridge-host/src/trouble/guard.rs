//! Guards of troubles with several holders at once. A trouble lasts until its last guard
//! is dropped, and a little longer, so that it does not flap.

use std::time::Duration;

use tokio::runtime::Handle;
use tokio::time::sleep;

use super::{Shortage, Troubles};

/// A trouble ends once it has had no guard for this long.
const QUIET: Duration = Duration::from_secs(2);

/// A guard of a trouble. The trouble may end once its last guard is dropped.
#[derive(Debug)]
pub struct TroubleGuard {
    troubles: Troubles,
    shortage: Shortage,
}

impl Troubles {
    /// Raises the trouble of a shortage. The trouble lasts until two seconds after the
    /// returned guard is dropped, and until the process can open a file again.
    #[must_use]
    pub fn hold(&self, shortage: Shortage) -> TroubleGuard {
        let name = shortage.name();
        let mut state = self.lock();
        let holder = state.holders.0.entry(name).or_default();
        holder.now += 1;
        holder.ever += 1;
        drop(state);
        self.note(name, shortage.to_string(), shortage.ends_readiness());
        TroubleGuard {
            troubles: self.clone(),
            shortage,
        }
    }

    /// Ends a trouble that has had no guard since its guards were counted as `ever`.
    fn end(&self, name: &'static str, ever: u64) {
        if self.is_quiet(name, ever) {
            self.clear(name);
        }
    }

    fn is_quiet(&self, name: &str, ever: u64) -> bool {
        let state = self.lock();
        let holder = state.holders.0.get(name);
        holder.is_some_and(|it| it.now == 0 && it.ever == ever)
    }

    /// As [`Self::end`], once the shortage is over.
    async fn end_after(self, shortage: Shortage, ever: u64) {
        sleep(QUIET).await;
        // If the resource is needed only now and then, such as by a probe, the trouble
        // would begin and end with each use.
        while self.is_quiet(shortage.name(), ever) && shortage.lasts() {
            sleep(QUIET).await;
        }
        self.end(shortage.name(), ever);
    }
}

impl Drop for TroubleGuard {
    fn drop(&mut self) {
        let mut state = self.troubles.lock();
        let name = self.shortage.name();
        let Some(holder) = state.holders.0.get_mut(name) else {
            return;
        };
        holder.now -= 1;
        let (last, ever) = (holder.now == 0, holder.ever);
        drop(state);
        if !last {
            return;
        }
        let troubles = self.troubles.clone();
        match Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn(troubles.end_after(self.shortage, ever))),
            Err(_) => troubles.end(name, ever),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_trouble_lasts_as_long_as_its_last_guard_and_does_not_flap() {
        let troubles = Troubles::default();
        let (one, other) = (
            troubles.hold(Shortage::Ports),
            troubles.hold(Shortage::Ports),
        );
        drop(one);
        sleep(QUIET * 2).await;
        assert!(troubles.summary().is_some());
        drop(other);
        sleep(QUIET / 2).await;
        let again = troubles.hold(Shortage::Ports);
        sleep(QUIET).await;
        assert!(troubles.summary().is_some(), "it has a guard again");
        drop(again);
        sleep(QUIET * 2).await;
        assert_eq!(troubles.summary(), None);
    }
}
