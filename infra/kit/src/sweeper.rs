//! Drops, beside a test, what tests left behind whose processes are gone.

use crate::engines::{Addresses, Engine, Site};
use crate::progress::say;
use crate::{lock, provision};
use anyhow::{Context as _, Result};
use std::fs::TryLockError;

/// Sweeps on a thread of its own, unless another process does. What is not done when this process ends the next one
/// does.
pub(crate) fn start(site: &Site, addresses: &Addresses, engines: &[Engine]) {
    let (path, addresses, engines) = (site.folder().join("sweep.lock"), addresses.clone(), engines.to_vec());
    std::thread::spawn(move || {
        let work = || -> Result<()> {
            let file = lock::open(&path)?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Ok(()),
                Err(TryLockError::Error(error)) => return Err(error).context("locking"),
            }
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(provision::sweep(&addresses, &engines))
        };
        if let Err(error) = work() {
            say(&format!("what earlier tests left could not be dropped: {error:#}"));
        }
    });
}
