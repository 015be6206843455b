//! `cargo xtask peers`: builds the real counterparts, one at a time.

use std::time::Instant;

use anyhow::{Result, bail};
use ratify_peers::{Cache, Go, Group, Peer, RECIPES, Recipe};
use serde_json::{Map, Value};

use crate::End;

/// Build the counterparts of these names and groups; without any, those of the tests.
pub(crate) fn build(names: &[&str]) -> Result<End> {
    let recipes = chosen(names)?;
    let go = match Go::find() {
        Ok(go) => go,
        Err(missing) => {
            eprintln!("error: {missing}");
            return Ok(End::NoGo);
        }
    };
    let cache = Cache::find()?;
    let mut passed = true;
    for recipe in recipes {
        passed &= build_one(recipe, &go, &cache);
    }
    Ok(passed.into())
}

/// Print a JSON object from name to path; null for what is not built.
pub(crate) fn print() -> Result<End> {
    let paths: Map<String, Value> = RECIPES
        .iter()
        .map(|recipe| {
            let binary = Peer::find(recipe.name).map(|peer| peer.binary().to_string_lossy().into());
            (recipe.name.to_owned(), binary.unwrap_or(Value::Null))
        })
        .collect();
    println!("{}", serde_json::to_string_pretty(&paths)?);
    Ok(End::Passed)
}

fn chosen(names: &[&str]) -> Result<Vec<Recipe>> {
    if names.is_empty() {
        return Ok(of_group(Group::Test));
    }
    let mut recipes = Vec::new();
    for name in names {
        if let Some(recipe) = Recipe::named(name) {
            recipes.push(recipe);
        } else if let Some(group) = Group::named(name) {
            recipes.extend(of_group(group));
        } else {
            let known: Vec<_> = RECIPES.iter().map(|recipe| recipe.name).collect();
            bail!(
                "no peer is called `{name}`; there are {}, and the groups test and e2e",
                known.join(", ")
            );
        }
    }
    Ok(recipes)
}

fn of_group(group: Group) -> Vec<Recipe> {
    RECIPES
        .into_iter()
        .filter(|recipe| recipe.group == group)
        .collect()
}

/// One line for one counterpart. Returns whether it is there now.
fn build_one(recipe: Recipe, go: &Go, cache: &Cache) -> bool {
    let start = Instant::now();
    match recipe.build(go, cache) {
        Ok((path, true)) => {
            let seconds = start.elapsed().as_secs();
            println!(
                "peer {}: built in {seconds} s, {}",
                recipe.name,
                path.display()
            );
            true
        }
        Ok((path, false)) => {
            println!("peer {}: in the cache, {}", recipe.name, path.display());
            true
        }
        Err(error) => {
            eprintln!("error: peer {}: {error:#}", recipe.name);
            false
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_takes_minutes_is_built_only_when_asked_for() {
        let names = |words: &[&str]| -> Vec<_> {
            let recipes = chosen(words).unwrap();
            recipes.into_iter().map(|recipe| recipe.name).collect()
        };
        assert!(!names(&[]).contains(&"kube-apiserver"));
        assert_eq!(names(&[]), names(&["test"]));
        assert!(names(&["e2e"]).contains(&"kube-apiserver"));
        assert_eq!(names(&["oras", "kubectl"]), ["oras", "kubectl"]);
    }

    #[test]
    fn an_unknown_peer_is_named_with_the_known_ones() {
        let error = chosen(&["crane", "cran"]).unwrap_err().to_string();
        assert!(
            error.starts_with("no peer is called `cran`; there are "),
            "{error}"
        );
        assert!(error.contains("crane"), "{error}");
    }
}
