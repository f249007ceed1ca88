//! Texts as headers, reversibly: any key as a name, any value as a value. The
//! rules are in docs/reference/envelopes.md. Which keys there are is the envelope's.

mod name;
mod value;

pub use name::{
    is_plain_name_byte, is_reserved, is_unheard, to_key, to_name, to_unlike_name, unescape,
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
/// Entries that proxies may drop as headers of their own.
pub const MORE: &str = "message-metadata";
/// The message's id; also the key under which the metadata has it.
pub const ID: &str = "webhook-id";
