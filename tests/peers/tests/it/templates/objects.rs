//! Which images of which objects our template asks for.

use ratify_peers::{Judgement, Peer, ProviderAnswer};
use serde_json::{Value, json};

use super::{APP, SIDECAR, Template, body, creation, pod, recorded, stock};

/// The lists of a `PodSpec` that hold images.
const LISTS: [&str; 4] = [
    "containers",
    "initContainers",
    "ephemeralContainers",
    "volumes",
];

/// Kinds, and where their `PodSpec` is.
const KINDS: [(&str, &str); 9] = [
    ("Pod", "/spec"),
    ("Deployment", "/spec/template/spec"),
    ("ReplicaSet", "/spec/template/spec"),
    ("StatefulSet", "/spec/template/spec"),
    ("DaemonSet", "/spec/template/spec"),
    ("Job", "/spec/template/spec"),
    ("ReplicationController", "/spec/template/spec"),
    ("CronJob", "/spec/jobTemplate/spec/template/spec"),
    ("PodTemplate", "/template/spec"),
];

/// An object whose `PodSpec` at `path` has `image` in `list` and nowhere else.
fn object(kind: &str, path: &str, list: &str, image: &str) -> Value {
    let entry = if list == "volumes" {
        json!({ "name": "v", "image": { "reference": image } })
    } else {
        json!({ "name": "c", "image": image })
    };
    let spec = json!({ list: [{ "name": "first" }, entry] });
    let around = |inside, name: &str| json!({ name: inside });
    let mut object = path
        .split('/')
        .skip(1)
        .collect::<Vec<_>>()
        .into_iter()
        .rfold(spec, around);
    object["kind"] = kind.into();
    object
}

fn judge_ours(opa: &Peer, review: Value, answer: &ProviderAnswer) -> Judgement {
    Template::ours().judge(opa, [(review, answer)]).remove(0)
}

#[test]
fn an_image_is_found_wherever_it_stands() {
    let Some(opa) = Peer::require("opa") else {
        return;
    };
    let (admitted, denied) = (
        ProviderAnswer::ok(recorded("admitted")),
        ProviderAnswer::ok(recorded("denied")),
    );
    for (kind, path) in KINDS {
        for list in LISTS {
            let review = creation(object(kind, path, list, APP));
            let cases = [(review.clone(), &admitted), (review, &denied)];
            let judged = Template::ours().judge(&opa, cases);
            for judgement in &judged {
                assert_eq!(judgement.asked, [[APP]], "{kind} {list}");
            }
            assert!(judged[0].admits(), "{kind} {list}: {judged:?}");
            assert_eq!(judged[1].violations.len(), 1, "{kind} {list}: {judged:?}");
        }
    }
}

#[test]
fn ratifys_default_template_does_not_see_every_image() {
    let Some([opa, _ratify]) = Peer::require_all(["opa", "ratify"]) else {
        return;
    };
    let denied = ProviderAnswer::ok(recorded("denied"));
    let templates = stock::templates();
    let unseen = |name: &str| -> Vec<String> {
        let template = templates.iter().find(|one| one.name == name).unwrap();
        let mut unseen = Vec::new();
        for (kind, path) in [KINDS[0], KINDS[1]] {
            for list in LISTS {
                let review = creation(object(kind, path, list, APP));
                if template.judge(&opa, [(review, &denied)])[0].admits() {
                    unseen.push(format!("{kind} {list}"));
                }
            }
        }
        unseen
    };
    let of_a_deployment = LISTS.map(|list| format!("Deployment {list}"));
    assert_eq!(unseen("1.4 default")[0], "Pod volumes");
    assert_eq!(unseen("1.4 default")[1..], of_a_deployment);
    let of_a_pod = LISTS[1..].iter().map(|list| format!("Pod {list}"));
    let of_2022: Vec<_> = of_a_pod.chain(of_a_deployment).collect();
    assert_eq!(unseen("2022 default"), of_2022);
}

#[test]
fn each_image_is_asked_for_once_and_judged_by_itself() {
    let Some(opa) = Peer::require("opa") else {
        return;
    };
    let mut all = pod(&[APP, SIDECAR, APP]);
    all["spec"]["initContainers"] = json!([{ "name": "i", "image": SIDECAR }]);
    all["spec"]["volumes"] =
        json!([{ "name": "v", "image": { "reference": APP } }, { "name": "e", "emptyDir": {} }]);
    let answer = ProviderAnswer::ok(recorded("admitted-both"));
    let judgement = judge_ours(&opa, creation(all.clone()), &answer);
    assert_eq!(judgement.asked, [[APP, SIDECAR]]);
    assert!(judgement.admits(), "{judgement:?}");

    let answer = ProviderAnswer::ok(recorded("denied-beside-admitted"));
    let judgement = judge_ours(&opa, creation(all), &answer);
    assert_eq!(judgement.violations.len(), 1, "{judgement:?}");
}

#[test]
fn an_object_without_images_is_none_of_its_business() {
    let Some(opa) = Peer::require("opa") else {
        return;
    };
    let denied = ProviderAnswer::ok(recorded("denied"));
    let mut deletion = creation(pod(&[APP]));
    deletion["operation"] = "DELETE".into();
    let mut gone = deletion.clone();
    gone["object"] = Value::Null;
    let service = json!({ "kind": "Service", "spec": { "ports": [{ "port": 80 }] } });
    for review in [
        creation(pod(&[])),
        creation(json!({ "kind": "Pod" })),
        creation(service),
        deletion,
        gone,
    ] {
        let judgement = judge_ours(&opa, review.clone(), &denied);
        assert!(judgement.admits(), "{review}: {judgement:?}");
        assert_eq!(judgement.asked, [[""; 0]; 0], "{review}");
    }
    // every other operation counts, and so does none, which is how audit asks
    for operation in [
        json!("CREATE"),
        json!("UPDATE"),
        json!("delete"),
        json!(""),
        Value::Null,
    ] {
        let mut review = creation(pod(&[APP]));
        review["operation"] = operation.clone();
        let judgement = judge_ours(&opa, review, &denied);
        assert_eq!(judgement.violations.len(), 1, "{operation}");
    }
}

#[test]
fn an_image_that_is_no_text_denies() {
    let Some(opa) = Peer::require("opa") else {
        return;
    };
    for image in [
        json!(5),
        json!(true),
        json!(false),
        Value::Null,
        json!([APP]),
        json!({ "name": APP }),
    ] {
        let mut object = pod(&[APP]);
        object["spec"]["containers"][0]["image"] = image.clone();
        let judgement = judge_ours(
            &opa,
            creation(object),
            &ProviderAnswer::ok(recorded("admitted")),
        );
        assert_eq!(judgement.error, "", "{image}");
        assert_eq!(judgement.violations.len(), 1, "{image}: {judgement:?}");
    }
}

#[test]
fn a_namespace_comes_from_the_review_and_from_nowhere_else() {
    let Some(opa) = Peer::require("opa") else {
        return;
    };
    let answer = ProviderAnswer::Closed;
    let ours = Template::ours_namespaced();
    let keys = |review: Value| ours.judge(&opa, [(review, &answer)]).remove(0).asked;
    let mut review = creation(pod(&[APP]));
    review["object"]["metadata"]["namespace"] = "elsewhere".into();
    assert_eq!(keys(review.clone()), [[format!("[team-a]{APP}")]]);
    review["object"]["metadata"]
        .as_object_mut()
        .unwrap()
        .remove("namespace");
    assert_eq!(keys(review.clone()), [[format!("[team-a]{APP}")]]);
    // cluster-wide
    review["namespace"] = "".into();
    assert_eq!(keys(review.clone()), [[format!("[]{APP}")]]);
    review.as_object_mut().unwrap().remove("namespace");
    assert_eq!(keys(review), [[format!("[]{APP}")]]);
}

#[test]
fn an_undefined_namespace_makes_ratifys_template_ask_nothing_and_admit() {
    let Some([opa, _ratify]) = Peer::require_all(["opa", "ratify"]) else {
        return;
    };
    let mut review = creation(pod(&[APP]));
    review["object"]["metadata"]
        .as_object_mut()
        .unwrap()
        .remove("namespace");
    let denied = ProviderAnswer::ok(recorded("denied"));
    let templates = stock::templates();
    let stock = templates.iter().find(|one| one.name == "1.4 multi-tenancy");
    let judgement = stock
        .unwrap()
        .judge(&opa, [(review.clone(), &denied)])
        .remove(0);
    assert!(
        judgement.admits() && judgement.sent.is_empty(),
        "{judgement:?}"
    );
    let judgement = Template::ours_namespaced()
        .judge(&opa, [(review, &denied)])
        .remove(0);
    assert_eq!(judgement.violations.len(), 1, "{judgement:?}");
}

#[test]
fn an_image_cannot_choose_the_namespace_that_judges_it() {
    let Some(opa) = Peer::require("opa") else {
        return;
    };
    let image = format!("[lenient]{APP}");
    let review = creation(pod(&[&image]));
    let answer = ProviderAnswer::Closed;
    let asked = |template: Template| {
        template
            .judge(&opa, [(review.clone(), &answer)])
            .remove(0)
            .asked
    };
    assert_eq!(asked(Template::ours()), [[format!("[][lenient]{APP}")]]);
    assert_eq!(
        asked(Template::ours_namespaced()),
        [[format!("[team-a][lenient]{APP}")]]
    );
}

#[test]
fn an_object_with_more_images_than_one_request_takes_is_denied_unasked() {
    let Some(opa) = Peer::require("opa") else {
        return;
    };
    let images: Vec<_> = (0..1001).map(|i| format!("registry.example/{i}")).collect();
    let images: Vec<_> = images.iter().map(String::as_str).collect();
    let items: Vec<_> = images
        .iter()
        .map(|image| json!({ "key": image, "value": { "isSuccess": true } }))
        .collect();
    let answer = ProviderAnswer::ok(body(&items, None));
    let judgement = judge_ours(&opa, creation(pod(&images)), &answer);
    assert_eq!(
        judgement.violations,
        [
            "Subject failed verification: the object has 1001 different images, at most 1000 are judged"
        ]
    );
    assert!(judgement.asked.is_empty());
    let judgement = judge_ours(&opa, creation(pod(&images[1..])), &answer);
    assert!(judgement.admits(), "{judgement:?}");
    assert_eq!(judgement.asked[0].len(), 1000);
}

#[test]
fn what_gatekeeper_remembers_is_as_good_as_an_answer() {
    let Some(opa) = Peer::require("opa") else {
        return;
    };
    let both = creation(pod(&[APP, SIDECAR]));
    let app = creation(pod(&[APP]));
    let (partly, closed) = (
        ProviderAnswer::ok(recorded("undecided-beside-admitted")),
        ProviderAnswer::Closed,
    );
    let denied = ProviderAnswer::ok(recorded("denied-beside-admitted"));
    let cases = [
        (both.clone(), &partly),
        // the decided image is remembered; status 0
        (app, &closed),
        // the undecided one is asked for again, alone
        (both.clone(), &closed),
        (both.clone(), &denied),
        (both, &closed),
    ];
    let judged = Template::ours().judge_with_cache(&opa, 180, cases);
    let sent: Vec<_> = judged.iter().map(|one| one.sent.concat()).collect();
    assert_eq!(
        sent,
        [
            vec![APP, SIDECAR],
            vec![],
            vec![SIDECAR],
            vec![SIDECAR],
            vec![]
        ]
    );
    let denials: Vec<_> = judged.iter().map(|one| one.violations.len()).collect();
    // asking in vain, Gatekeeper forgets for once what it remembers
    assert_eq!(denials, [1, 0, 2, 1, 1]);
    for index in [0, 3, 4] {
        let violations = &judged[index].violations;
        assert!(violations[0].contains(SIDECAR), "{index}: {violations:?}");
    }
    assert!(judged[4].violations[0].contains("SIGNATURE_EXPIRED"));
}
