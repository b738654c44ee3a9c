//! Bodies and keys that are searched for card numbers before anything else is done with them.

use crate::domain::{Document, Phone, card};
use crate::metrics as names;
use axum::body::{Body, Bytes};
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse;
use chassis::http::{Failure, IdempotencyKey, Json};
use contracts::field_errors::FieldErrors;
use contracts::problem::Code;
use serde::de::DeserializeOwned;
use serde_json::Value;
use uuid::Uuid;

/// A JSON body without a card number anywhere: in no text, number or name, known to us or not.
pub(super) struct NoCardNumbers<T>(pub(super) T);

impl<S, T> FromRequest<S> for NoCardNumbers<T>
where
    T: DeserializeOwned,
    S: Send + Sync,
{
    type Rejection = Failure;

    async fn from_request(request: Request, state: &S) -> Result<Self, Failure> {
        let (parts, body) = request.into_parts();
        let whole = Bytes::from_request(Request::from_parts(parts.clone(), body), state).await;
        let bytes = whole.map_err(|rejection| unread(rejection.into_response().status()))?;
        // What is no JSON is refused below.
        if let Ok(value) = serde_json::from_slice::<Value>(&bytes) {
            let mut fields = FieldErrors::default();
            search(&value, "", &mut |path| fields.refuse(if path.is_empty() { "body" } else { path }, card::REFUSED));
            fields.finish().inspect_err(|_| metrics::counter!(names::CARD_NUMBERS).increment(1))?;
        }
        let request = Request::from_parts(parts, Body::from(bytes));
        Json::from_request(request, state).await.map(|Json(body)| Self(body))
    }
}

/// Reads the `Idempotency-Key`, which is kept as it is and must be no card number.
pub(super) fn key(headers: &HeaderMap) -> Result<IdempotencyKey, String> {
    let key = IdempotencyKey::required(headers)?;
    if card::is_one(key.as_str()) && !is_uuid(key.as_str()) {
        metrics::counter!(names::CARD_NUMBERS).increment(1);
        return Err(card::REFUSED.to_owned());
    }
    Ok(key)
}

fn unread(status: StatusCode) -> Failure {
    match status {
        StatusCode::PAYLOAD_TOO_LARGE => {
            Failure::new(Code::PayloadTooLarge, "The body is larger than this route takes.")
        }
        _ => Failure::new(Code::MalformedRequest, "The body could not be read."),
    }
}

/// Tells the path of everything that holds a card number. A name that does is told by what it stands in.
fn search(value: &Value, path: &str, found: &mut impl FnMut(&str)) {
    match value {
        Value::String(text) if card::is_in(text) && !is_known_otherwise(path, text) => found(path),
        Value::Number(number) if !path.ends_with(".minor") && card::is_in(&number.to_string()) => found(path),
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                search(item, &format!("{path}[{index}]"), found);
            }
        }
        Value::Object(fields) => {
            for (name, value) in fields {
                if card::is_in(name) {
                    found(path);
                    continue;
                }
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                search(value, &path, found);
            }
        }
        _ => {}
    }
}

/// One in ten numbers of that length passes Luhn's check: what is certainly something else is let through.
fn is_known_otherwise(path: &str, text: &str) -> bool {
    match path {
        "document" => Document::parse(text).is_ok(),
        "phone" => Phone::parse(text).is_ok_and(|phone| !phone.could_be_a_card()),
        _ => is_uuid(text),
    }
}

fn is_uuid(text: &str) -> bool {
    text.len() == 36 && Uuid::try_parse(text).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;
    use serde_json::json;

    fn found(value: &Value) -> Vec<String> {
        let mut paths = Vec::new();
        search(value, "", &mut |path| paths.push(path.to_owned()));
        paths.sort();
        paths
    }

    #[test]
    fn card_numbers_are_found_wherever_they_stand() {
        let card = "4111 1111 1111 1111";
        let body = json!({
            "email": "ana@exemplo.com", "full_name": card, "4111111111111111": 1, "unknown": {"deep": [1, card]},
            "payment_methods": [{"provider_token": "tok_4111111111111111"}, {"last_four": 4_111_111_111_111_111_u64}],
        });
        let expected =
            ["", "full_name", "payment_methods[0].provider_token", "payment_methods[1].last_four", "unknown.deep[1]"];
        assert_eq!(found(&body), expected);
    }

    #[test]
    fn a_key_that_is_a_card_number_is_refused() {
        let read = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert("idempotency-key", HeaderValue::from_str(text).unwrap());
            key(&headers)
        };
        for text in ["4111111111111111", "4111-1111-1111-1111", "#4111/1111/1111/1111"] {
            assert_eq!(read(text), Err(card::REFUSED.to_owned()), "{text}");
        }
        // The second and the third hold digits that pass Luhn's check, as one in ten does.
        for text in ["a-1", "01900000-0000-7000-8000-000000000018", "order-4111111111111111"] {
            assert_eq!(read(text).unwrap().as_str(), text);
        }
        assert!(key(&HeaderMap::new()).is_err());
    }

    #[test]
    fn what_only_looks_like_one_is_let_through() {
        // Each passes Luhn's check.
        let (cnpj, phone) = ("00000001000017", "+5511900000010");
        assert!(card::is_in(phone));
        let cnpj = if Document::parse(cnpj).is_ok() { cnpj } else { "11222333000181" };
        let body = json!({
            "document": cnpj, "phone": phone, "payment_method_id": "01900000-0000-7000-8000-000000000018",
            "expected_total": {"minor": 4_111_111_111_111_111_u64, "currency": "BRL"},
        });
        assert_eq!(found(&body), Vec::<String>::new());
        assert_eq!(found(&json!({"full_name": phone})), ["full_name"]);
        assert_eq!(found(&json!({"phone": "+378282246310005"})), ["phone"]);
    }
}
