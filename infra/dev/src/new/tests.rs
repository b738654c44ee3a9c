use super::{Store, check, make};
use kit::paths;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

#[test]
fn a_bad_or_taken_name_is_refused_in_one_sentence() {
    for name in ["", "a", "Parcels", "parcel-service", "parcels2", "../parcels", "abcdefghijklmnopqrstu"] {
        let error = check(&paths::workspace(), name).unwrap_err().to_string();
        assert!(error.contains("cannot be the name of a service."), "{name}: {error}");
    }
    for name in ["auth", "gateway", "chassis", "serde", "rabbitmq", "events"] {
        let error = check(&paths::workspace(), name).unwrap_err().to_string();
        assert!(error.contains("already."), "{name}: {error}");
    }
    check(&paths::workspace(), "parcels").unwrap();
}

mod long {
    use super::*;

    /// Makes a service of each kind in a clone of this workspace, and does there what a developer does next.
    #[tokio::test]
    async fn a_new_service_builds_and_passes_its_tests() {
        let tree = clone();
        let made = [("parcels", Store::Postgres), ("drones", Store::Mongo)];
        let mut ports = Vec::new();
        for (name, store) in made {
            ports.push(make(&tree, name, store).await.unwrap());
            assert!(make(&tree, name, store).await.is_err(), "{name} is there already");
        }
        assert!(ports[0] + 1 == ports[1] && ports[1] < 3_900, "{ports:?}");
        cargo(&tree, &["fmt", "--all", "--check"]);
        let all = ["--package=parcels", "--package=drones", "--package=kit"];
        cargo(&tree, &[&["clippy"][..], &all, &["--all-targets", "--", "-D", "warnings"]].concat());
        cargo(&tree, &[&["test"][..], &all[..2]].concat());
        cargo(&tree, &["test", "--package=kit", "--lib", "units::"]);
        for ((name, _), port) in made.into_iter().zip(ports) {
            let openapi = cargo(&tree, &["run", "--package", name, "--", "openapi"]);
            assert!(openapi.contains("/v1/notes/{id}") && openapi.contains("/v1/dead-letters"), "{openapi}");
            for list in ["Cargo.toml", "README.md", "docs/ARCHITECTURE.md", "infra/kit/src/units.rs"] {
                assert!(fs::read_to_string(tree.join(list)).unwrap().contains(name), "{name} in {list}");
            }
            let scraped = fs::read_to_string(tree.join("infra/observability/prometheus.yml")).unwrap();
            assert!(scraped.contains(&format!("127.0.0.1:{port}")), "{scraped}");
        }
    }
}

/// The folder of the clone, and of what is compiled in it: cargo takes crates of two trees for the same, so they must not
/// share one. What is compiled stays for the next run.
fn folder() -> PathBuf {
    paths::workspace().join("target/new-service")
}

/// The files of this workspace, as they are now.
fn clone() -> PathBuf {
    let (root, tree) = (paths::workspace(), folder().join("tree"));
    let _ = fs::remove_dir_all(&tree);
    let listed = ["ls-files", "--cached", "--others", "--exclude-standard"];
    let listed = Command::new("git").args(listed).current_dir(&root).output().unwrap();
    for path in String::from_utf8(listed.stdout).unwrap().lines().filter(|path| root.join(path).is_file()) {
        let target = tree.join(path);
        fs::create_dir_all(target.parent().unwrap()).unwrap();
        fs::copy(root.join(path), target).unwrap();
    }
    tree
}

/// Runs cargo in the clone, on the engines of this workspace's tests; gives what it prints.
fn cargo(tree: &Path, arguments: &[&str]) -> String {
    let mut command = crate::cargo::command(arguments);
    command.current_dir(tree).env("VITRINE_DEV_DIR", paths::dev()).env("CARGO_TARGET_DIR", folder().join("build"));
    let output = command.as_std_mut().output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "cargo {}: {said}\n{}",
        arguments.join(" "),
        String::from_utf8_lossy(&output.stdout)
    );
    String::from_utf8(output.stdout).unwrap()
}
