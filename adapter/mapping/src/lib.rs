//! From a message and settings to an HTTP request, and from what came back to
//! a result. Pure: no I/O, no bindings, the same on every host.
//!
//! - [`Settings`]: what a user says of the endpoint, as pairs of texts
//! - [`encode`]: a message and settings make a [`Request`], in an [`Envelope`]
//! - [`decode`]: the way back, for those who receive
//! - [`reply`]: a response as a message
//! - [`Settings::judge`], [`Settings::failed`]: a status or a [`Transport`]
//!   failure makes a result; [`Condition::of`] a statement about the endpoint

mod envelope;
mod header;
mod outcome;
mod settings;

pub use envelope::{DecodeError, Envelope, decode, encode, reply};
pub use outcome::{Condition, Failed, Statuses, StatusesError, Transport, Verdict};
pub use settings::{
    DurationError, Endpoint, EndpointError, HeaderFault, HeaderNames, Method, Scheme, Settings,
    SettingsError, parse_duration,
};

/// A message, as `wasi:messaging/types` has it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Message {
    /// Where it was published.
    pub topic: String,
    /// The media type of `data`, where it is known.
    pub content_type: Option<String>,
    /// In the order in which it came.
    pub metadata: Vec<(String, String)>,
    /// The payload.
    pub data: Vec<u8>,
}

/// A header, in the shape that `wasi:http/types.fields.from-list` takes. Its
/// name is in lower case.
pub type Header = (String, Vec<u8>);

/// What is sent to the endpoint; where to and how, [`Settings`] say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// `content-length` among them, where there is a body.
    pub headers: Vec<Header>,
    /// All of it; empty where the method has none ([`Method::has_body`]).
    pub body: Vec<u8>,
}
