//! An echo server, from wstd's documentation.

use wstd::http::{Body, Error, Request, Response, StatusCode};

#[wstd::http_server]
async fn main(request: Request<Body>) -> Result<Response<Body>, Error> {
    match request.uri().path() {
        "/echo" => echo(request),
        _ => {
            let response = Response::builder().status(StatusCode::NOT_FOUND);
            Ok(response.body("no such path".into())?)
        }
    }
}

fn echo(request: Request<Body>) -> Result<Response<Body>, Error> {
    let content_type = request.headers().get("content-type").cloned();
    let mut response = Response::new(request.into_body());
    if let Some(content_type) = content_type {
        response.headers_mut().insert("content-type", content_type);
    }
    Ok(response)
}
