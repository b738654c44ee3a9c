//! Single clicks as a file, streamed.

use super::{State, Unknown, Usual, owned};
use crate::domain::csv;
use crate::domain::window::Span;
use crate::error::refuse;
use crate::metrics;
use crate::store::StoreError;
use crate::store::export::ToldClick;
use axum::body::Body;
use axum::extract;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use chassis::http::{Failure, Path, Query};
use chassis::jwt::Caller;
use chrono::{DateTime, SecondsFormat, Utc};
use clickhouse::query::RowCursor;
use contracts::moment;
use contracts::rest::analytics::{ClickRow, Window};
use futures::{Stream, stream};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

/// How much is sent at once, in bytes.
const CHUNK: usize = 32 * 1024;

/// The file's format.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Format {
    /// RFC 4180, with a header line.
    #[default]
    Csv,
    /// One array.
    Json,
    /// One object per line.
    Ndjson,
}

/// Which clicks are asked for, and how.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct ExportQuery {
    /// The file's format. CSV when absent.
    #[serde(default)]
    #[param(inline)]
    format: Format,
    /// From when on, inclusive. 30 days before `to` when absent.
    #[serde(default, deserialize_with = "moment::optional")]
    from: Option<DateTime<Utc>>,
    /// Until when, exclusive. Now when absent. At most 400 days after `from`.
    #[serde(default, deserialize_with = "moment::optional")]
    to: Option<DateTime<Utc>>,
    /// Whether clicks of bots are told too.
    #[serde(default)]
    include_bots: bool,
}

/// Exports the clicks of one of the caller's links, in order of time. Nothing in it leads to visitors.
#[utoipa::path(
    get,
    path = "/v1/links/{code}/clicks/export",
    tag = "clicks",
    params(("code" = String, Path, description = "The link's short code"), ExportQuery),
    responses(
        (status = 200, description = "The clicks", content((String = "text/csv"), (Vec<ClickRow> = "application/json"), (ClickRow = "application/x-ndjson"))),
        Usual, Unknown
    )
)]
pub(super) async fn export(
    extract::State(state): extract::State<State>,
    caller: Caller,
    Path(code): Path<String>,
    Query(wanted): Query<ExportQuery>,
) -> Result<Response, Failure> {
    let window = Window { from: wanted.from, to: wanted.to, include_bots: wanted.include_bots, ..Window::default() };
    let span = Span::parse(&window, Utc::now()).map_err(|refused| refuse("", refused))?;
    let link = owned(&state.database, &caller, &code).await?;
    let format = wanted.format;
    let (media, extension) = match format {
        Format::Csv => ("text/csv; charset=utf-8", "csv"),
        Format::Json => ("application/json", "json"),
        Format::Ndjson => ("application/x-ndjson", "ndjson"),
    };
    let mut file = File { cursor: state.database.export(link, &span)?, format, code, rows: 0, done: false };
    // Read before the answer begins, so that a database that is away is a 503 and not half a file.
    let first = file.chunk().await?.unwrap_or_default();
    let name: String = file.code.chars().filter(|c| c.is_ascii_alphanumeric() || "-_".contains(*c)).collect();
    let headers = [
        ("content-type", media.to_owned()),
        ("content-disposition", format!("attachment; filename=\"clicks-{name}.{extension}\"")),
        ("cache-control", "private, no-store".to_owned()),
    ];
    Ok((headers, Body::from_stream(file.stream(first))).into_response())
}

/// A file that is being written.
struct File {
    cursor: RowCursor<ToldClick>,
    format: Format,
    code: String,
    rows: u64,
    done: bool,
}

impl File {
    /// The file, beginning with what was written already. An error cuts the connection, so that the
    /// client doesn't take half for the whole.
    fn stream(self, first: Bytes) -> impl Stream<Item = Result<Bytes, StoreError>> {
        let rest = stream::try_unfold(self, async |mut file| {
            let chunk = file.chunk().await?;
            Ok(chunk.map(|chunk| (chunk, file)))
        });
        stream::StreamExt::chain(stream::iter([Ok(first)]), rest)
    }

    /// Writes the next part; nothing when the file is complete.
    async fn chunk(&mut self) -> Result<Option<Bytes>, StoreError> {
        if self.done {
            return Ok(None);
        }
        let mut chunk = String::with_capacity(CHUNK + 512);
        let before = self.rows;
        while chunk.len() < CHUNK {
            let Some(click) = self.cursor.next().await? else {
                self.finish(&mut chunk);
                break;
            };
            self.write(&mut chunk, click);
        }
        ::metrics::counter!(metrics::ROWS_EXPORTED).increment(self.rows - before);
        Ok(Some(chunk.into()))
    }

    fn write(&mut self, chunk: &mut String, click: ToldClick) {
        let row = ClickRow {
            code: self.code.clone(),
            clicked_at: click.clicked_at,
            referrer: click.referrer,
            country: click.country,
            browser: click.browser,
            operating_system: click.operating_system,
            device: click.device,
            language: click.language,
            bot: click.is_bot,
        };
        match self.format {
            Format::Csv => {
                if self.rows == 0 {
                    header(chunk);
                }
                record(chunk, &row);
            }
            Format::Json => {
                chunk.push(if self.rows == 0 { '[' } else { ',' });
                chunk.push_str(&json(&row));
            }
            Format::Ndjson => {
                chunk.push_str(&json(&row));
                chunk.push('\n');
            }
        }
        self.rows += 1;
    }

    fn finish(&mut self, chunk: &mut String) {
        self.done = true;
        match (self.format, self.rows) {
            (Format::Csv, 0) => header(chunk),
            (Format::Json, 0) => chunk.push_str("[]"),
            (Format::Json, _) => chunk.push(']'),
            (Format::Csv | Format::Ndjson, _) => {}
        }
    }
}

fn header(csv: &mut String) {
    let names =
        ["code", "clicked_at", "referrer", "country", "browser", "operating_system", "device", "language", "bot"];
    csv::append(csv, names);
}

fn record(csv: &mut String, row: &ClickRow) {
    let clicked_at = row.clicked_at.to_rfc3339_opts(SecondsFormat::Millis, true);
    let bot = if row.bot { "true" } else { "false" };
    let fields = [
        &*row.code,
        &clicked_at,
        &row.referrer,
        &row.country,
        &row.browser,
        &row.operating_system,
        &row.device,
        &row.language,
        bot,
    ];
    csv::append(csv, fields);
}

fn json(row: &ClickRow) -> String {
    serde_json::to_string(row).expect("a row of text, times and flags is JSON")
}
