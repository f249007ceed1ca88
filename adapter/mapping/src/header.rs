//! Encodes strings as headers, reversibly: any key as a name, any value as a
//! value. docs/reference/envelopes.md has the rules; the envelope chooses the
//! keys.

mod name;
mod value;

pub use name::{
    is_ignored, is_plain_name_byte, is_reserved, to_escaped_name, to_key, to_name, unescape,
};
pub use value::{add_value, is_legal_value, is_value_byte, percent_encode, read_value, text};

/// The media type of the body.
pub const CONTENT_TYPE: &str = "content-type";
/// The length of the body.
pub const CONTENT_LENGTH: &str = "content-length";
/// The topic of the message.
pub const TOPIC: &str = "message-topic";
/// The keys that have upper-case letters.
pub const KEYS: &str = "message-keys";
/// The entries that proxies may drop as separate headers.
pub const MORE: &str = "message-metadata";
/// The message's id, and its key in the metadata.
pub const ID: &str = "webhook-id";
