//! Limits what the host keeps for a component besides its linear memory. Header tables and the
//! targets of requests count as memory; bodies that have not been sent are limited in number.
//! Additions are counted when they are made. Removals are found by scanning the store's resource
//! table, but only if the additions might exceed a limit.

use std::any::Any;
use std::collections::HashSet;
use std::mem;

use http::{HeaderMap, HeaderName, HeaderValue};
use wasmtime::Result;
use wasmtime::component::ResourceTable;
use wasmtime_wasi_http::p2::bindings::http::types::Method;
use wasmtime_wasi_http::p2::types::{
    HostIncomingResponse, HostOutgoingRequest, HostOutgoingResponse,
};
use wasmtime_wasi_http::{FieldMap, p3};

use super::budget::MemoryLimiter;
use super::settings::Limits;

/// How many bytes a header occupies besides its text.
pub(crate) const HEADER: usize = size_of::<HeaderName>() + size_of::<HeaderValue>();

/// How many bytes an entry of the resource table occupies.
pub(crate) const PLACE: usize = 256;

/// How many resources of the host, such as messages, streams and requests, a component may have
/// open; and how many if it may open files.
const MAX_RESOURCES: u64 = 50_000;
const MAX_RESOURCES_WITH_FILES: u64 = 1_000;

/// The error of a component for which the host keeps more than `limits.memory` allows.
#[derive(Debug, thiserror::Error)]
#[error("the host holds more data for the component than its memory limit allows")]
pub(crate) struct HostMemoryExceeded;

/// A limit that a component exceeded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ResourceExcess {
    /// The limit on requests that are in flight, or not yet sent.
    #[error("more than {0} requests open at once (`limits.requests`)")]
    Requests(u32),
    /// The limit on resources of the host.
    #[error("more than {0} resources of the host at once")]
    Resources(usize),
}

/// What the host keeps for the component of one store.
pub(crate) struct HostResources {
    /// How many bytes the last scan counted as memory.
    counted: u64,
    added: u64,
    /// How many bytes may be added before the next scan.
    step: u64,
    /// The number of bodies that the last scan found, and of those added since.
    bodies: u32,
    most_bodies: u32,
}

impl HostResources {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            counted: 0,
            added: 0,
            step: (limits.memory / 16).clamp(1 << 16, 4 << 20),
            bodies: 0,
            most_bodies: limits.requests,
        }
    }

    /// Counts bytes that the host is about to keep in this table.
    pub(crate) fn keep(
        &mut self,
        bytes: usize,
        table: &mut ResourceTable,
        limiter: &mut MemoryLimiter,
    ) -> Result<()> {
        self.added = self.added.saturating_add(bytes as u64);
        match self.added > self.step {
            true => self.count(table, limiter),
            false => Ok(()),
        }
    }

    /// Counts a body that the host is about to keep until it is sent.
    pub(crate) fn keep_body(&mut self, table: &mut ResourceTable) -> Result<()> {
        self.bodies += 1;
        if self.bodies > self.most_bodies {
            self.bodies = bodies(table) + 1;
        }
        match self.bodies > self.most_bodies {
            true => Err(ResourceExcess::Requests(self.most_bodies).into()),
            false => Ok(()),
        }
    }

    /// Begins a new call, which is not charged for what earlier calls left behind. The next
    /// addition triggers a scan.
    pub(crate) fn forget(&mut self, limiter: &mut MemoryLimiter) {
        let counted = mem::take(&mut self.counted);
        limiter.give_back(counted);
        if counted > 0 {
            self.added = self.step;
        }
    }

    fn count(&mut self, table: &mut ResourceTable, limiter: &mut MemoryLimiter) -> Result<()> {
        let bytes = bytes(table);
        self.added = 0;
        limiter.give_back(mem::take(&mut self.counted));
        if !limiter.take(bytes) {
            return Err(HostMemoryExceeded.into());
        }
        self.counted = bytes;
        Ok(())
    }
}

/// Returns how many resources a component may have.
pub(crate) fn max_resources(limits: &Limits, opens_files: bool) -> usize {
    let most = match opens_files {
        true => MAX_RESOURCES_WITH_FILES,
        false => MAX_RESOURCES,
    };
    // Even the smallest resource occupies some memory.
    let most = most.min(limits.memory >> 10).max(100);
    usize::try_from(most).unwrap_or(usize::MAX)
}

/// Returns how many bytes the header tables and targets occupy. Tables that share their content
/// count once.
fn bytes(table: &mut ResourceTable) -> u64 {
    let mut seen = HashSet::new();
    let mut sum = 0;
    for entry in table.iter_mut() {
        sum += PLACE + target(entry);
        if let Some(fields) = fields(entry) {
            let map: &HeaderMap = fields;
            if seen.insert(std::ptr::from_ref(map)) {
                sum += size(map);
            }
        }
    }
    sum as u64
}

/// Returns the size of a header table, in bytes.
pub(crate) fn size(map: &HeaderMap) -> usize {
    let headers = map.iter();
    headers
        .map(|(name, value)| HEADER + name.as_str().len() + value.len())
        .sum()
}

fn fields(entry: &(dyn Any + Send)) -> Option<&FieldMap> {
    let fields = entry.downcast_ref::<FieldMap>();
    fields
        .or_else(|| Some(&entry.downcast_ref::<HostOutgoingRequest>()?.headers))
        .or_else(|| Some(&entry.downcast_ref::<HostOutgoingResponse>()?.headers))
        .or_else(|| Some(&entry.downcast_ref::<HostIncomingResponse>()?.headers))
        .or_else(|| Some(&entry.downcast_ref::<p3::Request>()?.headers))
        .or_else(|| Some(&entry.downcast_ref::<p3::Response>()?.headers))
}

/// Returns the length of a request's method and target, in bytes.
fn target(entry: &(dyn Any + Send)) -> usize {
    let length = |text: &Option<String>| text.as_ref().map_or(0, String::len);
    if let Some(request) = entry.downcast_ref::<HostOutgoingRequest>() {
        let method = match &request.method {
            Method::Other(name) => name.len(),
            _ => 0,
        };
        return method + length(&request.authority) + length(&request.path_with_query);
    }
    let Some(request) = entry.downcast_ref::<p3::Request>() else {
        return 0;
    };
    let authority = request.authority.as_ref().map_or(0, |it| it.as_str().len());
    let path = request.path_with_query.as_ref();
    request.method.as_str().len() + authority + path.map_or(0, |it| it.as_str().len())
}

/// Returns the number of bodies that have not been sent.
fn bodies(table: &mut ResourceTable) -> u32 {
    let unsent = table.iter_mut().filter(|entry| {
        let request = entry.downcast_ref::<HostOutgoingRequest>();
        let response = entry.downcast_ref::<HostOutgoingResponse>();
        request.is_some_and(|it| it.body.is_some()) || response.is_some_and(|it| it.body.is_some())
    });
    u32::try_from(unsent.count()).unwrap_or(u32::MAX)
}
