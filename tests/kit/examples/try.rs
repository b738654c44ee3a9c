#![allow(missing_docs, clippy::print_stdout)]
use kit::{Engine, Sandbox};
use std::time::Instant;
#[tokio::main]
async fn main() -> anyhow::Result<()> {
    for &e in Engine::ALL {
        let a = Instant::now();
        let s = Sandbox::only(&[e]).await?;
        let b = a.elapsed();
        let c = Instant::now();
        drop(s);
        println!("{e:?} create {b:?} drop {:?}", c.elapsed());
    }
    Ok(())
}
