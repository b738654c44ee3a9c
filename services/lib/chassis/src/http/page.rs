//! What people see in a browser where an address leads nowhere.

use super::Failure;
use axum::response::{IntoResponse, Response};
use contracts::problem::{Code, Problem};
use http::header::{
    ACCEPT, ACCEPT_LANGUAGE, CACHE_CONTROL, CONTENT_LANGUAGE, CONTENT_SECURITY_POLICY, CONTENT_TYPE, RETRY_AFTER, VARY,
};
use http::{HeaderMap, HeaderValue, StatusCode};

/// Who reads an answer: what the headers of a request tell, looked at only when something has failed.
#[derive(Debug, Default)]
pub struct Reader {
    accept: Option<HeaderValue>,
    languages: Option<HeaderValue>,
}

impl Reader {
    /// Keeps what tells people from programs.
    #[must_use]
    pub fn of(headers: &HeaderMap) -> Self {
        Self { accept: headers.get(ACCEPT).cloned(), languages: headers.get(ACCEPT_LANGUAGE).cloned() }
    }

    /// Answers a failure: a page in the browser's language (Portuguese or English) for people, a problem for programs.
    pub fn answer(&self, failure: Failure) -> Response {
        let shown = self.prefers_html().then(|| failure.problem().clone());
        // Logs the cause, for pages, too.
        let mut response = failure.into_response();
        if let Some(problem) = shown {
            response = page(&problem, self.language(), response.headers().get(RETRY_AFTER).cloned());
        }
        response.headers_mut().insert(VARY, HeaderValue::from_static("accept, accept-language"));
        response
    }

    /// Whether `text/html` is asked for by name, and no kind of JSON with more weight.
    fn prefers_html(&self) -> bool {
        let (mut html, mut json) = (0.0_f32, 0.0_f32);
        for (media, weight) in weighed(self.accept.as_ref()) {
            match media.as_str() {
                "text/html" | "application/xhtml+xml" => html = html.max(weight),
                "application/json" | "application/problem+json" => json = json.max(weight),
                _ => {}
            }
        }
        html > json
    }

    /// The language that the browser likes best; of two that it likes alike, the first. English where it asks for
    /// neither.
    fn language(&self) -> Language {
        let mut best = (Language::English, 0.0);
        for (tag, weight) in weighed(self.languages.as_ref()) {
            let language = match tag.split('-').next() {
                Some("pt") => Language::Portuguese,
                Some("en") => Language::English,
                _ => continue,
            };
            if weight > best.1 {
                best = (language, weight);
            }
        }
        best.0
    }
}

/// The members of a header like `Accept`, in lower case, with their weights (RFC 9110, 12.4.2).
fn weighed(header: Option<&HeaderValue>) -> impl Iterator<Item = (String, f32)> {
    let text = header.and_then(|value| value.to_str().ok()).unwrap_or_default();
    text.split(',').map(|member| {
        let mut parts = member.split(';').map(str::trim);
        let what = parts.next().unwrap_or_default().to_ascii_lowercase();
        (what, parts.find_map(|part| part.strip_prefix("q=")?.parse().ok()).unwrap_or(1.0))
    })
}

/// A language that pages are written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Language {
    English,
    Portuguese,
}

impl Language {
    const fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Portuguese => "pt",
        }
    }

    /// Heading and sentence for a problem. Visitors of short links did nothing wrong: it says what they can do.
    const fn words(self, code: Code) -> (&'static str, &'static str) {
        match (self, code) {
            (Self::English, Code::NotFound) => (
                "This link does not exist",
                "Look whether the address was copied whole, without a dot or bracket after it.",
            ),
            (Self::Portuguese, Code::NotFound) => (
                "Este link não existe",
                "Confira se o endereço foi copiado por inteiro, sem ponto ou parêntese depois dele.",
            ),
            (Self::English, Code::Gone) => {
                ("This link leads nowhere any more", "It has expired, was used up, or was deleted by its owner.")
            }
            (Self::Portuguese, Code::Gone) => (
                "Este link não leva mais a lugar nenhum",
                "Ele expirou, foi usado até o limite ou foi apagado pelo dono.",
            ),
            (Self::English, Code::RateLimited) => ("Too many requests", "Wait a moment, then load the page again."),
            (Self::Portuguese, Code::RateLimited) => {
                ("Pedidos demais", "Espere um momento e carregue a página de novo.")
            }
            (Self::English, _) if code.status() < 500 => {
                ("This address cannot be opened", "Look whether it was copied whole.")
            }
            (Self::Portuguese, _) if code.status() < 500 => {
                ("Este endereço não pode ser aberto", "Confira se ele foi copiado por inteiro.")
            }
            (Self::English, _) => ("This does not work at the moment", "The fault is ours. Try again in a minute."),
            (Self::Portuguese, _) => ("Isto não funciona no momento", "A falha é nossa. Tente de novo em um minuto."),
        }
    }
}

fn page(problem: &Problem, language: Language, retry_after: Option<HeaderValue>) -> Response {
    let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::NOT_FOUND);
    let (title, detail) = language.words(problem.code);
    let body = format!(
        r#"<!doctype html>
<html lang="{tag}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark; }}
body {{ font: 1.125rem/1.5 system-ui, sans-serif; max-width: 32rem; margin: 20vh auto 0; padding: 0 1.5rem; }}
h1 {{ font-size: 1.5rem; margin: 0 0 .5rem; }}
p {{ margin: 0; opacity: .75; }}
</style>
</head>
<body>
<h1>{title}</h1>
<p>{detail}</p>
</body>
</html>
"#,
        tag = language.tag(),
    );
    let mut response = (status, body).into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    headers.insert(CONTENT_LANGUAGE, HeaderValue::from_static(language.tag()));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    let nothing_but_style = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'";
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(nothing_but_style));
    if let Some(delay) = retry_after {
        headers.insert(RETRY_AFTER, delay);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    fn reader(accept: &str, languages: &str) -> Reader {
        let headers = [(ACCEPT, accept), (ACCEPT_LANGUAGE, languages)];
        Reader::of(&headers.into_iter().map(|(name, value)| (name, value.parse().unwrap())).collect())
    }

    #[rstest]
    #[case::browser("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", true)]
    #[case::anything("*/*", false)]
    #[case::program("application/json", false)]
    #[case::both("application/json, text/html;q=0.5", false)]
    #[case::nothing("", false)]
    fn pages_are_for_those_who_ask_for_them(#[case] accept: &str, #[case] expected: bool) {
        assert_eq!(reader(accept, "").prefers_html(), expected);
    }

    #[rstest]
    #[case::brazil("pt-BR,pt;q=0.9,en-US;q=0.8,en;q=0.7", Language::Portuguese)]
    #[case::english_first("en-GB,pt;q=0.9", Language::English)]
    #[case::neither("de, fr;q=0.9", Language::English)]
    #[case::less_wanted("en;q=0.2, pt-PT;q=0.8", Language::Portuguese)]
    #[case::refused("pt;q=0", Language::English)]
    #[case::nothing("", Language::English)]
    fn a_page_is_in_the_browsers_language(#[case] accepted: &str, #[case] expected: Language) {
        assert_eq!(reader("", accepted).language(), expected);
    }

    #[test]
    fn a_page_keeps_status_and_retry_after_and_tells_no_program_anything() {
        let response = reader("text/html", "").answer(Failure::unavailable("Not now.", anyhow::anyhow!("away")));
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(response.headers()[RETRY_AFTER], "1");
        assert_eq!(response.headers()[CONTENT_LANGUAGE], "en");
    }
}
