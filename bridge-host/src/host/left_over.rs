//! Subscriptions that a broker keeps and the config does not name: messages
//! are kept for them, too, and whoever starts the bridge should know.

use crate::store::Store;

/// Tells of those of one connection, once the config's have joined it.
pub(super) async fn tell(connection: &str, store: &Store) {
    let left_over = match store.unjoined().await {
        Ok(left_over) => left_over,
        Err(error) => return tracing::warn!(connection, %error, "cannot read the ledger"),
    };
    for ledger in left_over {
        tracing::warn!(
            connection,
            subscription = ledger.subscription,
            pending = ledger.pending,
            dead_letters = ledger.dead_letters(),
            "the config has no subscription of this name any more, and messages are still kept for it: `bridge-host ledger forget {}` ends that",
            ledger.subscription
        );
    }
}
