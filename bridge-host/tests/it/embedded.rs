//! The embedded broker on a real disk: what it promises of each message,
//! through restarts and beside other processes.

mod crowd;
mod damage;
mod delivering;
mod publishing;
mod store;
mod support;
mod upkeep;
