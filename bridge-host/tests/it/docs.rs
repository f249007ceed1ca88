//! The documentation is true: its links lead somewhere, its commands parse, and
//! the tutorial does what it shows.

mod commands;
mod links;
mod markdown;
mod programs;
mod shell_words;
mod shown_output;
mod terminal_session;
mod tutorial;

pub use markdown::{blocks, root};
