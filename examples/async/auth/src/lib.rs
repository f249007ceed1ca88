//! An HTTP middleware: it forwards requests with the token of the setting `token`, and
//! answers all others with 401. It uses no messaging interface.

wit_bindgen::generate!({
    path: [
        "../../../wit/deps/config",
        "../../../wit/deps/messaging",
        "../../../wit/async",
    ],
    world: "bridge:messaging/http-middleware",
    generate_all,
});

use exports::wasi::http::handler::{ErrorCode, Guest, Request, Response};
use wasi::config::store;
use wasi::http::handler as next;
use wasi::http::types::Fields;

struct Auth;

impl Guest for Auth {
    async fn handle(request: Request) -> Result<Response, ErrorCode> {
        let token = store::get("token").map_err(|_| ErrorCode::ConfigurationError)?;
        match is_allowed(&request, token.as_deref()) {
            true => next::handle(request).await,
            false => refuse(),
        }
    }
}

/// Returns whether the request has the token. Without the setting, no request is allowed.
fn is_allowed(request: &Request, token: Option<&str>) -> bool {
    let wanted = token.map(|token| format!("Bearer {token}"));
    let given = request.get_headers().get("authorization");
    wanted.is_some_and(|wanted| given == [wanted.into_bytes()])
}

fn refuse() -> Result<Response, ErrorCode> {
    let headers = Fields::new();
    let realm = headers.append("www-authenticate", b"Bearer realm=\"orders\"");
    realm.map_err(|_| ErrorCode::InternalError(None))?;
    let (_, trailers) = wit_future::new(|| Ok(None));
    let (response, _) = Response::new(headers, None, trailers);
    let set = response.set_status_code(401);
    set.map_err(|()| ErrorCode::InternalError(None))?;
    Ok(response)
}

export!(Auth);
