//! The embedded broker on a real disk: what it promises of each message,
//! through restarts and beside other processes.

mod crowd;
mod delivering;
mod publishing;
mod store;
mod support;
