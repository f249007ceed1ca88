//! The example `http-proxy` of the crate wasip3, as published.

include!(concat!(env!("OUT_DIR"), "/example.rs"));
