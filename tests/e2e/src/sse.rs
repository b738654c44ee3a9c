//! Streams of server-sent events, read event by event.

use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

/// How long an event may be waited for.
const PATIENCE: Duration = Duration::from_secs(20);

/// One event.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Event {
    pub name: String,
    /// Its id, where it has one.
    pub id: Option<String>,
    pub data: String,
}

impl Event {
    /// The data as JSON. When it is none.
    pub fn json(&self) -> Result<Value> {
        serde_json::from_str(&self.data).with_context(|| format!("no JSON in {self:?}"))
    }
}

/// An open stream.
#[derive(Debug)]
pub struct Events {
    response: reqwest::Response,
    buffer: String,
}

impl Events {
    pub(crate) const fn new(response: reqwest::Response) -> Self {
        Self { response, buffer: String::new() }
    }

    /// Waits for the next event; comments, which only keep the connection open, are none. When none comes in time, or
    /// the stream ends.
    pub async fn next(&mut self) -> Result<Event> {
        tokio::time::timeout(PATIENCE, self.read()).await.context("no event came in time")?
    }

    /// Waits for the next event that is wanted and passes over the others. See [`Events::next`].
    pub async fn until(&mut self, wanted: impl Fn(&Event) -> bool) -> Result<Event> {
        loop {
            let event = self.next().await?;
            if wanted(&event) {
                return Ok(event);
            }
        }
    }

    async fn read(&mut self) -> Result<Event> {
        loop {
            while let Some((block, rest)) = self.buffer.split_once("\n\n") {
                let event = parse(block);
                self.buffer = rest.to_owned();
                if let Some(event) = event {
                    return Ok(event);
                }
            }
            let Some(chunk) = self.response.chunk().await? else { bail!("the stream ended") };
            self.buffer.push_str(&String::from_utf8_lossy(&chunk).replace('\r', ""));
        }
    }
}

fn parse(block: &str) -> Option<Event> {
    let mut event = Event::default();
    let mut lines = Vec::new();
    for (field, value) in block.lines().filter_map(|line| line.split_once(':')) {
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => event.name = value.to_owned(),
            "id" => event.id = Some(value.to_owned()),
            "data" => lines.push(value),
            _ => {}
        }
    }
    event.data = lines.join("\n");
    (!lines.is_empty()).then_some(event)
}

#[cfg(test)]
mod tests {
    use super::{Event, parse};

    #[test]
    fn an_event_is_read_and_a_comment_is_none() {
        let event = parse("event: click\nid: 7\ndata: {\"a\":\ndata: 1}").unwrap();
        assert_eq!(event, Event { name: "click".into(), id: Some("7".into()), data: "{\"a\":\n1}".into() });
        assert_eq!(parse(": keep-alive"), None);
    }
}
