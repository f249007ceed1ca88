//! Maps messages to HTTP requests, and responses to results. It has no I/O and no
//! bindings, so it behaves the same on every host.
//!
//! - [`Settings`]: what the user says about the endpoint, as pairs of strings
//! - [`encode`]: turns a message into a [`Request`], in an [`Envelope`]
//! - [`decode`]: turns a request back into a message
//! - [`reply`]: turns a response into a message
//! - [`Settings::judge`], [`Settings::transport_error`]: turn a status or a
//!   [`TransportFailure`] into a result
//! - [`Condition::of`]: what a status says about the endpoint
//!
//! ```
//! use mapping::{Message, Settings, encode};
//!
//! let settings = Settings::from_pairs([("to.url", "https://shop.example/hooks")]).unwrap();
//! let message = Message {
//!     topic: "orders.new".into(),
//!     data: b"{}".to_vec(),
//!     ..Message::default()
//! };
//! let request = encode(&settings, message);
//! assert_eq!(request.body, b"{}");
//! assert!(request.headers.contains(&("message-topic".into(), b"orders.new".to_vec())));
//! assert!(settings.judge(204, b"").is_ok());
//! ```

mod envelope;
mod header;
mod outcome;
mod settings;

pub use envelope::{DecodeError, Envelope, decode, encode, reply};
pub use outcome::{Condition, ExchangeError, Statuses, StatusesError, TransportFailure, Verdict};
pub use settings::{
    DurationError, Endpoint, EndpointError, HeaderNames, Method, Scheme, Settings, SettingsError,
    StaticHeaderError, parse_duration,
};

/// A message, as `wasi:messaging/types` defines it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Message {
    /// The topic that it was published to.
    pub topic: String,
    /// The media type of `data`, if it is known.
    pub content_type: Option<String>,
    /// Keys and values, in their original order.
    pub metadata: Vec<(String, String)>,
    /// The payload.
    pub data: Vec<u8>,
}

/// A header as `wasi:http/types.fields.from-list` expects it, with its name in lower
/// case.
pub type Header = (String, Vec<u8>);

/// The headers and the body of a request. [`Settings`] has the URL and the method.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The headers, with `content-length` if there is a body.
    pub headers: Vec<Header>,
    /// The whole body; empty if the method has none ([`Method::has_body`]).
    pub body: Vec<u8>,
}
