//! The contract that every broker keeps: tests written once, run over each.
//! Another broker is one more file that says how to start it, and one line
//! below, which names the groups of tests that hold it to its capabilities.

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
}

/// A broker that is a process of its own.
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
            cases::a_topic_that_is_none_is_refused,
            cases::an_acknowledged_message_does_not_come_again,
            cases::a_retry_comes_after_its_time,
            cases::a_dropped_receipt_brings_the_message_back,
            cases::what_a_crash_leaves,
            cases::order_where_it_is_promised,
            cases::a_lease_can_be_extended,
            cases::duplicates_within_the_window,
            hosts::dead_letters_are_kept_shown_and_replayed,
            hosts::a_shutdown_drains,
            threads::two_share,
            threads::a_shutdown_drains_both,
            orders::kept_within_a_key_and_beside_others,
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
            cases::back_after_the_servers_restart,
            hosts::two_hosts_share,
            hosts::a_draining_host_leaves_the_rest_to_others,
            hosts::a_killed_host_is_taken_over_from,
        }
    };
}

/// The tests of a shared broker that keeps messages until a host asks for them.
macro_rules! on_demand {
    ($server:ty) => {
        many_hosts!($server);
        tests! { $server: cases::no_more_is_fetched_than_is_free }
    };
}

/// The tests of a broker with request and reply.
macro_rules! replies {
    ($server:ty) => {
        tests! { $server:
            requests::a_request_gets_its_replies,
            requests::requests_that_nobody_answers,
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
