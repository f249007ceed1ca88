//! Reads and writes bodies, blocking as long as necessary.

use crate::wasi::http::types::IncomingRequest;
use crate::wasi::io::streams::{InputStream, OutputStream, StreamError};

/// Writes all the data, as fast as the stream accepts it.
pub fn write(stream: &OutputStream, mut data: &[u8]) {
    while !data.is_empty() {
        let room = stream.check_write().expect("an open stream");
        if room == 0 {
            stream.subscribe().block();
            continue;
        }
        let now = data.len().min(usize::try_from(room).unwrap_or(usize::MAX));
        stream.write(&data[..now]).expect("an open stream");
        data = &data[now..];
    }
}

/// Reads everything, once it has arrived.
pub fn read(stream: &InputStream) -> Vec<u8> {
    let mut all = Vec::new();
    loop {
        match stream.blocking_read(64 << 10) {
            Ok(mut data) => all.append(&mut data),
            Err(StreamError::Closed) => return all,
            Err(error) => panic!("{error:?}"),
        }
    }
}

/// Copies the body while it arrives.
pub fn copy(request: IncomingRequest, out: &OutputStream) {
    let body = request.consume().expect("its body");
    let stream = body.stream().expect("its stream");
    loop {
        match stream.blocking_read(64 << 10) {
            Ok(data) => write(out, &data),
            Err(StreamError::Closed) => return,
            Err(error) => panic!("{error:?}"),
        }
    }
}
