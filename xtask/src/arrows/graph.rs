//! The dependency graph, as far as arrows care, read from `cargo metadata`.
//!
//! Only what is linked into a crate counts: development and build dependencies are left out. Features
//! are those of the whole workspace together, so what is reached is rather too much than too little.

use std::collections::{BTreeMap, VecDeque};

use anyhow::{Context as _, Result};
use serde_json::Value;

/// The packages and what each links.
#[derive(Debug)]
pub(crate) struct Graph {
    members: Vec<Member>,
    /// Package id to name.
    names: BTreeMap<String, String>,
    /// Package id to the ids of its normal dependencies.
    links: BTreeMap<String, Vec<String>>,
}

/// A crate of ours.
#[derive(Debug)]
pub(crate) struct Member {
    id: String,
    /// Its folder below the root of the workspace.
    pub(crate) folder: String,
    /// Its direct normal and build dependencies on crates of ours.
    pub(crate) ours: Vec<Edge>,
}

/// A direct dependency on a crate of ours.
#[derive(Debug)]
pub(crate) struct Edge {
    /// The folder of what is depended on.
    pub(crate) folder: String,
    /// Is it there only with a feature?
    pub(crate) optional: bool,
}

impl Graph {
    /// Read `cargo metadata --format-version=1`.
    pub(crate) fn read(metadata: &Value) -> Result<Self> {
        let root = text(metadata, "workspace_root")?;
        let mut members = Vec::new();
        let mut names = BTreeMap::new();
        for package in list(metadata, "packages")? {
            let id = text(package, "id")?;
            names.insert(id.to_owned(), text(package, "name")?.to_owned());
            // packages of the registry have a source, those of the workspace have none
            if package.get("source").is_none_or(Value::is_null) {
                members.push(Member::read(package, root)?);
            }
        }
        let mut links = BTreeMap::new();
        for node in list(metadata.get("resolve").unwrap_or(&Value::Null), "nodes")? {
            links.insert(text(node, "id")?.to_owned(), linked(node)?);
        }
        Ok(Self {
            members,
            names,
            links,
        })
    }

    /// The crates of ours.
    pub(crate) fn members(&self) -> impl Iterator<Item = &Member> {
        self.members.iter()
    }

    /// Every package that `member` links, with the shortest way there, such as `a -> b -> c`.
    pub(crate) fn reached_from(&self, member: &Member) -> Vec<(&str, String)> {
        let mut came_from: BTreeMap<&str, &str> = BTreeMap::new();
        let mut queue = VecDeque::from([member.id.as_str()]);
        while let Some(id) = queue.pop_front() {
            for next in self.links.get(id).into_iter().flatten() {
                if next != &member.id && !came_from.contains_key(next.as_str()) {
                    came_from.insert(next, id);
                    queue.push_back(next);
                }
            }
        }
        let ids = came_from.keys();
        ids.map(|id| (self.name(id), self.way(id, &came_from)))
            .collect()
    }

    fn way(&self, to: &str, came_from: &BTreeMap<&str, &str>) -> String {
        let mut way = vec![self.name(to)];
        let mut id = to;
        while let Some(previous) = came_from.get(id) {
            way.push(self.name(previous));
            id = previous;
        }
        way.reverse();
        way.join(" -> ")
    }

    fn name<'a>(&'a self, id: &'a str) -> &'a str {
        self.names.get(id).map_or(id, String::as_str)
    }
}

impl Member {
    fn read(package: &Value, root: &str) -> Result<Self> {
        let manifest = text(package, "manifest_path")?;
        let mut ours = Vec::new();
        for dependency in list(package, "dependencies")? {
            let kind = dependency.get("kind").and_then(Value::as_str);
            let path = dependency.get("path").and_then(Value::as_str);
            if let (Some(path), None | Some("build")) = (path, kind) {
                let optional = dependency.get("optional").and_then(Value::as_bool);
                ours.push(Edge {
                    folder: below(root, path)?,
                    optional: optional.unwrap_or(false),
                });
            }
        }
        let folder = manifest
            .strip_suffix("/Cargo.toml")
            .context("expected a `Cargo.toml`")?;
        Ok(Self {
            id: text(package, "id")?.to_owned(),
            folder: below(root, folder)?,
            ours,
        })
    }
}

/// The ids of what a node links: dependencies of kind null.
fn linked(node: &Value) -> Result<Vec<String>> {
    let mut ids = Vec::new();
    for dependency in list(node, "deps")? {
        let mut kinds = list(dependency, "dep_kinds")?.iter();
        if kinds.any(|kind| kind.get("kind").is_none_or(Value::is_null)) {
            ids.push(text(dependency, "pkg")?.to_owned());
        }
    }
    Ok(ids)
}

fn below(root: &str, path: &str) -> Result<String> {
    let below = path
        .strip_prefix(root)
        .map(|path| path.trim_start_matches('/').to_owned());
    below.with_context(|| format!("a path dependency lies outside the workspace: `{path}`"))
}

fn text<'a>(value: &'a Value, key: &str) -> Result<&'a str> {
    let text = value.get(key).and_then(Value::as_str);
    text.with_context(|| format!("expected a string `{key}` in the output of `cargo metadata`"))
}

fn list<'a>(value: &'a Value, key: &str) -> Result<&'a Vec<Value>> {
    let list = value.get(key).and_then(Value::as_array);
    list.with_context(|| format!("expected a list `{key}` in the output of `cargo metadata`"))
}
