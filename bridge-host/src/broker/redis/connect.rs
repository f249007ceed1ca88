//! Opens connections to a Redis server: TCP or TLS, with the user and the password of the settings.
//! `client` keeps a connection open; `url` parses the address.

use std::path::PathBuf;
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{
    AsyncConnectionConfig, Client, ClientTlsConfig, ConnectionAddr, RedisError, RedisResult,
    TlsCertificates, Value, cmd,
};
use tokio::time::timeout;

use super::settings::Settings;
use super::url::{self, UrlError};

/// The longest time that a server may take to answer.
pub(super) const ANSWER: Duration = Duration::from_secs(5);

/// Why the settings of a connection cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The URL is invalid.
    #[error("{url}: {}", url.help())]
    Url {
        /// What is wrong with the URL.
        #[from]
        url: UrlError,
    },
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

/// Opens a connection. A server that asks for a password, or that is loading its
/// data, is an error.
pub(super) async fn open(
    client: &Client,
    answer: Option<Duration>,
) -> RedisResult<MultiplexedConnection> {
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

/// Returns the client that opens connections with these settings.
pub(super) fn connector(settings: &Settings) -> Result<Client, ConnectError> {
    let info = url::parse(&settings.url)?;
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
    let read = |file: &PathBuf| {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;

    #[test]
    fn an_error_has_no_secret() {
        let settings = Settings::new(Secret::new("http://bridge:s3cret@host"));
        let error = connector(&settings).unwrap_err();
        assert!(!format!("{error} {error:?} {settings:?}").contains("s3cret"));
    }
}
