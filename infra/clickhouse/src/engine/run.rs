//! Runs one statement on the calling thread and reports what happens.

use super::chdb::{Call, Connection, Progress};
use super::chunks::Joint;
use super::session::Sessions;
use crate::failure::Failure;
use crate::statement::Statement;
use bytes::Bytes;
use tokio::sync::mpsc::Sender;

/// What happens to a statement, in this order.
#[derive(Debug)]
pub(super) enum Event {
    /// It works; rows in this format may follow.
    Begin { format: String, progress: Progress },
    /// A part of the result.
    Data(Bytes),
    /// It failed, at once or in the middle of the result.
    Failed(Failure),
}

#[derive(Debug)]
pub(super) struct Job {
    pub(super) statement: Statement,
    pub(super) default_format: String,
    pub(super) parameters: Vec<(String, String)>,
    pub(super) settings: Vec<(String, String)>,
    /// Whether the client wants the result only once it is complete.
    pub(super) whole: bool,
    pub(super) events: Sender<Event>,
}

impl Job {
    /// Runs the statement. Sending blocks while the client is slow, and ends the statement when the client is gone.
    pub(super) fn run(self, sessions: &Sessions) {
        if self.events.is_closed() {
            return;
        }
        let done = sessions.open(&self.settings).and_then(|mut connection| self.run_in(&mut connection));
        if let Err(failure) = done {
            self.send(Event::Failed(failure));
        }
    }

    fn run_in(&self, connection: &mut Connection) -> Result<(), Failure> {
        match &self.statement {
            Statement::Insert { head, format, data } => {
                let call = Call { sql: head, format, parameters: &self.parameters };
                let progress = connection.insert(call, data).map_err(Failure::of_engine)?;
                self.begin(&self.default_format, progress);
                Ok(())
            }
            Statement::Select { sql, format } => {
                let format = format.as_ref().unwrap_or(&self.default_format);
                match Joint::of_format(format) {
                    Some(joint) if !self.whole => self.stream(connection, sql, format, joint),
                    _ => self.answer(connection, sql, format),
                }
            }
            Statement::Other { sql, format } => {
                self.answer(connection, sql, format.as_ref().unwrap_or(&self.default_format))
            }
        }
    }

    fn answer(&self, connection: &mut Connection, sql: &[u8], format: &str) -> Result<(), Failure> {
        let call = Call { sql, format, parameters: &self.parameters };
        let (bytes, progress) = connection.query(call).map_err(Failure::of_engine)?;
        let _there = self.begin(format, progress) && self.send(Event::Data(bytes));
        Ok(())
    }

    /// Answers bit by bit. The first bit is awaited before the answer begins, so that most errors still get a status.
    fn stream(&self, connection: &mut Connection, sql: &[u8], format: &str, mut joint: Joint) -> Result<(), Failure> {
        let call = Call { sql, format, parameters: &self.parameters };
        let mut stream = connection.stream(call).map_err(Failure::of_engine)?;
        let mut next = stream.next().map_err(Failure::of_engine)?;
        let mut there = self.begin(format, Progress::default());
        while let (true, Some(chunk)) = (there, next) {
            let bytes = joint.add(chunk);
            there = bytes.is_empty() || self.send(Event::Data(bytes));
            next = stream.next().map_err(Failure::of_engine)?;
        }
        Ok(())
    }

    fn begin(&self, format: &str, progress: Progress) -> bool {
        self.send(Event::Begin { format: format.to_owned(), progress })
    }

    fn send(&self, event: Event) -> bool {
        self.events.blocking_send(event).is_ok()
    }
}
