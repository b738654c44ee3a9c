//! Tells browsers, operating systems, devices and bots by the `User-Agent` header.

use isbot::Bots;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use woothee::parser::Parser;

/// What is told where nothing is known.
pub const UNKNOWN: &str = "unknown";
/// How many agents are remembered; few strings make up nearly all clicks.
const REMEMBERED: usize = 4_096;

/// Programs that fetch links without a person, and that [`Bots`] does not know: previews of messengers (Signal's calls
/// itself WhatsApp, too), and libraries of Node.
const FETCHERS: [&str; 9] = [
    "^whatsapp\\+?/",
    "^viber/",
    "cardyb",
    "facebookcatalog",
    "googleother",
    "^node-fetch",
    "^undici",
    "^node$",
    "^got[ /]",
];
/// Phones whose names end in what [`Bots`] takes for a robot.
const PHONES: [&str; 2] = ["m bot", "cubot"];

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agent {
    /// The browser's (or bot's) name, `unknown` where not known.
    pub browser: Box<str>,
    /// The operating system's name, without its version.
    pub operating_system: &'static str,
    /// `desktop`, `mobile`, `tablet`, `bot` or `other`.
    pub device: &'static str,
    /// Whether it is a program that nobody looks at. No header at all is one, too.
    pub is_bot: bool,
}

/// Classifies agents and remembers what it found.
pub struct Agents {
    bots: Bots,
    parser: Parser,
    seen: Mutex<HashMap<Box<str>, Arc<Agent>>>,
}

impl Default for Agents {
    fn default() -> Self {
        let mut bots = Bots::default();
        bots.append(&FETCHERS);
        Self { bots, parser: Parser::new(), seen: Mutex::default() }
    }
}

impl Agents {
    pub fn classify(&self, header: Option<&str>) -> Arc<Agent> {
        let header = header.unwrap_or_default();
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(agent) = seen.get(header) {
            return Arc::clone(agent);
        }
        let agent = Arc::new(self.look_at(header));
        if seen.len() >= REMEMBERED {
            seen.clear();
        }
        seen.insert(header.into(), Arc::clone(&agent));
        agent
    }

    fn look_at(&self, header: &str) -> Agent {
        let parsed = self.parser.parse(header).unwrap_or_default();
        let is_crawler = parsed.category == "crawler";
        let is_bot = is_crawler || header.trim().is_empty() || self.bots.is_bot(&without_phones(header));
        let known = |name: &str| !name.is_empty() && name != "UNKNOWN";
        let browser = if known(parsed.name) { parsed.name } else { UNKNOWN };
        let operating_system = operating_system(parsed.os);
        let device = if is_bot { "bot" } else { device(parsed.category, parsed.os, header) };
        Agent { browser: browser.into(), operating_system, device, is_bot }
    }
}

/// The header without the names of phones that look like a robot's.
fn without_phones(header: &str) -> String {
    let header = header.to_ascii_lowercase();
    PHONES.iter().fold(header, |header, phone| header.replace(phone, ""))
}

/// The family of a system that woothee tells with its version or device.
fn operating_system(name: &str) -> &'static str {
    match name {
        "Windows Phone OS" | "WindowsPhone" => "Windows Phone",
        name if name.starts_with("Windows") => "Windows",
        "Mac OSX" | "Mac OS Classic" => "macOS",
        "iPhone" | "iPad" | "iPod" | "iOS" => "iOS",
        "Android" => "Android",
        "Linux" => "Linux",
        "ChromeOS" => "ChromeOS",
        "BSD" => "BSD",
        "BlackBerry" | "BlackBerry 10" => "BlackBerry",
        "Firefox OS" => "Firefox OS",
        "" | "UNKNOWN" => UNKNOWN,
        _ => "other",
    }
}

fn device(category: &str, system: &str, header: &str) -> &'static str {
    // An Android device that is no phone leaves out the word: Google asks makers to.
    let is_tablet = system == "iPad" || (system == "Android" && !header.contains("Mobile"));
    match category {
        "smartphone" if is_tablet => "tablet",
        "smartphone" | "mobilephone" => "mobile",
        "pc" => "desktop",
        _ => "other",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rstest::rstest;
    use std::sync::LazyLock;

    #[rstest]
    #[case::chrome(
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36",
        ("Chrome", "Windows", "desktop", false)
    )]
    #[case::safari_on_a_phone(
        "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Mobile/15E148 Safari/604.1",
        ("Safari", "iOS", "mobile", false)
    )]
    #[case::firefox(
        "Mozilla/5.0 (X11; Linux x86_64; rv:132.0) Gecko/20100101 Firefox/132.0",
        ("Firefox", "Linux", "desktop", false)
    )]
    #[case::edge(
        "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36 Edg/130.0.0.0",
        ("Edge", "macOS", "desktop", false)
    )]
    #[case::phone(
        "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Mobile Safari/537.36",
        ("Chrome", "Android", "mobile", false)
    )]
    #[case::tablet(
        "Mozilla/5.0 (Linux; Android 13; SM-X710) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36",
        ("Chrome", "Android", "tablet", false)
    )]
    #[case::ipad(
        "Mozilla/5.0 (iPad; CPU OS 16_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/16.6 Mobile/15E148 Safari/604.1",
        ("Safari", "iOS", "tablet", false)
    )]
    #[case::google("Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", ("Googlebot", "unknown", "bot", true))]
    #[case::preview("facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)", ("facebook", "unknown", "bot", true))]
    #[case::program("curl/8.5.0", ("HTTP Library", "unknown", "bot", true))]
    #[case::whatsapp("WhatsApp/2.23.20.0", ("unknown", "unknown", "bot", true))]
    #[case::whatsapp_on_ios("WhatsApp/2.16.16/i", ("unknown", "unknown", "bot", true))]
    #[case::signal("WhatsApp/2", ("unknown", "unknown", "bot", true))]
    #[case::viber("Viber/13.3.0", ("unknown", "unknown", "bot", true))]
    #[case::bluesky("Mozilla/5.0 (compatible; Bluesky Cardyb/1.1; +mailto:support@bsky.app)", ("unknown", "unknown", "bot", true))]
    #[case::catalogue("facebookcatalog/1.0", ("unknown", "unknown", "bot", true))]
    #[case::google_other("Mozilla/5.0 (Linux; Android 6.0.1; Nexus 5X Build/MMB29P) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Mobile Safari/537.36 (compatible; GoogleOther)", ("Chrome", "Android", "bot", true))]
    #[case::node_fetch("node-fetch", ("unknown", "unknown", "bot", true))]
    #[case::undici("undici", ("unknown", "unknown", "bot", true))]
    #[case::node("node", ("unknown", "unknown", "bot", true))]
    #[case::got("got (https://github.com/sindresorhus/got)", ("unknown", "unknown", "bot", true))]
    #[case::a_phone_called_bot(
        "Mozilla/5.0 (Linux; Android 10; M bot 60) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/119.0.0.0 Mobile Safari/537.36",
        ("Chrome", "Android", "mobile", false)
    )]
    #[case::none("", ("unknown", "unknown", "bot", true))]
    fn agents_are_told_apart(
        #[case] header: &str,
        #[case] (browser, operating_system, device, is_bot): (&str, &str, &str, bool),
    ) {
        let agent = Agents::default().classify(Some(header));
        let found = (&*agent.browser, agent.operating_system, agent.device, agent.is_bot);
        assert_eq!(found, (browser, operating_system, device, is_bot));
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let agents = Agents::default();
        for number in 0..=REMEMBERED {
            agents.classify(Some(&number.to_string()));
        }
        assert!(agents.seen.lock().unwrap().len() <= REMEMBERED);
    }

    static AGENTS: LazyLock<Agents> = LazyLock::new(Agents::default);

    proptest! {
        #[test]
        fn no_header_panics(header in any::<String>()) {
            let agent = AGENTS.look_at(&header);
            prop_assert!(!agent.browser.is_empty());
        }
    }
}
