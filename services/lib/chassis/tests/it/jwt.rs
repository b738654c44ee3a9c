//! A token is accepted only when nothing is amiss, and strangers cannot make us flood the issuer.

use axum::{Router, body::Body};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use chassis::{
    config,
    jwt::{LocalKeys, Verifier, crypto},
};
use contracts::problem::Code;
use harness::Issuer;
use jsonwebtoken::jwk::JwkSet;

use ring::rand::SystemRandom;
use ring::rsa::PublicKeyComponents;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair};
use rstest::rstest;
use serde_json::{Value, json};
use std::{convert::Infallible, process::Command, time::Duration};
use tokio::{net::TcpListener, time::Instant};
use uuid::Uuid;
use wiremock::{Mock, MockServer, ResponseTemplate, matchers::any};

fn verifier(jwks_url: &str) -> Verifier {
    crypto::install();
    let jwks_url = jwks_url.parse().expect("a URL");
    Verifier::new(&config::Jwt { jwks_url, ..config::Jwt::default() })
}

#[tokio::test]
async fn a_valid_token_tells_whose_it_is() {
    let (issuer, user) = (Issuer::start().await.unwrap(), Uuid::now_v7());
    let claims = verifier(&issuer.jwks_url()).verify(&issuer.token(user, &["user"])).await.unwrap();
    assert_eq!((claims.sub, claims.roles), (user, vec!["user".to_owned()]));
}

#[rstest]
#[case::other_issuer("iss", json!("https://evil.example"))]
#[case::other_audience("aud", json!("bank"))]
#[case::expired("exp", json!(1_000_000_000))]
#[case::not_yet_valid("nbf", json!(4_000_000_000_u64))]
#[case::no_expiry("exp", Value::Null)]
#[case::no_subject("sub", Value::Null)]
#[tokio::test]
async fn a_claim_that_is_amiss_is_refused(#[case] claim: &str, #[case] value: Value) {
    let issuer = Issuer::start().await.unwrap();
    let token = issuer.token_with(Uuid::now_v7(), |claims| claims[claim] = value);
    let failure = verifier(&issuer.jwks_url()).verify(&token).await.unwrap_err();
    assert_eq!(failure.code(), Code::InvalidToken);
}

#[rstest]
#[case::ended_a_moment_ago("exp", -25, true)]
#[case::ended("exp", -40, false)]
#[case::begins_in_a_moment("nbf", 25, true)]
#[case::begins_later("nbf", 40, false)]
#[tokio::test]
async fn clocks_may_differ_by_half_a_minute(#[case] claim: &str, #[case] seconds: i64, #[case] accepted: bool) {
    let issuer = Issuer::start().await.unwrap();
    let time = chrono::Utc::now().timestamp() + seconds;
    let token = issuer.token_with(Uuid::now_v7(), |claims| claims[claim] = time.into());
    let verified = verifier(&issuer.jwks_url()).verify(&token).await;
    assert_eq!(verified.map_err(|failure| failure.code()).err(), (!accepted).then_some(Code::InvalidToken));
}

#[tokio::test]
async fn a_token_that_was_accepted_is_not_when_its_time_is_over() {
    let issuer = Issuer::start().await.unwrap();
    let verifier = verifier(&issuer.jwks_url());
    // Accepted for two seconds more, as clocks may differ by thirty.
    let ends = chrono::Utc::now().timestamp() - 28;
    let token = issuer.token_with(Uuid::now_v7(), |claims| claims["exp"] = ends.into());
    verifier.verify(&token).await.unwrap();
    let refused = async || Ok(verifier.verify(&token).await.err());
    let failure = kit::eventually(Duration::from_secs(10), "the token to end", refused).await.unwrap();
    assert_eq!(failure.code(), Code::InvalidToken);
}

#[tokio::test]
async fn forged_and_tampered_tokens_are_refused() {
    let issuer = Issuer::start().await.unwrap();
    let verifier = verifier(&issuer.jwks_url());
    let user = Uuid::now_v7();
    let [head, body, signature] = parts(&issuer.token(user, &["user"]));
    let [_, others_body, _] = parts(&issuer.token(Uuid::now_v7(), &["operator"]));
    let none = encode(&json!({"alg": "none", "kid": "test"}));
    let symmetric = encode(&json!({"alg": "HS256", "kid": "test"}));
    let rsa = encode(&json!({"alg": "RS256", "kid": "test"}));
    for token in [
        issuer.forged(user).unwrap(),
        format!("{head}.{others_body}.{signature}"),
        format!("{none}.{body}."),
        format!("{symmetric}.{body}.{signature}"),
        format!("{rsa}.{body}.{signature}"),
        format!("{head}.{body}"),
        "x".repeat(5_000),
        String::new(),
    ] {
        let failure = verifier.verify(&token).await.unwrap_err();
        assert_eq!(failure.code(), Code::InvalidToken, "{token}");
    }
}

#[rstest]
#[case::longest(4_096, "it is malformed")]
#[case::too_long(4_097, "it is too long")]
#[tokio::test]
async fn no_more_of_a_token_is_looked_at_than_the_longest_may_have(#[case] length: usize, #[case] why: &str) {
    let verifier = Verifier::local(&config::Jwt::default(), LocalKeys::default());
    assert_eq!(why_not(&verifier, &"x".repeat(length)).await, why);
}

const OF_CURVE: &str = r#"{"kty": "EC", "crv": "P-256", "alg": "ES256",
    "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4", "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"}"#;
const OF_RSA: &str =
    r#"{"kty": "RSA", "alg": "RS256", "e": "AQAB", "n": "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78L"}"#;

#[rstest]
#[case::curve(OF_CURVE, json!({}), "it was refused")]
#[case::rsa(OF_RSA, json!({}), "it was refused")]
#[case::for_signatures(OF_CURVE, json!({"use": "sig"}), "it was refused")]
#[case::for_secrets(OF_CURVE, json!({"use": "enc"}), "its key is not known")]
#[case::other_algorithm(OF_RSA, json!({"alg": "RS512"}), "its key is not known")]
#[tokio::test]
async fn keys_for_signatures_by_accepted_algorithms_are_asked(
    #[case] key: &str,
    #[case] change: Value,
    #[case] why: &str,
) {
    crypto::install();
    let mut key: Value = serde_json::from_str(key).unwrap();
    let head = encode(&json!({"alg": key["alg"], "kid": "other"}));
    key["kid"] = "other".into();
    key.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
    let keys = LocalKeys::default();
    keys.publish(&serde_json::from_value(json!({"keys": [key]})).unwrap());
    let verifier = Verifier::local(&config::Jwt::default(), keys);
    // Nothing was signed: a key that is known finds that out.
    let token = format!("{head}.{}.{}", encode(&json!({})), encode(&json!({})));
    assert_eq!(why_not(&verifier, &token).await, why);
}

#[rstest]
#[case::largest(65_536, None)]
#[case::too_large(65_537, Some(Code::Unavailable))]
#[tokio::test]
async fn a_key_set_is_read_up_to_its_largest_size(#[case] size: usize, #[case] failure: Option<Code>) {
    let issuer = Issuer::start().await.unwrap();
    let mut keys = chassis::client::new().get(issuer.jwks_url()).send().await.unwrap().text().await.unwrap();
    keys.push_str(&" ".repeat(size - keys.len()));
    let server = MockServer::start().await;
    let answer = ResponseTemplate::new(200).set_body_string(keys);
    Mock::given(any()).respond_with(answer).mount(&server).await;
    let verified = verifier(&server.uri()).verify(&issuer.token(Uuid::now_v7(), &["user"])).await;
    assert_eq!(verified.err().map(|error| error.code()), failure);
}

#[rstest]
#[case::largest(65_536, None)]
#[case::too_large(65_537, Some(Code::Unavailable))]
#[tokio::test]
async fn a_key_set_that_does_not_say_its_length_is_read_no_further(#[case] size: usize, #[case] failure: Option<Code>) {
    let issuer = Issuer::start().await.unwrap();
    let mut keys = chassis::client::new().get(issuer.jwks_url()).send().await.unwrap().text().await.unwrap();
    keys.push_str(&" ".repeat(size - keys.len()));
    // A stream has no length: the answer comes in chunks.
    let answer = || async { Body::from_stream(futures::stream::iter([Ok::<_, Infallible>(keys)])) };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(axum::serve(listener, Router::new().fallback(answer.clone())).into_future());
    let answer = chassis::client::new().get(&url).send().await.unwrap();
    assert!(!answer.headers().contains_key("content-length"));
    let verified = verifier(&url).verify(&issuer.token(Uuid::now_v7(), &["user"])).await;
    assert_eq!(verified.err().map(|error| error.code()), failure);
}

/// A verifier that knows one key, and a token that `sign` has signed.
async fn signed(user: Uuid, key: Value, sign: impl Fn(&[u8]) -> Vec<u8>) -> (Verifier, String) {
    crypto::install();
    let keys = LocalKeys::default();
    keys.publish(&serde_json::from_value(json!({"keys": [key]})).unwrap());
    let [_, body, _] = parts(&Issuer::start().await.unwrap().token(user, &["user"]));
    let head = encode(&json!({"alg": key["alg"], "kid": key["kid"]}));
    let signature = URL_SAFE_NO_PAD.encode(sign(format!("{head}.{body}").as_bytes()));
    (Verifier::local(&config::Jwt::default(), keys), format!("{head}.{body}.{signature}"))
}

/// The token is accepted; with another body under its signature it is not.
async fn accepts_its_own_body_only(verifier: &Verifier, token: &str, user: Uuid) {
    assert_eq!(verifier.verify(token).await.unwrap().sub, user);
    let [head, _, signature] = parts(token);
    let [_, others_body, _] = parts(&Issuer::start().await.unwrap().token(Uuid::now_v7(), &["operator"]));
    assert_eq!(why_not(verifier, &format!("{head}.{others_body}.{signature}")).await, "it was refused");
}

#[tokio::test]
async fn a_signature_by_es256_is_verified() {
    let (random, user) = (SystemRandom::new(), Uuid::now_v7());
    let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
    let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, document.as_ref(), &random).unwrap();
    // The point is not compressed: a byte that says so, and the two coordinates.
    let (x, y) = pair.public_key().as_ref()[1..].split_at(32);
    let (x, y) = (URL_SAFE_NO_PAD.encode(x), URL_SAFE_NO_PAD.encode(y));
    let key = json!({"kty": "EC", "crv": "P-256", "alg": "ES256", "kid": "curve", "x": x, "y": y});
    let sign = |message: &[u8]| pair.sign(&random, message).unwrap().as_ref().to_vec();
    let (verifier, token) = signed(user, key, sign).await;
    accepts_its_own_body_only(&verifier, &token, user).await;
}

#[tokio::test]
async fn a_signature_by_rs256_is_verified() {
    let (random, user) = (SystemRandom::new(), Uuid::now_v7());
    // `ring` signs with RSA keys and makes none.
    let made = Command::new("openssl")
        .args(["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-outform", "DER"])
        .output()
        .expect("this test needs the program openssl");
    // Some of its versions write PKCS #1, others PKCS #8.
    let pair = RsaKeyPair::from_der(&made.stdout).or_else(|_| RsaKeyPair::from_pkcs8(&made.stdout));
    let pair = pair.expect("openssl makes an RSA key");
    let public = PublicKeyComponents::<Vec<u8>>::from(pair.public());
    let (n, e) = (URL_SAFE_NO_PAD.encode(public.n), URL_SAFE_NO_PAD.encode(public.e));
    let key = json!({"kty": "RSA", "alg": "RS256", "kid": "rsa", "n": n, "e": e});
    let sign = |message: &[u8]| {
        let mut signature = vec![0; pair.public().modulus_len()];
        pair.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature).unwrap();
        signature
    };
    let (verifier, token) = signed(user, key, sign).await;
    accepts_its_own_body_only(&verifier, &token, user).await;
}

#[tokio::test]
async fn a_token_that_was_accepted_is_not_when_its_key_is_withdrawn_or_anything_of_it_is_another_s() {
    let (issuer, user) = (Issuer::start().await.unwrap(), Uuid::now_v7());
    let answer = chassis::client::new().get(issuer.jwks_url()).send().await.unwrap();
    let (mut set, keys): (JwkSet, _) = (answer.json().await.unwrap(), LocalKeys::default());
    keys.publish(&set);
    let verifier = Verifier::local(&config::Jwt::default(), keys.clone());
    let token = issuer.token(user, &["user"]);
    for _ in 0..2 {
        assert_eq!(verifier.verify(&token).await.unwrap().sub, user);
    }
    let [head, body, signature] = parts(&token);
    let [_, others_body, others_signature] = parts(&issuer.token(Uuid::now_v7(), &["operator"]));
    let mixed = [format!("{head}.{others_body}.{signature}"), format!("{head}.{body}.{others_signature}")];
    for token in &mixed {
        assert_eq!(verifier.verify(token).await.unwrap_err().code(), Code::InvalidToken);
    }
    set.keys.clear();
    keys.publish(&set);
    assert_eq!(verifier.verify(&token).await.unwrap_err().code(), Code::InvalidToken);
}

#[tokio::test]
async fn a_hundred_unknown_keys_at_once_cost_one_fetch() {
    let issuer = Issuer::start().await.unwrap();
    let keys: Value = chassis::client::new().get(issuer.jwks_url()).send().await.unwrap().json().await.unwrap();
    let server = MockServer::start().await;
    let answer = ResponseTemplate::new(200).set_body_json(keys);
    Mock::given(any()).respond_with(answer).mount(&server).await;
    let verifier = verifier(&server.uri());
    let [_, body, signature] = parts(&issuer.token(Uuid::now_v7(), &["user"]));
    let attempts = (0..100).map(|n| {
        let head = encode(&json!({"alg": "EdDSA", "kid": format!("unknown-{n}")}));
        let (verifier, token) = (verifier.clone(), format!("{head}.{body}.{signature}"));
        async move { verifier.verify(&token).await.unwrap_err().code() }
    });
    let codes = futures::future::join_all(attempts).await;
    assert!(codes.iter().all(|code| *code == Code::InvalidToken));
    assert_eq!(server.received_requests().await.unwrap().len(), 1);
}

/// Publishes the issuer's keys once, and hangs from then on.
async fn hanging_after_once(issuer: &Issuer) -> MockServer {
    let keys: Value = chassis::client::new().get(issuer.jwks_url()).send().await.unwrap().json().await.unwrap();
    let server = MockServer::start().await;
    let answer = ResponseTemplate::new(200).set_body_json(&keys);
    Mock::given(any()).respond_with(answer.clone()).up_to_n_times(1).mount(&server).await;
    let hangs = answer.set_delay(Duration::from_secs(600));
    Mock::given(any()).respond_with(hangs).mount(&server).await;
    server
}

/// Lets the clock of fetches run on; sockets and tokens keep the machine's.
async fn pass(seconds: u64) {
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(seconds)).await;
    tokio::time::resume();
}

#[tokio::test]
async fn while_the_issuer_hangs_known_keys_serve_at_once_and_are_asked_for_once() {
    let issuer = Issuer::start().await.unwrap();
    let server = hanging_after_once(&issuer).await;
    let verifier = verifier(&server.uri());
    let token = issuer.token(Uuid::now_v7(), &["user"]);
    verifier.verify(&token).await.unwrap();
    // From here on the clock moves only where everybody waits for it.
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(301)).await;
    let began = Instant::now();
    for _ in 0..100 {
        verifier.verify(&token).await.unwrap();
    }
    assert_eq!(began.elapsed(), Duration::ZERO, "nobody waits for the issuer");
    while server.received_requests().await.unwrap().len() < 2 {
        tokio::task::yield_now().await;
    }

    // Whether an unknown key is good cannot be said, and is said when the fetch that is under way has taken too long.
    let [_, body, signature] = parts(&token);
    let head = encode(&json!({"alg": "EdDSA", "kid": "unknown"}));
    let unknown = format!("{head}.{body}.{signature}");
    let unknown = (0..50).map(|_| async { verifier.verify(&unknown).await.unwrap_err().code() });
    let answers = futures::future::join_all(unknown).await;
    assert!(answers.iter().all(|code| *code == Code::Unavailable), "{answers:?}");
    assert_eq!(began.elapsed().as_secs(), 2);
    verifier.verify(&token).await.unwrap();
    assert_eq!(server.received_requests().await.unwrap().len(), 2);
}

#[tokio::test]
async fn keys_that_are_fetched_behind_the_answers_replace_the_old_ones() {
    let issuer = Issuer::start().await.unwrap();
    let keys: Value = chassis::client::new().get(issuer.jwks_url()).send().await.unwrap().json().await.unwrap();
    let server = MockServer::start().await;
    let answer = |keys: &Value| ResponseTemplate::new(200).set_body_json(keys);
    Mock::given(any()).respond_with(answer(&keys)).up_to_n_times(1).mount(&server).await;
    Mock::given(any()).respond_with(answer(&json!({"keys": []}))).mount(&server).await;
    let (verifier, token) = (verifier(&server.uri()), issuer.token(Uuid::now_v7(), &["user"]));
    verifier.verify(&token).await.unwrap();
    pass(301).await;
    let withdrawn = async || Ok(verifier.verify(&token).await.err());
    let failure = kit::eventually(Duration::from_secs(10), "the key to be withdrawn", withdrawn).await.unwrap();
    assert_eq!(failure.code(), Code::InvalidToken);
}

#[tokio::test]
async fn while_the_issuer_is_away_a_token_is_neither_accepted_nor_called_bad() {
    let issuer = Issuer::start().await.unwrap();
    let away = MockServer::start().await;
    Mock::given(any()).respond_with(ResponseTemplate::new(503)).mount(&away).await;
    let token = issuer.token(Uuid::now_v7(), &["user"]);
    let failure = verifier(&away.uri()).verify(&token).await.unwrap_err();
    assert_eq!(failure.code(), Code::Unavailable);
}

/// Why a token is not accepted, as its sender is told.
async fn why_not(verifier: &Verifier, token: &str) -> String {
    let detail = verifier.verify(token).await.unwrap_err().into_problem().detail.expect("it is told why");
    let why = detail.strip_prefix("The access token cannot be accepted: ").and_then(|why| why.strip_suffix('.'));
    why.expect("a reason").to_owned()
}

fn parts(token: &str) -> [String; 3] {
    let parts: Vec<_> = token.split('.').map(str::to_owned).collect();
    parts.try_into().expect("a token has three parts")
}

fn encode(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}
