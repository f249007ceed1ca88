//! Instances of a component: creating and limiting them, and the pool of reused instances.
//! Calling them is in `component` and `handler`.

mod failure;
pub(super) mod pool;
mod template;
mod world;

pub(super) use failure::{failure, limited};
pub(super) use template::{Instance, InstanceTemplate};
pub(super) use world::{World, impl_world};
