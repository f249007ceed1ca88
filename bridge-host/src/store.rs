//! The local store: messages on disk in one SQLite file, and for each group of
//! subscribers what became of them. It holds the queues of the embedded broker, and
//! the dead letters and parked messages of every other one. What a failed delivery
//! becomes is decided in `delivery`; what brokers promise is in `broker`.
//!
//! One thread writes and commits in groups ([`writer`]); what it commits is
//! read ahead by each subscription on a connection of its own ([`read_batch`]) into
//! a short list in memory ([`feed`]). A message is fanned out when it is
//! published: one row for each subscription that its topic matches, in the
//! same transaction.

mod blocked_keys;
mod claim;
mod clock;
mod clock_correction;
mod database;
mod dead_letters;
mod delivery_row;
mod disk_reserve;
mod error;
mod feed;
mod file_watch;
mod foreign_message;
mod forget;
mod inspector;
mod join;
mod kept_message;
mod ledger;
mod member;
mod private_file;
mod publish;
mod publish_limits;
mod quarantine;
mod queue;
mod quota;
mod read_batch;
mod read_connections;
mod retention;
mod settings;
mod settle;
mod start;
mod state;
mod subscription_route;
mod turn;
mod writer;

pub use claim::Claim;
pub use error::{StoreError, StoreFailure};
pub use inspector::Inspector;
pub use join::GroupSpec;
pub use kept_message::{
    DeadLetter, DeadLetterFilter, FailedDelivery, KeptDeadLetter, KeyTurn, KeyedMessage,
    ParkedMessage,
};
pub use ledger::Ledger;
pub use member::{Member, TakenDelivery};
pub use publish::Published;
pub use settings::{LetterRetention, Retention, Settings};
pub use settle::Settlement;
pub use start::Start;

use parking_lot::Mutex;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;

use tokio::sync::oneshot;

use crate::message::{Message, MessageId};
use foreign_message::{ForeignMessage, KeepCommand};
use join::JoinCommand;
use publish::{CheckedMessage, PublishCommand};
use publish_limits::PublishLimits;
use queue::Command;
use state::StoreState;
use turn::{TurnCandidate, TurnRequest};

/// A store in this process, its messages in one folder. Only one process may
/// have a folder open as a store; [`Inspector`] may look at it meanwhile.
pub struct Store {
    shared: Arc<StoreState>,
    path: PathBuf,
    limits: PublishLimits,
    writer: Mutex<Option<JoinHandle<()>>>,
}

impl Store {
    /// Opens the folder, making it where there is none. Blocks on the disk.
    pub fn open(settings: Settings) -> Result<Self, StoreError> {
        let lock = database::lock_folder(&settings.path)?;
        let (conn, reserve) = database::open_with_reserve(&settings.path)?;
        let shared = Arc::new(StoreState::new(settings.path.clone()));
        let path = settings.path.clone();
        let limits = PublishLimits::new(settings.max_message_size);
        let opened = writer::OpenedFiles {
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

    /// Why messages cannot be taken or given now, in one line.
    pub fn trouble(&self) -> Option<String> {
        self.shared.trouble()
    }

    /// What became of every message, subscription by subscription.
    pub async fn ledgers(&self) -> Result<Vec<Ledger>, StoreFailure> {
        self.inspect(|inspector| inspector.ledgers()).await
    }

    /// The ledgers of subscriptions that no member has joined: messages are kept
    /// for them all the same.
    pub async fn unjoined(&self) -> Result<Vec<Ledger>, StoreFailure> {
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
    ) -> Result<Vec<String>, StoreFailure> {
        let name = subscription.to_owned();
        let read = move |inspector: &Inspector| {
            if !blocks {
                inspector.unblock(&name)?;
            }
            inspector.blocked_keys(&name)
        };
        self.inspect(read).await
    }

    async fn inspect<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Inspector) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreFailure> {
        let path = self.path.clone();
        let read = move || read(&Inspector::open(&path)?);
        match tokio::task::spawn_blocking(read).await {
            Ok(Ok(found)) => Ok(found),
            Ok(Err(error)) => Err(StoreFailure::NotOpened(Arc::new(error))),
            Err(_) => Err(StoreFailure::Closed),
        }
    }

    /// Joins a group. A new one starts with the messages that its spec says. One
    /// that exists keeps its place and its pending messages; when its topics
    /// changed, the new ones count from now on.
    pub async fn join(&self, spec: GroupSpec) -> Result<Member, StoreFailure> {
        self.shared.check()?;
        let (reply, answer) = oneshot::channel();
        let membership = self
            .ask(Command::Join(JoinCommand { spec, reply }), answer)
            .await?;
        Ok(Member::new(Arc::clone(&self.shared), membership))
    }

    /// Returns once the message has its place; the future that it returns is done
    /// once the message is durable.
    pub async fn enqueue(
        &self,
        message: Message,
        id: Option<MessageId>,
    ) -> Result<impl Future<Output = Result<Published, StoreFailure>> + Send + use<>, StoreFailure>
    {
        self.shared.check_intake()?;
        let checked = self.limits.check(&message)?;
        let room = self.shared.queue.room(checked.size).await?;
        let (reply, answer) = oneshot::channel();
        let publish = PublishCommand::new(message, id, checked, room, reply);
        self.shared.queue.push(Command::Publish(publish))?;
        Ok(state::answer(answer))
    }

    /// Keeps a dead letter of another broker. Returns once it is durable. One that
    /// is kept already is not kept again.
    pub async fn keep(&self, given_up: FailedDelivery) -> Result<(), StoreFailure> {
        self.shared.check_intake()?;
        let checked = CheckedMessage::of(&given_up.message)?;
        self.keep_other(ForeignMessage::DeadLetter(given_up), checked)
            .await
    }

    /// Parks a message of another broker until its retry is due. Returns once it
    /// is durable; one that is here already stays as it is.
    pub async fn park(&self, parked: ParkedMessage) -> Result<(), StoreFailure> {
        self.shared.check()?;
        let checked = CheckedMessage::of(&parked.message)?;
        self.keep_other(ForeignMessage::Parked(parked), checked)
            .await
    }

    async fn keep_other(
        &self,
        what: ForeignMessage,
        checked: CheckedMessage,
    ) -> Result<(), StoreFailure> {
        let (reply, answer) = oneshot::channel();
        let keep = KeepCommand::new(what, checked, reply);
        self.ask(Command::Keep(Box::new(keep)), answer).await
    }

    /// Returns whether it is the turn of a message of another broker. One whose
    /// turn comes later is kept when this returns.
    pub async fn turn(&self, waiting: KeyedMessage) -> Result<KeyTurn, StoreFailure> {
        self.shared.check()?;
        let checked = CheckedMessage::of(&waiting.message)?;
        let (reply, answer) = oneshot::channel();
        let key = waiting.key.clone();
        let who = TurnCandidate::Message(Box::new(waiting), checked);
        let ask = TurnRequest::new(&key, who, reply);
        self.ask(Command::Turn(Box::new(ask)), answer).await
    }

    async fn ask<T>(
        &self,
        command: Command,
        answer: oneshot::Receiver<Result<T, StoreFailure>>,
    ) -> Result<T, StoreFailure> {
        self.shared.queue.push(command)?;
        state::answer(answer).await
    }

    /// Stops taking messages and settlements, writes those that it took, and
    /// gives up the folder. Dropping does the same, blocking.
    pub async fn close(&self) {
        self.shared.close();
        let writer = self.writer.lock().take();
        if let Some(writer) = writer {
            // A panic there was reported by its thread already.
            let _ = tokio::task::spawn_blocking(move || writer.join()).await;
        }
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        self.shared.close();
        if let Some(writer) = self.writer.lock().take() {
            let _ = writer.join();
        }
    }
}
