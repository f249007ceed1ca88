//! The connection to a Redis server, which reconnects by itself, and dedicated connections for blocking reads.
//! The commands that are sent over it are elsewhere in this folder.

use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::RwLock;
use redis::aio::MultiplexedConnection;
use redis::{Client, Cmd, Pipeline, RedisError, RedisResult, Value, cmd};
use tokio::runtime::Handle;
use tokio::sync::{Notify, watch};
use tokio::time::{sleep, timeout};

use super::connect::{self, ANSWER, ConnectError};
use super::durability::ServerDurability;
use super::error::{Outage, broker_error, is_refusal, server_message};
use super::outbox::{Command, Pipe, send_all};
use super::scripts::operation;
use super::settings::Settings;
use super::url::shown_address;
use crate::broker::BrokerError;
use crate::broker::kit::connection_state::{ConnectionState, reconnect_delay};
use crate::broker::kit::outbox::Outbox;

/// The interval between two PINGs.
const PING: Duration = Duration::from_secs(5);

/// A client whose connection is opened again when it is lost.
pub(super) struct ReconnectingClient {
    /// The connection's name in the config.
    pub(super) name: String,
    /// The runtime on which the connection was opened. Its tasks should run there, too.
    pub(super) runtime: Handle,
    /// Opens connections.
    connector: Client,
    /// The server's address, without user and password.
    address: String,
    longest_wait: Duration,
    state: ConnectionState,
    current: RwLock<Option<MultiplexedConnection>>,
    /// Notified when a command failed as if the connection were broken.
    doubted: Arc<Notify>,
    outbox: Outbox<Command>,
}

impl ReconnectingClient {
    /// Starts to connect, and keeps reconnecting until the client is dropped.
    pub(super) async fn open(name: &str, settings: &Settings) -> Result<Arc<Self>, ConnectError> {
        let connector = connect::connector(settings)?;
        let (outbox, parcels) = Outbox::new();
        let client = Arc::new(Self {
            name: name.into(),
            runtime: Handle::current(),
            address: shown_address(connector.get_connection_info()),
            connector,
            longest_wait: settings.max_reconnect_wait,
            state: ConnectionState::new(name, "Redis"),
            current: RwLock::default(),
            doubted: Arc::default(),
            outbox,
        });
        tokio::spawn(send_all(Arc::downgrade(&client), parcels));
        tokio::spawn(keep_connected(Arc::downgrade(&client)));
        client.state.wait_at_startup(&client.address).await;
        Ok(client)
    }

    /// Returns a receiver that changes each time the connection comes up or goes down.
    pub(super) fn connection_changes(&self) -> watch::Receiver<bool> {
        self.state.connection_changes()
    }

    /// Waits until the connection is up.
    pub(super) async fn connected(&self) {
        let _ = self.connection_changes().wait_for(|up| *up).await;
    }

    pub(super) fn is_up(&self) -> bool {
        *self.connection_changes().borrow()
    }

    /// Returns why the connection is down.
    pub(super) fn trouble(&self) -> Option<String> {
        (!self.is_up()).then(|| self.state.trouble(&self.address))
    }

    /// Returns the operation that the server refused recently.
    pub(super) fn refusal(&self) -> Option<String> {
        self.state.refusal()
    }

    /// Runs a command.
    pub(super) async fn query(&self, cmd: &Cmd) -> Result<Value, BrokerError> {
        self.try_query(cmd).await?.map_err(broker_error)
    }

    /// Runs a command. An error of the server is returned unchanged, as the inner result.
    pub(super) async fn try_query(&self, cmd: &Cmd) -> Result<RedisResult<Value>, BrokerError> {
        let mut connection = self.current()?;
        let answer = cmd.query_async(&mut connection).await;
        if let Err(error) = &answer {
            self.record_error(error, &operation(cmd));
        }
        Ok(answer)
    }

    /// Runs commands in their order.
    pub(super) async fn pipeline(
        &self,
        pipe: &Pipeline,
    ) -> Result<Vec<RedisResult<Value>>, BrokerError> {
        let mut connection = self.current()?;
        let answers: RedisResult<Vec<RedisResult<Value>>> = pipe.query_async(&mut connection).await;
        match answers {
            Ok(answers) => {
                for (cmd, answer) in pipe.cmd_iter().zip(&answers) {
                    if let Err(error) = answer {
                        self.record_error(error, &operation(cmd));
                    }
                }
                Ok(answers)
            }
            Err(error) => {
                self.record_error(&error, "run a pipeline");
                Err(broker_error(error))
            }
        }
    }

    /// Records what an error reveals about the connection or the permissions of its user.
    /// `operation` is what the bridge tried to do.
    pub(super) fn record_error(&self, error: &RedisError, operation: &str) {
        if error.is_timeout() || error.is_io_error() || error.is_connection_dropped() {
            self.doubted.notify_one();
        } else if is_refusal(error) {
            if self.state.refusal().is_none() {
                tracing::warn!(
                    connection = self.name,
                    operation,
                    error = server_message(error),
                    "Redis refuses an operation"
                );
            }
            let refused = format!("{operation}: {}", server_message(error));
            self.state.refused(Some(refused), false);
        }
    }

    fn current(&self) -> Result<MultiplexedConnection, BrokerError> {
        let current = self.current.read().clone();
        let down = || Outage::Down(self.state.trouble(&self.address));
        Ok(current.ok_or_else(down)?)
    }

    fn set(&self, connection: Option<MultiplexedConnection>) {
        *self.current.write() = connection;
    }

    /// Opens a connection for one caller, who may send blocking commands.
    pub(super) async fn dedicated(&self) -> RedisResult<MultiplexedConnection> {
        connect::open(&self.connector, None).await
    }

    /// Queues a command whose answer no caller awaits. `wakes` is notified once Redis has answered.
    pub(super) fn post(&self, cmd: Cmd, wakes: Option<Arc<Notify>>) {
        self.outbox.post((cmd, wakes));
    }

    /// Waits until Redis has answered all queued commands.
    pub(super) async fn flush(&self) {
        let flushed = self.is_up() && self.outbox.flush(ANSWER).await;
        if !flushed {
            tracing::warn!(
                connection = self.name,
                "Redis did not accept the last commands: messages that were not settled are redelivered when their lease expires"
            );
        }
    }
}

impl Pipe for ReconnectingClient {
    async fn run(&self, pipeline: &Pipeline) {
        // Messages of failed commands are redelivered when their lease expires.
        let answers = self.pipeline(pipeline).await;
        drop::<Result<Vec<RedisResult<Value>>, _>>(answers);
    }
}

/// Connects and reconnects for as long as the client exists.
async fn keep_connected(weak: Weak<ReconnectingClient>) {
    let (mut attempt, mut logged) = (0, None);
    loop {
        attempt += 1;
        let Some(longest) = weak.upgrade().map(|client| client.longest_wait) else {
            return;
        };
        sleep(reconnect_delay(attempt, longest)).await;
        let Some(client) = weak.upgrade() else {
            return;
        };
        let mut connection = match connect::open(&client.connector, Some(ANSWER)).await {
            Ok(connection) => connection,
            Err(error) => {
                client.state.failed(server_message(&error));
                continue;
            }
        };
        let found = ServerDurability::read(&mut connection).await;
        if logged.as_ref() != Some(&found) {
            found.log(&client.name);
            logged = Some(found);
        }
        client.set(Some(connection.clone()));
        client.state.connected();
        // This task must not keep the client alive.
        drop(client);
        let Some(why) = end_of(connection, &weak).await else {
            return;
        };
        attempt = 0;
        if let Some(client) = weak.upgrade() {
            client.set(None);
            client.state.disconnected(why);
        }
    }
}

/// Waits until the connection ends, and returns why. Returns `None` once the client is dropped.
async fn end_of(
    mut connection: MultiplexedConnection,
    client: &Weak<ReconnectingClient>,
) -> Option<String> {
    loop {
        let doubted = Arc::clone(&client.upgrade()?.doubted);
        let _ = timeout(PING, doubted.notified()).await;
        client.upgrade()?;
        let answer: RedisResult<Value> = cmd("PING").query_async(&mut connection).await;
        match answer {
            Err(error) if error.is_timeout() => {
                return Some("the server does not answer".into());
            }
            Err(error) if error.is_io_error() || error.is_connection_dropped() => {
                return Some(server_message(&error));
            }
            // The user may lack the permission for PING. The server answered all the same.
            Ok(_) | Err(_) => {}
        }
    }
}
