//! Asking a consumer for messages: as many as there are free slots, on one
//! inbox, again whenever slots came free.
//!
//! The client's own stream of messages asks for a fixed number ahead, whether
//! or not anyone is free to take them; here what is fetched is what is free.

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

/// How subjects begin where a message is acknowledged.
const ACK: &str = "$JS.ACK.";
/// At the end, after so much silence nothing more comes of what was asked for.
const QUIET: Duration = Duration::from_millis(250);
/// At the end, nothing is waited for any longer.
const LINGER: Duration = Duration::from_secs(2);

/// Why the pulling ended.
pub(super) enum PullEnd {
    /// The server lost track of it, or it is to be begun anew.
    Again,
    /// Three signs of life are missing.
    Silent,
    /// The consumer is gone or not to be reached: this is what was said.
    Consumer(String),
    /// It was stopped.
    Stopped,
}

/// What is asked for, and what came of it.
pub(super) struct Pull<'a> {
    pub(super) connection: &'a Arc<ReconnectingClient>,
    /// `$JS.API`, or what stands for it in a domain.
    pub(super) prefix: &'a str,
    pub(super) located: &'a Arc<ConsumerRef>,
    pub(super) flow: &'a Arc<ConsumerFlow>,
    pub(super) to: &'a Prefetch,
    pub(super) silence: &'a Silence,
    /// It is to be begun anew.
    pub(super) restart: &'a Notify,
}

impl Pull<'_> {
    /// Asks until there is a reason to begin anew, or until `stop` is closed.
    pub(super) async fn run(&self, stop: &mut watch::Receiver<()>) -> PullEnd {
        let client = self.connection.session();
        let inbox = client.new_inbox();
        // A client that ended has another in its place soon.
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
        // Requests of an inbox without listeners are void. What came is here.
        let _ = answers.drain().await;
        if matches!(end, PullEnd::Stopped) && self.connection.is_up() {
            self.connection.wait_for_server().await;
        }
        while let Some(Some(answer)) = answers.next().now_or_never() {
            self.take(answer, &mut requested);
        }
        end
    }

    /// What was asked for and comes now is taken: given up in the moment that the
    /// server gives it, it would be kept for this host until its lease is over.
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
            // What is asked for before the connection is up comes to nobody; and what
            // comes after it was up again, to an inbox that is given up.
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
                _ = keep.tick() => self.to.keep(),
                // What was asked before the server went away is forgotten.
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

    /// All that is there, before anything is waited for again.
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
        // Publishers may give a message a status, too; what can be acknowledged
        // is one.
        let is_acked = answer.reply.as_ref().is_some_and(|it| it.starts_with(ACK));
        let status = answer.status.filter(|status| *status != StatusCode::OK);
        match status.filter(|_| !is_acked) {
            None => self.put(answer, requested),
            Some(StatusCode::IDLE_HEARTBEAT) => None,
            Some(StatusCode::NO_RESPONDERS) => Some(PullEnd::Consumer(
                "the consumer does not answer: it is gone, or JetStream is not ready".into(),
            )),
            Some(_) => match unfulfilled(&answer) {
                // A request ended; so much of it did not come.
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

/// How many messages of a request that ended did not come.
fn unfulfilled(answer: &Message) -> Option<usize> {
    let headers = answer.headers.as_ref()?;
    headers.get("Nats-Pending-Messages")?.as_str().parse().ok()
}
