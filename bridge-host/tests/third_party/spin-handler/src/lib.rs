//! An echo server, from Spin's template for HTTP handlers.

use spin_sdk::http::{IntoResponse, Request, Response};
use spin_sdk::http_component;

#[http_component]
fn handle(request: Request) -> anyhow::Result<impl IntoResponse> {
    let response = match request.path() {
        "/echo" => {
            let content_type = request.header("content-type");
            let content_type = content_type.and_then(|value| value.as_str());
            Response::builder()
                .status(200)
                .header("content-type", content_type.unwrap_or("text/plain"))
                .body(request.into_body())
                .build()
        }
        path => Response::new(404, format!("no such path: {path}")),
    };
    Ok(response)
}
