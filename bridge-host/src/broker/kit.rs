//! What every broker behind a network connection needs: credit, prefetch, receipts, reconnecting, paging.
//! Nothing here names a broker or its client; the protocol of each broker is in the broker's own folder.

pub mod connection_state;
pub mod credit;
pub mod dead_letters;
pub mod decoded_message;
pub mod group_state;
pub mod joined_groups;
pub mod log_limit;
pub mod multi_value;
pub mod outbox;
pub mod prefetch;
pub mod pulled_subscription;
pub mod receipt;
pub mod recent_trouble;
pub mod retry_limit;
pub mod retry_queue;
pub mod silence;
pub mod supply;
pub mod topics;
