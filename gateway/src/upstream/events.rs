//! Server-sent events of an upstream, read as in the HTML standard (9.2.6, "interpreting an event stream").

use axum::body::Body;
use futures::stream::BoxStream;
use futures::{Stream, StreamExt, TryStreamExt, stream};
use std::collections::VecDeque;
use std::io;
use std::time::Duration;
use tokio::time::timeout;

/// The longest event, in bytes.
const LONGEST: usize = 1024 * 1024;

/// Returns the data of each event, in order. Fails after a silence of `silence`, in which not even a comment came.
pub fn events(body: Body, silence: Duration) -> impl Stream<Item = io::Result<String>> + Send + use<> {
    let pieces = body.into_data_stream().map_err(io::Error::other).map_ok(|piece| piece.to_vec()).boxed();
    let feed = Feed { pieces, silence, decoder: Decoder::default(), ready: VecDeque::new() };
    stream::try_unfold(feed, |mut feed| async move { Ok(feed.next().await?.map(|data| (data, feed))) })
}

struct Feed {
    pieces: BoxStream<'static, io::Result<Vec<u8>>>,
    silence: Duration,
    decoder: Decoder,
    ready: VecDeque<String>,
}

impl Feed {
    async fn next(&mut self) -> io::Result<Option<String>> {
        loop {
            if let Some(data) = self.ready.pop_front() {
                return Ok(Some(data));
            }
            let silent = |_| io::Error::new(io::ErrorKind::TimedOut, "the feed is silent");
            match timeout(self.silence, self.pieces.next()).await.map_err(silent)? {
                Some(piece) => self.ready.extend(self.decoder.take(&piece?)?),
                None => return Ok(None),
            }
        }
    }
}

#[derive(Default)]
struct Decoder {
    line: Vec<u8>,
    data: Vec<u8>,
    has_data: bool,
    /// Whether the last byte was a carriage return, so that a line feed belongs to it.
    after_return: bool,
}

impl Decoder {
    /// Returns the data of the events that a piece completes.
    fn take(&mut self, piece: &[u8]) -> io::Result<Vec<String>> {
        let mut complete = Vec::new();
        for &byte in piece {
            let is_second_half = byte == b'\n' && self.after_return;
            self.after_return = byte == b'\r';
            match byte {
                b'\n' if is_second_half => {}
                b'\r' | b'\n' => complete.extend(self.end_line()?),
                byte => self.line.push(byte),
            }
            if self.line.len() + self.data.len() > LONGEST {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "an event is too long"));
            }
        }
        Ok(complete)
    }

    /// Interprets a line. An empty one completes an event. Names and ids of events are ignored.
    fn end_line(&mut self) -> io::Result<Option<String>> {
        let line = std::mem::take(&mut self.line);
        if !line.is_empty() {
            if let Some(value) = line.strip_prefix(b"data").filter(|rest| matches!(rest.first(), None | Some(b':'))) {
                let value = value.strip_prefix(b":").unwrap_or(value);
                if self.has_data {
                    self.data.push(b'\n');
                }
                self.has_data = true;
                self.data.extend_from_slice(value.strip_prefix(b" ").unwrap_or(value));
            }
            return Ok(None);
        }
        if !std::mem::take(&mut self.has_data) {
            return Ok(None);
        }
        let data = String::from_utf8(std::mem::take(&mut self.data));
        data.map(Some).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(text: &str, piece: usize) -> Vec<String> {
        let mut decoder = Decoder::default();
        text.as_bytes().chunks(piece).flat_map(|piece| decoder.take(piece).expect("events")).collect()
    }

    #[test]
    fn events_are_the_same_however_they_are_cut() {
        let text = ": hello\n\nevent: order\nid: 7\ndata: {\"a\":1}\n\r\ndata:one\r\ndata: two\r\n\r\ndata\n\n\
                    database: no\n\nretry: 5\n\ndata: \u{e4}\rdata:  b\r\rdata: unfinished\n";
        let expected = ["{\"a\":1}", "one\ntwo", "", "\u{e4}\n b"];
        for piece in 1..text.len() {
            assert_eq!(decoded(text, piece), expected, "{piece}");
        }
    }

    #[tokio::test]
    async fn an_event_without_end_and_a_feed_without_a_word_are_errors() {
        let endless = Body::from_stream(stream::repeat_with(|| Ok::<_, io::Error>(vec![b'a'; 65_536])));
        let kind = |result: Option<io::Result<String>>| result.expect("an end").expect_err("an error").kind();
        let mut feed = Box::pin(events(endless, Duration::from_secs(60)));
        assert_eq!(kind(feed.next().await), io::ErrorKind::InvalidData);
        assert!(feed.next().await.is_none());
        let silent = Body::from_stream(stream::pending::<io::Result<Vec<u8>>>());
        assert_eq!(kind(Box::pin(events(silent, Duration::from_millis(1))).next().await), io::ErrorKind::TimedOut);
    }
}
