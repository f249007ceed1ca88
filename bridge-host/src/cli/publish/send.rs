//! Sending: lines gathered to batches, one batch after the other so that the
//! order holds, and what was not taken again where that is wanted.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderValue, Request, StatusCode, Uri};
use http_body_util::{BodyExt, Full};
use tokio::sync::mpsc;

use super::Error;
use super::answer::Answer;
use super::line::Line;
use super::progress::Progress;
use super::source::{ReadLine, Source};
use crate::http::{Allow, Client, HttpError, Options, ResponseBody, Secret, Settings};

/// Lines in one batch: a bridge commits about as many together.
const LINES: usize = 1000;
/// Bytes in one batch, unless a line alone has more.
const BYTES: usize = 4 << 20;
/// Before a batch is sent again; doubled each time.
const FIRST_WAIT: Duration = Duration::from_millis(100);
/// No wait is longer.
const LONGEST_WAIT: Duration = Duration::from_secs(2);
/// For a bridge to answer a batch.
const PATIENCE: Duration = Duration::from_secs(60);

/// The bridge that is published to.
pub(super) struct Bridge {
    given: Uri,
    batch: Uri,
    authorization: Option<HeaderValue>,
    client: Client<Full<Bytes>>,
    options: Options,
}

impl Bridge {
    /// Nothing is sent yet.
    pub fn new(to: &Uri, token: Option<Secret>) -> Result<Self, Error> {
        let wrong = || Error::To(to.clone());
        let text = format!("{}/batch", to.to_string().trim_end_matches('/'));
        let batch: Uri = text.parse().map_err(|_| wrong())?;
        if !matches!(batch.scheme_str(), Some("http" | "https")) || batch.query().is_some() {
            return Err(wrong());
        }
        let authorization = token.map(|token| {
            let value = HeaderValue::try_from(format!("Bearer {}", token.expose()));
            let mut value = value.expect("a token is visible ASCII");
            value.set_sensitive(true);
            value
        });
        Ok(Self {
            given: to.clone(),
            authorization,
            client: Client::new(&Settings::default())?,
            options: Options {
                connect_timeout: Duration::from_secs(10),
                first_byte_timeout: PATIENCE,
                between_bytes_timeout: Some(PATIENCE),
                allow: Arc::new(Allow::default().with_endpoint(&batch)),
            },
            batch,
        })
    }

    /// Sends a batch once. Each line has one answer, in order.
    async fn send(&self, lines: &[Line]) -> Result<Vec<Answer>, HttpError> {
        let mut text = BytesMut::new();
        for line in lines {
            text.extend_from_slice(line.text.as_bytes());
            text.extend_from_slice(b"\n");
        }
        let mut request = Request::post(&self.batch)
            .header(CONTENT_TYPE, "application/x-ndjson")
            .body(Full::new(text.freeze()))
            .expect("its URL and header were legal before");
        if let Some(value) = &self.authorization {
            request.headers_mut().insert(AUTHORIZATION, value.clone());
        }
        let response = self.client.send(request, &self.options).await?;
        let (head, body) = response.into_parts();
        if head.status == StatusCode::OK {
            return Ok(read_answers(body, lines.len()).await);
        }
        let body = body.collect().await?.to_bytes();
        Ok(vec![
            Answer::to_all(head.status.as_u16(), &body);
            lines.len()
        ])
    }
}

/// Reads answers as they come: those that came before the bridge went away
/// hold.
async fn read_answers(mut body: ResponseBody<Full<Bytes>>, lines: usize) -> Vec<Answer> {
    let mut answers = Vec::with_capacity(lines);
    let mut text = BytesMut::new();
    let mut end = "the bridge ended its answers before this line's".to_owned();
    while let Some(frame) = body.frame().await {
        match frame.map(|frame| frame.into_data()) {
            Ok(Ok(data)) => text.extend_from_slice(&data),
            Ok(Err(_)) => {}
            Err(error) => {
                end = error.to_string();
                break;
            }
        }
        while let Some(at) = text.iter().position(|byte| *byte == b'\n') {
            answers.push(Answer::read(&text.split_to(at)));
            text.advance(1);
        }
    }
    answers.resize(lines, Answer::none(end));
    answers
}

/// Sends all that the source has. The error is what ended it early.
pub(super) async fn all(
    source: Source,
    bridge: Bridge,
    wait: bool,
    progress: &mut Progress,
) -> Result<(), Error> {
    let (to, mut lines) = mpsc::channel(LINES);
    source.read(to);
    while let Some(first) = lines.recv().await {
        let batch = gather(first?, &mut lines, progress)?;
        batch_until_done(batch, &bridge, wait, progress).await?;
    }
    Ok(())
}

/// The lines that are there already, up to a full batch.
fn gather(
    first: ReadLine,
    lines: &mut mpsc::Receiver<Result<ReadLine, Error>>,
    progress: &mut Progress,
) -> Result<Vec<Line>, Error> {
    let mut batch = Vec::new();
    let mut bytes = 0;
    let mut next = Some(first);
    while let Some(line) = next.take() {
        match line {
            Ok(line) => {
                bytes += line.text.len();
                batch.push(line);
            }
            Err((number, reason)) => progress.fail(number, &reason),
        }
        if batch.len() < LINES && bytes < BYTES {
            next = lines.try_recv().ok().transpose()?;
        }
    }
    Ok(batch)
}

/// Sends a batch; where that is wanted, again, until every line has an answer
/// that lasts.
async fn batch_until_done(
    mut batch: Vec<Line>,
    bridge: &Bridge,
    wait: bool,
    progress: &mut Progress,
) -> Result<(), Error> {
    let mut pause = FIRST_WAIT;
    while !batch.is_empty() {
        let found = match bridge.send(&batch).await {
            Ok(found) => found,
            Err(HttpError::ConnectRefused(_)) if !wait => {
                return Err(Error::NobodyListens(bridge.given.clone()));
            }
            Err(error) => vec![Answer::none(error.to_string()); batch.len()],
        };
        let mut again = Vec::new();
        for (line, answer) in batch.into_iter().zip(found) {
            match answer {
                Answer::Refused { lasting: false, .. } if wait => again.push(line),
                answer => progress.take(line.number, answer),
            }
        }
        batch = again;
        if !batch.is_empty() {
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_WAIT);
        }
    }
    Ok(())
}
