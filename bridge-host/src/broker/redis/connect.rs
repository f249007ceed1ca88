//! The connection to a Redis server, which comes back by itself; and connections of their own for reads that block.
//! What is sent over it is elsewhere in this folder.

use std::sync::{Arc, PoisonError, RwLock, Weak};
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
use super::error::{Outage, failed, said};
use super::outbox::{Parcel, send_all};
use super::settings::{Secret, Settings};
use crate::broker::BrokerError;
use crate::broker::kit::link_state::{LinkState, wait};

/// How long the start of the bridge waits for a server.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long a server may take to answer.
pub(super) const ANSWER: Duration = Duration::from_secs(5);
/// Between two signs of life.
const PING: Duration = Duration::from_secs(5);

/// Why a connection cannot even be tried.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The URL is none. It is not shown, as it may have a password in it.
    #[error("the connection's `url` is no URL of a Redis server: redis://host:6379 is expected")]
    Url,
    /// A file of `tls` cannot be read.
    #[error("cannot read {file}: {source}")]
    File {
        /// Its path.
        file: String,
        /// Why not.
        source: std::io::Error,
    },
    /// A file of `tls` has no certificate or key in it.
    #[error("the TLS settings cannot be used: {0}")]
    Tls(#[from] RedisError),
    /// `tls` with a URL that asks for none.
    #[error("`tls` is set, and the URL does not begin with rediss://")]
    NoTls,
}

/// A connection, up or down.
pub(super) struct Link {
    /// The connection's name in the config.
    pub(super) name: String,
    /// Where it was opened, and what serves it is best.
    pub(super) runtime: Handle,
    client: Client,
    /// Where the server is, without user and password.
    address: String,
    longest_wait: Duration,
    state: LinkState,
    current: RwLock<Option<MultiplexedConnection>>,
    /// A command failed as on a broken connection.
    doubted: Arc<Notify>,
    outbox: mpsc::UnboundedSender<Parcel>,
}

impl Link {
    /// Begins to connect, and goes on until it is dropped.
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

    /// Changes each time that the connection comes up or goes down.
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

    /// Returns what the server refused a short while ago.
    pub(super) fn refusal(&self) -> Option<String> {
        self.state.refusal()
    }

    /// Runs a command.
    pub(super) async fn query(&self, cmd: &Cmd) -> Result<Value, BrokerError> {
        self.ask(cmd).await?.map_err(failed)
    }

    /// Runs a command; what the server says of it is returned as it is.
    pub(super) async fn ask(&self, cmd: &Cmd) -> Result<RedisResult<Value>, BrokerError> {
        let mut connection = self.current()?;
        let answer = cmd.query_async(&mut connection).await;
        if let Err(error) = &answer {
            self.saw(error);
        }
        Ok(answer)
    }

    /// Runs commands, one after the other.
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

    /// Notes what an error says of the connection, or of its user.
    pub(super) fn saw(&self, error: &RedisError) {
        if error.is_timeout() || error.is_io_error() || error.is_connection_dropped() {
            self.doubted.notify_one();
        } else if error.code() == Some("NOPERM") {
            self.state.refused(Some(said(error)), false);
        }
    }

    fn current(&self) -> Result<MultiplexedConnection, BrokerError> {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        let down = || Outage::Down(self.state.trouble(&self.address));
        Ok(current.clone().ok_or_else(down)?)
    }

    fn set(&self, connection: Option<MultiplexedConnection>) {
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        *current = connection;
    }

    /// Opens a connection for one caller, whose commands may block.
    pub(super) async fn dedicated(&self) -> RedisResult<MultiplexedConnection> {
        open(&self.client, None).await
    }

    /// Sends a command soon: for callers that cannot wait. `wakes` is notified
    /// once it is done.
    pub(super) fn post(&self, cmd: Cmd, wakes: Option<Arc<Notify>>) {
        // Without anyone to take it the process is at its end.
        let _ = self.outbox.send(Parcel::Command(cmd, wakes));
    }

    /// Waits until everything that was posted is done.
    pub(super) async fn flush(&self) {
        let (done, sent) = oneshot::channel();
        let _ = self.outbox.send(Parcel::Flush(done));
        let flushed = self.is_up() && matches!(timeout(ANSWER, sent).await, Ok(Ok(())));
        if !flushed {
            tracing::warn!(
                connection = self.name,
                "Redis did not take the last commands: messages that were not delivered come again when their lease is over"
            );
        }
    }
}

/// Connects, again and again, for as long as the link lives.
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
        // Not held from here on: the link ends with its last user.
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
            // A user without PING: the server is there.
            Ok(_) | Err(_) => {}
        }
    }
}

/// Opens a connection to a server that takes commands: not one that asks for a
/// password, or that is loading its data.
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

/// Checks whether this is the URL of a Redis server.
pub(super) fn check_url(url: &Secret) -> Result<(), ConnectError> {
    let info = url.expose().into_connection_info();
    info.map(drop).map_err(|_| ConnectError::Url)
}

/// Returns where the server is, without user and password.
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
