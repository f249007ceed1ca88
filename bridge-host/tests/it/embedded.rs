//! The embedded broker on a real disk: its promises for each message, across restarts and beside
//! other processes.

mod crowd;
mod damage;
mod delivering;
mod publishing;
mod store;
mod support;
mod upkeep;
