//! The hook at which every request of a component leaves its store. Where it goes
//! from there is in `exchange`.

use http::{HeaderName, Request, Response};
use wasmtime_wasi_http::{
    DEFAULT_FORBIDDEN_HEADERS, Error, RequestOptions, WasiBody, WasiHttpHooks,
};

use super::host_body::HostBodies;
use crate::guest::call::calls::Calls;
use crate::guest::exchange::Prepared;
use crate::guest::exchange::outbound::Outbound;
use crate::guest::limits::settings::Limits;
use crate::http::Upload;

/// Sends the requests of one store.
pub(crate) struct Hooks {
    pub(crate) outbound: Outbound,
    /// How much the host keeps of a body until it is sent, in bytes: two of these.
    chunk: usize,
    pub(crate) calls: Calls,
    /// Those that the host writes into the store.
    pub(crate) bodies: HostBodies,
}

type Io = Box<dyn Future<Output = Result<(), Error>> + Send>;
type Sent = Result<(Response<WasiBody>, Io), Error>;

static FORBIDDEN: [HeaderName; 9] = DEFAULT_FORBIDDEN_HEADERS;

/// Two chunks hold as much as the one of wasmtime's.
const MAX_CHUNK: usize = 512 << 10;
const MIN_CHUNK: usize = 16 << 10;

impl Hooks {
    pub(crate) fn new(outbound: Outbound, limits: &Limits) -> Self {
        // All bodies that may be open at once have a quarter of the memory.
        let share = limits.memory / 8 / u64::from(limits.requests);
        Self {
            outbound,
            chunk: usize::try_from(share)
                .map_or(MAX_CHUNK, |share| share.clamp(MIN_CHUNK, MAX_CHUNK)),
            calls: Calls::none(),
            bodies: HostBodies::default(),
        }
    }

    /// Prepares a request of the call that the component acts for.
    pub(crate) fn prepare(
        &mut self,
        request: Request<WasiBody>,
        options: Option<RequestOptions>,
        upload: Option<Upload>,
    ) -> Prepared {
        self.outbound
            .prepare(&mut self.calls, request, options, upload)
    }
}

impl WasiHttpHooks for Hooks {
    /// As by default, without what that allocates for each header.
    fn is_forbidden_header(&mut self, name: &HeaderName) -> bool {
        FORBIDDEN.contains(name)
    }

    /// In room for one, what writes a body of one part waits for whoever reads
    /// it, to be told that there is room for no more.
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
        let sending = self.prepare(request, options, None).carried();
        let open = self.bodies.open();
        Box::new(async move {
            let response = sending.await?.map(|body| open.of(body));
            Ok((response, Box::new(async { Ok(()) }) as Io))
        })
    }
}
