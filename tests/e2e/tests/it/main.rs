//! The stories: a file per topic. Each starts Vitrine anew, in databases of its own.

mod configuration;
mod coverage;
mod degradation;
mod guard;
mod hostile;
mod isolation;
mod journey;
mod operators;
mod secrets;
mod shop;
mod trace;

use std::rc::Rc;

use tokio::sync::Semaphore;

/// Statistics, links and breakers follow what happens; after so long they do not follow at all.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(30);

/// A story that is being told.
type Story = std::pin::Pin<Box<dyn Future<Output = anyhow::Result<()>>>>;

/// How many stories run at once: a few units on a small machine, built without optimisation, are soon busy.
const AT_ONCE: usize = 4;

/// Runs stories beside each other on one platform, and tells of every one that went wrong.
async fn stories(stories: Vec<(&'static str, Story)>) -> anyhow::Result<()> {
    let local = tokio::task::LocalSet::new();
    let places = Rc::new(Semaphore::new(AT_ONCE));
    let told = stories.into_iter().map(|(name, story)| {
        let places = Rc::clone(&places);
        let story = async move {
            let _place = places.acquire().await?;
            story.await
        };
        (name, local.spawn_local(story))
    });
    let told: Vec<_> = told.collect();
    let failed = local.run_until(async {
        let mut failed = Vec::new();
        for (name, story) in told {
            match story.await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => failed.push(format!("{name}: {error:#}")),
                Err(panic) => failed.push(format!("{name}: {panic}")),
            }
        }
        failed
    });
    let failed = failed.await;
    anyhow::ensure!(failed.is_empty(), "{} went wrong:\n\n{}", failed.len(), failed.join("\n\n"));
    Ok(())
}
