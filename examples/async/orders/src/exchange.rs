//! Reads the body of a request and sends a JSON response with `wasi:http`.

use crate::wasi::http::types::{ErrorCode, Fields, Request, Response};
use crate::{wit_future, wit_stream};
use wit_bindgen::spawn_local;

/// Returns the body of the request, or an error if it is not complete.
pub async fn read(request: Request) -> Result<Vec<u8>, ErrorCode> {
    let (_, done) = wit_future::new(|| Ok(()));
    let (body, trailers) = Request::consume_body(request, done);
    let read = body.collect().await;
    trailers.await?;
    Ok(read)
}

/// Returns a response whose body is written concurrently.
pub fn answer(status: u16, json: String) -> Result<Response, ErrorCode> {
    let headers = Fields::new();
    let json_type = headers.append("content-type", b"application/json");
    json_type.map_err(|_| ErrorCode::InternalError(None))?;
    let (mut body, contents) = wit_stream::new();
    let (end, trailers) = wit_future::new(|| Ok(None));
    let (response, _) = Response::new(headers, Some(contents), trailers);
    let set = response.set_status_code(status);
    set.map_err(|()| ErrorCode::InternalError(None))?;
    spawn_local(async move {
        // An error means that the client has closed the connection.
        _ = body.write_all(json.into_bytes()).await;
        drop(body);
        _ = end.write(Ok(None)).await;
    });
    Ok(response)
}
