//! The endpoint of a subscription: on the network or an HTTP handler in process, and whether its
//! responses become messages.

use http::{HeaderMap, Request, Uri};
use wasmtime_wasi_http::WasiBody;

use super::in_process::HttpHandler;
use crate::guest::call::reply_settings::{ReplyRequest, ReplySettings};
use crate::message::{ID_KEY, MessageId};

/// The endpoint of a subscription.
pub struct Endpoint {
    /// The URL of the endpoint, and what its statuses mean.
    pub settings: mapping::Settings,
    /// The HTTP handler in process, if the endpoint is one. Requests to its authority never leave
    /// the process.
    pub handler: Option<HttpHandler>,
    /// How responses become messages, if they do.
    pub replies: Option<ReplySettings>,
}

impl Endpoint {
    /// Returns the handler for a request to this URL.
    pub(crate) fn handler_for(&self, url: &Uri) -> Option<HttpHandler> {
        let handler = self.handler.as_ref()?;
        self.has_authority(url).then(|| handler.clone())
    }

    /// Returns how the response to this request becomes a message, if it does. `call` is the id of
    /// the message on whose behalf the request is made.
    pub(crate) fn reply_request(
        &self,
        request: &Request<WasiBody>,
        call: &MessageId,
    ) -> Option<ReplyRequest> {
        let replies = self.replies.as_ref()?;
        let path = request.uri().path_and_query();
        let path = path.map_or("/", |path| path.as_str());
        let own =
            self.has_authority(request.uri()) && path == self.settings.endpoint.path_with_query;
        own.then(|| ReplyRequest {
            replies: replies.clone(),
            id: id_of(request.headers()).unwrap_or_else(|| call.clone()),
            before: 0,
            hops: 0,
        })
    }

    /// Returns whether a status counts as a success.
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
