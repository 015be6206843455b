//! What Gatekeeper makes of a `ConstraintTemplate` and an answer of its external data provider.

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};

use crate::home::Home;
use crate::peer::Peer;
use crate::process::{COMMAND_DEADLINE, run};

/// One object that Gatekeeper reviews.
#[derive(Debug, Clone, PartialEq)]
pub struct Evaluation {
    /// What Rego sees as `input.review`.
    pub review: Value,
    /// The `spec.parameters` of the constraint; an object, or null for none.
    pub parameters: Value,
    /// What the provider answers if it is asked.
    pub answer: ProviderAnswer,
}

/// How the provider answers, or how asking it fails.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProviderAnswer {
    /// An HTTP response.
    Http {
        /// Its status.
        status: u16,
        /// Its body.
        body: String,
    },
    /// The connection breaks in the middle of this body.
    Truncated(String),
    /// The connection is closed without a word.
    Closed,
    /// There is no Provider object.
    NoProvider,
    /// `external_data` itself is undefined.
    Undefined,
}

/// What came of an evaluation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judgement {
    /// The messages of the violations, sorted.
    pub violations: Vec<String>,
    /// Why the evaluation failed; empty if it did not.
    pub error: String,
    /// The keys of each call of `external_data`.
    pub asked: Vec<Vec<String>>,
    /// The keys of each request that reached the provider: without those in Gatekeeper's cache.
    pub sent: Vec<Vec<String>>,
}

impl Judgement {
    /// Gatekeeper admits what has no violation; a failed evaluation is one.
    pub fn admits(&self) -> bool {
        self.violations.is_empty() && self.error.is_empty()
    }
}

impl ProviderAnswer {
    /// The usual response: status 200.
    pub fn ok(body: impl Into<String>) -> Self {
        let (status, body) = (200, body.into());
        Self::Http { status, body }
    }

    fn json(&self) -> Value {
        match self {
            Self::Http { status, body } => json!({ "status": status, "body": body }),
            Self::Truncated(body) => json!({ "failure": "truncated", "status": 200, "body": body }),
            Self::Closed => json!({ "failure": "closed" }),
            Self::NoProvider => json!({ "failure": "no provider" }),
            Self::Undefined => json!({ "failure": "undefined" }),
        }
    }
}

/// Evaluate the `ConstraintTemplate` with the text `template` for each object in turn. Gatekeeper
/// keeps what the provider answered for `cache_seconds`; 0 turns its cache off.
///
/// # Errors
///
/// If the peer does not run, or refuses the template.
pub fn judge_by_template(
    opa: &Peer,
    template: &str,
    cache_seconds: u32,
    evaluations: &[Evaluation],
) -> Result<Vec<Judgement>> {
    let home = Home::new()?;
    let evaluations: Vec<_> = evaluations
        .iter()
        .map(|one| {
            json!({
                "review": one.review,
                "parameters": one.parameters,
                "answer": one.answer.json(),
            })
        })
        .collect();
    let expected = evaluations.len();
    let document = json!({
        "template": template,
        "cacheSeconds": cache_seconds,
        "evaluations": evaluations,
    });
    let document = home.write("document.json", document.to_string())?;
    let mut command = home.command(opa);
    command.arg(document);
    let told = run(command, COMMAND_DEADLINE)?.expect_success()?.json()?;
    let told = told.as_array().context("expected an array of results")?;
    if told.len() != expected {
        bail!("expected {expected} results, found {}", told.len());
    }
    told.iter().map(judgement).collect()
}

fn judgement(told: &Value) -> Result<Judgement> {
    let lists = |name| -> Result<Vec<Vec<String>>> {
        let all = told.get(name).and_then(Value::as_array);
        let all = all.with_context(|| format!("expected `{name}` in {told}"))?;
        all.iter().map(texts).collect()
    };
    let violations = told.get("violations").context("expected `violations`")?;
    let error = told.get("error").and_then(Value::as_str);
    Ok(Judgement {
        violations: texts(violations)?,
        error: error.context("expected `error`")?.to_owned(),
        asked: lists("asked")?,
        sent: lists("sent")?,
    })
}

fn texts(list: &Value) -> Result<Vec<String>> {
    let list = list
        .as_array()
        .with_context(|| format!("expected an array, found {list}"))?;
    list.iter()
        .map(|one| {
            let text = one.as_str();
            text.map(str::to_owned)
                .with_context(|| format!("expected a string, found {one}"))
        })
        .collect()
}
