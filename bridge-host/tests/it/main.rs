//! The tests that drive the real binary, or the library's public face. One
//! binary for all of them: each would link the engine again.

mod harness;

mod forward;
