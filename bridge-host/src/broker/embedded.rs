//! The embedded broker: durable queues in one SQLite file, for those who have
//! no broker yet. What becomes of a failed delivery is decided in `delivery`.
//!
//! One thread writes and commits in groups ([`writer`]); what it commits is
//! read ahead by each subscription on a connection of its own ([`fetch`]) into
//! a short list in memory ([`feed`]). A message is fanned out when it is
//! published: one row for each subscription that its topic matches, in the
//! same transaction.

mod blocked;
mod clock;
mod dead_letters;
mod error;
mod feed;
mod fetch;
mod forget;
mod inspector;
mod join;
mod keep;
mod ledger;
mod limits;
mod presence;
mod publish;
mod quarantine;
mod queue;
mod quota;
mod receipt;
mod reserve;
mod retention;
mod set_back;
mod settings;
mod settle;
mod shared;
mod start;
mod store;
mod subscription;
mod turn;
mod writer;

pub use error::StoreError;
pub use inspector::Inspector;
pub use ledger::Ledger;
pub use settings::{LetterRetention, Retention, Settings};

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::oneshot;

use super::{
    Broker, BrokerError, Capabilities, Confirmation, DeadLetters, GivenUp, Parked, Start,
    SubscribeSpec, Subscription, Turn, Waiting,
};
use crate::message::{Message, MessageId};
use error::Failure;
use join::Join;
use keep::{Keep, What};
use limits::Limits;
use publish::{Checked, Publish};
use queue::Command;
use shared::Shared;
use subscription::Member;
use turn::{TurnQuestion, Who};

/// What it can do.
pub const CAPABILITIES: Capabilities = Capabilities {
    durable: true,
    at_least_once: true,
    delayed_retry: true,
    dead_letters: true,
    ordered: true,
    deduplicates: true,
    shared: false,
    requests: false,
    lease: None,
};

/// A broker in this process, its messages in one folder. Only one process may
/// have a folder open as a broker; [`Inspector`] may look at it meanwhile.
pub struct Embedded {
    shared: Arc<Shared>,
    path: PathBuf,
    limits: Limits,
    writer: Mutex<Option<JoinHandle<()>>>,
}

impl Embedded {
    /// Opens the folder, making it where there is none. Blocks on the disk.
    pub fn open(settings: Settings) -> Result<Self, StoreError> {
        let lock = store::lock_folder(&settings.path)?;
        let (conn, reserve) = store::open_with_reserve(&settings.path)?;
        let shared = Arc::new(Shared::new(settings.path.clone()));
        let path = settings.path.clone();
        let limits = Limits::new(settings.max_message_size);
        let opened = writer::Opened {
            conn,
            lock,
            reserve,
        };
        let writer = writer::spawn(opened, Arc::clone(&shared), settings)?;
        Ok(Self {
            shared,
            path,
            limits,
            writer: Mutex::new(Some(writer)),
        })
    }

    /// The folder that its files are in.
    pub fn folder(&self) -> &Path {
        &self.path
    }

    /// What became of every message, subscription by subscription.
    pub async fn ledgers(&self) -> Result<Vec<Ledger>, BrokerError> {
        let path = self.path.clone();
        let read = move || Inspector::open(&path)?.ledgers();
        match tokio::task::spawn_blocking(read).await {
            Ok(Ok(ledgers)) => Ok(ledgers),
            Ok(Err(error)) => Err(error.into()),
            Err(_) => Err(Failure::Closed.into()),
        }
    }

    /// The ledgers of subscriptions that nobody is in: messages are kept for
    /// them all the same.
    pub async fn unjoined(&self) -> Result<Vec<Ledger>, BrokerError> {
        let mut ledgers = self.ledgers().await?;
        ledgers.retain(|ledger| !self.shared.is_joined(&ledger.subscription));
        Ok(ledgers)
    }

    /// The keys of a subscription that letters block, or that others wait
    /// for. Where nothing is to be blocked any more, all are let go first.
    pub async fn blocked_keys(
        &self,
        subscription: &str,
        blocks: bool,
    ) -> Result<Vec<String>, BrokerError> {
        let (path, name) = (self.path.clone(), subscription.to_owned());
        let read = move || {
            let inspector = Inspector::open(&path)?;
            if !blocks {
                inspector.unblock(&name)?;
            }
            inspector.blocked_keys(&name)
        };
        match tokio::task::spawn_blocking(read).await {
            Ok(Ok(keys)) => Ok(keys),
            Ok(Err(error)) => Err(error.into()),
            Err(_) => Err(Failure::Closed.into()),
        }
    }

    /// Stops taking messages and settlements, writes those that it took, and
    /// gives up the folder. Dropping does the same, blocking.
    pub async fn close(&self) {
        self.shared.close();
        let writer = lock(&self.writer).take();
        if let Some(writer) = writer {
            // A panic there was reported by its thread already.
            let _ = tokio::task::spawn_blocking(move || writer.join()).await;
        }
    }

    /// Joins a group whose messages come to it as dead letters alone: those of
    /// another broker's subscription of this name, kept here and replayed.
    pub async fn subscribe_to_replays(
        &self,
        name: &str,
        ordered: bool,
        longest_wait: Duration,
    ) -> Result<Box<dyn Subscription>, BrokerError> {
        let spec = SubscribeSpec {
            start: Start::default(),
            name: name.into(),
            topics: Vec::new(),
            ordered,
            longest_wait,
            in_flight: 0,
        };
        self.join(spec).await
    }

    async fn join(&self, spec: SubscribeSpec) -> Result<Box<dyn Subscription>, BrokerError> {
        self.shared.check()?;
        let (reply, answer) = oneshot::channel();
        let membership = self
            .ask(Command::Join(Join { spec, reply }), answer)
            .await?;
        let shared = Arc::clone(&self.shared);
        Ok(Box::new(Member::new(shared, membership)))
    }

    async fn keep_other(&self, what: What, checked: Checked) -> Result<(), BrokerError> {
        let (reply, answer) = oneshot::channel();
        let keep = Keep::new(what, checked, reply);
        self.ask(Command::Keep(Box::new(keep)), answer).await
    }

    async fn ask<T>(
        &self,
        command: Command,
        answer: oneshot::Receiver<Result<T, Failure>>,
    ) -> Result<T, BrokerError> {
        self.shared.queue.push(command)?;
        Ok(shared::answer(answer).await?)
    }
}

#[async_trait]
impl Broker for Embedded {
    fn capabilities(&self) -> Capabilities {
        CAPABILITIES
    }

    /// A new subscription starts with every message that is still kept and
    /// matches. One that exists keeps its place and its pending messages; when
    /// its topics changed, the new ones count from now on.
    async fn subscribe(&self, spec: SubscribeSpec) -> Result<Box<dyn Subscription>, BrokerError> {
        if spec.topics.is_empty() {
            return Err(Failure::NoTopics(spec.name).into());
        }
        self.join(spec).await
    }

    async fn announce(&self, spec: SubscribeSpec) -> Result<bool, BrokerError> {
        self.subscribe(spec).await.map(|_| true)
    }

    async fn enqueue(
        &self,
        message: Message,
        id: Option<MessageId>,
    ) -> Result<Confirmation, BrokerError> {
        self.shared.check_intake()?;
        let checked = self.limits.check(&message)?;
        let room = self.shared.queue.room(checked.size).await?;
        let (reply, answer) = oneshot::channel();
        let publish = Publish::new(message, id, checked, room, reply);
        self.shared.queue.push(Command::Publish(publish))?;
        Ok(Box::pin(async { Ok(shared::answer(answer).await?) }))
    }

    fn trouble(&self) -> Option<String> {
        self.shared.trouble()
    }

    async fn close(&self) {
        Embedded::close(self).await;
    }
}

#[async_trait]
impl DeadLetters for Embedded {
    async fn keep(&self, given_up: GivenUp) -> Result<(), BrokerError> {
        self.shared.check_intake()?;
        let checked = Checked::of(&given_up.message)?;
        self.keep_other(What::Letter(given_up), checked).await
    }

    async fn park(&self, parked: Parked) -> Result<(), BrokerError> {
        self.shared.check()?;
        let checked = Checked::of(&parked.message)?;
        self.keep_other(What::Parked(parked), checked).await
    }

    async fn turn(&self, waiting: Waiting) -> Result<Turn, BrokerError> {
        self.shared.check()?;
        let checked = Checked::of(&waiting.message)?;
        let (reply, answer) = oneshot::channel();
        let key = waiting.key.clone();
        let who = Who::Other(Box::new(waiting), checked);
        let ask = TurnQuestion::new(&key, who, reply);
        self.ask(Command::Turn(Box::new(ask)), answer).await
    }
}

impl Drop for Embedded {
    fn drop(&mut self) {
        self.shared.close();
        if let Some(writer) = lock(&self.writer).take() {
            let _ = writer.join();
        }
    }
}

/// What these locks guard is whole between statements, so a panic elsewhere
/// does not spoil it.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
