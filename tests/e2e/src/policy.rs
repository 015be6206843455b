//! What Gatekeeper is told: providers, a constraint template, a constraint.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ratify_peers::{Go, Recipe};
use serde_json::{Value, json};

use crate::kubectl::Kubectl;
use crate::pki::Pki;
use crate::poll::{Seen, until};
use crate::provider::Provider;

/// Our default constraint template, below the root of the workspace.
pub const OUR_TEMPLATE: &str = "library/default/template.yaml";

/// The original's, below the root of its module.
const STOCK_TEMPLATE: &str = "library/default/template.yaml";
const STOCK_MODULE: &str = "github.com/ratify-project/ratify";

/// The name of the one constraint that denies.
pub(crate) const CONSTRAINT: &str = "ratify-constraint";

/// Namespaces that begin with this are left alone by that constraint.
pub(crate) const UNENFORCED: &str = "unenforced-";

/// Time until the API server knows a new kind.
const DEADLINE: Duration = Duration::from_mins(1);

/// Who wrote the constraint template.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Template {
    /// Ratify 1.4.4, as its module ships it.
    Stock,
    /// We.
    Ours,
}

impl Template {
    /// What a denial of `image` says, whatever the reason.
    pub fn denial(self, image: &str) -> String {
        match self {
            Self::Stock => format!("failed to verify the artifact: {image}, trace-id: "),
            Self::Ours => format!("Subject failed verification: {image}: "),
        }
    }

    /// What a denial of `image` says where Gatekeeper has no verdict, but a system error.
    pub fn system_error(self, image: &str) -> String {
        match self {
            Self::Stock => "System error calling external data provider: ".to_owned(),
            Self::Ours => format!("{}no verdict: ", self.denial(image)),
        }
    }

    /// Whether its file is there; the original's always is.
    pub fn exists(self) -> bool {
        self == Self::Stock || our_template().is_file()
    }

    fn file(self) -> Result<PathBuf> {
        match self {
            Self::Ours => Ok(our_template()),
            Self::Stock => {
                let recipe = Recipe::named("ratify").context("no recipe for `ratify`")?;
                let sources = recipe.sources_of(&Go::find()?, STOCK_MODULE)?;
                Ok(sources.join(STOCK_TEMPLATE))
            }
        }
    }

    /// Its object and the kind of its constraints.
    fn read(self, kubectl: &Kubectl) -> Result<(Value, String)> {
        let file = self.file()?;
        let objects = kubectl.read_yaml(&file)?;
        ensure!(
            objects.len() == 1,
            "expected one template in `{}`, found {} objects",
            file.display(),
            objects.len()
        );
        let template = objects.into_iter().next().unwrap_or_default();
        let kind = template.pointer("/spec/crd/spec/names/kind");
        let kind = kind
            .and_then(Value::as_str)
            .context("a template without kind")?;
        let kind = kind.to_owned();
        Ok((template, kind))
    }
}

fn our_template() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .join(OUR_TEMPLATE)
}

/// Tell Gatekeeper where the provider is, for verification and for mutation.
pub(crate) fn install_providers(kubectl: &Kubectl, provider: &Provider, pki: &Pki) -> Result<()> {
    let object = |name: &str, endpoint: &str, timeout: u8| {
        json!({
            "apiVersion": "externaldata.gatekeeper.sh/v1beta1",
            "kind": "Provider",
            "metadata": { "name": name },
            "spec": {
                "url": provider.url(endpoint),
                "timeout": timeout,
                "caBundle": STANDARD.encode(&pki.authority_pem),
            },
        })
    };
    // names and seconds of the chart
    let providers = [
        object("ratify-provider", "verify", 5),
        object("ratify-mutation-provider", "mutate", 2),
    ];
    let list = json!({ "apiVersion": "v1", "kind": "List", "items": providers });
    kubectl.apply("providers", &list)
}

/// Apply the template, then the constraint that denies pods. Returns the constraints' kind.
pub(crate) fn install(kubectl: &Kubectl, template: Template) -> Result<String> {
    let (object, kind) = template.read(kubectl)?;
    kubectl.apply("template", &object)?;
    let definition = format!("crd/{}.constraints.gatekeeper.sh", kind.to_lowercase());
    until("the constraint's definition", DEADLINE, || {
        let outcome = kubectl.run(&["wait", "--for=condition=Established", &definition])?;
        Ok(if outcome.success() {
            Seen::Done(())
        } else {
            Seen::NotYet(outcome.stderr)
        })
    })?;
    let constraint = constraint(
        &kind,
        CONSTRAINT,
        "deny",
        &json!({
            "kinds": [{ "apiGroups": [""], "kinds": ["Pod"] }],
            "excludedNamespaces": ["kube-*", "gatekeeper-system", format!("{UNENFORCED}*")],
        }),
    );
    kubectl.apply(CONSTRAINT, &constraint)?;
    Ok(kind)
}

/// A constraint of that kind.
pub(crate) fn constraint(kind: &str, name: &str, action: &str, matched: &Value) -> Value {
    json!({
        "apiVersion": "constraints.gatekeeper.sh/v1beta1",
        "kind": kind,
        "metadata": { "name": name },
        "spec": { "enforcementAction": action, "match": matched },
    })
}
