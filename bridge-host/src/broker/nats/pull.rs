//! Requests messages from a consumer: as many as there are free slots, on one inbox, and again when
//! slots become free.
//!
//! The client's own stream of messages requests a fixed number ahead, even without free slots.

use std::sync::Arc;
use std::time::Duration;

use async_nats::{Message, StatusCode, Subscriber};
use futures_util::{FutureExt, StreamExt};
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, interval, sleep_until, timeout};

use super::ack_subject::AckSubject;
use super::client::ReconnectingClient;
use super::consumer_flow::ConsumerFlow;
use super::consumer_ref::ConsumerRef;
use super::decoder::{Prefetch, PulledMessage};
use super::lease::JetStreamLease;
use super::session::PING;
use crate::broker::kit::prefetch::Fetched;
use crate::broker::kit::receipt::extension_interval;
use crate::broker::kit::silence::Silence;

/// The beginning of acknowledgement subjects.
const ACK: &str = "$JS.ACK.";
/// At the end, no message is expected after a silence of this length.
const QUIET: Duration = Duration::from_millis(250);
/// At the end, the longest wait for messages in transit.
const LINGER: Duration = Duration::from_secs(2);

/// Why the requests ended.
pub(super) enum PullEnd {
    /// The server may have lost the requests, or the consumer has changed.
    Again,
    /// Three heartbeats are missing.
    Silent,
    /// The consumer is gone or unreachable. Contains the reason.
    Consumer(String),
    /// The subscription was stopped.
    Stopped,
}

/// Requests messages from one consumer.
pub(super) struct Pull<'a> {
    pub(super) connection: &'a Arc<ReconnectingClient>,
    /// The prefix of API subjects.
    pub(super) prefix: &'a str,
    pub(super) located: &'a Arc<ConsumerRef>,
    pub(super) flow: &'a Arc<ConsumerFlow>,
    pub(super) to: &'a Prefetch,
    pub(super) silence: &'a Silence,
    /// Notified when the requests must start again.
    pub(super) restart: &'a Notify,
}

impl Pull<'_> {
    /// Requests messages until they must start again, or until `stop` is closed.
    pub(super) async fn run(&self, stop: &mut watch::Receiver<()>) -> PullEnd {
        let client = self.connection.session();
        let inbox = client.new_inbox();
        // If the client has ended, another one replaces it soon.
        let Ok(mut answers) = client.subscribe(inbox.clone()).await else {
            return PullEnd::Again;
        };
        let mut requested = 0;
        let end = tokio::select! {
            biased;
            end = self.ask(&inbox, &mut answers, &mut requested) => end,
            _ = stop.changed() => PullEnd::Stopped,
        };
        if matches!(end, PullEnd::Stopped) {
            self.take_remaining(&mut answers, &mut requested).await;
        }
        // The server drops requests to an inbox without a subscription. Messages that have arrived
        // are in `answers`.
        let _ = answers.drain().await;
        if matches!(end, PullEnd::Stopped) && self.connection.is_up() {
            self.connection.wait_for_server().await;
        }
        while let Some(Some(answer)) = answers.next().now_or_never() {
            self.take(answer, &mut requested);
        }
        end
    }

    /// Takes messages that are in transit at the end. Otherwise the server would keep them for this
    /// host until their lease expires.
    async fn take_remaining(&self, answers: &mut Subscriber, requested: &mut usize) {
        let taking = async {
            while *requested > 0
                && self.connection.is_up()
                && let Ok(Some(answer)) = timeout(QUIET, answers.next()).await
            {
                if self.take(answer, requested).is_some() {
                    return;
                }
            }
        };
        let _ = timeout(LINGER, taking).await;
    }

    async fn ask(&self, inbox: &str, answers: &mut Subscriber, requested: &mut usize) -> PullEnd {
        let mut connection_changes = self.connection.connection_changes();
        let (silence, largest) = (self.located.silence(), self.located.batch());
        let begun = Instant::now();
        let mut heard = begun;
        let mut keep = interval(extension_interval(self.located.ack_wait));
        loop {
            // A request before the connection is up is lost. After a reconnect, messages go to the
            // new inbox.
            let is_told = *connection_changes.borrow();
            while is_told
                && self.connection.is_up()
                && !connection_changes.has_changed().unwrap_or(true)
                && let Some(batch) = self.flow.credit.batch(*requested, largest)
            {
                if *requested == 0 {
                    heard = Instant::now();
                }
                match self.request(inbox, batch).await {
                    true => *requested += batch,
                    false => return PullEnd::Again,
                }
            }
            tokio::select! {
                biased;
                answer = answers.next() => {
                    heard = Instant::now();
                    if let Some(end) = self.take_all(answer, answers, requested) {
                        return end;
                    }
                    self.silence.end();
                }
                () = self.flow.credit.freed.notified() => {}
                _ = keep.tick() => self.to.extend_leases(),
                // The server forgot the requests when the connection was lost.
                _ = connection_changes.changed() => return PullEnd::Again,
                () = sleep_until(begun + PING), if !is_told && self.connection.is_up() => self.connection.assume_connected(),
                () = self.restart.notified() => return PullEnd::Again,
                () = sleep_until(heard + silence), if *requested > 0 => return PullEnd::Silent,
            }
        }
    }

    async fn request(&self, inbox: &str, batch: usize) -> bool {
        let ConsumerRef { stream, name, .. } = &**self.located;
        let subject = format!("{}.CONSUMER.MSG.NEXT.{}.{name}", self.prefix, stream.name);
        let expires = self.located.expires().as_nanos();
        let request = match self.located.heartbeat() {
            Some(every) => format!(
                r#"{{"batch":{batch},"expires":{expires},"idle_heartbeat":{}}}"#,
                every.as_nanos()
            ),
            None => format!(r#"{{"batch":{batch},"expires":{expires}}}"#),
        };
        let client = self.connection.session();
        let sent = client.publish_with_reply(subject, inbox.to_owned(), request.into());
        sent.await.is_ok()
    }

    /// Takes all messages that have arrived, before it waits again.
    fn take_all(
        &self,
        first: Option<Message>,
        answers: &mut Subscriber,
        requested: &mut usize,
    ) -> Option<PullEnd> {
        let mut next = Some(first);
        while let Some(answer) = next {
            let Some(answer) = answer else {
                return Some(PullEnd::Again);
            };
            if let Some(end) = self.take(answer, requested) {
                return Some(end);
            }
            next = answers.next().now_or_never();
        }
        None
    }

    fn put(&self, message: Message, requested: &mut usize) -> Option<PullEnd> {
        *requested = requested.saturating_sub(1);
        let reply = message.reply.clone()?;
        let Some(origin) = AckSubject::of(&reply) else {
            tracing::warn!(
                connection = self.connection.name,
                consumer = self.located.name,
                "a message has an invalid JetStream reply subject; it will be redelivered"
            );
            return None;
        };
        let (connection, flow) = (Arc::clone(self.connection), Arc::clone(self.flow));
        let located = Arc::clone(self.located);
        let lease = JetStreamLease::new(connection, flow, reply, origin, located);
        self.to.put(Fetched {
            raw: PulledMessage {
                message,
                unread: None,
            },
            receipt: lease.receipt(),
        });
        None
    }

    fn take(&self, answer: Message, requested: &mut usize) -> Option<PullEnd> {
        // A publisher can set a status, too. A message with an acknowledgement subject is a
        // delivery.
        let is_acked = answer.reply.as_ref().is_some_and(|it| it.starts_with(ACK));
        let status = answer.status.filter(|status| *status != StatusCode::OK);
        match status.filter(|_| !is_acked) {
            None => self.put(answer, requested),
            Some(StatusCode::IDLE_HEARTBEAT) => None,
            Some(StatusCode::NO_RESPONDERS) => Some(PullEnd::Consumer(
                "the consumer does not answer: it is gone, or JetStream is not ready".into(),
            )),
            Some(_) => match unfulfilled(&answer) {
                // A request ended, and this many of its messages did not come.
                Some(left) => {
                    *requested = requested.saturating_sub(left);
                    None
                }
                None => Some(PullEnd::Consumer(
                    answer
                        .description
                        .unwrap_or_else(|| "the request was refused".into()),
                )),
            },
        }
    }
}

/// Returns how many messages of an ended request did not come.
fn unfulfilled(answer: &Message) -> Option<usize> {
    let headers = answer.headers.as_ref()?;
    headers.get("Nats-Pending-Messages")?.as_str().parse().ok()
}
