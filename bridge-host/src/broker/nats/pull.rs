//! Asking a consumer for messages: as many as there are free slots, on one
//! inbox, again whenever slots came free.
//!
//! The client's own stream of messages asks for a fixed number ahead, whether
//! or not anyone is free to take them; here what is fetched is what is free.

use std::sync::Arc;
use std::time::Duration;

use async_nats::{Message, StatusCode, Subscriber};
use futures_util::{FutureExt, StreamExt};
use tokio::time::{Instant, interval, sleep_until};

use super::connect::Link;
use super::consumer::Located;
use super::fetched::{Fetched, Pulled};
use super::receipt::JetStreamReceipt;
use super::slots::Slots;

/// How long the server keeps a request.
const EXPIRES: Duration = Duration::from_secs(30);
/// The server shows that it knows of a request this often.
const HEARTBEAT: Duration = Duration::from_secs(5);
/// How subjects begin where a message is acknowledged.
const ACK: &str = "$JS.ACK.";
/// After so much silence nobody knows of the requests any more.
const SILENCE: Duration = Duration::from_secs(12);

/// Why the pulling ended.
pub(super) enum End {
    /// The server lost track of it: to be begun anew.
    Again,
    /// The consumer is gone or not to be reached: this is what was said.
    Consumer(String),
}

/// What is asked for, and what came of it.
pub(super) struct Pull<'a> {
    pub(super) link: &'a Arc<Link>,
    /// `$JS.API`, or what stands for it in a domain.
    pub(super) prefix: &'a str,
    pub(super) located: &'a Located,
    pub(super) slots: &'a Arc<Slots>,
    pub(super) to: &'a Fetched,
}

impl Pull<'_> {
    /// Asks until there is a reason to begin anew.
    pub(super) async fn run(&self) -> End {
        let inbox = self.link.client.new_inbox();
        let mut answers = match self.link.client.subscribe(inbox.clone()).await {
            Ok(answers) => answers,
            Err(_) => return End::Consumer(self.link.ended()),
        };
        let end = self.ask(&inbox, &mut answers).await;
        // Requests of an inbox without listeners are void. What came is here.
        let _ = answers.unsubscribe().await;
        while let Some(Some(answer)) = answers.next().now_or_never() {
            self.take(answer, &mut 0);
        }
        end
    }

    async fn ask(&self, inbox: &str, answers: &mut Subscriber) -> End {
        let mut ups = self.link.ups();
        ups.borrow_and_update();
        let mut requested = 0;
        let mut heard = Instant::now();
        let mut keep = interval(JetStreamReceipt::keep_every(self.located.ack_wait));
        loop {
            // What is asked for before the connection is up comes to nobody.
            while self.link.is_up()
                && let Some(batch) = self.slots.batch(requested)
            {
                if requested == 0 {
                    heard = Instant::now();
                }
                match self.request(inbox, batch).await {
                    true => requested += batch,
                    false => return End::Again,
                }
            }
            tokio::select! {
                biased;
                answer = answers.next() => {
                    heard = Instant::now();
                    if let Some(end) = self.take_all(answer, answers, &mut requested) {
                        return end;
                    }
                }
                () = self.slots.freed.notified() => {}
                _ = keep.tick() => self.to.keep(),
                // What was asked before the server went away is forgotten.
                up = ups.changed() => return match up {
                    Ok(()) => End::Again,
                    Err(_) => End::Consumer(self.link.ended()),
                },
                () = sleep_until(heard + SILENCE), if requested > 0 => return End::Again,
            }
        }
    }

    async fn request(&self, inbox: &str, batch: usize) -> bool {
        let Located { stream, name, .. } = self.located;
        let subject = format!("{}.CONSUMER.MSG.NEXT.{stream}.{name}", self.prefix);
        let request = format!(
            r#"{{"batch":{batch},"expires":{},"idle_heartbeat":{}}}"#,
            EXPIRES.as_nanos(),
            HEARTBEAT.as_nanos()
        );
        let sent = self
            .link
            .client
            .publish_with_reply(subject, inbox.to_owned(), request.into());
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
        let (link, slots) = (Arc::clone(self.link), Arc::clone(self.slots));
        let receipt = JetStreamReceipt::new(link, slots, reply, self.located.ack_wait);
        self.to.put(Pulled { message, receipt });
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
