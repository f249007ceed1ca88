//! Instances of a component: how one is made and limited, and the pool of those that
//! are reused. What is called on an instance stays out.

mod failure;
pub(super) mod pool;
mod ready;
mod template;

pub(super) use failure::{failure, limited};
pub(super) use ready::{Ready, ready};
pub(super) use template::{Instance, InstanceTemplate};
