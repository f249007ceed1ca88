//! What is wrong on this machine now: descriptors, disk, memory. Any room
//! raises or clears a trouble here; readiness reads them all. What a trouble
//! means for a message stays out: that is `delivery`.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The local troubles of one bridge. Clones share them.
///
/// The log has one line when a trouble begins and one when it ends, however
/// often it is raised meanwhile.
///
/// ```
/// use bridge_host::trouble::Troubles;
///
/// let troubles = Troubles::default();
/// troubles.raise("descriptors", "no file descriptors are left".into());
/// assert_eq!(troubles.all().as_deref(), Some("no file descriptors are left"));
/// troubles.clear("descriptors");
/// assert_eq!(troubles.all(), None);
/// ```
#[derive(Clone, Debug, Default)]
pub struct Troubles(Arc<Mutex<BTreeMap<&'static str, String>>>);

impl Troubles {
    /// Notes a trouble under a name; `what` is one line for the operator. A
    /// trouble that was there keeps its place and takes the new text.
    pub fn raise(&self, name: &'static str, what: String) {
        let mut troubles = self.lock();
        let text = what.clone();
        if troubles.insert(name, what).is_none() {
            drop(troubles);
            tracing::warn!(trouble = name, "not ready: {text}");
        }
    }

    /// Notes that a trouble is over. Does nothing where there was none.
    pub fn clear(&self, name: &'static str) {
        let ended = self.lock().remove(name);
        if ended.is_some() {
            tracing::info!(trouble = name, "the trouble is over");
        }
    }

    /// Every trouble there is now, in one line; `None` when there is none.
    pub fn all(&self) -> Option<String> {
        let troubles = self.lock();
        let texts: Vec<_> = troubles.values().map(String::as_str).collect();
        (!texts.is_empty()).then(|| texts.join("; "))
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<&'static str, String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
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
        assert_eq!(troubles.all().as_deref(), Some(all));
        troubles.clear("descriptors");
        troubles.clear("disk");
        troubles.clear("disk");
        assert_eq!(other.all(), None);
    }
}
