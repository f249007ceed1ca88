//! Troubles with several causes at once: one lasts for as long as any of those
//! that suffer from it, and a little longer, so that it does not flap.

use std::time::Duration;

use tokio::runtime::Handle;
use tokio::time::sleep;

use super::{Lack, Troubles};

/// A trouble ends when nothing has suffered from it for this long.
const QUIET: Duration = Duration::from_secs(2);

/// A trouble that something suffers from. It may end once this is dropped.
#[derive(Debug)]
pub struct Held {
    troubles: Troubles,
    name: &'static str,
}

impl Troubles {
    /// Raises the trouble that this lack is, for as long as the answer lives and
    /// two seconds more.
    #[must_use]
    pub fn hold(&self, lack: Lack) -> Held {
        let name = lack.name();
        let mut state = self.lock();
        let holder = state.holders.0.entry(name).or_default();
        holder.now += 1;
        holder.ever += 1;
        drop(state);
        self.raise(name, lack.to_string());
        Held {
            troubles: self.clone(),
            name,
        }
    }

    /// Ends a trouble that nothing has suffered from since then.
    fn end(&self, name: &'static str, ever: u64) {
        let quiet = self
            .lock()
            .holders
            .0
            .get(name)
            .is_some_and(|it| it.now == 0 && it.ever == ever);
        if quiet {
            self.clear(name);
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut state = self.troubles.lock();
        let Some(holder) = state.holders.0.get_mut(self.name) else {
            return;
        };
        holder.now -= 1;
        let (last, ever) = (holder.now == 0, holder.ever);
        drop(state);
        if !last {
            return;
        }
        let (troubles, name) = (self.troubles.clone(), self.name);
        match Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn(async move {
                sleep(QUIET).await;
                troubles.end(name, ever);
            })),
            Err(_) => troubles.end(name, ever),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_trouble_lasts_as_long_as_its_last_holder_and_does_not_flap() {
        let troubles = Troubles::default();
        let (one, other) = (troubles.hold(Lack::Ports), troubles.hold(Lack::Ports));
        drop(one);
        sleep(QUIET * 2).await;
        assert!(troubles.all().is_some());
        drop(other);
        sleep(QUIET / 2).await;
        let again = troubles.hold(Lack::Ports);
        sleep(QUIET).await;
        assert!(troubles.all().is_some(), "it was suffered from again");
        drop(again);
        sleep(QUIET * 2).await;
        assert_eq!(troubles.all(), None);
    }
}
