//! The embedded broker on a real disk: what it promises of each message,
//! through restarts, full disks and other processes.

mod crowd;
mod delivering;
mod faults;
mod publishing;
mod store;
mod support;
