//! The checker can fail: each rule is broken once, on metadata made for it.

use serde_json::{Value, json};

use super::*;

const TABLE: [Row; 3] = [
    Row {
        folder: "core/pure",
        may_use: &[],
        by_feature: &[],
        never_sees: &["tokio", "reqwest"],
    },
    Row {
        folder: "edge/wire",
        may_use: &["core/pure"],
        by_feature: &[],
        never_sees: &["kube"],
    },
    Row {
        folder: "app/program",
        may_use: &["core/pure", "edge/wire"],
        by_feature: &["tests/kit"],
        never_sees: &[],
    },
];

/// A dependency of a package: name, kind as cargo writes it, optional.
type Dependency<'a> = (&'a str, Option<&'a str>, bool);

/// A package: its name or folder, and its dependencies.
type Package<'a> = (&'a str, &'a [Dependency<'a>]);

/// A workspace of `(folder or name, dependencies)`; with a `/` it is a crate of ours.
fn workspace(packages: &[Package<'_>]) -> Graph {
    let declared = |(name, kind, optional): &Dependency<'_>| {
        let path = name.contains('/').then(|| format!("/checkout/{name}"));
        json!({ "name": name, "kind": kind, "optional": optional, "path": path })
    };
    let resolved = |(name, kind, _): &Dependency<'_>| json!({ "pkg": name, "dep_kinds": [{ "kind": kind, "target": null }] });
    let list = |of: &dyn Fn(&Package<'_>) -> Value| -> Value { packages.iter().map(of).collect() };
    let metadata = json!({
        "workspace_root": "/checkout",
        "packages": list(&|(name, dependencies)| json!({
            "id": name,
            "name": name,
            "source": if name.contains('/') { Value::Null } else { json!("registry") },
            "manifest_path": format!("/checkout/{name}/Cargo.toml"),
            "dependencies": dependencies.iter().map(declared).collect::<Value>(),
        })),
        "resolve": { "nodes": list(&|(name, dependencies)| json!({
            "id": name,
            "deps": dependencies.iter().map(resolved).collect::<Value>(),
        })) },
    });
    Graph::read(&metadata).unwrap()
}

/// What the checker says of a sound workspace in which the dependencies of `folder` are `changed`.
fn check(folder: &str, changed: &[Dependency<'_>]) -> Vec<String> {
    let mut packages: Vec<Package<'_>> = vec![
        ("core/pure", &[("serde", None, false)]),
        (
            "edge/wire",
            &[("core/pure", None, false), ("reqwest", None, false)],
        ),
        (
            "app/program",
            &[("edge/wire", None, false), ("core/pure", None, false)],
        ),
        ("serde", &[]),
        ("reqwest", &[("hyper", None, false)]),
        ("hyper", &[("tokio", None, false)]),
        ("innocent", &[("hyper", None, false)]),
        ("kube", &[]),
        ("tokio", &[]),
    ];
    for package in packages.iter_mut().filter(|package| package.0 == folder) {
        package.1 = changed;
    }
    broken_arrows(&workspace(&packages), &TABLE)
}

#[test]
fn a_sound_workspace_passes() {
    assert_eq!(check("nobody", &[]), [""; 0]);
}

#[test]
fn an_outward_arrow_is_broken() {
    let broken = check("core/pure", &[("edge/wire", None, false)]);
    assert_eq!(
        broken.first().unwrap(),
        "`core/pure` may not depend on `edge/wire`"
    );
    assert!(
        broken
            .iter()
            .any(|arrow| arrow.contains("may never see `reqwest`")),
        "{broken:?}"
    );
}

#[test]
fn an_arrow_between_neighbours_needs_a_row_too() {
    let broken = check("edge/wire", &[("app/program", None, false)]);
    assert_eq!(broken, ["`edge/wire` may not depend on `app/program`"]);
}

#[test]
fn a_build_dependency_is_an_arrow() {
    let broken = check("core/pure", &[("edge/wire", Some("build"), false)]);
    assert_eq!(broken, ["`core/pure` may not depend on `edge/wire`"]);
}

#[test]
fn a_forbidden_crate_is_found_however_many_hops_away() {
    let broken = check("core/pure", &[("innocent", None, false)]);
    assert_eq!(
        broken,
        ["`core/pure` may never see `tokio`, and does by core/pure -> innocent -> hyper -> tokio"]
    );
    let broken = check("edge/wire", &[("kube", None, false)]);
    assert_eq!(
        broken,
        ["`edge/wire` may never see `kube`, and does by edge/wire -> kube"]
    );
}

#[test]
fn a_development_dependency_is_free() {
    assert_eq!(
        check("core/pure", &[("tokio", Some("dev"), false)]),
        [""; 0]
    );
    assert_eq!(
        check("core/pure", &[("edge/wire", Some("dev"), false)]),
        [""; 0]
    );
}

#[test]
fn a_feature_only_arrow_must_be_optional() {
    assert_eq!(check("app/program", &[("tests/kit", None, true)]), [""; 0]);
    let broken = check("app/program", &[("tests/kit", None, false)]);
    assert_eq!(broken, ["`app/program` may not depend on `tests/kit`"]);
}

#[test]
fn a_crate_without_a_row_and_a_row_without_a_crate_are_broken() {
    let graph = workspace(&[("core/pure", &[]), ("edge/wire", &[]), ("core/new", &[])]);
    let broken = broken_arrows(&graph, &TABLE);
    assert!(
        broken
            .iter()
            .any(|arrow| arrow.starts_with("`core/new` has no row")),
        "{broken:?}"
    );
    assert!(broken.contains(&"the row `app/program` is of no crate; remove it".to_owned()));
}

#[test]
fn a_path_outside_the_workspace_is_refused() {
    let metadata = json!({
        "workspace_root": "/checkout",
        "packages": [{
            "id": "x", "name": "x", "source": null,
            "manifest_path": "/elsewhere/Cargo.toml", "dependencies": [],
        }],
        "resolve": { "nodes": [] },
    });
    let error = Graph::read(&metadata).unwrap_err().to_string();
    assert_eq!(
        error,
        "a path dependency lies outside the workspace: `/elsewhere`"
    );
}

#[test]
fn the_real_table_points_inward_only() {
    let ring = |folder: &str| match folder.split('/').next() {
        Some("core") => 0,
        Some("edge") => 1,
        Some("app") => 2,
        _ => 3,
    };
    for row in ROWS {
        for to in row.may_use {
            assert!(ring(to) <= ring(row.folder), "{} -> {to}", row.folder);
            assert!(ROWS.iter().any(|row| row.folder == *to), "{to} has no row");
        }
    }
}
