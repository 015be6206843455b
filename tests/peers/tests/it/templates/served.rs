//! Every form in which our server answers, and who admits on it.

use std::collections::BTreeSet;
use std::fs;

use ratify_peers::{Peer, ProviderAnswer};

use super::{APP, SIDECAR, Template, creation, pod, recorded, responses, stock};

/// Who goes by the verdict on the image.
const BY_VERDICT: [&str; 6] = [
    "1.0 default",
    "1.4 default",
    "1.4 multi-tenancy",
    "2022 default",
    "ours",
    "ours namespaced",
];

/// Who asks for one good signature of notation among the reports.
const BY_SIGNATURE: [&str; 2] = ["1.4 notation", "1.4 notation-nested"];

/// Who goes by the verdict and asks for a good signature of one issuer, too.
const BY_ISSUER: [&str; 1] = ["1.4 notation-issuer"];

const NOBODY: [&[&str]; 0] = [];

/// One form: its file, the HTTP status, the images of the Pod, and who admits it.
struct Form {
    file: &'static str,
    status: u16,
    images: &'static [&'static str],
    admitted_by: &'static [&'static [&'static str]],
}

const fn form(
    file: &'static str,
    images: &'static [&'static str],
    admitted_by: &'static [&'static [&'static str]],
) -> Form {
    Form {
        file,
        status: 200,
        images,
        admitted_by,
    }
}

/// What our server can answer. Two of Ratify's templates, `1.4 notation` and `1.4 notation-nested`, do not go by the
/// verdict: one good signature is enough for them, with us as with Ratify, also where the policy asks for more. The
/// templates for SBOMs and vulnerability reports want reports that no verifier of ours makes, and deny everything.
const FORMS: [Form; 17] = [
    form(
        "admitted",
        &[APP],
        &[&BY_VERDICT, &BY_SIGNATURE, &BY_ISSUER],
    ),
    form(
        "admitted-one-of-two",
        &[APP],
        &[&BY_VERDICT, &BY_SIGNATURE, &BY_ISSUER],
    ),
    form(
        "admitted-logged-failures",
        &[APP],
        &[&BY_VERDICT, &BY_SIGNATURE, &BY_ISSUER],
    ),
    // nothing was looked at, so there is no issuer
    form("admitted-skipped", &[APP], &[&BY_VERDICT, &BY_SIGNATURE]),
    form(
        "admitted-both",
        &[APP, SIDECAR],
        &[&BY_VERDICT, &BY_SIGNATURE, &BY_ISSUER],
    ),
    form("denied", &[APP], &NOBODY),
    form("denied-unsigned", &[APP], &NOBODY),
    form("denied-one-of-two", &[APP], &[&BY_SIGNATURE]),
    form(
        "denied-bad-reference",
        &["registry.example/Team/App:1.0"],
        &NOBODY,
    ),
    form("denied-beside-admitted", &[APP, SIDECAR], &NOBODY),
    form("undecided", &[APP], &NOBODY),
    form("undecided-both", &[APP, SIDECAR], &NOBODY),
    form("undecided-beside-admitted", &[APP, SIDECAR], &NOBODY),
    form("undecided-beside-denied", &[APP, SIDECAR], &NOBODY),
    form("undecided-unnamed", &[APP, SIDECAR], &NOBODY),
    form("failed", &[APP], &NOBODY),
    Form {
        status: 400,
        ..form("malformed", &[APP], &NOBODY)
    },
];

#[test]
fn every_answer_of_our_server_leads_to_the_right_verdict() {
    let Some([opa, _ratify]) = Peer::require_all(["opa", "ratify"]) else {
        return;
    };
    let mut templates = stock::templates();
    templates.extend([Template::ours(), Template::ours_namespaced()]);
    let answers: Vec<_> = FORMS
        .iter()
        .map(|form| ProviderAnswer::Http {
            status: form.status,
            body: recorded(form.file),
        })
        .collect();
    let mut admitted_by = vec![BTreeSet::new(); FORMS.len()];
    for template in &templates {
        let reviews = FORMS.iter().map(|form| creation(pod(form.images)));
        let judged = template.judge(&opa, reviews.zip(&answers));
        for (index, judgement) in judged.iter().enumerate() {
            let (file, name) = (FORMS[index].file, template.name);
            assert_eq!(judgement.error, "", "{name} on {file}");
            assert_eq!(judgement.sent.len(), 1, "{name} on {file}");
            if judgement.admits() {
                admitted_by[index].insert(name);
            }
        }
    }
    for (form, admitted_by) in FORMS.iter().zip(admitted_by) {
        let expected: BTreeSet<_> = form
            .admitted_by
            .iter()
            .copied()
            .flatten()
            .copied()
            .collect();
        assert_eq!(admitted_by, expected, "{}", form.file);
    }
}

#[test]
fn every_recorded_answer_is_judged() {
    let mut files: Vec<_> = fs::read_dir(responses())
        .unwrap()
        .map(|file| file.unwrap().path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "json")
        })
        .map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    files.sort();
    let mut judged: Vec<_> = FORMS.iter().map(|form| form.file.to_owned()).collect();
    judged.sort();
    assert_eq!(files, judged);
}
