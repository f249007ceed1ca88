//! The hook through which every request of a component leaves its store. What follows is in
//! `exchange`.

use http::{HeaderName, Request, Response};
use wasmtime_wasi_http::{
    DEFAULT_FORBIDDEN_HEADERS, Error, RequestOptions, WasiBody, WasiHttpHooks,
};

use super::host_body::HostBodies;
use crate::guest::call::store_calls::StoreCalls;
use crate::guest::exchange::PreparedRequest;
use crate::guest::exchange::outbound::Outbound;
use crate::guest::limits::settings::Limits;
use crate::http::Upload;

/// Sends the requests of one store.
pub(crate) struct RequestHooks {
    pub(crate) outbound: Outbound,
    /// The size of a chunk. The host keeps up to two chunks of a body until they are sent.
    chunk: usize,
    pub(crate) calls: StoreCalls,
    /// The bodies that the host writes into the store.
    pub(crate) bodies: HostBodies,
}

type Io = Box<dyn Future<Output = Result<(), Error>> + Send>;
type Sent = Result<(Response<WasiBody>, Io), Error>;

static FORBIDDEN: [HeaderName; 9] = DEFAULT_FORBIDDEN_HEADERS;

/// The maximum size of a chunk: two of them have the size of wasmtime's single one.
const MAX_CHUNK: usize = 512 << 10;
const MIN_CHUNK: usize = 16 << 10;

impl RequestHooks {
    pub(crate) fn new(outbound: Outbound, limits: &Limits) -> Self {
        // All bodies that may be open at a time share a quarter of the memory.
        let share = limits.memory / 8 / u64::from(limits.requests);
        Self {
            outbound,
            chunk: usize::try_from(share)
                .map_or(MAX_CHUNK, |share| share.clamp(MIN_CHUNK, MAX_CHUNK)),
            calls: StoreCalls::new(),
            bodies: HostBodies::default(),
        }
    }

    /// Prepares a request of the current call.
    pub(crate) fn prepare(
        &mut self,
        request: Request<WasiBody>,
        options: Option<RequestOptions>,
        upload: Option<Upload>,
    ) -> PreparedRequest {
        self.outbound
            .prepare(&mut self.calls, request, options, upload)
    }
}

impl WasiHttpHooks for RequestHooks {
    /// Returns what the default implementation returns, without its allocations for each header.
    fn is_forbidden_header(&mut self, name: &HeaderName) -> bool {
        FORBIDDEN.contains(name)
    }

    /// With room for a single chunk, the writer of a body of one chunk would wait until the reader
    /// has taken it.
    fn p2_outgoing_body_buffer_chunks(&mut self) -> usize {
        2
    }

    fn p2_outgoing_body_chunk_size(&mut self) -> usize {
        self.chunk
    }

    fn send_request(
        &mut self,
        request: Request<WasiBody>,
        options: Option<RequestOptions>,
        _: Io,
    ) -> Box<dyn Future<Output = Sent> + Send> {
        let sending = self.prepare(request, options, None).into_future();
        let open = self.bodies.open();
        Box::new(async move {
            let response = sending.await?.map(|body| open.of(body));
            Ok((response, Box::new(async { Ok(()) }) as Io))
        })
    }
}
