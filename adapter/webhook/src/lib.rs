//! Posts a message to an endpoint over wasi:http: the code that the adapters
//! share. `mapping` decides what a message or a status means.

mod exchange;
mod failure;
mod settings;

wit_bindgen::generate!({
    path: "../../wit",
    world: "bridge:worlds/webhook",
    generate_all,
});

pub use settings::{all, endpoint};

use mapping::{ExchangeError, Message, Settings};

/// Posts the message, and returns the result.
pub fn post(settings: &Settings, message: Message) -> Result<(), ExchangeError> {
    exchange::run(settings, mapping::encode(settings, message))
}
