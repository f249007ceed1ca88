//! `POST /batch`: a message a line, an answer a line, in order. The messages
//! get their places in that order too, and are waited for side by side, so that
//! the broker can commit them in groups.

use std::pin::Pin;
use std::sync::Arc;

use bytes::{Buf, Bytes, BytesMut};
use http::StatusCode;
use hyper::body::Incoming;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinHandle;

use super::answer::{Refusal, accepted_line};
use super::answers::Answers;
use super::body::{self, Pace};
use super::line;
use super::memory::{self, Budget, Held};
use super::publishing::Publishing;
use crate::broker::{Broker, Confirmation};

/// Messages of one batch that are waited for at once: as many as the embedded
/// broker commits together.
const CONCURRENT: usize = 1024;
/// Lines of one batch. All their answers can wait here, so that a publisher
/// which reads none before it has sent everything is served too.
const MAX_LINES: u64 = 10_000;
/// Around the data: topic, metadata, names.
const AROUND: u64 = 1 << 20;

/// Where the messages of a batch go.
pub(super) struct To {
    pub broker: Arc<dyn Broker>,
    pub publishing: Arc<Publishing>,
}

/// Starts to read the batch and to publish what it has.
pub(super) fn publish(body: Incoming, to: To, budget: Budget) -> Answers {
    let capacity = usize::try_from(MAX_LINES).expect("some thousands fit everywhere") + 2;
    let (answers, waiting) = mpsc::channel(capacity);
    let lines = Lines::new(body, budget, &to.publishing);
    tokio::spawn(read(lines, to, answers));
    Answers::new(waiting)
}

/// Reads line by line; an error of the reading itself is the last answer.
async fn read(mut lines: Lines, to: To, answers: mpsc::Sender<JoinHandle<Bytes>>) {
    let slots = Arc::new(Semaphore::new(CONCURRENT));
    let max = lines.budget.max;
    loop {
        let answer = match lines.next().await {
            Ok(None) => return,
            Ok(Some(Line { number, text })) => {
                let slot = slots.clone().acquire_owned().await;
                let placed = match text {
                    Ok((text, held)) => {
                        let route = |topic: &str| to.publishing.route(topic);
                        let placed = enqueue(&*to.broker, max, &text, route).await;
                        placed.map(|confirmation| (confirmation, held))
                    }
                    Err(refusal) => Err(refusal),
                };
                // Its memory is held until it is answered.
                let (placed, held) = match placed {
                    Ok((confirmation, held)) => (Ok(confirmation), Some(held)),
                    Err(refusal) => (Err(refusal), None),
                };
                tokio::spawn(async move {
                    let _held = (slot, held);
                    answer_to(number, placed).await
                })
            }
            Err(refusal) => {
                let last = refusal.line(lines.number + 1);
                let _ = answers.send(tokio::spawn(async { last })).await;
                return;
            }
        };
        // The publisher is gone; what it sent and was not answered may be
        // published all the same.
        if answers.send(answer).await.is_err() {
            return;
        }
    }
}

/// Hands over the message in a line of a batch; what became of it comes later,
/// as a line of the answer. Those handed over one after another keep that order.
pub async fn enqueue_line(
    broker: &dyn Broker,
    number: u64,
    text: &[u8],
) -> Pin<Box<dyn Future<Output = Bytes> + Send>> {
    let placed = enqueue(broker, u64::MAX, text, |_| Ok(())).await;
    Box::pin(async move { answer_to(number, placed).await })
}

/// Hands over the message of one line.
async fn enqueue(
    broker: &dyn Broker,
    max: u64,
    text: &[u8],
    route: impl Fn(&str) -> Result<(), Refusal>,
) -> Result<Confirmation, Refusal> {
    let (message, id) = line::read(text)?;
    route(&message.topic)?;
    match message.data.len() as u64 > max {
        true => Err(Refusal::too_large(max)),
        false => Ok(broker.enqueue(message, id).await?),
    }
}

/// What became of it.
async fn answer_to(number: u64, placed: Result<Confirmation, Refusal>) -> Bytes {
    let published = match placed {
        Ok(confirmation) => confirmation.await.map_err(Refusal::from),
        Err(refusal) => Err(refusal),
    };
    match published {
        Ok(published) => accepted_line(&published),
        Err(refusal) => refusal.line(number),
    }
}

/// One line of the batch, or why it cannot be read.
struct Line {
    number: u64,
    text: Result<(Bytes, Memory), Refusal>,
}

/// What a line holds until it is answered.
type Memory = (Held, Held);

/// Parts a body into lines.
struct Lines {
    body: Incoming,
    budget: Budget,
    /// The longest line.
    max: u64,
    buffer: BytesMut,
    /// So much of the buffer has no newline.
    searched: usize,
    /// Memory for the buffer.
    held: Held,
    /// Memory for the lines that wait for their answers.
    memory: memory::Lines,
    pace: Pace,
    /// Of the last line.
    number: u64,
    /// The line under way is too long: the rest of it is dropped.
    skipping: bool,
    ended: bool,
}

impl Lines {
    fn new(body: Incoming, budget: Budget, publishing: &Arc<Publishing>) -> Self {
        Self {
            body,
            max: budget.max.saturating_mul(4) / 3 + AROUND,
            memory: memory::Lines::new(&budget),
            pace: Pace::new(publishing),
            budget,
            buffer: BytesMut::new(),
            searched: 0,
            held: Held::default(),
            number: 0,
            skipping: false,
            ended: false,
        }
    }

    /// The next line that is not blank.
    async fn next(&mut self) -> Result<Option<Line>, Refusal> {
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

    fn too_long(&self) -> Refusal {
        let (line, data) = (self.max, self.budget.max);
        let reason = format!(
            "a line has at most {line} bytes here, enough for {data} bytes of data in base64: put text with many escapes into `data_base64`; if there is more data, raise `max_message_size`, or send a reference to the data"
        );
        Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, reason)
    }

    /// Takes a whole line from the buffer; the last one needs no newline.
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
        self.pace.restart();
        Some(text)
    }

    /// Memory for a line that was cut: its own, and what the buffer had for it.
    async fn keep(&mut self, bytes: u64) -> Result<Memory, Refusal> {
        let charged = self.held.part(bytes);
        self.held.shrink(self.buffer.len() as u64);
        Ok((self.memory.hold(bytes).await?, charged))
    }

    /// Reads more into the buffer.
    async fn fill(&mut self) -> Result<(), Refusal> {
        let Some(data) = body::next(&mut self.body, &mut self.pace, &self.budget).await? else {
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

fn too_many() -> Refusal {
    let reason = format!("a batch has at most {MAX_LINES} lines: send the rest in another");
    Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, reason)
}
