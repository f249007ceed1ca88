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

use super::connect::Link;
use super::flow::Flow;
use super::lease::JetStreamLease;
use super::located::Located;
use super::origin::Origin;
use super::reader::{Prefetch, Pulled};
use super::session::PING;
use crate::broker::kit::prefetch::Fetched;
use crate::broker::kit::receipt::keep_every;
use crate::broker::kit::silence::Silence;

/// How subjects begin where a message is acknowledged.
const ACK: &str = "$JS.ACK.";
/// At the end, after so much silence nothing more comes of what was asked for.
const QUIET: Duration = Duration::from_millis(250);
/// At the end, nothing is waited for any longer.
const LINGER: Duration = Duration::from_secs(2);

/// Why the pulling ended.
pub(super) enum End {
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
    pub(super) link: &'a Arc<Link>,
    /// `$JS.API`, or what stands for it in a domain.
    pub(super) prefix: &'a str,
    pub(super) located: &'a Arc<Located>,
    pub(super) flow: &'a Arc<Flow>,
    pub(super) to: &'a Prefetch,
    pub(super) silence: &'a Silence,
    /// It is to be begun anew.
    pub(super) anew: &'a Notify,
}

impl Pull<'_> {
    /// Asks until there is a reason to begin anew, or until `stop` is closed.
    pub(super) async fn run(&self, stop: &mut watch::Receiver<()>) -> End {
        let client = self.link.client();
        let inbox = client.new_inbox();
        // A client that ended has another in its place soon.
        let Ok(mut answers) = client.subscribe(inbox.clone()).await else {
            return End::Again;
        };
        let mut requested = 0;
        let end = tokio::select! {
            biased;
            end = self.ask(&inbox, &mut answers, &mut requested) => end,
            _ = stop.changed() => End::Stopped,
        };
        if matches!(end, End::Stopped) {
            self.linger(&mut answers, &mut requested).await;
        }
        // Requests of an inbox without listeners are void. What came is here.
        let _ = answers.drain().await;
        if matches!(end, End::Stopped) && self.link.is_up() {
            self.link.round_trip().await;
        }
        while let Some(Some(answer)) = answers.next().now_or_never() {
            self.take(answer, &mut requested);
        }
        end
    }

    /// What was asked for and comes now is taken: given up in the moment that the
    /// server gives it, it would be kept for this host until its lease is over.
    async fn linger(&self, answers: &mut Subscriber, requested: &mut usize) {
        let taking = async {
            while *requested > 0
                && self.link.is_up()
                && let Ok(Some(answer)) = timeout(QUIET, answers.next()).await
            {
                if self.take(answer, requested).is_some() {
                    return;
                }
            }
        };
        let _ = timeout(LINGER, taking).await;
    }

    async fn ask(&self, inbox: &str, answers: &mut Subscriber, requested: &mut usize) -> End {
        let mut ups = self.link.ups();
        let (silence, largest) = (self.located.silence(), self.located.batch());
        let begun = Instant::now();
        let mut heard = begun;
        let mut keep = interval(keep_every(self.located.ack_wait));
        loop {
            // What is asked for before the connection is up comes to nobody; and what
            // comes after it was up again, to an inbox that is given up.
            let is_told = *ups.borrow();
            while is_told
                && self.link.is_up()
                && !ups.has_changed().unwrap_or(true)
                && let Some(batch) = self.flow.credit.batch(*requested, largest)
            {
                if *requested == 0 {
                    heard = Instant::now();
                }
                match self.request(inbox, batch).await {
                    true => *requested += batch,
                    false => return End::Again,
                }
            }
            tokio::select! {
                biased;
                answer = answers.next() => {
                    heard = Instant::now();
                    if let Some(end) = self.take_all(answer, answers, requested) {
                        return end;
                    }
                    self.silence.ends();
                }
                () = self.flow.credit.freed.notified() => {}
                _ = keep.tick() => self.to.keep(),
                // What was asked before the server went away is forgotten.
                _ = ups.changed() => return End::Again,
                () = sleep_until(begun + PING), if !is_told && self.link.is_up() => self.link.assume_up(),
                () = self.anew.notified() => return End::Again,
                () = sleep_until(heard + silence), if *requested > 0 => return End::Silent,
            }
        }
    }

    async fn request(&self, inbox: &str, batch: usize) -> bool {
        let Located { stream, name, .. } = &**self.located;
        let subject = format!("{}.CONSUMER.MSG.NEXT.{}.{name}", self.prefix, stream.name);
        let expires = self.located.expires().as_nanos();
        let request = match self.located.heartbeat() {
            Some(every) => format!(
                r#"{{"batch":{batch},"expires":{expires},"idle_heartbeat":{}}}"#,
                every.as_nanos()
            ),
            None => format!(r#"{{"batch":{batch},"expires":{expires}}}"#),
        };
        let client = self.link.client();
        let sent = client.publish_with_reply(subject, inbox.to_owned(), request.into());
        sent.await.is_ok()
    }

    /// All that is there, before anything is waited for again.
    fn take_all(
        &self,
        first: Option<Message>,
        answers: &mut Subscriber,
        requested: &mut usize,
    ) -> Option<End> {
        let mut next = Some(first);
        while let Some(answer) = next {
            let Some(answer) = answer else {
                return Some(End::Again);
            };
            if let Some(end) = self.take(answer, requested) {
                return Some(end);
            }
            next = answers.next().now_or_never();
        }
        None
    }

    fn put(&self, message: Message, requested: &mut usize) -> Option<End> {
        *requested = requested.saturating_sub(1);
        let reply = message.reply.clone()?;
        let Some(origin) = Origin::of(&reply) else {
            tracing::warn!(
                connection = self.link.name,
                consumer = self.located.name,
                "a message has an invalid JetStream reply subject; it will be redelivered"
            );
            return None;
        };
        let (link, flow) = (Arc::clone(self.link), Arc::clone(self.flow));
        let located = Arc::clone(self.located);
        let lease = JetStreamLease::new(link, flow, reply, origin, located);
        self.to.put(Fetched {
            raw: Pulled {
                message,
                unread: None,
            },
            receipt: lease.receipt(),
        });
        None
    }

    fn take(&self, answer: Message, requested: &mut usize) -> Option<End> {
        // Publishers may give a message a status, too; what can be acknowledged
        // is one.
        let is_acked = answer.reply.as_ref().is_some_and(|it| it.starts_with(ACK));
        let status = answer.status.filter(|status| *status != StatusCode::OK);
        match status.filter(|_| !is_acked) {
            None => self.put(answer, requested),
            Some(StatusCode::IDLE_HEARTBEAT) => None,
            Some(StatusCode::NO_RESPONDERS) => Some(End::Consumer(
                "the consumer does not answer: it is gone, or JetStream is not ready".into(),
            )),
            Some(_) => match unfulfilled(&answer) {
                // A request ended; so much of it did not come.
                Some(left) => {
                    *requested = requested.saturating_sub(left);
                    None
                }
                None => Some(End::Consumer(
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
