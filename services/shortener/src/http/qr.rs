//! `/v1/links/{code}/qr`: a link's QR code.

use super::links::known;
use crate::app::Catalogue;
use anyhow::Context as _;
use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use chassis::http::{Failure, Path, Query};
use chassis::jwt::Caller;
use contracts::field_errors::FieldErrors;
use contracts::problem::Problem;
use qrcode::render::svg;
use qrcode::{Color, EcLevel, QrCode};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use std::ops::RangeInclusive;
use utoipa::IntoParams;

/// The width and height of a picture unless asked, in pixels.
const DEFAULT_SIZE: u32 = 512;
/// The least and greatest.
const SIZES: RangeInclusive<u32> = 64..=2_048;
/// The white border that readers need, in modules (ISO/IEC 18004).
const QUIET_ZONE: u32 = 4;

/// How the code is drawn.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Drawing {
    /// `svg` (when absent) or `png`.
    format: Option<String>,
    /// Width and height in pixels: 64 to 2,048, 512 when absent.
    size: Option<u32>,
    /// How much of the picture may be hidden: `l` 7 %, `m` 15 % (when absent), `q` 25 %, `h` 30 %.
    correction: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Svg,
    Png,
}

/// Draws the QR code of one of the caller's links.
#[utoipa::path(
    get, path = "/v1/links/{code}/qr", tag = "links", security(("bearer" = [])),
    params(("code" = String, Path, description = "The link's code."), Drawing),
    responses(
        (status = 200, description = "The picture.", content((String = "image/svg+xml"), (Vec<u8> = "image/png")), headers(("ETag" = String, description = "The same for the same picture."))),
        (status = 304, description = "The picture is the one that `If-None-Match` names."),
        (status = 400, description = "`validation_failed`, with the fields.", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "`unauthenticated` or `invalid_token`.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "`not_found`: there is none, it was deleted, or it is not the caller's.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "`unavailable`, with `Retry-After`.", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn draw(
    State(catalogue): State<Catalogue>,
    caller: Caller,
    Path(code): Path<String>,
    Query(drawing): Query<Drawing>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let (format, size, correction) = drawing.parse()?;
    let link = catalogue.read(caller.user_id, known(&code)?).await?;
    let tag = tag(&link.short_url, format, size, correction)?;
    if headers.get(IF_NONE_MATCH).is_some_and(|known| known == tag) {
        return Ok((StatusCode::NOT_MODIFIED, [(ETAG, tag), (CACHE_CONTROL, KEPT)]).into_response());
    }
    let (media, picture) = picture(&link.short_url, format, size, correction).map_err(Failure::internal)?;
    let media = HeaderValue::from_static(media);
    Ok(([(CONTENT_TYPE, media), (ETAG, tag), (CACHE_CONTROL, KEPT)], picture).into_response())
}

/// A code never leads to another link, so its picture never changes; it is its owner's, though.
const KEPT: HeaderValue = HeaderValue::from_static("private, max-age=86400");

impl Drawing {
    fn parse(&self) -> Result<(Format, u32, EcLevel), Failure> {
        let mut fields = FieldErrors::default();
        let format = fields.take(
            "format",
            match self.format.as_deref() {
                None | Some("svg") => Ok(Format::Svg),
                Some("png") => Ok(Format::Png),
                Some(_) => Err("must be svg or png"),
            },
        );
        let size = self.size.unwrap_or(DEFAULT_SIZE);
        if !SIZES.contains(&size) {
            fields.refuse("size", format!("must be {} to {}", SIZES.start(), SIZES.end()));
        }
        let correction = fields.take(
            "correction",
            match self.correction.as_deref() {
                Some("l") => Ok(EcLevel::L),
                None | Some("m") => Ok(EcLevel::M),
                Some("q") => Ok(EcLevel::Q),
                Some("h") => Ok(EcLevel::H),
                Some(_) => Err("must be l, m, q or h"),
            },
        );
        fields.finish()?;
        Ok((format.unwrap_or(Format::Svg), size, correction.unwrap_or(EcLevel::M)))
    }
}

fn tag(text: &str, format: Format, size: u32, correction: EcLevel) -> Result<HeaderValue, Failure> {
    let all = format!("{text} {format:?} {size} {correction:?}");
    let hash = hex::encode(&Sha256::digest(all)[..12]);
    HeaderValue::from_str(&format!("\"{hash}\"")).map_err(Failure::internal)
}

fn picture(text: &str, format: Format, size: u32, correction: EcLevel) -> anyhow::Result<(&'static str, Vec<u8>)> {
    let code =
        QrCode::with_error_correction_level(text, correction).context("the address does not fit into a QR code")?;
    match format {
        Format::Svg => {
            let drawn = code.render::<svg::Color<'_>>().min_dimensions(size, size).build();
            Ok(("image/svg+xml", drawn.into_bytes()))
        }
        Format::Png => Ok(("image/png", png(&code, size)?)),
    }
}

/// Draws whole pixels, black on white, one bit each; what does not divide goes into the border.
fn png(code: &QrCode, size: u32) -> anyhow::Result<Vec<u8>> {
    let modules = u32::try_from(code.width())?;
    let scale = (size / (modules + 2 * QUIET_ZONE)).max(1);
    let size = size.max(scale * (modules + 2 * QUIET_ZONE));
    let border = (size - scale * modules) / 2;
    let row_bytes = size.div_ceil(8) as usize;
    let mut pixels = vec![0xff_u8; row_bytes * size as usize];
    for y in 0..scale * modules {
        let row = &mut pixels[(y + border) as usize * row_bytes..][..row_bytes];
        for x in 0..scale * modules {
            if code[((x / scale) as usize, (y / scale) as usize)] == Color::Dark {
                let at = x + border;
                row[(at / 8) as usize] &= !(0x80 >> (at % 8));
            }
        }
    }
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, size, size);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.set_depth(png::BitDepth::One);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(&pixels)?;
    writer.finish()?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn a_png_holds_the_codes_modules(text in "https://[a-z]{3,60}\\.example/r/[a-z]{3,32}", size in SIZES) {
            let code = QrCode::with_error_correction_level(&text, EcLevel::H).unwrap();
            let file = png(&code, size).unwrap();
            let mut reader = png::Decoder::new(std::io::Cursor::new(file)).read_info().unwrap();
            let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
            let info = reader.next_frame(&mut pixels).unwrap();
            prop_assert!(info.width == size.max(info.width) && info.width == info.height);
            let modules = code.width() as u32;
            let scale = (info.width / (modules + 2 * QUIET_ZONE)).max(1);
            let border = (info.width - scale * modules) / 2;
            for (index, color) in code.to_colors().into_iter().enumerate() {
                let (x, y) = (index as u32 % modules, index as u32 / modules);
                let (px, py) = (border + x * scale, border + y * scale);
                let byte = pixels[(py as usize) * info.line_size + (px / 8) as usize];
                let is_white = byte & (0x80 >> (px % 8)) != 0;
                prop_assert_eq!(is_white, color == Color::Light);
            }
        }
    }
}
