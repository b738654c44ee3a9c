//! Logs of several processes in one stream, each line with the name of its process before it.

use crate::site::Stack;
use anyhow::{Context as _, Result, bail};
use kit::process::tail;
use kit::units::UNITS;
use kit::{Engine, Trouble};
use std::fs::File;
use std::io::{IsTerminal as _, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::PathBuf;
use std::time::Duration;

const LINES: usize = 100;
const PAUSE: Duration = Duration::from_millis(150);
/// Terminal colours for prefixes: cyan, green, magenta, yellow, blue, red.
const COLOURS: [u8; 6] = [36, 32, 35, 33, 34, 31];

/// Prints the end of the logs, and with `follow` goes on until interrupted.
pub(crate) async fn run(name: Option<&str>, follow: bool) -> Result<()> {
    let mut sources = sources(name)?;
    for source in &sources {
        source.print(&tail(&source.path, LINES))?;
    }
    if follow {
        sources.iter_mut().for_each(Source::skip);
        return pump(sources).await;
    }
    Ok(())
}

/// Prints what the units write from now on, and says so when one of them ends.
pub(crate) async fn follow_units() -> Result<()> {
    let mut sources = sources(None)?;
    sources.iter_mut().for_each(Source::skip);
    tokio::try_join!(pump(sources), watch()).map(|_| ())
}

async fn pump(mut sources: Vec<Source>) -> Result<()> {
    loop {
        for source in &mut sources {
            let fresh = source.fresh();
            source.print(&fresh)?;
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Says once when a unit has ended.
async fn watch() -> Result<()> {
    let site = Stack::open()?;
    let mut running: Vec<&str> = UNITS.iter().map(|unit| unit.name).collect();
    loop {
        tokio::time::sleep(Duration::from_secs(1)).await;
        running.retain(|name| {
            let runs = site.unit(name).running().is_some();
            if !runs {
                kit::progress::say(&format!("{name} has ended; `cargo dev restart {name}` starts it again"));
            }
            runs
        });
    }
}

/// The log files of all units, or of one unit or engine.
fn sources(name: Option<&str>) -> Result<Vec<Source>> {
    let site = Stack::open()?;
    let units: Vec<&str> = UNITS.iter().map(|unit| unit.name).collect();
    let engines: Vec<&str> = Engine::ALL.iter().map(|engine| engine.name()).collect();
    let chosen = match name {
        None => units,
        Some(name) if units.contains(&name) || engines.contains(&name) => vec![name],
        Some(name) => bail!("there is no `{name}`; there are {}", [units, engines].concat().join(", ")),
    };
    let source = |(index, name): (usize, &&str)| Source {
        name: (*name).to_owned(),
        path: site.unit(name).log_path(),
        offset: 0,
        partial: Vec::new(),
        colour: COLOURS[index % COLOURS.len()],
    };
    let sources: Vec<Source> = chosen.iter().enumerate().map(source).collect();
    if sources.iter().all(|source| !source.path.is_file()) {
        return Err(Trouble::new("There are no logs yet.", "cargo dev up").into());
    }
    Ok(sources)
}

/// One log file that is being read.
struct Source {
    name: String,
    path: PathBuf,
    offset: u64,
    /// The beginning of a line whose end is not written yet.
    partial: Vec<u8>,
    colour: u8,
}

impl Source {
    /// Goes to the end, so that only new lines are read.
    fn skip(&mut self) {
        self.offset = std::fs::metadata(&self.path).map_or(0, |file| file.len());
    }

    /// The lines completed since the last call.
    fn fresh(&mut self) -> String {
        let Ok(mut file) = File::open(&self.path) else { return String::new() };
        if file.metadata().is_ok_and(|file| file.len() < self.offset) {
            self.offset = 0;
        }
        let read = file.seek(SeekFrom::Start(self.offset)).and_then(|_| file.read_to_end(&mut self.partial));
        self.offset += read.unwrap_or(0) as u64;
        let whole = self.partial.iter().rposition(|&byte| byte == b'\n').map_or(0, |end| end + 1);
        let lines: Vec<u8> = self.partial.drain(..whole).collect();
        String::from_utf8_lossy(&lines).into_owned()
    }

    fn print(&self, text: &str) -> Result<()> {
        let mut out = std::io::stdout().lock();
        let coloured = out.is_terminal();
        for line in text.lines() {
            let prefix = format!("{:<10}|", self.name);
            let prefix = if coloured { format!("\x1b[{}m{prefix}\x1b[0m", self.colour) } else { prefix };
            writeln!(out, "{prefix} {line}").context("writing to the terminal")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::Source;
    use std::io::Write as _;

    #[test]
    fn only_whole_lines_are_given() {
        let path = std::env::temp_dir().join(format!("vitrine-logs-{}", std::process::id()));
        let mut file = std::fs::File::create(&path).unwrap();
        let mut source = Source { name: "a".into(), path: path.clone(), offset: 0, partial: Vec::new(), colour: 36 };
        file.write_all(b"one\ntw").unwrap();
        assert_eq!(source.fresh(), "one\n");
        file.write_all(b"o\n").unwrap();
        assert_eq!(source.fresh(), "two\n");
        assert_eq!(source.fresh(), "");
        std::fs::remove_file(&path).unwrap();
    }
}
