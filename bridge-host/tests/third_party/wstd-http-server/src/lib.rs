//! The example `http_server` of the crate wstd, as published.

include!(concat!(env!("OUT_DIR"), "/example.rs"));
