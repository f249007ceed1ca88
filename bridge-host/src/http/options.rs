//! What one request may do: its time limits, and the hosts that it may reach. The settings of the
//! client as a whole are in `settings`.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::AllowList;
use super::upload::Upload;

/// The limits and permissions of one request.
#[derive(Clone, Debug)]
pub struct RequestOptions {
    /// The limit on resolving the host, connecting and the TLS handshake together.
    pub connect_timeout: Duration,
    /// The limit from the established connection to the head of the response.
    pub first_byte_timeout: Duration,
    /// The latest time for the head of the response, including the time that connecting took.
    pub deadline: Option<Instant>,
    /// The limit on the time between two frames of the response's body.
    pub between_bytes_timeout: Option<Duration>,
    /// The hosts and addresses that the request may reach.
    pub allow: Arc<AllowList>,
    /// Whether the request's body is complete, or is still being written.
    pub upload: Upload,
}
