//! `cargo xtask arrows`: who may depend on whom, and what a crate may never reach.
//!
//! The table below is ARCHITECTURE.md's, as data. A crate without a row breaks the check, so a new
//! crate cannot slip in without somebody deciding where it belongs. Development dependencies are
//! free: a test may see what the crate may not.

mod graph;
mod rules;
#[cfg(test)]
mod tests;

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use crate::End;
use crate::cargo::cargo;
use graph::Graph;
use rules::{ROWS, Row};

/// Check the workspace.
pub(crate) fn run() -> Result<End> {
    let broken = broken_arrows(&Graph::read(&metadata()?)?, &ROWS);
    for arrow in &broken {
        eprintln!("broken arrow: {arrow}");
    }
    if broken.is_empty() {
        println!("arrows: {} crates keep to their rows", ROWS.len());
    }
    Ok(broken.is_empty().into())
}

/// Every way in which the workspace departs from the table, one sentence each.
fn broken_arrows(graph: &Graph, rows: &[Row]) -> Vec<String> {
    let mut broken = Vec::new();
    for member in graph.members() {
        let Some(row) = rows.iter().find(|row| row.folder == member.folder) else {
            broken.push(format!(
                "`{}` has no row in the table of allowed arrows; add one and say why in \
                 ARCHITECTURE.md",
                member.folder
            ));
            continue;
        };
        broken.extend(outward(member, row));
        broken.extend(
            graph
                .reached_from(member)
                .into_iter()
                .filter_map(|(name, path)| {
                    row.never_sees.contains(&name).then(|| {
                        format!(
                            "`{}` may never see `{name}`, and does by {path}",
                            member.folder
                        )
                    })
                }),
        );
    }
    let stale = rows
        .iter()
        .filter(|row| graph.members().all(|member| member.folder != row.folder));
    broken.extend(stale.map(|row| format!("the row `{}` is of no crate; remove it", row.folder)));
    broken
}

/// The direct dependencies on crates of ours that the row does not allow.
fn outward(member: &graph::Member, row: &Row) -> Vec<String> {
    let forbidden = member.ours.iter().filter(|edge| {
        let to = edge.folder.as_str();
        let allowed = row.may_use.contains(&to) || edge.optional && row.by_feature.contains(&to);
        !allowed
    });
    forbidden
        .map(|edge| format!("`{}` may not depend on `{}`", member.folder, edge.folder))
        .collect()
}

fn metadata() -> Result<Value> {
    let output = cargo(&["metadata", "--format-version=1", "--locked"])
        .output()
        .context("cannot start cargo")?;
    if !output.status.success() {
        bail!(
            "`cargo metadata` failed: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    serde_json::from_slice(&output.stdout).context("expected JSON from `cargo metadata`")
}
