//! The C interface of `libchdb.so`, wrapped so that the rest of the crate is safe Rust.
//!
//! Rules of the library that the types here keep: a connection runs one statement at a time (`&mut self`), results are
//! destroyed exactly once (`Drop`), a stream ends before its connection is used again (it borrows it), and the library
//! is never unloaded (its threads outlive every connection).
#![allow(unsafe_code)]

use anyhow::{Context as _, Result, anyhow};
use bytes::Bytes;
use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::path::Path;

type Raw = *mut c_void;
type WithParameters = unsafe extern "C" fn(
    Raw,
    *const u8,
    usize,
    *const u8,
    usize,
    *const *const u8,
    *const usize,
    *const *const u8,
    *const usize,
    usize,
) -> Raw;

/// The functions of the library, found by name.
pub(super) struct Library {
    connect: unsafe extern "C" fn(c_int, *mut *mut c_char) -> *mut Raw,
    close: unsafe extern "C" fn(*mut Raw),
    shutdown: unsafe extern "C" fn() -> c_int,
    query: WithParameters,
    stream: WithParameters,
    fetch: unsafe extern "C" fn(Raw, Raw) -> Raw,
    cancel: unsafe extern "C" fn(Raw, Raw),
    insert: WithParameters,
    insert_error: unsafe extern "C" fn(Raw) -> *const c_char,
    insert_append: unsafe extern "C" fn(Raw, *const u8, usize) -> c_int,
    insert_done: unsafe extern "C" fn(Raw) -> Raw,
    insert_destroy: unsafe extern "C" fn(Raw),
    error: unsafe extern "C" fn(Raw) -> *const c_char,
    buffer: unsafe extern "C" fn(Raw) -> *const u8,
    length: unsafe extern "C" fn(Raw) -> usize,
    numbers: [unsafe extern "C" fn(Raw) -> u64; 5],
    destroy: unsafe extern "C" fn(Raw),
}

impl Library {
    /// Loads the library for the rest of the process's life and keeps it from handling signals.
    pub(super) fn load(path: &Path) -> Result<&'static Self> {
        // SAFETY: the file is the engine that the operator named; its initialisers are meant to run on loading.
        let loaded = unsafe { libloading::Library::new(path) };
        let library = Box::leak(Box::new(loaded.with_context(|| format!("loading {}", path.display()))?));
        macro_rules! find {
            ($name:literal) => {
                // SAFETY: the types of the fields are those of `chdb.h` of this version, and the library stays loaded.
                *unsafe { library.get($name.as_bytes()) }.with_context(|| format!("finding {}", $name))?
            };
        }
        let signals: unsafe extern "C" fn(c_int) = find!("chdb_set_signal_handlers_enabled");
        // SAFETY: called before the first connection, as the header asks.
        unsafe { signals(0) };
        Ok(Box::leak(Box::new(Self {
            connect: find!("chdb_connect"),
            close: find!("chdb_close_conn"),
            shutdown: find!("chdb_shutdown"),
            query: find!("chdb_query_with_params_n"),
            stream: find!("chdb_stream_query_with_params_n"),
            fetch: find!("chdb_stream_fetch_result"),
            cancel: find!("chdb_stream_cancel_query"),
            insert: find!("chdb_stream_insert_with_params_n"),
            insert_error: find!("chdb_stream_insert_error"),
            insert_append: find!("chdb_stream_append"),
            insert_done: find!("chdb_stream_done"),
            insert_destroy: find!("chdb_destroy_insert_stream"),
            error: find!("chdb_result_error"),
            buffer: find!("chdb_result_buffer"),
            length: find!("chdb_result_length"),
            numbers: [
                find!("chdb_result_storage_rows_read"),
                find!("chdb_result_storage_bytes_read"),
                find!("chdb_result_rows_written"),
                find!("chdb_result_bytes_written"),
                find!("chdb_result_rows_read"),
            ],
            destroy: find!("chdb_destroy_query_result"),
        })))
    }

    /// Stops the engine's threads. Every connection must be closed before.
    pub(super) fn shutdown(&self) -> bool {
        // SAFETY: may be called from any thread at any time; it does nothing while a connection is open.
        unsafe { (self.shutdown)() == 0 }
    }
}

/// What a statement did.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Progress {
    pub(super) read_rows: u64,
    pub(super) read_bytes: u64,
    pub(super) written_rows: u64,
    pub(super) written_bytes: u64,
    pub(super) result_rows: u64,
}

/// The parameters of a statement, in the form that the C interface takes.
struct Parameters {
    names: Vec<*const u8>,
    name_lengths: Vec<usize>,
    values: Vec<*const u8>,
    value_lengths: Vec<usize>,
}

impl Parameters {
    /// Points into `pairs`, which must outlive the call that this is for.
    fn of(pairs: &[(String, String)]) -> Self {
        Self {
            names: pairs.iter().map(|(name, _)| name.as_ptr()).collect(),
            name_lengths: pairs.iter().map(|(name, _)| name.len()).collect(),
            values: pairs.iter().map(|(_, value)| value.as_ptr()).collect(),
            value_lengths: pairs.iter().map(|(_, value)| value.len()).collect(),
        }
    }
}

/// A statement with its format and parameters.
#[derive(Debug, Clone, Copy)]
pub(super) struct Call<'a> {
    pub(super) sql: &'a [u8],
    pub(super) format: &'a str,
    pub(super) parameters: &'a [(String, String)],
}

pub(super) struct Connection {
    library: &'static Library,
    handle: *mut Raw,
}

// SAFETY: the library allows a connection to be used from any thread, one at a time; `&mut self` keeps it to one.
unsafe impl Send for Connection {}

impl Connection {
    /// Connects; the first connection of a process starts the engine with these arguments.
    pub(super) fn open(library: &'static Library, arguments: &[String]) -> Result<Self> {
        let program = std::iter::once("clickhouse").chain(arguments.iter().map(String::as_str));
        let owned = program.map(CString::new).collect::<Result<Vec<_>, _>>().context("an argument holds a NUL")?;
        let mut pointers: Vec<*mut c_char> = owned.iter().map(|argument| argument.as_ptr().cast_mut()).collect();
        let count = c_int::try_from(pointers.len())?;
        // SAFETY: the pointers are NUL-terminated and live through the call, which copies them and does not write.
        let handle = unsafe { (library.connect)(count, pointers.as_mut_ptr()) };
        // SAFETY: a pointer that is not null points to the connection's handle.
        if handle.is_null() || unsafe { *handle }.is_null() {
            return Err(anyhow!("the engine refused to connect"));
        }
        Ok(Self { library, handle })
    }

    fn raw(&self) -> Raw {
        // SAFETY: the handle was checked in `open` and stays valid until `drop`.
        unsafe { *self.handle }
    }

    fn start(&self, function: WithParameters, call: Call<'_>) -> Raw {
        let parameters = Parameters::of(call.parameters);
        // SAFETY: every pointer comes with its length and outlives the call; the arrays have `count` elements each.
        unsafe {
            function(
                self.raw(),
                call.sql.as_ptr(),
                call.sql.len(),
                call.format.as_ptr(),
                call.format.len(),
                parameters.names.as_ptr(),
                parameters.name_lengths.as_ptr(),
                parameters.values.as_ptr(),
                parameters.value_lengths.as_ptr(),
                parameters.names.len(),
            )
        }
    }

    fn result(&self, raw: Raw) -> Answer {
        Answer { library: self.library, raw }
    }

    /// Runs a statement to its end and keeps the whole result.
    pub(super) fn query(&mut self, call: Call<'_>) -> Result<(Bytes, Progress), String> {
        let answer = self.result(self.start(self.library.query, call));
        answer.check()?;
        Ok((answer.bytes(), answer.progress()))
    }

    /// Starts a `SELECT` whose result is fetched bit by bit.
    pub(super) fn stream(&mut self, call: Call<'_>) -> Result<Stream<'_>, String> {
        let answer = self.result(self.start(self.library.stream, call));
        answer.check()?;
        Ok(Stream { connection: self, answer, ended: false })
    }

    /// Inserts `data` as one block, whole or not at all.
    pub(super) fn insert(&mut self, call: Call<'_>, data: &[u8]) -> Result<Progress, String> {
        let insert = Insert { library: self.library, raw: self.start(self.library.insert, call) };
        insert.check()?;
        // SAFETY: the handle is open; the library copies the data before it returns.
        let state = unsafe { (self.library.insert_append)(insert.raw, data.as_ptr(), data.len()) };
        if state != 0 {
            insert.check()?;
        }
        // SAFETY: the handle is open and is finished once.
        let answer = self.result(unsafe { (self.library.insert_done)(insert.raw) });
        answer.check()?;
        Ok(answer.progress())
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        // SAFETY: the handle came from `connect` and is closed once; streams and inserts borrow `self` and are gone.
        unsafe { (self.library.close)(self.handle) };
    }
}

/// The rows of a `SELECT`, chunk by chunk. Each chunk is a document of its own, with its own header if the format has one.
pub(super) struct Stream<'a> {
    connection: &'a Connection,
    answer: Answer,
    ended: bool,
}

impl Stream<'_> {
    /// Fetches the next chunk; none at the end.
    pub(super) fn next(&mut self) -> Result<Option<Bytes>, String> {
        if self.ended {
            return Ok(None);
        }
        // SAFETY: connection and stream are open, and `&mut self` keeps others from fetching at the same time.
        let chunk =
            self.connection.result(unsafe { (self.connection.library.fetch)(self.connection.raw(), self.answer.raw) });
        self.ended = chunk.check().is_err() || (chunk.length() == 0 && chunk.progress().result_rows == 0);
        chunk.check()?;
        Ok((!self.ended).then(|| chunk.bytes()))
    }
}

impl Drop for Stream<'_> {
    fn drop(&mut self) {
        if !self.ended {
            // SAFETY: the stream is open on this connection and has not ended.
            unsafe { (self.connection.library.cancel)(self.connection.raw(), self.answer.raw) };
        }
    }
}

struct Insert {
    library: &'static Library,
    raw: Raw,
}

impl Insert {
    fn check(&self) -> Result<(), String> {
        // SAFETY: the handle is open; the text, if any, lives as long as it.
        text_of(unsafe { (self.library.insert_error)(self.raw) })
    }
}

impl Drop for Insert {
    fn drop(&mut self) {
        // SAFETY: the handle is destroyed once; if it was not finished this cancels it.
        unsafe { (self.library.insert_destroy)(self.raw) };
    }
}

/// A result of the library, destroyed with this value.
struct Answer {
    library: &'static Library,
    raw: Raw,
}

impl Answer {
    fn check(&self) -> Result<(), String> {
        if self.raw.is_null() {
            return Err("Code: 1001. DB::Exception: The engine gave no answer. (STD_EXCEPTION)".to_owned());
        }
        // SAFETY: the result is open; the text, if any, lives as long as it.
        text_of(unsafe { (self.library.error)(self.raw) })
    }

    fn length(&self) -> usize {
        // SAFETY: the result is open.
        unsafe { (self.library.length)(self.raw) }
    }

    fn bytes(&self) -> Bytes {
        let length = self.length();
        if length == 0 {
            return Bytes::new();
        }
        // SAFETY: the buffer has `length` bytes and lives as long as the result, which is copied here.
        Bytes::copy_from_slice(unsafe { std::slice::from_raw_parts((self.library.buffer)(self.raw), length) })
    }

    fn progress(&self) -> Progress {
        // SAFETY: the result is open.
        let [read_rows, read_bytes, written_rows, written_bytes, result_rows] =
            self.library.numbers.map(|number| unsafe { number(self.raw) });
        Progress { read_rows, read_bytes, written_rows, written_bytes, result_rows }
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        if !self.raw.is_null() {
            // SAFETY: the result is destroyed once.
            unsafe { (self.library.destroy)(self.raw) };
        }
    }
}

/// The error that the library reports, if there is one.
fn text_of(text: *const c_char) -> Result<(), String> {
    if text.is_null() {
        return Ok(());
    }
    // SAFETY: a pointer that is not null is a NUL-terminated text, copied while its owner lives.
    Err(unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned())
}
