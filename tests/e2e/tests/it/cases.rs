//! What is shown. Each case has a namespace of its own and leaves nothing behind.

use anyhow::{Result, bail, ensure};
use ratify_e2e::{Scene, Server, Template};
use serde_json::json;

/// With whom a case is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum With {
    /// The original server: what is shown is the rig.
    Original,
    /// Any server and any template.
    Any,
    /// Our server, with the original's template and with ours.
    OurServer,
    /// Our server and our template.
    OurTemplate,
}

/// One thing that is shown.
#[derive(Clone, Copy)]
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) with: With,
    pub(crate) show: fn(&mut Scene<'_>) -> Result<()>,
}

macro_rules! case {
    ($with:ident, $show:ident) => {
        Case {
            name: stringify!($show),
            with: With::$with,
            show: $show,
        }
    };
}

/// All of them, in the order in which they are shown.
pub(crate) const CASES: [Case; 15] = [
    case!(Any, signed_image_is_admitted),
    case!(Any, unsigned_image_is_denied),
    case!(Any, untrusted_signer_is_denied),
    case!(Any, unreachable_registry_is_denied),
    case!(OurServer, stalled_registry_is_denied_in_time),
    case!(Any, init_container_is_judged),
    case!(Any, ephemeral_container_is_judged),
    case!(OurTemplate, image_volume_is_judged),
    case!(Any, one_bad_image_of_two_is_enough),
    case!(OurTemplate, replica_set_reports_the_denial),
    case!(OurServer, mutation_pins_the_tag),
    case!(OurTemplate, audit_reports_what_runs),
    case!(OurServer, stopped_server_denies_until_it_is_back),
    case!(OurTemplate, rotated_client_authority_is_followed),
    case!(Original, silent_gatekeeper_is_noticed),
];

/// What a denial says of an image that was judged and found wanting. Only our template shows why.
fn rejection(scene: &Scene<'_>, image: &str, code: &str) -> Vec<String> {
    let denial = scene.cluster.template().denial(image);
    vec![match scene.cluster.template() {
        Template::Ours => format!("{denial}{code}: "),
        Template::Stock => denial,
    }]
}

/// What a denial says of an image that could not be judged. Our server says so as a system error,
/// which Gatekeeper never caches; the original one rejects.
fn no_verdict(scene: &Scene<'_>, image: &str, code: &str) -> Vec<String> {
    match (scene.cluster.server(), scene.cluster.template()) {
        (Server::Ours(_), Template::Stock) => vec![
            scene.cluster.template().system_error(image),
            format!("{image}: {code}: "),
        ],
        _ => rejection(scene, image, code),
    }
}

fn words(owned: &[String]) -> Vec<&str> {
    owned.iter().map(String::as_str).collect()
}

fn signed_image_is_admitted(scene: &mut Scene<'_>) -> Result<()> {
    let image = scene.cluster.images().signed.clone();
    scene.expect_admitted("by-tag", &image.by_tag)?;
    scene.expect_admitted("by-digest", &image.by_digest)
}

fn unsigned_image_is_denied(scene: &mut Scene<'_>) -> Result<()> {
    let image = scene.cluster.images().unsigned.clone();
    for name in [image.by_tag, image.by_digest] {
        let expected = rejection(scene, &name, "NO_SIGNATURE");
        scene.expect_denied(&name, &words(&expected))?;
    }
    Ok(())
}

fn untrusted_signer_is_denied(scene: &mut Scene<'_>) -> Result<()> {
    let image = scene.cluster.images().untrusted.by_tag.clone();
    let expected = rejection(scene, &image, "SIGNER_UNTRUSTED");
    scene.expect_denied(&image, &words(&expected))
}

fn unreachable_registry_is_denied(scene: &mut Scene<'_>) -> Result<()> {
    let image = scene.cluster.images().on_refusing_registry();
    let expected = no_verdict(scene, &image, "REGISTRY_UNREACHABLE");
    scene.expect_denied(&image, &words(&expected))
}

/// A late answer would be none: after 3 seconds the API server gives up on Gatekeeper, and admits.
fn stalled_registry_is_denied_in_time(scene: &mut Scene<'_>) -> Result<()> {
    let image = scene.cluster.images().on_stalled_registry()?;
    let expected = no_verdict(scene, &image, "DEADLINE_EXCEEDED");
    scene.expect_denied(&image, &words(&expected))
}

fn pod(name: &str, spec: &serde_json::Value) -> serde_json::Value {
    json!({ "apiVersion": "v1", "kind": "Pod", "metadata": { "name": name }, "spec": spec })
}

fn init_container_is_judged(scene: &mut Scene<'_>) -> Result<()> {
    let images = scene.cluster.images();
    let (good, also_good, bad) = (
        images.signed.by_tag.clone(),
        images.also_signed.by_tag.clone(),
        images.unsigned.by_tag.clone(),
    );
    let with = |init: &str| {
        json!({
            "initContainers": [{ "name": "init", "image": init }],
            "containers": [{ "name": "main", "image": good }],
        })
    };
    let outcome = scene.apply(&pod("bad-init", &with(&bad)))?;
    let expected = rejection(scene, &bad, "NO_SIGNATURE");
    Scene::expect_denial(&outcome, &words(&expected))?;
    let outcome = scene.apply(&pod("good-init", &with(&also_good)))?;
    ensure!(
        outcome.success(),
        "expected two signed images to be admitted"
    );
    scene.expect_asked(&also_good)
}

fn ephemeral_container_is_judged(scene: &mut Scene<'_>) -> Result<()> {
    let images = scene.cluster.images();
    let (good, also_good, bad) = (
        images.signed.by_tag.clone(),
        images.also_signed.by_tag.clone(),
        images.unsigned.by_tag.clone(),
    );
    scene.expect_admitted("main", &good)?;
    let debug = |image: &str| format!("--image={image}");
    let outcome = scene.kubectl(&["debug", "pod/main", "--attach=false", &debug(&bad)])?;
    let expected = rejection(scene, &bad, "NO_SIGNATURE");
    Scene::expect_denial(&outcome, &words(&expected))?;
    let outcome = scene.kubectl(&["debug", "pod/main", "--attach=false", &debug(&also_good)])?;
    ensure!(outcome.success(), "expected a signed image to be admitted");
    scene.expect_asked(&also_good)
}

/// An image that is mounted and not run. The original's template does not look at it.
fn image_volume_is_judged(scene: &mut Scene<'_>) -> Result<()> {
    let images = scene.cluster.images();
    let (good, also_good, bad) = (
        images.signed.by_tag.clone(),
        images.also_signed.by_tag.clone(),
        images.unsigned.by_tag.clone(),
    );
    let with = |volume: &str| {
        json!({
            "containers": [{ "name": "main", "image": good }],
            "volumes": [{ "name": "model", "image": { "reference": volume } }],
        })
    };
    let outcome = scene.apply(&pod("bad-volume", &with(&bad)))?;
    let expected = rejection(scene, &bad, "NO_SIGNATURE");
    Scene::expect_denial(&outcome, &words(&expected))?;
    let outcome = scene.apply(&pod("good-volume", &with(&also_good)))?;
    ensure!(
        outcome.success(),
        "expected two signed images to be admitted"
    );
    scene.expect_asked(&also_good)
}

fn one_bad_image_of_two_is_enough(scene: &mut Scene<'_>) -> Result<()> {
    let images = scene.cluster.images();
    let (good, bad) = (images.signed.by_tag.clone(), images.unsigned.by_tag.clone());
    let two = json!({
        "containers": [{ "name": "good", "image": good }, { "name": "bad", "image": bad }],
    });
    let outcome = scene.apply(&pod("two", &two))?;
    let expected = rejection(scene, &bad, "NO_SIGNATURE");
    Scene::expect_denial(&outcome, &words(&expected))?;
    let innocent = scene.cluster.template().denial(&good);
    ensure!(
        !outcome.stderr.contains(&innocent),
        "expected no word on the signed image"
    );
    Ok(())
}

fn replica_set_reports_the_denial(scene: &mut Scene<'_>) -> Result<()> {
    let image = scene.cluster.images().unsigned.by_tag.clone();
    let outcome = scene.kubectl(&["create", "deployment", "web", &format!("--image={image}")])?;
    ensure!(
        outcome.success(),
        "expected the deployment itself to be admitted"
    );
    let expected = rejection(scene, &image, "NO_SIGNATURE");
    let events = [
        "get",
        "events",
        "--field-selector=reason=FailedCreate",
        "-o",
        "jsonpath={.items[*].message}",
    ];
    scene.kubectl_until(
        "a `FailedCreate` event with the reason",
        &events,
        |outcome| expected.iter().all(|word| outcome.stdout.contains(word)),
    )?;
    let pods = scene.kubectl(&["get", "pods", "-o", "name"])?;
    ensure!(pods.success() && pods.stdout.is_empty(), "expected no pod");
    Ok(())
}

fn mutation_pins_the_tag(scene: &mut Scene<'_>) -> Result<()> {
    let image = scene.cluster.images().signed.clone();
    let name = scene.namespace().to_owned();
    // as the chart has it, for this namespace alone
    let assign = json!({
        "apiVersion": "mutations.gatekeeper.sh/v1",
        "kind": "Assign",
        "metadata": { "name": name },
        "spec": {
            "match": {
                "scope": "Namespaced",
                "kinds": [{ "apiGroups": ["*"], "kinds": ["Pod"] }],
                "namespaces": [name],
            },
            "applyTo": [{ "groups": [""], "kinds": ["Pod"], "versions": ["v1"] }],
            "location": "spec.containers[name:*].image",
            "parameters": {
                "assign": { "externalData": { "provider": "ratify-mutation-provider" } },
            },
        },
    });
    let outcome = scene.apply_to_cluster(&assign, &format!("assign/{name}"))?;
    ensure!(outcome.success(), "expected the mutation to be accepted");
    let show = "jsonpath={.spec.containers[0].image}";
    let by_tag = format!("--image={}", image.by_tag);
    let probe = ["run", "probe", "--dry-run=server", "-o", show, &by_tag];
    scene.kubectl_until("a mutated image", &probe, |outcome| {
        outcome.stdout != image.by_tag
    })?;
    let outcome = scene.run_image("tagged", &image.by_tag)?;
    ensure!(outcome.success(), "expected the image to be admitted");
    let runs = scene.kubectl(&["get", "pod", "tagged", "-o", show])?;
    if runs.stdout != image.by_digest {
        bail!(
            "expected the pod to run `{}`, found `{}`",
            image.by_digest,
            runs.stdout
        );
    }
    // and it was the digest that was judged
    scene.expect_asked(&image.by_digest)?;
    let unsigned = scene.cluster.images().unsigned.clone();
    let expected = rejection(scene, &unsigned.by_digest, "NO_SIGNATURE");
    scene.expect_denied(&unsigned.by_tag, &words(&expected))
}

fn audit_reports_what_runs(scene: &mut Scene<'_>) -> Result<()> {
    let image = scene.cluster.images().unsigned.by_tag.clone();
    scene.leave_enforcement()?;
    let outcome = scene.run_image("running", &image)?;
    ensure!(
        outcome.success(),
        "expected no enforcement in this namespace"
    );
    let constraint = scene.report_only_constraint()?;
    let expected = rejection(scene, &image, "NO_SIGNATURE");
    let violations = [
        "get",
        &constraint,
        "-o",
        "jsonpath={.status.violations[*].message}",
    ];
    scene.kubectl_until(
        "a violation in the constraint's status",
        &violations,
        |outcome| expected.iter().all(|word| outcome.stdout.contains(word)),
    )?;
    Ok(())
}

fn stopped_server_denies_until_it_is_back(scene: &mut Scene<'_>) -> Result<()> {
    let image = scene.cluster.images().signed.by_tag.clone();
    scene.expect_admitted("before", &image)?;
    let status = scene.cluster.stop_server()?;
    if let Server::Ours(_) = scene.cluster.server() {
        ensure!(
            status.success(),
            "expected exit status 0 after SIGTERM, found {status}"
        );
    }
    let expected = scene.cluster.template().system_error(&image);
    let denied = scene.expect_denied(&image, &[&expected]);
    // the next case needs it too
    scene.cluster.start_server()?;
    denied?;
    scene.expect_admitted("after", &image)
}

/// Gatekeeper renews its authority and its certificates while all run. The API server needs them
/// at once and we need them at the next handshake.
fn rotated_client_authority_is_followed(scene: &mut Scene<'_>) -> Result<()> {
    let images = scene.cluster.images();
    let (good, bad) = (images.signed.by_tag.clone(), images.unsigned.by_tag.clone());
    let expected = rejection(scene, &bad, "NO_SIGNATURE");
    scene.cluster.rotate_gatekeepers_authority()?;
    // until Gatekeeper has its new certificate the API server cannot ask it, and admits
    let probe = format!("--image={bad}");
    let probe = ["run", "probe", "--dry-run=server", &probe];
    scene.kubectl_until("Gatekeeper with its new certificate", &probe, |outcome| {
        !outcome.success()
    })?;
    scene.restart_the_count_of_failed_open()?;
    // a change of the Provider makes Gatekeeper drop its connections, which began with the old one
    let patch = r#"--patch={"spec":{"timeout":4}}"#;
    let outcome = scene.kubectl(&[
        "patch",
        "provider",
        "ratify-provider",
        "--type=merge",
        patch,
    ])?;
    ensure!(outcome.success(), "expected the Provider to be changed");
    let probe = format!("--image={good}");
    let probe = ["run", "probe", "--dry-run=server", &probe];
    scene.kubectl_until("a server with the new authority", &probe, |outcome| {
        outcome.success()
    })?;
    scene.expect_admitted("after", &good)?;
    scene.expect_denied(&bad, &words(&expected))
}

/// What `expect_nothing_failed_open` guards against, made to happen: with a silent Gatekeeper the
/// API server admits anything, so an admission alone would prove nothing.
fn silent_gatekeeper_is_noticed(scene: &mut Scene<'_>) -> Result<()> {
    let image = scene.cluster.images().unsigned.by_tag.clone();
    scene.cluster.silence_gatekeeper()?;
    let outcome = scene.run_image("unjudged", &image);
    scene.cluster.wake_gatekeeper()?;
    ensure!(outcome?.success(), "expected the API server to fail open");
    ensure!(
        scene.expect_nothing_failed_open().is_err(),
        "expected the admission without an answer to be noticed"
    );
    scene.restart_the_count_of_failed_open()
}
