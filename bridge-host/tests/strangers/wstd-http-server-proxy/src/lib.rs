//! The example `http_server_proxy` of the crate wstd, as it is published. It reads
//! an environment variable, and is built for wasm32-unknown-unknown here, whose
//! standard library has no environment: the module `std` around it has.

mod example {
    mod std {
        pub mod env {
            use ::std::env::VarError;

            /// The variable, as `wasi:cli/environment` has it.
            pub fn var(name: &str) -> Result<String, VarError> {
                let all = wasip2::cli::environment::get_environment();
                let found = all.into_iter().find(|(known, _)| known == name);
                found.map(|(_, value)| value).ok_or(VarError::NotPresent)
            }
        }
    }

    include!(concat!(env!("OUT_DIR"), "/example.rs"));
}
