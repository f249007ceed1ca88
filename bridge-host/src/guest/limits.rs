//! What a component may use: memory, CPU time, and what the host keeps for it.
//! What counts it is here; who is limited stays out.

pub(super) mod budget;
pub(super) mod cpu_meter;
pub(super) mod epoch_clock;
pub(super) mod held;
pub(super) mod settings;
