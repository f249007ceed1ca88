//! JetStream's API over a connection, whichever client that has at the time.

use parking_lot::Mutex;
use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream::context::{Context, ContextBuilder};

use super::client::ReconnectingClient;
use super::fullness::FullnessMonitor;
use super::session::Session;

/// For the server to answer.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);
/// Messages published and not yet confirmed.
const UNCONFIRMED: usize = 4096;

/// The way to JetStream.
pub(super) struct JetStreamApi {
    pub(super) connection: Arc<ReconnectingClient>,
    /// `$JS.API`, or what stands for it in a domain.
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

    /// The context of the client of now.
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
