//! What every broker behind a network connection needs: credit, prefetch, receipts, reconnecting, paging.
//! Nothing here names a broker or its client; the protocol of each broker is in the broker's own folder.

pub mod arrived;
pub mod credit;
pub mod dead_letters;
pub mod groups;
pub mod link_state;
pub mod log_limit;
pub mod member;
pub mod multi_value;
pub mod prefetch;
pub mod presence;
pub mod receipt;
pub mod recent_trouble;
pub mod retry_queue;
pub mod retry_room;
pub mod silence;
pub mod supply;
pub mod topics;
