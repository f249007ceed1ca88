//! The target of `publish`: a running bridge over HTTP, or a broker. Batches come from
//! `send`.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use futures_util::future::join_all;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderValue, Request, StatusCode, Uri};
use http_body_util::{BodyExt, Full};

use super::answer::Answer;
use super::error::Error;
use super::line::Line;
use crate::broker::Broker;
use crate::http::{AllowList, Client, HttpError, RequestOptions, ResponseBody, Settings, Upload};
use crate::ingest;
use crate::secret::Secret;

/// The time limit for a bridge to answer a batch.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);

/// The target of messages.
#[derive(Clone)]
pub(super) enum Target {
    /// A bridge, which publishes them to the connection of its config.
    Bridge(Arc<Bridge>),
    /// A broker.
    Broker(Arc<dyn Broker>),
}

impl Target {
    /// Sends a batch once. Returns one answer for each line, in order.
    pub(super) async fn send(&self, lines: &[Line]) -> Result<Vec<Answer>, Error> {
        match self {
            Self::Bridge(bridge) => bridge.send(lines).await.map_err(|error| match error {
                HttpError::ConnectRefused(_) => Error::NotListening(bridge.given.clone()),
                error => Error::Unanswered(error),
            }),
            Self::Broker(broker) => {
                let mut handed_over = Vec::with_capacity(lines.len());
                for line in lines {
                    let text = line.text.as_bytes();
                    handed_over.push(ingest::enqueue_line(&**broker, line.number, text).await);
                }
                let answers = join_all(handed_over).await;
                Ok(answers.iter().map(|answer| Answer::read(answer)).collect())
            }
        }
    }
}

/// A bridge to publish to.
pub(super) struct Bridge {
    given: Uri,
    batch: Uri,
    authorization: Option<HeaderValue>,
    client: Client<Full<Bytes>>,
    options: RequestOptions,
}

impl Bridge {
    /// Creates a client for this bridge. Sends nothing yet.
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
            options: RequestOptions {
                connect_timeout: Duration::from_secs(10),
                first_byte_timeout: ANSWER_TIMEOUT,
                deadline: None,
                between_bytes_timeout: Some(ANSWER_TIMEOUT),
                allow: Arc::new(AllowList::default().with_endpoint(&batch)),
                upload: Upload::Streamed,
            },
            batch,
        })
    }

    /// Sends a batch once. Returns one answer for each line, in order.
    async fn send(&self, lines: &[Line]) -> Result<Vec<Answer>, HttpError> {
        let mut text = BytesMut::new();
        for line in lines {
            text.extend_from_slice(line.text.as_bytes());
            text.extend_from_slice(b"\n");
        }
        let mut request = Request::post(&self.batch)
            .header(CONTENT_TYPE, "application/x-ndjson")
            .body(Full::new(text.freeze()))
            .expect("the URL and the header were checked before");
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

/// Reads answers as they arrive. Answers that arrived before the connection closed are
/// valid.
async fn read_answers(mut body: ResponseBody<Full<Bytes>>, lines: usize) -> Vec<Answer> {
    let mut answers = Vec::with_capacity(lines);
    let mut text = BytesMut::new();
    let mut end = "the bridge closed the connection before it answered this line".to_owned();
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
