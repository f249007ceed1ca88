//! The example `http-proxy` of the crate wasip3 0.10, whose file lies beside
//! this one as it is published.

include!("http-proxy.example");
