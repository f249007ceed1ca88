//! The example `http_server_proxy` of the crate wstd, as it is published.

include!(concat!(env!("OUT_DIR"), "/example.rs"));
