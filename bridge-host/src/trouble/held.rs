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
    lack: Lack,
}

impl Troubles {
    /// Raises the trouble that this lack is. The trouble lasts as long as the
    /// returned value and two seconds more, and until the process can open a
    /// file again.
    #[must_use]
    pub fn hold(&self, lack: Lack) -> Held {
        let name = lack.name();
        let mut state = self.lock();
        let holder = state.holders.0.entry(name).or_default();
        holder.now += 1;
        holder.ever += 1;
        drop(state);
        self.note(name, lack.to_string(), lack.ends_readiness());
        Held {
            troubles: self.clone(),
            lack,
        }
    }

    /// Ends a trouble that nothing has suffered from since then.
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

    /// As [`Self::end`], once the lack is over.
    async fn end_after(self, lack: Lack, ever: u64) {
        sleep(QUIET).await;
        // Few may need what is missing, such as a probe now and then: the
        // trouble would begin and end with each of them.
        while self.is_quiet(lack.name(), ever) && lack.lasts() {
            sleep(QUIET).await;
        }
        self.end(lack.name(), ever);
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut state = self.troubles.lock();
        let name = self.lack.name();
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
            Ok(runtime) => drop(runtime.spawn(troubles.end_after(self.lack, ever))),
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
