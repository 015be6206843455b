//! `mutate`: which digests do these tags point to? (V 2.7, decisions 3 and 29)
//!
//! Every key has an item here, also when time runs out: Gatekeeper remembers no answer to `mutate`, and what a mutator
//! does when it fails can be said for each image, but not for a `systemError`.

use std::borrow::Cow;

use futures::future::BoxFuture;
use jiff::Timestamp;
use ratify_engine::{Call, StoreError};
use ratify_oci::{Descriptor, Reference};
use ratify_verify::{Reason, ReasonCode};
use tracing::info;

use super::Asked;
use super::go_json::Unsupported;
use super::images::{Distinct, Ended, Stopped};
use super::key::{Key, shown};
use super::response::Answer;
use crate::metrics::Endpoint;

/// What is to be done with one key.
enum Plan {
    /// It names no image.
    Refused(Reason),
    /// It names content already, and stays as it is, tag included: what a mutator puts in must come out again.
    Pinned,
    /// Its tag must be resolved.
    Resolve(Reference),
}

impl Plan {
    fn of(key: &str) -> Self {
        if key.starts_with('[') {
            // what stands in a pod is its author's text, who must not choose the namespace whose logins are used
            let text = format_args!(
                "failed to parse image reference {key}: expected an image reference, without a namespace in brackets"
            );
            return Self::Refused(Reason::new(ReasonCode::ReferenceInvalid, text));
        }
        match Key::of(key).reference() {
            Err(reason) => {
                let text =
                    format_args!("failed to parse image reference {key}: {}", reason.detail());
                Self::Refused(Reason::new(reason.code(), text))
            }
            Ok(reference) if reference.digest().is_some() => Self::Pinned,
            Ok(reference) => Self::Resolve(reference),
        }
    }
}

/// What came of resolving.
type Resolved = Result<Descriptor, StoreError>;

impl Asked<'_> {
    /// The answer about `keys`, in their order.
    pub(super) async fn mutate(&self, keys: &[Cow<'_, str>]) -> Result<Answer, Unsupported> {
        let trace_id = self.trace_id.as_str();
        let distinct = Distinct::of(keys);
        for key in distinct.texts.iter().map(|key| shown(key)) {
            info!(
                "component-type" = "server",
                "trace-id" = trace_id,
                namespace = "",
                "mutating image {key}"
            );
        }
        let plans: Vec<_> = distinct.texts.iter().map(|key| Plan::of(key)).collect();
        let call = self.face.dispatcher.call(Timestamp::now(), self.times.work);
        let open = plans.iter().enumerate();
        let open = open.filter_map(|(place, plan)| match plan {
            Plan::Resolve(reference) => Some((place, self.resolve(reference, &call))),
            Plan::Refused(_) | Plan::Pinned => None,
        });
        let open = open.collect();
        let mut ended: Vec<Ended<Resolved>> = plans.iter().map(|_| Err(Stopped::Late)).collect();
        self.work_on(open, &mut ended).await;

        let mut answer = Answer::new(true, distinct.places.len());
        let results: Vec<_> = distinct
            .texts
            .iter()
            .zip(plans.iter().zip(&ended))
            .map(|(key, (plan, ended))| (*key, value(key, plan, ended)))
            .collect();
        let words = results.iter().map(|(_, result)| match result {
            Ok(_) => ("resolved", ReasonCode::Verified),
            Err(reason) => ("failed", reason.code()),
        });
        self.face.metrics.verdicts(Endpoint::Mutate, words);
        for (key, result) in distinct
            .places
            .iter()
            .filter_map(|place| results.get(*place))
        {
            match result {
                Ok(value) => answer.value(key, value)?,
                Err(reason) => answer.error(key, &reason.to_string())?,
            }
        }
        Ok(answer)
    }

    fn resolve<'a>(&'a self, reference: &'a Reference, call: &'a Call) -> BoxFuture<'a, Resolved> {
        let dispatcher = &self.face.dispatcher;
        Box::pin(dispatcher.resolve(&self.configuration.snapshot, reference, call))
    }
}

/// The reference that `key` becomes, or why it does not.
fn value<'a>(
    key: &'a str,
    plan: &'a Plan,
    ended: &Ended<Resolved>,
) -> Result<Cow<'a, str>, Cow<'a, Reason>> {
    let reference = match plan {
        Plan::Refused(reason) => return Err(Cow::Borrowed(reason)),
        Plan::Pinned => return Ok(Cow::Borrowed(key)),
        Plan::Resolve(reference) => reference,
    };
    let reason = match ended {
        Ok(Ok(descriptor)) => {
            let pinned = reference.repository().at(descriptor.digest.clone());
            return Ok(Cow::Owned(pinned.to_string()));
        }
        Ok(Err(error)) => error.reason().clone(),
        Err(Stopped::Late) => Reason::new(
            ReasonCode::DeadlineExceeded,
            "time ran out before the registry answered",
        ),
        Err(stopped) => stopped.reason(),
    };
    let text = format_args!(
        "failed to get subject descriptor for image {key}: Unable to resolve the reference: {reference}: {}",
        reason.detail()
    );
    Err(Cow::Owned(Reason::new(reason.code(), text)))
}
