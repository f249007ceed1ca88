//! JetStream's API on the current client of a connection.
//!
//! `client` replaces the client when it ends.

use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream::context::{Context, ContextBuilder};
use parking_lot::Mutex;

use super::client::ReconnectingClient;
use super::fullness::FullnessMonitor;
use super::session::Session;

/// How long the server may take to answer.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);
/// The most published messages without a confirmation.
const UNCONFIRMED: usize = 4096;

/// Access to JetStream.
pub(super) struct JetStreamApi {
    pub(super) connection: Arc<ReconnectingClient>,
    /// The prefix of API subjects: `$JS.API`, or `$JS.DOMAIN.API` in a domain.
    pub(super) prefix: String,
    domain: Option<String>,
    pub(super) fullness: FullnessMonitor,
    current: Mutex<Option<(Arc<Session>, Arc<Context>)>>,
}

impl JetStreamApi {
    pub(super) fn new(connection: Arc<ReconnectingClient>, domain: Option<&str>) -> Self {
        Self {
            connection,
            prefix: match domain {
                None => "$JS.API".into(),
                Some(domain) => format!("$JS.{domain}.API"),
            },
            domain: domain.map(str::to_owned),
            fullness: FullnessMonitor::default(),
            current: Mutex::default(),
        }
    }

    /// Returns the JetStream context of the current client.
    pub(super) fn context(&self) -> Arc<Context> {
        let client = self.connection.session();
        let mut current = self.current.lock();
        match &*current {
            Some((of, context)) if Arc::ptr_eq(of, &client) => Arc::clone(context),
            _ => {
                let context = Arc::new(self.build(&client));
                *current = Some((client, Arc::clone(&context)));
                context
            }
        }
    }

    fn build(&self, client: &Session) -> Context {
        let _here = self.connection.runtime.enter();
        let builder = ContextBuilder::new()
            .timeout(PATIENCE)
            .max_ack_inflight(UNCONFIRMED);
        match &self.domain {
            None => builder.build((**client).clone()),
            Some(domain) => builder.domain(domain).build((**client).clone()),
        }
    }
}
