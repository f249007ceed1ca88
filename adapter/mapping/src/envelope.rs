//! The envelopes: how a message becomes a request, and back. Each envelope has a
//! file.

mod attributes;
mod json;
mod portable;
mod raw;
mod reply;

pub use reply::reply;

use crate::settings::Settings;
use crate::{Message, Request, header};

/// The value of `to.envelope`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Envelope {
    /// The body is the data; topic, content type and metadata are headers.
    #[default]
    Raw,
    /// The body is a JSON object that contains the whole message.
    Json,
}

impl Envelope {
    /// The names in settings.
    pub const NAMES: [(&'static str, Self); 2] = [("raw", Self::Raw), ("json", Self::Json)];
}

/// Why the body of a request is not a message.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// The body is not the object of the json envelope.
    #[error("the body is not a message in the json envelope: {0}")]
    Json(#[from] serde_json::Error),
    /// `data_base64` is not valid base64.
    #[error("`data_base64` is not base64: {0}")]
    Base64(#[from] base64::DecodeError),
}

/// Returns the request that carries the message.
pub fn encode(settings: &Settings, message: Message) -> Request {
    let mut headers = Vec::with_capacity(4 + settings.headers.len() + message.metadata.len());
    let (content_type, body) = match settings.envelope {
        Envelope::Raw => raw::encode(settings, message, &mut headers),
        Envelope::Json => json::encode(settings, message, &mut headers),
    };
    let has_body = settings.method.has_body();
    if has_body && !is_static(settings, header::CONTENT_TYPE) {
        header::add_value(&mut headers, header::CONTENT_TYPE.into(), content_type);
    }
    let body = if has_body { body } else { Vec::new() };
    if has_body {
        headers.push((
            header::CONTENT_LENGTH.into(),
            body.len().to_string().into_bytes(),
        ));
    }
    let fixed = settings.headers.iter();
    headers.extend(fixed.map(|(name, value)| (name.clone(), value.clone().into_bytes())));
    Request { headers, body }
}

/// Returns the message that a request carries: the inverse of [`encode`]. Header
/// names may have any case; the order is the order of sending.
///
/// Without a topic header the topic is empty. Headers that the sender's settings
/// or HTTP client added become metadata.
/// have, but the sender's settings or its HTTP client, count as metadata.
pub fn decode<'a>(
    envelope: Envelope,
    headers: impl IntoIterator<Item = (&'a str, &'a [u8])>,
    body: &[u8],
) -> Result<Message, DecodeError> {
    match envelope {
        Envelope::Raw => Ok(raw::decode(headers, body)),
        Envelope::Json => json::decode(headers, body),
    }
}

fn is_static(settings: &Settings, name: &str) -> bool {
    settings.headers.iter().any(|(known, _)| known == name)
}

#[cfg(test)]
mod tests;
