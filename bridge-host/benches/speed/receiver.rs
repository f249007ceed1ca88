//! The endpoint, in a separate process, so that its CPU time is not counted.

use std::convert::Infallible;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

/// The running process.
pub struct Receiver {
    child: Child,
    address: String,
}

impl Receiver {
    /// Starts an endpoint that answers 204 after this delay.
    pub fn start(delay: Duration) -> Self {
        let program = std::env::current_exe().expect("this program");
        let mut child = Command::new(program)
            .args(["receiver", &delay.as_millis().to_string()])
            .stdout(Stdio::piped())
            .spawn()
            .expect("a process");
        let mut address = String::new();
        BufReader::new(child.stdout.take().expect("stdout"))
            .read_line(&mut address)
            .expect("an address");
        let address = address.trim().to_owned();
        Self { child, address }
    }

    pub fn url(&self) -> String {
        format!("http://{}/hooks", self.address)
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs the endpoint in that process.
pub fn run(delay: String) {
    let delay = Duration::from_millis(delay.parse().expect("a number"));
    let runtime = crate::runtime();
    runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        println!("{}", listener.local_addr().expect("an address"));
        loop {
            let (stream, _) = listener.accept().await.expect("a connection");
            stream.set_nodelay(true).expect("an option");
            let service = hyper::service::service_fn(move |request| answer(request, delay));
            let server = hyper::server::conn::http1::Builder::new();
            tokio::spawn(server.serve_connection(TokioIo::new(stream), service));
        }
    });
}

async fn answer(
    request: Request<Incoming>,
    delay: Duration,
) -> Result<Response<Empty<Bytes>>, Infallible> {
    let _ = request.into_body().collect().await;
    if !delay.is_zero() {
        tokio::time::sleep(delay).await;
    }
    let mut response = Response::new(Empty::new());
    *response.status_mut() = http::StatusCode::NO_CONTENT;
    Ok(response)
}
