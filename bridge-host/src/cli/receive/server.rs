//! Serves the endpoint: reads requests, shows and records them, and answers. How it answers
//! is in `behaviour`.

use std::hash::{BuildHasher, RandomState};
use std::pin::pin;
use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use http::header::RETRY_AFTER;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use parking_lot::{Mutex, MutexGuard};
use tokio::net::{TcpListener, TcpStream};
use tokio::signal::unix::{SignalKind, signal};

use super::args::Args;
use super::behaviour::Behaviour;
use super::counts::Counts;
use super::error::Error;
use super::record::Recorder;
use super::show;
use super::view::{self, View};
use crate::cli::output;
use crate::listener::{has_date, refuse_without_date};
use crate::message::ID_KEY;

/// The most headers of a request: more than the entries of metadata that a message may have.
const MAX_HEADERS: usize = 2048;
/// The most bytes of a request's head.
const MAX_HEAD: usize = 1 << 20;

/// How requests are shown.
enum Shown {
    Nothing,
    Line,
    Whole,
    Json,
    /// JSON with the whole message.
    WholeJson,
}

struct Endpoint {
    behaviour: Behaviour,
    recorder: Recorder,
    shown: Shown,
    counts: Mutex<Counts>,
}

/// Serves until SIGINT or SIGTERM, then prints the counts.
pub(super) async fn serve(args: Args) -> Result<(), Error> {
    let mut interrupt = signal(SignalKind::interrupt()).map_err(Error::Start)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(Error::Start)?;
    let seed = RandomState::new().hash_one(());
    let endpoint = Arc::new(Endpoint {
        behaviour: Behaviour::new(&args, seed),
        shown: Shown::of(&args),
        recorder: Recorder::open(args.log, args.save)?,
        counts: Mutex::default(),
    });
    let refused = |error| Error::Listen(args.address, error);
    let listener = TcpListener::bind(args.address).await.map_err(refused)?;
    let address = listener.local_addr().map_err(refused)?;
    // Standard output is for requests only.
    output::note(&format!("listening on http://{address}; Ctrl-C ends it\n"));
    let mut stopped = pin!(async {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    });
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => _ = tokio::spawn(serve_one(stream, endpoint.clone())),
                Err(error) => output::note(&format!("cannot accept a connection: {error}\n")),
            },
            () = &mut stopped => break,
        }
    }
    output::note(&format!("{}\n", endpoint.counts()));
    Ok(())
}

async fn serve_one(stream: TcpStream, endpoint: Arc<Endpoint>) {
    // A small response must not wait for a TCP acknowledgement.
    let _ = stream.set_nodelay(true);
    if !has_date() {
        return refuse_without_date(stream).await;
    }
    let service = service_fn(|request| {
        let endpoint = endpoint.clone();
        async move { endpoint.answer(request).await }
    });
    // An error of the connection concerns the client only.
    let _ = http1::Builder::new()
        .max_headers(MAX_HEADERS)
        .max_buf_size(MAX_HEAD)
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

impl Endpoint {
    async fn answer(&self, request: Request<Incoming>) -> hyper::Result<Response<Empty<Bytes>>> {
        let (head, body) = request.into_parts();
        let body = body.collect().await?.to_bytes();
        let number = self.counts().arrived();
        let answer = self.behaviour.next();
        if !answer.after.is_zero() {
            tokio::time::sleep(answer.after).await;
        }
        self.show(&head.headers, &body, answer.status, number);
        let mut response = Response::new(Empty::new());
        *response.status_mut() = answer.status;
        if let Some(seconds) = answer.retry_after {
            let headers = response.headers_mut();
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        Ok(response)
    }

    fn show(&self, headers: &HeaderMap, body: &Bytes, status: StatusCode, number: u64) {
        let id = headers.get(ID_KEY).and_then(|id| id.to_str().ok());
        self.counts().answered(status, id, body.len());
        self.recorder.save(id, number, body);
        if matches!(self.shown, Shown::Nothing) && !self.recorder.logs() {
            return;
        }
        let (view, at) = (View::of(headers, body), SystemTime::now());
        if self.recorder.logs() {
            self.recorder
                .log(show::record(&view, status, body, at).to_string());
        }
        let mut text = match self.shown {
            Shown::Nothing => return,
            Shown::Json => output::json_text(&show::record(&view, status, body, at), false),
            Shown::WholeJson => {
                let record = show::record(&view, status, body, at);
                let message = view::message(headers, body);
                output::json_text(&show::with_message(record, message.as_ref(), body), false)
            }
            Shown::Line | Shown::Whole => show::line(&view, status, body, at),
        };
        if matches!(self.shown, Shown::Whole)
            && let Some(message) = view::message(headers, body)
        {
            text.push_str(&show::whole(&message));
        }
        // If standard output is closed, requests are still answered.
        let _ = output::text(&text);
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock()
    }
}

impl Shown {
    fn of(args: &Args) -> Self {
        match args {
            _ if args.quiet => Self::Nothing,
            _ if args.json && args.body => Self::WholeJson,
            _ if args.json => Self::Json,
            _ if args.body => Self::Whole,
            _ => Self::Line,
        }
    }
}
