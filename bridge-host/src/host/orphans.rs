//! Subscriptions that are in a store but not in the config: the store keeps messages for
//! them, so the log warns of each. Removing them is up to `bridge-host ledger forget`.

use crate::store::Store;

/// Logs a warning for each such subscription of a connection, once the subscriptions of
/// the config have joined.
pub(super) async fn warn(connection: &str, store: &Store) {
    let orphans = match store.unjoined().await {
        Ok(orphans) => orphans,
        Err(error) => return tracing::warn!(connection, %error, "cannot read the ledger"),
    };
    for ledger in orphans {
        tracing::warn!(
            connection,
            subscription = ledger.subscription,
            pending = ledger.pending,
            dead_letters = ledger.dead_letters(),
            "this subscription is not in the config any more, but the store keeps messages for it: `bridge-host ledger forget {}` deletes them",
            ledger.subscription
        );
    }
}
