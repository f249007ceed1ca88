//! The local store: messages on disk in one SQLite file, and for each group of
//! subscribers what became of them. It holds the queues of the embedded broker, and
//! the dead letters and parked messages of every other one. What a failed delivery
//! becomes is decided in `delivery`; what brokers promise is in `broker`.
//!
//! One thread writes and commits in groups ([`writer`]); what it commits is
//! read ahead by each subscription on a connection of its own ([`fetch`]) into
//! a short list in memory ([`feed`]). A message is fanned out when it is
//! published: one row for each subscription that its topic matches, in the
//! same transaction.

mod blocked;
mod claim;
mod clock;
mod database;
mod dead_letters;
mod error;
mod feed;
mod fetch;
mod forget;
mod inspector;
mod join;
mod keep;
mod ledger;
mod letters;
mod limits;
mod member;
mod presence;
mod private_file;
mod publish;
mod quarantine;
mod queue;
mod quota;
mod readers;
mod reserve;
mod retention;
mod route;
mod rows;
mod set_back;
mod settings;
mod settle;
mod shared;
mod start;
mod turn;
mod writer;

pub use claim::Claim;
pub use error::{Failure, StoreError};
pub use inspector::Inspector;
pub use join::GroupSpec;
pub use ledger::Ledger;
pub use letters::{DeadLetter, GivenUp, KeptDeadLetter, Parked, Turn, Waiting, Which};
pub use member::{Member, Taken};
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
use join::Join;
use keep::{Keep, What};
use limits::Limits;
use publish::{Checked, Publish};
use queue::Command;
use shared::Shared;
use turn::{TurnQuestion, Who};

/// A store in this process, its messages in one folder. Only one process may
/// have a folder open as a store; [`Inspector`] may look at it meanwhile.
pub struct Store {
    shared: Arc<Shared>,
    path: PathBuf,
    limits: Limits,
    writer: Mutex<Option<JoinHandle<()>>>,
}

impl Store {
    /// Opens the folder, making it where there is none. Blocks on the disk.
    pub fn open(settings: Settings) -> Result<Self, StoreError> {
        let lock = database::lock_folder(&settings.path)?;
        let (conn, reserve) = database::open_with_reserve(&settings.path)?;
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

    /// Why messages cannot be taken or given now, in one line.
    pub fn trouble(&self) -> Option<String> {
        self.shared.trouble()
    }

    /// What became of every message, subscription by subscription.
    pub async fn ledgers(&self) -> Result<Vec<Ledger>, Failure> {
        self.inspect(|inspector| inspector.ledgers()).await
    }

    /// The ledgers of subscriptions that no member has joined: messages are kept
    /// for them all the same.
    pub async fn unjoined(&self) -> Result<Vec<Ledger>, Failure> {
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
    ) -> Result<Vec<String>, Failure> {
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
    ) -> Result<T, Failure> {
        let path = self.path.clone();
        let read = move || read(&Inspector::open(&path)?);
        match tokio::task::spawn_blocking(read).await {
            Ok(Ok(found)) => Ok(found),
            Ok(Err(error)) => Err(Failure::NotOpened(Arc::new(error))),
            Err(_) => Err(Failure::Closed),
        }
    }

    /// Joins a group. A new one starts with the messages that its spec says. One
    /// that exists keeps its place and its pending messages; when its topics
    /// changed, the new ones count from now on.
    pub async fn join(&self, spec: GroupSpec) -> Result<Member, Failure> {
        self.shared.check()?;
        let (reply, answer) = oneshot::channel();
        let membership = self
            .ask(Command::Join(Join { spec, reply }), answer)
            .await?;
        Ok(Member::new(Arc::clone(&self.shared), membership))
    }

    /// Returns once the message has its place; the future that it returns is done
    /// once the message is durable.
    pub async fn enqueue(
        &self,
        message: Message,
        id: Option<MessageId>,
    ) -> Result<impl Future<Output = Result<Published, Failure>> + Send + use<>, Failure> {
        self.shared.check_intake()?;
        let checked = self.limits.check(&message)?;
        let room = self.shared.queue.room(checked.size).await?;
        let (reply, answer) = oneshot::channel();
        let publish = Publish::new(message, id, checked, room, reply);
        self.shared.queue.push(Command::Publish(publish))?;
        Ok(shared::answer(answer))
    }

    /// Keeps a dead letter of another broker. Returns once it is durable. One that
    /// is kept already is not kept again.
    pub async fn keep(&self, given_up: GivenUp) -> Result<(), Failure> {
        self.shared.check_intake()?;
        let checked = Checked::of(&given_up.message)?;
        self.keep_other(What::Letter(given_up), checked).await
    }

    /// Parks a message of another broker until its retry is due. Returns once it
    /// is durable; one that is here already stays as it is.
    pub async fn park(&self, parked: Parked) -> Result<(), Failure> {
        self.shared.check()?;
        let checked = Checked::of(&parked.message)?;
        self.keep_other(What::Parked(parked), checked).await
    }

    async fn keep_other(&self, what: What, checked: Checked) -> Result<(), Failure> {
        let (reply, answer) = oneshot::channel();
        let keep = Keep::new(what, checked, reply);
        self.ask(Command::Keep(Box::new(keep)), answer).await
    }

    /// Returns whether it is the turn of a message of another broker. One whose
    /// turn comes later is kept when this returns.
    pub async fn turn(&self, waiting: Waiting) -> Result<Turn, Failure> {
        self.shared.check()?;
        let checked = Checked::of(&waiting.message)?;
        let (reply, answer) = oneshot::channel();
        let key = waiting.key.clone();
        let who = Who::Other(Box::new(waiting), checked);
        let ask = TurnQuestion::new(&key, who, reply);
        self.ask(Command::Turn(Box::new(ask)), answer).await
    }

    async fn ask<T>(
        &self,
        command: Command,
        answer: oneshot::Receiver<Result<T, Failure>>,
    ) -> Result<T, Failure> {
        self.shared.queue.push(command)?;
        shared::answer(answer).await
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
