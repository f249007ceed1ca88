//! The groups that a connection has joined, for readiness, the ledger and the end of the connection.
//! Each broker has its own type of group.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::time::timeout;

/// The groups that a connection has joined.
pub struct JoinedGroups<G>(Mutex<Vec<Joined<G>>>);

/// A group, and a receiver that changes when its supply has ended.
struct Joined<G> {
    group: Arc<G>,
    ended: watch::Receiver<()>,
}

impl<G> Default for JoinedGroups<G> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<G> JoinedGroups<G> {
    /// Adds a group; `ended` changes when its supply has ended.
    pub fn add(&self, group: Arc<G>, ended: watch::Receiver<()>) {
        self.0.lock().push(Joined { group, ended });
    }

    /// Returns the first result that is not `None`.
    pub fn find_map<T>(&self, found: impl FnMut(&Arc<G>) -> Option<T>) -> Option<T> {
        self.0
            .lock()
            .iter()
            .map(|joined| &joined.group)
            .find_map(found)
    }

    /// Calls a function for each group.
    pub fn for_each(&self, call: impl FnMut(&Arc<G>)) {
        self.0
            .lock()
            .iter()
            .map(|joined| &joined.group)
            .for_each(call);
    }

    /// Waits until the supplies of all groups have ended, for each group at most
    /// this long.
    pub async fn ended(&self, patience: Duration) {
        let all: Vec<_> = self.0.lock().iter().map(|it| it.ended.clone()).collect();
        for mut ended in all {
            let _ = timeout(patience, ended.changed()).await;
        }
    }
}
