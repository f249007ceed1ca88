//! Posting a message to an endpoint over wasi:http: what the components that do
//! so have in common. What a message or a status means is `mapping`'s matter.

mod exchange;
mod failure;
mod settings;

wit_bindgen::generate!({
    path: "../../wit",
    world: "bridge:worlds/webhook",
    generate_all,
});

pub use settings::{all, endpoint};

use mapping::{Failed, Message, Settings};

/// Posts the message, and judges what came back.
pub fn post(settings: &Settings, message: Message) -> Result<(), Failed> {
    exchange::run(settings, mapping::encode(settings, message))
}
