//! The local store keeps messages on disk, in one SQLite file, with the state of each message for
//! each subscription. It holds the queues of the embedded broker, and the dead letters and parked
//! messages of all other brokers. The room `delivery` decides whether a failed delivery is retried;
//! the room `broker` has the traits that brokers implement.
//!
//! One thread writes, and commits in groups ([`writer`]). Each subscription reads the committed
//! deliveries ahead ([`read_batch`]) into a short list in memory ([`feed`]). When a message is
//! published, the transaction also writes one delivery row for each subscription whose topics
//! match.

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

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;

use parking_lot::Mutex;
use tokio::sync::oneshot;

use crate::message::{Message, MessageId};
use foreign_message::{ForeignMessage, KeepCommand};
use join::JoinCommand;
use publish::{CheckedMessage, PublishCommand};
use publish_limits::PublishLimits;
use queue::Command;
use state::StoreState;
use turn::{TurnCandidate, TurnRequest};

/// An open store. Its messages are in one folder, which only one process can open as a store. Other
/// processes can read the folder with an [`Inspector`].
pub struct Store {
    shared: Arc<StoreState>,
    path: PathBuf,
    limits: PublishLimits,
    writer: Mutex<Option<JoinHandle<()>>>,
}

impl Store {
    /// Opens the store in a folder, and creates the folder if it is missing. Blocks on disk I/O.
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

    /// Returns the folder that contains the files.
    pub fn folder(&self) -> &Path {
        &self.path
    }

    /// Returns in one line why the store does not take or deliver messages now.
    pub fn trouble(&self) -> Option<String> {
        self.shared.trouble()
    }

    /// Returns the ledger of each subscription.
    pub async fn ledgers(&self) -> Result<Vec<Ledger>, StoreFailure> {
        self.inspect(|inspector| inspector.ledgers()).await
    }

    /// Returns the ledgers of subscriptions that no member has joined. The store keeps messages for
    /// them, too.
    pub async fn unjoined(&self) -> Result<Vec<Ledger>, StoreFailure> {
        let mut ledgers = self.ledgers().await?;
        ledgers.retain(|ledger| !self.shared.is_joined(&ledger.subscription));
        Ok(ledgers)
    }

    /// Returns the keys that dead letters block in a subscription. If `blocks` is `false`, the
    /// subscription no longer blocks keys, and all messages that wait for one are released first.
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

    /// Joins a group. A new group starts with the messages that `spec.start` selects. An existing
    /// group keeps its position and its pending messages; topics that were added to it apply to
    /// messages published from now on.
    pub async fn join(&self, spec: GroupSpec) -> Result<Member, StoreFailure> {
        self.shared.check()?;
        let (reply, answer) = oneshot::channel();
        let membership = self
            .ask(Command::Join(JoinCommand { spec, reply }), answer)
            .await?;
        Ok(Member::new(Arc::clone(&self.shared), membership))
    }

    /// Adds a message to the writer's queue. The returned future completes once the message is
    /// durable.
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

    /// Keeps a dead letter of another broker. Returns once the dead letter is durable. Does nothing
    /// if the store already has it.
    pub async fn keep(&self, given_up: FailedDelivery) -> Result<(), StoreFailure> {
        self.shared.check_intake()?;
        let checked = CheckedMessage::of(&given_up.message)?;
        self.keep_other(ForeignMessage::DeadLetter(given_up), checked)
            .await
    }

    /// Parks a message of another broker until its retry is due. Returns once the message is
    /// durable. Does nothing if the store already has it.
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

    /// Returns whether a message of another broker may be delivered now. If not, the store has kept
    /// the message when this returns.
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

    /// Stops taking messages and settlements, writes the queued ones, and unlocks the folder.
    /// Dropping the store does the same, and blocks.
    pub async fn close(&self) {
        self.shared.close();
        let writer = self.writer.lock().take();
        if let Some(writer) = writer {
            // If the thread panicked, its panic was reported there.
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
