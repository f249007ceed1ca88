//! The current problems of this machine: descriptors, disk, memory. Any module
//! raises or clears a trouble, and readiness reads them all. `delivery`
//! decides what a trouble means for a message.

pub mod descriptors;
mod guard;
mod holders;
mod shortage;

pub use guard::TroubleGuard;
pub use shortage::{Shortage, causes};

use std::collections::BTreeMap;
use std::sync::Arc;

use holders::Holders;
use parking_lot::{Mutex, MutexGuard};

/// The current troubles of one bridge. Clones share them.
///
/// The log has one line when a trouble begins and one when it ends, even if the trouble
/// is raised again in between.
///
/// ```
/// use bridge_host::trouble::Troubles;
///
/// let troubles = Troubles::default();
/// troubles.raise("descriptors", "no file descriptors are left".into());
/// assert_eq!(troubles.summary().as_deref(), Some("no file descriptors are left"));
/// troubles.clear("descriptors");
/// assert_eq!(troubles.summary(), None);
/// ```
#[derive(Clone, Debug, Default)]
pub struct Troubles(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    now: BTreeMap<&'static str, Trouble>,
    holders: Holders,
}

#[derive(Debug)]
struct Trouble {
    text: String,
    ends_readiness: bool,
}

impl Troubles {
    /// Raises a trouble under a name, or replaces the text of a current one. `what` is one
    /// line for the operator.
    pub fn raise(&self, name: &'static str, what: String) {
        self.note(name, what, true);
    }

    fn note(&self, name: &'static str, text: String, ends_readiness: bool) {
        let trouble = Trouble {
            text: text.clone(),
            ends_readiness,
        };
        if self.lock().now.insert(name, trouble).is_some() {
            return;
        }
        match ends_readiness {
            true => tracing::warn!(trouble = name, "not ready: {text}"),
            false => tracing::warn!(trouble = name, "{text}"),
        }
    }

    /// Ends a trouble. Has no effect if there is none of this name.
    pub fn clear(&self, name: &'static str) {
        let ended = self.lock().now.remove(name);
        if ended.is_some() {
            tracing::info!(trouble = name, "the trouble has ended");
        }
    }

    /// Returns all current troubles that end readiness, in one line; `None` if there are
    /// none.
    pub fn summary(&self) -> Option<String> {
        let state = self.lock();
        let ending = state.now.values().filter(|it| it.ends_readiness);
        let texts: Vec<_> = ending.map(|it| it.text.as_str()).collect();
        (!texts.is_empty()).then(|| texts.join("; "))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clones_share_what_is_raised_and_cleared() {
        let troubles = Troubles::default();
        let other = troubles.clone();
        troubles.raise("disk", "the disk is full".into());
        other.raise("descriptors", "no descriptors".into());
        other.raise("disk", "the disk is still full".into());
        let all = "no descriptors; the disk is still full";
        assert_eq!(troubles.summary().as_deref(), Some(all));
        troubles.clear("descriptors");
        troubles.clear("disk");
        troubles.clear("disk");
        assert_eq!(other.summary(), None);
    }
}
