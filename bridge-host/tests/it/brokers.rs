//! The contract that every broker keeps: tests written once, run over each.
//! Another broker is one more file that says how to start it, and one line
//! below. What a broker cannot do, it declares; the tests hold it to that.

mod beside;
mod cases;
mod consumers;
mod core;
mod embedded;
mod faults;
mod hosts;
mod jetstream;
mod jwt;
mod leases;
mod letters;
mod locked;
mod orders;
mod power;
mod requests;
mod silent;
mod sizes;
mod stops;
mod storms;
mod streams;
mod support;
mod threads;
mod unreadable;

use std::sync::Arc;

use async_trait::async_trait;
use bridge_host::broker::Broker;

/// A broker under test, with the server that it needs.
#[async_trait]
pub trait Server: Send + Sync + Sized + 'static {
    /// Starts it.
    async fn start() -> Self;

    /// Connects to it, as a host does.
    async fn connect(&self) -> Arc<dyn Broker>;

    /// The section of a config that connects to it, as the connection `events`;
    /// empty for the broker that is always there, whose name `from` is.
    fn config(&self) -> String;

    /// What the config's subscriptions come `from`.
    fn from(&self) -> &'static str {
        "events"
    }

    /// Keys that all subscriptions need, for tests that cannot wait long.
    fn subscription(&self) -> &'static str {
        ""
    }

    /// Ends the server at once and starts it anew; false where there is none.
    async fn restart(&mut self) -> bool;
}

macro_rules! contract {
    ($name:ident, $server:ty: $($room:ident::$case:ident),+ $(,)?) => {
        mod $name {
            $(
                #[tokio::test(flavor = "multi_thread")]
                async fn $case() {
                    super::super::$room::$case::<$server>().await;
                }
            )+
        }
    };
}

macro_rules! over {
    ($($name:ident: $server:ty),+ $(,)?) => {
        mod contract {
            $(
                contract!($name, $server:
                    cases::publish_and_receive,
                    cases::wildcards,
                    cases::any_metadata_and_content_type,
                    cases::ids_are_kept_and_made,
                    cases::a_topic_that_is_none_is_refused,
                    cases::an_acknowledged_message_does_not_come_again,
                    cases::a_retry_comes_after_its_time,
                    cases::a_dropped_receipt_brings_the_message_back,
                    cases::what_a_crash_leaves,
                    cases::order_where_it_is_promised,
                    cases::no_more_is_fetched_than_is_free,
                    cases::a_lease_can_be_extended,
                    cases::duplicates_within_the_window,
                    cases::back_after_the_servers_restart,
                    requests::requests_where_they_are_promised,
                    requests::requests_that_nobody_answers,
                    hosts::two_hosts_share,
                    hosts::a_draining_host_leaves_the_rest_to_others,
                    hosts::a_killed_host_is_taken_over_from,
                    hosts::dead_letters_are_kept_shown_and_replayed,
                    hosts::a_shutdown_drains,
                    threads::two_share,
                    threads::a_shutdown_drains_both,
                    orders::kept_within_a_key_and_beside_others,
                    orders::a_dead_letter_blocks_its_key,
                );
            )+
        }
    };
}

over! {
    embedded: crate::brokers::embedded::Local,
    nats: crate::brokers::core::CoreNats,
    nats_current: crate::brokers::core::CurrentNats,
    jetstream: crate::brokers::jetstream::JetStreamServer,
    jetstream_current: crate::brokers::jetstream::CurrentJetStream,
}
