//! Which verifier reads which artifact types, and what to say when that is not what v1.4 did.

use ratify_verify::Verifier;

use crate::fields::Notes;
use crate::place::{Place, shown};

/// Reads every artifact type.
pub(crate) const EVERY_TYPE: &str = "*";

/// Split `artifactTypes`. `absent` is what counts when nothing is written.
///
/// v1.4 does not trim, so that `a, b` never matches `b`; nobody means that, and an artifact type that no verifier reads
/// is not judged. Blanks are trimmed here, with a warning.
pub(crate) fn artifact_types(
    written: Option<&str>,
    absent: &str,
    place: &Place,
    notes: &mut Notes,
) -> Vec<String> {
    let written = written.filter(|types| !types.trim_matches([',', ' ', '\t']).is_empty());
    let types: Vec<&str> = written.unwrap_or(absent).split(',').collect();
    if types.iter().any(|one| one.trim() != *one) {
        notes.warn(place, "has blanks around artifact types; they are left out");
    }
    let trimmed = types.into_iter().map(str::trim);
    // an empty name would be that of artifacts without a type, which nobody means by a comma too many
    trimmed
        .filter(|one| !one.is_empty())
        .map(str::to_owned)
        .collect()
}

/// A verifier and where it is written.
pub(crate) struct Placed {
    pub(crate) place: Place,
    pub(crate) verifier: Verifier,
}

/// Warn where the order of names makes another verifier judge than the order of the file, which v1.4 uses.
pub(crate) fn warn_of_order(verifiers: &[Placed], notes: &mut Notes) {
    for (index, earlier) in verifiers.iter().enumerate() {
        for later in verifiers.iter().skip(index + 1) {
            let (a, b) = (&earlier.verifier, &later.verifier);
            let Some(shared) = shared_type(a, b) else {
                continue;
            };
            if b.name() < a.name() {
                let text = format!(
                    "reads `{}`, as `{}` before it does; verifiers are used in the order of their names, so this one judges",
                    shown(shared),
                    shown(a.name())
                );
                notes.warn(&later.place, text);
            } else if a.name() == b.name() {
                let text = format!(
                    "reads `{}`, as another verifier of the same name before it does, and will not judge it",
                    shown(shared)
                );
                notes.warn(&later.place, text);
            }
        }
    }
}

/// Warn of every artifact type that the policy demands and nobody reads: no image can be admitted then.
pub(crate) fn warn_of_unread(listed: &[(Place, String)], verifiers: &[Placed], notes: &mut Notes) {
    let read = |wanted: &str| {
        let mut types = verifiers
            .iter()
            .flat_map(|one| one.verifier.artifact_types());
        types.any(|one| one == EVERY_TYPE || one == wanted)
    };
    for (place, artifact_type) in listed
        .iter()
        .filter(|(_, artifact_type)| !read(artifact_type))
    {
        let text = format!(
            "no verifier reads `{}`, so every image will be denied",
            shown(artifact_type)
        );
        notes.warn(place, text);
    }
}

fn shared_type<'a>(a: &'a Verifier, b: &'a Verifier) -> Option<&'a str> {
    let shared = |one: &&String| *one == EVERY_TYPE || b.artifact_types().contains(one);
    let of_a = a.artifact_types().iter().find(shared);
    let everything = || b.artifact_types().iter().find(|one| *one == EVERY_TYPE);
    of_a.or_else(everything).map(String::as_str)
}
