//! Limits how many of something each client has at once.

use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;

/// Permits for each client. Clones count together.
#[derive(Debug, Clone)]
pub(crate) struct Permits {
    limit: usize,
    taken: Arc<Mutex<HashMap<Arc<str>, usize>>>,
}

/// One of a client's permits, free again when dropped.
#[derive(Debug)]
pub(crate) struct Permit {
    client: Arc<str>,
    permits: Permits,
}

impl Permits {
    pub(crate) fn new(limit: usize) -> Self {
        Self { limit, taken: Arc::default() }
    }

    /// Takes a permit, if the client has one left.
    pub(crate) fn take(&self, client: &Arc<str>) -> Option<Permit> {
        let mut taken = self.taken.lock();
        let count = taken.entry(Arc::clone(client)).or_default();
        if *count >= self.limit {
            return None;
        }
        *count += 1;
        Some(Permit { client: Arc::clone(client), permits: self.clone() })
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut taken = self.permits.taken.lock();
        if let Some(count) = taken.get_mut(&self.client) {
            *count -= 1;
            if *count == 0 {
                taken.remove(&self.client);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_client_has_so_many_permits_and_gets_them_back() {
        let (permits, ana, bia) = (Permits::new(2), "ana".into(), "bia".into());
        let (one, two) = (permits.take(&ana), permits.take(&ana));
        assert!(one.is_some() && two.is_some() && permits.take(&ana).is_none());
        assert!(permits.take(&bia).is_some());
        drop(one);
        assert!(permits.take(&ana).is_some());
        drop(two);
        assert!(permits.taken.lock().is_empty());
    }
}
