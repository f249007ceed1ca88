//! Bodies in and out, with all the waiting that there is.

use crate::wasi::http::types::IncomingRequest;
use crate::wasi::io::streams::{InputStream, OutputStream, StreamError};

/// Writes all of it, as the stream has room.
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

/// All that comes in, once it is there.
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

/// Writes what comes in, as it comes.
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
