//! The limits of a component: memory, CPU time, and the resources that the host keeps for it. This
//! room counts; its callers enforce the limits.

pub(super) mod budget;
pub(super) mod cpu_meter;
pub(super) mod epoch_clock;
pub(super) mod host_resources;
pub(super) mod settings;
