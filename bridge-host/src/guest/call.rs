//! One call of a component: the message that it is for, its time, the record of
//! what it did, and its outcome. How a component is called stays out.

pub(super) mod call_record;
pub(super) mod calls;
pub(super) mod conclusion;
pub(super) mod handle;
pub(super) mod open_response;
pub(super) mod outcome;
pub(super) mod reply;
pub(super) mod running;
pub(super) mod wait_clock;
