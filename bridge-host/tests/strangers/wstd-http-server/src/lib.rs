//! The example `http_server` of the crate wstd, as it is published.

include!(concat!(env!("OUT_DIR"), "/example.rs"));
