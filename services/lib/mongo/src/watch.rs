//! What the driver tells of its commands and connections, as metrics.

use chassis::store_metrics as names;
use metrics::{Gauge, counter, gauge, histogram};
use mongodb::event::cmap::{CmapEvent, ConnectionClosedEvent};
use mongodb::event::command::{CommandEvent, CommandStartedEvent};
use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// The store, as its metrics name it.
const STORE: &str = "mongodb";

/// Measures commands, each named after what it does and to which collection: `find links`.
#[derive(Default)]
pub(crate) struct Commands(Mutex<HashMap<i32, String>>);

impl Commands {
    pub(crate) fn hear(&self, event: CommandEvent) {
        match event {
            CommandEvent::Started(started) => {
                let name = name(&started);
                self.under_way(|under_way| under_way.insert(started.request_id, name));
            }
            CommandEvent::Succeeded(ended) => drop(self.end(ended.request_id, &ended.command_name, ended.duration)),
            CommandEvent::Failed(ended) => {
                let name = self.end(ended.request_id, &ended.command_name, ended.duration);
                counter!(names::ERRORS, "store" => STORE, "statement" => name).increment(1);
            }
            _ => {}
        }
    }

    /// Notes how long a command took; gives its name.
    fn end(&self, id: i32, command: &str, took: Duration) -> String {
        let name = self.under_way(|under_way| under_way.remove(&id)).unwrap_or_else(|| command.to_owned());
        histogram!(names::DURATION, "store" => STORE, "statement" => name.clone()).record(took.as_secs_f64());
        name
    }

    fn under_way<T>(&self, ask: impl FnOnce(&mut HashMap<i32, String>) -> T) -> T {
        ask(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn name(started: &CommandStartedEvent) -> String {
    let command = &started.command_name;
    match started.command.get_str(command) {
        Ok(collection) => format!("{command} {collection}"),
        Err(_) => command.clone(),
    }
}

/// Counts connections: those in use, those that are free, and callers that wait for one.
pub(crate) struct Connections {
    used: Gauge,
    idle: Gauge,
    waited_for: Gauge,
    /// Those that were made, by server and number: the driver also tells of the end of one that never was.
    made: Mutex<HashSet<(String, u32)>>,
}

impl Default for Connections {
    fn default() -> Self {
        let of = |state| gauge!(names::CONNECTIONS, "store" => STORE, "state" => state);
        Self { used: of("used"), idle: of("idle"), waited_for: of("waited_for"), made: Mutex::default() }
    }
}

impl Connections {
    pub(crate) fn hear(&self, event: CmapEvent) {
        match event {
            CmapEvent::ConnectionReady(ready) => {
                self.made(|made| made.insert((ready.address.to_string(), ready.connection_id)));
                self.idle.increment(1);
            }
            CmapEvent::ConnectionCheckoutStarted(_) => self.waited_for.increment(1),
            CmapEvent::ConnectionCheckoutFailed(_) => self.waited_for.decrement(1),
            CmapEvent::ConnectionCheckedOut(_) => {
                self.waited_for.decrement(1);
                self.idle.decrement(1);
                self.used.increment(1);
            }
            CmapEvent::ConnectionCheckedIn(_) => {
                self.used.decrement(1);
                self.idle.increment(1);
            }
            CmapEvent::ConnectionClosed(closed) if self.was_made(&closed) => self.idle.decrement(1),
            _ => {}
        }
    }

    /// Forgets a connection; says whether it was ever made.
    fn was_made(&self, closed: &ConnectionClosedEvent) -> bool {
        self.made(|made| made.remove(&(closed.address.to_string(), closed.connection_id)))
    }

    fn made<T>(&self, ask: impl FnOnce(&mut HashSet<(String, u32)>) -> T) -> T {
        ask(&mut self.made.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
