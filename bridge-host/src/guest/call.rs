//! One call of a component: its message, its time, the record of what it did, and its outcome. How
//! a component is called is in `component` and `handler`.

pub(super) mod call_record;
pub(super) mod conclusion;
pub(super) mod message_handler;
pub(super) mod open_response;
pub(super) mod outcome;
pub(super) mod reply_settings;
pub(super) mod running_handler;
pub(super) mod store_calls;
pub(super) mod wait_clock;
