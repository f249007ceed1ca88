//! Whom a subscription's requests are for: an endpoint on the network, or an
//! HTTP handler in process; and whether its responses become messages.

use http::{HeaderMap, Request, Uri};
use wasmtime_wasi_http::WasiBody;

use super::in_process::HttpHandler;
use crate::guest::call::reply::{Replies, Wanted};
use crate::message::{ID_KEY, MessageId};

/// The endpoint of one subscription's components.
pub struct Endpoint {
    /// Its URL, and what its statuses mean.
    pub settings: mapping::Settings,
    /// It is a component: requests to its authority never leave the process.
    pub handler: Option<HttpHandler>,
    /// Its responses become messages.
    pub replies: Option<Replies>,
}

impl Endpoint {
    /// The handler for a request to this URL.
    pub(crate) fn handler_for(&self, url: &Uri) -> Option<HttpHandler> {
        let handler = self.handler.as_ref()?;
        self.has_authority(url).then(|| handler.clone())
    }

    /// Whether the response is wanted as a message; `call` is the message for
    /// which the request is made.
    pub(crate) fn wants(&self, request: &Request<WasiBody>, call: &MessageId) -> Option<Wanted> {
        let replies = self.replies.as_ref()?;
        let path = request.uri().path_and_query();
        let asked = path.map_or("/", |path| path.as_str());
        let own =
            self.has_authority(request.uri()) && asked == self.settings.endpoint.path_with_query;
        own.then(|| Wanted {
            replies: replies.clone(),
            id: id_of(request.headers()).unwrap_or_else(|| call.clone()),
            before: 0,
            hops: 0,
        })
    }

    /// Whether it counts as a success.
    pub(crate) fn is_success(&self, status: u16) -> bool {
        self.settings.verdict(status) == mapping::Verdict::Success
    }

    fn has_authority(&self, url: &Uri) -> bool {
        url.authority()
            .is_some_and(|authority| *authority == *self.settings.endpoint.authority)
    }
}

fn id_of(headers: &HeaderMap) -> Option<MessageId> {
    MessageId::parse(headers.get(ID_KEY)?.to_str().ok()?).ok()
}
