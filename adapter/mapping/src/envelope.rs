//! How a message looks on the wire: an enum, one match, a file each.

mod attributes;
mod json;
mod portable;
mod raw;
mod reply;

pub use reply::reply;

use crate::settings::Settings;
use crate::{Message, Request, header};

/// `to.envelope`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Envelope {
    /// The body is the data, and the rest are headers.
    #[default]
    Raw,
    /// The body is a JSON object with all of the message in it.
    Json,
}

impl Envelope {
    /// As they are written in settings.
    pub const NAMES: [(&'static str, Self); 2] = [("raw", Self::Raw), ("json", Self::Json)];
}

/// Why a request's body is no message.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// Not the object that the json envelope makes.
    #[error("the body is not a message in the json envelope: {0}")]
    Json(#[from] serde_json::Error),
    /// `data_base64` is not base64.
    #[error("`data_base64` is not base64: {0}")]
    Base64(#[from] base64::DecodeError),
}

/// The request that carries the message.
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

/// The message that a request carries, [`encode`]'s inverse. Headers are
/// named in any case, and come in the order in which they were sent.
///
/// The topic is empty where there is none. Headers that the message did not
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
