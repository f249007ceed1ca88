//! The contract of all brokers: each test is written once and runs on every broker. A new broker
//! adds a file that starts it and one line below, which selects the groups of tests for its
//! capabilities.

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
mod redis;
mod redis_entries;
mod redis_groups;
mod redis_trouble;
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
    /// Starts the server.
    async fn start() -> Self;

    /// Connects to the server, as a host does.
    async fn connect(&self) -> Arc<dyn Broker>;

    /// Returns the section of a config with a connection `events` to the server. Empty for the
    /// embedded broker, which needs none.
    fn config(&self) -> String;

    /// Returns the connection that subscriptions name in `from`.
    fn from(&self) -> &'static str {
        "events"
    }

    /// Returns keys that all subscriptions of a config need, so that tests do not wait long.
    fn subscription(&self) -> &'static str {
        ""
    }
}

/// A broker that is a process outside the bridge.
#[async_trait]
pub trait Remote: Server {
    /// Kills the server and starts it again.
    async fn restart(&mut self);
}

macro_rules! tests {
    ($server:ty: $($room:ident::$case:ident),+ $(,)?) => {
        $(
            #[tokio::test(flavor = "multi_thread")]
            async fn $case() {
                crate::brokers::$room::$case::<$server>().await;
            }
        )+
    };
}

/// The tests of every broker.
macro_rules! every {
    ($server:ty) => {
        tests! { $server:
            cases::publish_and_receive,
            cases::wildcards,
            cases::any_metadata_and_content_type,
            cases::ids_are_kept_and_made,
            cases::an_invalid_topic_is_refused,
            cases::an_acknowledged_message_does_not_come_again,
            cases::a_retry_comes_after_its_delay,
            cases::a_dropped_receipt_redelivers_the_message,
            cases::a_crash_leaves_unsettled_messages_for_redelivery,
            cases::order_is_kept_where_the_broker_promises_it,
            cases::a_lease_can_be_extended,
            cases::duplicates_within_the_window_are_dropped,
            hosts::dead_letters_are_kept_shown_and_replayed,
            hosts::a_shutdown_drains,
            threads::two_share,
            threads::a_shutdown_drains_both,
            orders::order_is_kept_within_a_key_and_keys_run_in_parallel,
            orders::a_dead_letter_blocks_its_key,
        }
    };
}

/// The tests of a broker that only one host may use at a time.
macro_rules! one_host {
    ($server:ty) => {
        tests! { $server: hosts::a_second_host_is_refused }
    };
}

/// The tests of a broker whose messages several hosts share.
macro_rules! many_hosts {
    ($server:ty) => {
        tests! { $server:
            cases::messages_arrive_after_a_restart_of_the_server,
            hosts::two_hosts_share,
            hosts::a_draining_host_leaves_other_messages_to_the_other_host,
            hosts::another_host_takes_over_from_a_killed_one,
        }
    };
}

/// The tests of a shared broker that keeps messages until a host asks for them.
macro_rules! on_demand {
    ($server:ty) => {
        many_hosts!($server);
        tests! { $server: cases::a_host_fetches_only_for_free_slots }
    };
}

/// The tests of a broker with request and reply.
macro_rules! replies {
    ($server:ty) => {
        tests! { $server:
            requests::a_request_gets_its_replies,
            requests::a_request_without_an_answer_is_an_error,
        }
    };
}

/// The tests of a broker without request and reply.
macro_rules! no_replies {
    ($server:ty) => {
        tests! { $server: requests::a_request_is_refused }
    };
}

macro_rules! over {
    ($($name:ident: $server:ty, $hosts:ident, $replies:ident;)+) => {
        mod contract {
            $(
                mod $name {
                    every!($server);
                    $hosts!($server);
                    $replies!($server);
                }
            )+
        }
    };
}

over! {
    embedded: crate::brokers::embedded::Local, one_host, no_replies;
    nats: crate::brokers::core::CoreNats, many_hosts, replies;
    nats_current: crate::brokers::core::CurrentNats, many_hosts, replies;
    jetstream: crate::brokers::jetstream::JetStreamServer, on_demand, no_replies;
    jetstream_current: crate::brokers::jetstream::CurrentJetStream, on_demand, no_replies;
    redis: crate::brokers::redis::RedisStreams, on_demand, no_replies;
}
