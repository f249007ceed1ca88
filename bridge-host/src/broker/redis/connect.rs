//! The connection to a Redis server, which reconnects by itself, and dedicated connections for blocking reads.
//! The commands that are sent over it are elsewhere in this folder.

use parking_lot::RwLock;
use std::sync::{Arc, Weak};
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{
    AsyncConnectionConfig, Client, ClientTlsConfig, Cmd, ConnectionAddr, ConnectionInfo,
    IntoConnectionInfo, Pipeline, RedisError, RedisResult, TlsCertificates, Value, cmd,
};
use tokio::runtime::Handle;
use tokio::sync::{Notify, mpsc, oneshot, watch};
use tokio::time::{sleep, timeout};

use super::durability::Finding;
use super::error::{Outage, failed, is_refusal, said};
use super::outbox::{Parcel, send_all};
use super::settings::{Secret, Settings};
use crate::broker::BrokerError;
use crate::broker::kit::link_state::{LinkState, wait};

/// How long the bridge waits for a server at startup.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long a server may take to answer.
pub(super) const ANSWER: Duration = Duration::from_secs(5);
/// The interval between two PINGs.
const PING: Duration = Duration::from_secs(5);

/// Why a connection cannot even be tried.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The URL is invalid. The error does not show it, because it may contain a password.
    #[error("the connection's `url` is no URL of a Redis server: redis://host:6379 is expected")]
    Url,
    /// A file of `tls` cannot be read.
    #[error("cannot read {file}: {source}")]
    File {
        /// The path of the file.
        file: String,
        /// Why the file cannot be read.
        source: std::io::Error,
    },
    /// A file of `tls` contains no certificate or key.
    #[error("the TLS settings cannot be used: {0}")]
    Tls(#[from] RedisError),
    /// `tls` is set, but the URL does not ask for TLS.
    #[error("`tls` is set, but the URL does not begin with rediss://")]
    NoTls,
}

/// A connection, up or down.
pub(super) struct Link {
    /// The connection's name in the config.
    pub(super) name: String,
    /// The runtime on which the connection was opened. Its tasks should run there, too.
    pub(super) runtime: Handle,
    client: Client,
    /// The server's address, without user and password.
    address: String,
    longest_wait: Duration,
    state: LinkState,
    current: RwLock<Option<MultiplexedConnection>>,
    /// Notified when a command failed as if the connection were broken.
    doubted: Arc<Notify>,
    outbox: mpsc::UnboundedSender<Parcel>,
}

impl Link {
    /// Starts to connect, and keeps reconnecting until the link is dropped.
    pub(super) async fn open(name: &str, settings: &Settings) -> Result<Arc<Self>, ConnectError> {
        let client = client(settings)?;
        let (outbox, parcels) = mpsc::unbounded_channel();
        let link = Arc::new(Self {
            name: name.into(),
            runtime: Handle::current(),
            address: address(client.get_connection_info()),
            client,
            longest_wait: settings.max_reconnect_wait,
            state: LinkState::new(name, "Redis"),
            current: RwLock::default(),
            doubted: Arc::default(),
            outbox,
        });
        tokio::spawn(send_all(Arc::downgrade(&link), parcels));
        tokio::spawn(connect(Arc::downgrade(&link)));
        if timeout(PATIENCE, link.connected()).await.is_err() {
            let trouble = link.trouble().unwrap_or_default();
            tracing::warn!(
                connection = name,
                "{trouble}; the bridge starts all the same, and waits"
            );
        }
        Ok(link)
    }

    /// Returns a receiver that changes each time the connection comes up or goes down.
    pub(super) fn ups(&self) -> watch::Receiver<bool> {
        self.state.ups()
    }

    /// Waits until the connection is up.
    pub(super) async fn connected(&self) {
        let _ = self.ups().wait_for(|up| *up).await;
    }

    pub(super) fn is_up(&self) -> bool {
        *self.ups().borrow()
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
        self.ask(cmd).await?.map_err(failed)
    }

    /// Runs a command. An error of the server is returned unchanged, as the inner result.
    pub(super) async fn ask(&self, cmd: &Cmd) -> Result<RedisResult<Value>, BrokerError> {
        let mut connection = self.current()?;
        let answer = cmd.query_async(&mut connection).await;
        if let Err(error) = &answer {
            self.saw(error);
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
                let errors = answers.iter().filter_map(|answer| answer.as_ref().err());
                errors.for_each(|error| self.saw(error));
                Ok(answers)
            }
            Err(error) => {
                self.saw(&error);
                Err(failed(error))
            }
        }
    }

    /// Records what an error reveals about the connection or the permissions of its user.
    pub(super) fn saw(&self, error: &RedisError) {
        if error.is_timeout() || error.is_io_error() || error.is_connection_dropped() {
            self.doubted.notify_one();
        } else if is_refusal(error) {
            if self.state.refusal().is_none() {
                tracing::warn!(
                    connection = self.name,
                    error = said(error),
                    "Redis refuses an operation"
                );
            }
            self.state.refused(Some(said(error)), false);
        }
    }

    fn current(&self) -> Result<MultiplexedConnection, BrokerError> {
        let current = self.current.read();
        let down = || Outage::Down(self.state.trouble(&self.address));
        Ok(current.clone().ok_or_else(down)?)
    }

    fn set(&self, connection: Option<MultiplexedConnection>) {
        let mut current = self.current.write();
        *current = connection;
    }

    /// Opens a connection for one caller, who may send blocking commands.
    pub(super) async fn dedicated(&self) -> RedisResult<MultiplexedConnection> {
        open(&self.client, None).await
    }

    /// Queues a command, for callers that cannot wait for the answer. `wakes` is
    /// notified once Redis has answered.
    pub(super) fn post(&self, cmd: Cmd, wakes: Option<Arc<Notify>>) {
        // The receiver is gone only when the process ends.
        let _ = self.outbox.send(Parcel::Command(cmd, wakes));
    }

    /// Waits until Redis has answered all queued commands.
    pub(super) async fn flush(&self) {
        let (done, sent) = oneshot::channel();
        let _ = self.outbox.send(Parcel::Flush(done));
        let flushed = self.is_up() && matches!(timeout(ANSWER, sent).await, Ok(Ok(())));
        if !flushed {
            tracing::warn!(
                connection = self.name,
                "Redis did not accept the last commands: messages that were not settled are redelivered when their lease expires"
            );
        }
    }
}

/// Connects and reconnects for as long as the link exists.
async fn connect(link: Weak<Link>) {
    let (mut attempt, mut told) = (0, None);
    loop {
        attempt += 1;
        let Some(longest) = link.upgrade().map(|link| link.longest_wait) else {
            return;
        };
        sleep(wait(attempt, longest)).await;
        let Some(here) = link.upgrade() else {
            return;
        };
        let mut connection = match open(&here.client, Some(ANSWER)).await {
            Ok(connection) => connection,
            Err(error) => {
                here.state.failed(said(&error));
                continue;
            }
        };
        let finding = Finding::ask(&mut connection).await;
        if told.as_ref() != Some(&finding) {
            finding.tell(&here.name);
            told = Some(finding);
        }
        here.set(Some(connection.clone()));
        here.state.connected();
        // This task must not keep the link alive.
        drop(here);
        let Some(why) = lives(&link, connection).await else {
            return;
        };
        attempt = 0;
        if let Some(here) = link.upgrade() {
            here.set(None);
            here.state.disconnected(why);
        }
    }
}

/// Returns why the connection ended; `None` once the link is gone.
async fn lives(link: &Weak<Link>, mut connection: MultiplexedConnection) -> Option<String> {
    loop {
        let doubted = Arc::clone(&link.upgrade()?.doubted);
        let _ = timeout(PING, doubted.notified()).await;
        link.upgrade()?;
        let answer: RedisResult<Value> = cmd("PING").query_async(&mut connection).await;
        match answer {
            Err(error) if error.is_timeout() => {
                return Some("the server does not answer".into());
            }
            Err(error) if error.is_io_error() || error.is_connection_dropped() => {
                return Some(said(&error));
            }
            // The user may lack the permission for PING. The server answered all the same.
            Ok(_) | Err(_) => {}
        }
    }
}

/// Opens a connection. A server that asks for a password, or that is loading its
/// data, is an error.
async fn open(client: &Client, answer: Option<Duration>) -> RedisResult<MultiplexedConnection> {
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(ANSWER))
        .set_response_timeout(answer);
    let mut connection = client
        .get_multiplexed_async_connection_with_config(&config)
        .await?;
    let ping = cmd("PING");
    let answer = timeout(ANSWER, ping.query_async::<Value>(&mut connection)).await;
    match answer {
        Ok(Err(error)) if error.code() != Some("NOPERM") => Err(error),
        Ok(_) => Ok(connection),
        Err(_) => Err(std::io::Error::from(std::io::ErrorKind::TimedOut).into()),
    }
}

/// Checks that a string is the URL of a Redis server.
pub(super) fn check_url(url: &Secret) -> Result<(), ConnectError> {
    let info = url.expose().into_connection_info();
    info.map(drop).map_err(|_| ConnectError::Url)
}

/// Returns the server's address, without user and password.
pub(super) fn shown_address(settings: &Settings) -> String {
    let info = settings.url.expose().into_connection_info();
    info.map_or_else(|_| "***".into(), |info| address(&info))
}

fn client(settings: &Settings) -> Result<Client, ConnectError> {
    let url = settings.url.expose();
    let info = url.into_connection_info().map_err(|_| ConnectError::Url)?;
    let mut redis = info.redis_settings().clone();
    if let Some(user) = &settings.user {
        redis = redis.set_username(user);
    }
    if let Some(password) = &settings.password {
        redis = redis.set_password(password.expose());
    }
    let info = info.set_redis_settings(redis);
    let is_tls = matches!(info.addr(), ConnectionAddr::TcpTls { .. });
    let tls = &settings.tls;
    if !is_tls && (tls.ca_file.is_some() || tls.client.is_some()) {
        return Err(ConnectError::NoTls);
    }
    let read = |file: &std::path::PathBuf| {
        std::fs::read(file).map_err(|source| ConnectError::File {
            file: file.display().to_string(),
            source,
        })
    };
    if !is_tls {
        return Ok(Client::open(info)?);
    }
    let client_tls = match &tls.client {
        Some((certificate, key)) => Some(ClientTlsConfig {
            client_cert: read(certificate)?,
            client_key: read(key)?,
        }),
        None => None,
    };
    let root_cert = tls.ca_file.as_ref().map(read).transpose()?;
    let certificates = TlsCertificates {
        client_tls,
        root_cert,
    };
    Ok(Client::build_with_tls(info, certificates)?)
}

fn address(info: &ConnectionInfo) -> String {
    let database = info.redis_settings().db();
    let (scheme, host, port) = match info.addr() {
        ConnectionAddr::Tcp(host, port) => ("redis", host, port),
        ConnectionAddr::TcpTls { host, port, .. } => ("rediss", host, port),
        other => return other.to_string(),
    };
    match database {
        0 => format!("{scheme}://{host}:{port}"),
        database => format!("{scheme}://{host}:{port}/{database}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(url: &str) -> String {
        let settings = Settings::new(Secret::new(url));
        address(client(&settings).unwrap().get_connection_info())
    }

    #[test]
    fn an_address_has_no_secret() {
        assert_eq!(
            shown("redis://bridge:s3cret@localhost:6380/2"),
            "redis://localhost:6380/2"
        );
        assert_eq!(shown("rediss://:s3cret@host"), "rediss://host:6379");
        let settings = Settings::new(Secret::new("http://bridge:s3cret@host"));
        let error = client(&settings).unwrap_err();
        assert!(!format!("{error} {error:?} {settings:?}").contains("s3cret"));
    }
}
