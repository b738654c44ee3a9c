//! Those who click links.

/// A browser, or a program that behaves like none.
#[derive(Debug, Clone, Copy)]
pub struct Visitor {
    /// What it says of itself.
    pub agent: &'static str,
    /// The page that it comes from.
    pub referrer: Option<&'static str>,
}

/// Chrome on a desktop, coming from a news page.
pub const CHROME: Visitor = Visitor {
    agent: "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36",
    referrer: Some("https://news.example/today"),
};

/// Firefox on a desktop, coming from another page of the same host.
pub const FIREFOX: Visitor = Visitor {
    agent: "Mozilla/5.0 (X11; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0",
    referrer: Some("https://news.example/yesterday?page=2"),
};

/// Safari on a telephone, with the address typed in.
pub const IPHONE: Visitor = Visitor {
    agent: "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1",
    referrer: None,
};

/// A crawler.
pub const GOOGLEBOT: Visitor =
    Visitor { agent: "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", referrer: None };
