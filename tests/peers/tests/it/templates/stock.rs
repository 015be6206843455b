//! The templates that Ratify ships, read where Go put its sources.

use std::fs;
use std::path::{Path, PathBuf};

use ratify_peers::{Go, Recipe};
use serde_json::{Value, json};

use super::{ISSUER, Template};

const MODULE: &str = "github.com/ratify-project/ratify";

/// The folder, file and name here of each template in Ratify 1.4.4.
const OF_1_4: [(&str, &str, &str); 7] = [
    ("default", "template.yaml", "1.4 default"),
    (
        "multi-tenancy-validation",
        "template.yaml",
        "1.4 multi-tenancy",
    ),
    (
        "notation-issuer-validation",
        "template.yaml",
        "1.4 notation-issuer",
    ),
    (
        "notation-nested-validation",
        "template.yaml",
        "1.4 notation-nested",
    ),
    ("notation-validation", "template.yml", "1.4 notation"),
    ("sbom-validation", "template.yaml", "1.4 sbom"),
    (
        "vulnerability-report-validation",
        "template.yaml",
        "1.4 vulnerability-report",
    ),
];

/// All of them: those of Ratify 1.4.4, and the default one in the form it had from 1.0 to 1.2 and in that of 2022, which
/// its documentation still publishes.
pub(super) fn templates() -> Vec<Template> {
    let library = library("ratify");
    let mut templates: Vec<_> = OF_1_4
        .iter()
        .map(|(folder, file, name)| read(&library.join(folder).join(file), name))
        .collect();
    let of_1_0 = read(
        &self::library("opa/ratify-v1.2").join("default/template.yaml"),
        "1.0 default",
    );
    templates.push(Template {
        name: "2022 default",
        text: of_2022(&of_1_0.text),
        parameters: Value::Null,
        prefix: "",
    });
    templates.push(of_1_0);
    templates
}

/// The `library` of the Ratify that the module in `folder` requires.
fn library(folder: &'static str) -> PathBuf {
    let module = Recipe {
        module: folder,
        ..Recipe::named("ratify").unwrap()
    };
    let sources = module.sources_of(&Go::find().unwrap(), MODULE).unwrap();
    sources.join("library")
}

fn read(path: &Path, name: &'static str) -> Template {
    let parameters = match name {
        "1.4 notation-issuer" => json!({ "issuer": ISSUER }),
        _ => Value::Null,
    };
    let prefix = match name {
        "1.4 multi-tenancy" => "[team-a]",
        _ => "",
    };
    Template {
        name,
        text: fs::read_to_string(path).unwrap(),
        parameters,
        prefix,
    }
}

/// What differs in 2022: no image but that of `containers` is asked for.
fn of_2022(of_1_0: &str) -> String {
    let later = [
        "images_init :=",
        "images_ephemeral :=",
        "other_images :=",
        "all_images :=",
    ];
    let lines: Vec<_> = of_1_0
        .lines()
        .filter(|line| !later.iter().any(|start| line.trim().starts_with(start)))
        .collect();
    assert_eq!(lines.len() + later.len(), of_1_0.lines().count());
    let text = lines.join("\n");
    let asked = r#""keys": all_images"#;
    assert!(text.contains(asked) && text.contains("Subject failed verification: %s"));
    text.replace(asked, r#""keys": images"#)
}

#[test]
fn no_template_of_1_4_is_left_out() {
    let Some(_ratify) = ratify_peers::Peer::require("ratify") else {
        return;
    };
    let mut found: Vec<_> = fs::read_dir(library("ratify"))
        .unwrap()
        .flat_map(|folder| fs::read_dir(folder.unwrap().path()).unwrap())
        .map(|file| file.unwrap().path())
        .filter(|file| file.file_stem().is_some_and(|stem| stem == "template"))
        .collect();
    found.sort();
    let mut known: Vec<_> = OF_1_4
        .iter()
        .map(|(folder, file, _)| library("ratify").join(folder).join(file))
        .collect();
    known.sort();
    assert_eq!(found, known);
}
