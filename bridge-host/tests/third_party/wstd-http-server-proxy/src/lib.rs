//! The example `http_server_proxy` of the crate wstd, as published. It reads an
//! environment variable. The target wasm32-unknown-unknown has no environment in its
//! standard library, so the module `std` below provides one.

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
