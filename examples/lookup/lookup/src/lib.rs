//! Looks up the customer of each message at an HTTP service, and forwards the
//! message with the customer's name. A message without a customer stays unchanged.

wit_bindgen::generate!({
    path: "../../../wit",
    inline: "
        package example:lookup;
        world lookup {
            include bridge:worlds/middleware@0.1.0;
            import wasi:http/outgoing-handler@0.2.0;
        }
    ",
    generate_all,
});

mod get;

use exports::wasi::messaging::incoming_handler::{Error, Guest, Message};
use wasi::config::store;
use wasi::http::types::ErrorCode;
use wasi::messaging::incoming_handler as next;

struct Lookup;

impl Guest for Lookup {
    fn handle(ms: Message) -> Result<(), Error> {
        let metadata = ms.metadata().unwrap_or_default();
        if let Some((_, customer)) = metadata.iter().find(|(key, _)| key == "customer") {
            ms.add_metadata("customer-name", &name_of(customer)?);
        }
        next::handle(ms)
    }

    fn subscribe() -> Result<Vec<String>, Error> {
        next::subscribe()
    }
}

/// Returns the name of a customer. `error::connection` has the message retried,
/// `error::other` makes it a dead letter.
fn name_of(customer: &str) -> Result<String, Error> {
    let directory = match store::get("directory") {
        Ok(Some(authority)) => authority,
        _ => return Err(Error::Other("the setting `directory` is missing".into())),
    };
    match get::get(&directory, &format!("/customers/{customer}")) {
        Ok((200, body)) => Ok(String::from_utf8_lossy(&body).trim().to_owned()),
        Ok((404, _)) => Err(Error::Other(format!("no customer {customer}"))),
        Ok((status, _)) => Err(Error::Connection(format!(
            "the directory answered {status}"
        ))),
        Err(error @ ErrorCode::HttpRequestDenied) => Err(Error::Other(error.to_string())),
        Err(error) => Err(Error::Connection(format!("the directory: {error}"))),
    }
}

export!(Lookup);
