//! `POST /batch`: one message on each line, and one response line for each message, in
//! the same order. Messages are enqueued in this order and confirmed concurrently, so that
//! the broker can commit them in groups.

use std::pin::Pin;
use std::sync::Arc;

use bytes::{Buf, Bytes, BytesMut};
use http::StatusCode;
use hyper::body::Incoming;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinHandle;

use super::batch_line;
use super::batch_reply::BatchReply;
use super::body::{self, BodyRate};
use super::body_memory::{BatchMemory, BodyMemory, MemoryLease};
use super::reply::{PublishError, accepted_line};
use super::state::IntakeState;
use crate::broker::{Broker, Confirmation};

/// The most messages of one batch that wait for their confirmation: as many as the
/// embedded broker commits together.
const CONCURRENT: usize = 1024;
/// The most lines of one batch. The channel holds the responses to all of them, so a
/// publisher may send the whole batch before it reads the response.
const MAX_LINES: u64 = 10_000;
/// Bytes of a line besides the data: topic, metadata and keys.
const AROUND: u64 = 1 << 20;

/// Where the messages of a batch are published.
pub(super) struct BatchTarget {
    pub broker: Arc<dyn Broker>,
    pub state: Arc<IntakeState>,
}

/// Starts to read the batch and to publish its messages.
pub(super) fn publish(body: Incoming, to: BatchTarget, budget: BodyMemory) -> BatchReply {
    let capacity = usize::try_from(MAX_LINES).expect("some thousands fit everywhere") + 2;
    let (answers, waiting) = mpsc::channel(capacity);
    let lines = LineReader::new(body, budget, &to.state);
    tokio::spawn(read(lines, to, answers));
    BatchReply::new(waiting)
}

/// Reads line by line. An error while reading is the last response line.
async fn read(mut lines: LineReader, to: BatchTarget, answers: mpsc::Sender<JoinHandle<Bytes>>) {
    let slots = Arc::new(Semaphore::new(CONCURRENT));
    let max = lines.budget.max;
    loop {
        let answer = match lines.next().await {
            Ok(None) => return,
            Ok(Some(Line { number, text })) => {
                let slot = slots.clone().acquire_owned().await;
                let enqueued = match text {
                    Ok((text, held)) => {
                        let route = |topic: &str| to.state.route(topic);
                        let enqueued = enqueue(&*to.broker, max, &text, route).await;
                        enqueued.map(|confirmation| (confirmation, held))
                    }
                    Err(error) => Err(error),
                };
                // The line occupies memory until its response is sent.
                let (enqueued, held) = match enqueued {
                    Ok((confirmation, held)) => (Ok(confirmation), Some(held)),
                    Err(error) => (Err(error), None),
                };
                tokio::spawn(async move {
                    let _held = (slot, held);
                    response_line(number, enqueued).await
                })
            }
            Err(error) => {
                let last = error.line(lines.number + 1);
                let _ = answers.send(tokio::spawn(async { last })).await;
                return;
            }
        };
        // The publisher closed the connection. Messages without a response may still be
        // published.
        if answers.send(answer).await.is_err() {
            return;
        }
    }
}

/// Enqueues the message on line `number` of a batch at the broker. Returns a future of the
/// response line. Messages keep the order in which they were enqueued.
pub async fn enqueue_line(
    broker: &dyn Broker,
    number: u64,
    text: &[u8],
) -> Pin<Box<dyn Future<Output = Bytes> + Send>> {
    let enqueued = enqueue(broker, u64::MAX, text, |_| Ok(())).await;
    Box::pin(async move { response_line(number, enqueued).await })
}

/// Enqueues the message of one line, unless it has more than `max` bytes of data.
async fn enqueue(
    broker: &dyn Broker,
    max: u64,
    text: &[u8],
    route: impl Fn(&str) -> Result<(), PublishError>,
) -> Result<Confirmation, PublishError> {
    let (message, id) = batch_line::read(text)?;
    route(&message.topic)?;
    match message.data.len() as u64 > max {
        true => Err(PublishError::too_large(max)),
        false => Ok(broker.enqueue(message, id).await?),
    }
}

/// Waits for the confirmation and returns the response line.
async fn response_line(number: u64, enqueued: Result<Confirmation, PublishError>) -> Bytes {
    let published = match enqueued {
        Ok(confirmation) => confirmation.await.map_err(PublishError::from),
        Err(error) => Err(error),
    };
    match published {
        Ok(published) => accepted_line(&published),
        Err(error) => error.line(number),
    }
}

/// One line of the batch.
struct Line {
    number: u64,
    text: Result<(Bytes, Memory), PublishError>,
}

/// The memory that a line occupies until its response is sent.
type Memory = (MemoryLease, MemoryLease);

/// Splits a body into lines.
struct LineReader {
    body: Incoming,
    budget: BodyMemory,
    /// The most bytes of a line.
    max: u64,
    buffer: BytesMut,
    /// The length of the part of the buffer that has no newline.
    searched: usize,
    /// Memory for the buffer.
    held: MemoryLease,
    /// Memory for the lines that wait for their answers.
    memory: BatchMemory,
    rate: BodyRate,
    /// The number of the last line, from 1 on.
    number: u64,
    /// The current line is too long: the rest of it is dropped.
    skipping: bool,
    ended: bool,
}

impl LineReader {
    fn new(body: Incoming, budget: BodyMemory, state: &Arc<IntakeState>) -> Self {
        Self {
            body,
            max: budget.max.saturating_mul(4) / 3 + AROUND,
            memory: BatchMemory::new(&budget),
            rate: BodyRate::new(state),
            budget,
            buffer: BytesMut::new(),
            searched: 0,
            held: MemoryLease::default(),
            number: 0,
            skipping: false,
            ended: false,
        }
    }

    /// Returns the next line that is not blank.
    async fn next(&mut self) -> Result<Option<Line>, PublishError> {
        loop {
            while let Some(text) = self.cut() {
                self.number += 1;
                if self.number > MAX_LINES {
                    self.number -= 1;
                    return Err(too_many());
                }
                let number = self.number;
                if std::mem::take(&mut self.skipping) {
                    let text = Err(self.too_long());
                    return Ok(Some(Line { number, text }));
                }
                let memory = self.keep(text.len() as u64).await?;
                if !text.trim_ascii().is_empty() {
                    let text = Ok((text, memory));
                    return Ok(Some(Line { number, text }));
                }
            }
            if self.ended {
                return Ok(None);
            }
            self.fill().await?;
        }
    }

    fn too_long(&self) -> PublishError {
        let (line, data) = (self.max, self.budget.max);
        let reason = format!(
            "a line is limited to at most {line} bytes, enough for {data} bytes of data in base64: put text with many escapes into `data_base64`; for more data, raise `max_message_size`, or send a reference to the data"
        );
        PublishError::new(StatusCode::PAYLOAD_TOO_LARGE, reason)
    }

    /// Removes a complete line from the buffer. The last line needs no newline.
    fn cut(&mut self) -> Option<Bytes> {
        let unsearched = &self.buffer[self.searched..];
        let newline = unsearched.iter().position(|byte| *byte == b'\n');
        let length = match newline {
            Some(at) => self.searched + at,
            None if self.ended && (self.skipping || !self.buffer.is_empty()) => self.buffer.len(),
            None => {
                self.searched = self.buffer.len();
                return None;
            }
        };
        self.searched = 0;
        let text = self.buffer.split_to(length).freeze();
        if newline.is_some() {
            self.buffer.advance(1);
        }
        self.rate.restart();
        Some(text)
    }

    /// Reserves memory for a line that was removed from the buffer: new memory, and the
    /// part that was reserved for it in the buffer.
    async fn keep(&mut self, bytes: u64) -> Result<Memory, PublishError> {
        let charged = self.held.part(bytes);
        self.held.shrink(self.buffer.len() as u64);
        Ok((self.memory.hold(bytes).await?, charged))
    }

    /// Reads more into the buffer.
    async fn fill(&mut self) -> Result<(), PublishError> {
        let Some(data) = body::next(&mut self.body, &mut self.rate, &self.budget).await? else {
            self.ended = true;
            return Ok(());
        };
        if self.buffer.len() as u64 > self.max {
            self.skipping = true;
            self.buffer.clear();
            self.searched = 0;
        }
        self.buffer.extend_from_slice(&data);
        let size = self.buffer.len() as u64;
        self.budget.grow(&mut self.held, size).await
    }
}

fn too_many() -> PublishError {
    let reason = format!("a batch has at most {MAX_LINES} lines: send the rest in another batch");
    PublishError::new(StatusCode::PAYLOAD_TOO_LARGE, reason)
}
