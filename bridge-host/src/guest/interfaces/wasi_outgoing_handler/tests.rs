//! Shows why the host replaces wasmtime's implementation: see
//! docs/upstream/wasmtime-request-options.md.

use wasmtime::component::ResourceTable;
use wasmtime_wasi_http::p2::bindings::http::outgoing_handler::Host;
use wasmtime_wasi_http::p2::bindings::http::types::Method;
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpHooks};

use super::*;

type Io = Box<dyn Future<Output = Result<(), Error>> + Send>;
type Sent = Result<(http::Response<WasiBody>, Io), Error>;

/// Refuses every request.
struct Refusing;

impl WasiHttpHooks for Refusing {
    fn send_request(
        &mut self,
        _: http::Request<WasiBody>,
        _: Option<RequestOptions>,
        _: Io,
    ) -> Box<dyn Future<Output = Sent> + Send> {
        Box::new(async { Err(Error::ConnectionRefused) })
    }
}

fn request() -> HostOutgoingRequest {
    HostOutgoingRequest {
        method: Method::Get,
        scheme: Some(Scheme::Http),
        authority: Some("example.com".into()),
        path_with_query: Some("/".into()),
        headers: FieldMap::new_mutable(1 << 10),
        body: None,
    }
}

#[tokio::test]
async fn wasmtimes_implementation_keeps_the_options_of_every_request() {
    let (mut table, mut ctx, mut hooks) = (ResourceTable::new(), WasiHttpCtx::new(), Refusing);
    for _ in 0..3 {
        let mut http = WasiHttpCtxView {
            ctx: &mut ctx,
            table: &mut table,
            hooks: &mut hooks,
        };
        let options = http.table.push(RequestOptions::default()).unwrap();
        let request = http.table.push(request()).unwrap();
        // The component has passed both on, and cannot drop them.
        let future = Host::handle(&mut http, request, Some(options)).unwrap();
        http.table.delete(future).unwrap();
    }
    let is_options = |entry: &&mut (dyn std::any::Any + Send)| entry.is::<RequestOptions>();
    let left = table.iter_mut().filter(is_options).count();
    assert_eq!(left, 3, "wasmtime deletes them now: is ours still needed?");
}
