//! Who refers to a subject (OCI distribution specification 1.1, "Listing Referrers" and "Referrers Tag Schema").

use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use ratify_http::{Limit, Origin, Response};
use ratify_oci::{Descriptor, Digest, Index, Manifest, Repository, media};
use url::Url;

use crate::client::{Completeness, Inner, Referrers, Source};
use crate::endpoint::Endpoint;
use crate::exchange::Ask;
use crate::read::served_as;
use crate::{Deadline, Error, Malformation, Part, link};

/// How long it is remembered that a registry lacks the referrers API. It may be upgraded at any time.
const WITHOUT_API: Duration = Duration::from_mins(10);

/// One listing that is being asked for.
struct Question<'a> {
    endpoint: &'a Endpoint,
    subject: &'a Digest,
    artifact_type: Option<&'a str>,
    deadline: Deadline,
}

/// Referrers so far.
struct Gathered<'a> {
    descriptors: Vec<Descriptor>,
    artifact_type: Option<&'a str>,
    most: usize,
}

impl Inner {
    pub(crate) async fn referrers(
        &self,
        repository: &Repository,
        subject: &Digest,
        artifact_type: Option<&str>,
        deadline: Deadline,
    ) -> Result<Referrers, Error> {
        let endpoint = self.endpoint(repository)?;
        let question = Question {
            endpoint: &endpoint,
            subject,
            artifact_type,
            deadline,
        };
        let origin = &endpoint.origin;
        // The memory only changes what is asked first. "None" is said after both were asked, so that a registry which has
        // got the API meanwhile is not taken to hold no signatures.
        let expects_tag = self.without_referrers_api.recall(origin).is_some();
        if expects_tag && let Some(listed) = self.by_tag(&question).await? {
            return Ok(listed);
        }
        if let Some(listed) = self.by_api(&question).await? {
            self.without_referrers_api.forget(origin);
            return Ok(listed);
        }
        let listed = if expects_tag {
            None
        } else {
            self.by_tag(&question).await?
        };
        Ok(match listed {
            Some(listed) => {
                // A 404 alone may be about this repository. With the tag schema in use next to it, it is about the API.
                self.without_referrers_api
                    .remember(origin.clone(), (), WITHOUT_API);
                listed
            }
            None => Referrers {
                descriptors: Vec::new(),
                completeness: Completeness::Complete,
                source: Source::TagSchema,
            },
        })
    }

    /// All pages of the referrers API; nothing if the registry does not have it.
    async fn by_api(&self, question: &Question<'_>) -> Result<Option<Referrers>, Error> {
        let mut gathered = self.gathered(question);
        let mut url = question
            .endpoint
            .url("referrers", question.subject.as_str());
        if let Some(artifact_type) = question.artifact_type {
            url.query_pairs_mut()
                .append_pair("artifactType", artifact_type);
        }
        let listed = |gathered: Gathered<'_>, completeness| {
            Ok(Some(Referrers {
                descriptors: gathered.descriptors,
                completeness,
                source: Source::Api,
            }))
        };
        for page in 0..self.limits.pages {
            let response = self.ask(&self.page(question, url)).await?;
            match response.status.as_u16() {
                200 => {}
                400 | 404 | 405 if page == 0 => return Ok(None),
                _ => return Err(unexpected(question, response.status)),
            }
            if !gathered.add(index(question.endpoint, &response)?) {
                let completeness = gathered.over_limit();
                return listed(gathered, completeness);
            }
            match next_page(question.endpoint, &response)? {
                Some(next) => url = next,
                None => return listed(gathered, Completeness::Complete),
            }
        }
        let completeness = Completeness::OverLimit {
            of: "pages of referrers",
            limit: self.limits.pages,
        };
        listed(gathered, completeness)
    }

    /// The index under the referrers tag; nothing if there is none.
    async fn by_tag(&self, question: &Question<'_>) -> Result<Option<Referrers>, Error> {
        let tag = question.subject.referrers_tag();
        let url = question.endpoint.url("manifests", &tag);
        let response = self.ask(&self.page(question, url)).await?;
        match response.status {
            StatusCode::OK => {}
            StatusCode::NOT_FOUND => return Ok(None),
            status => return Err(unexpected(question, status)),
        }
        let mut gathered = self.gathered(question);
        let completeness = if gathered.add(index(question.endpoint, &response)?) {
            Completeness::Complete
        } else {
            gathered.over_limit()
        };
        Ok(Some(Referrers {
            descriptors: gathered.descriptors,
            completeness,
            source: Source::TagSchema,
        }))
    }

    fn page<'a>(&self, question: &Question<'a>, url: Url) -> Ask<'a> {
        Ask {
            endpoint: question.endpoint,
            url,
            part: Part::Listing,
            accept: Some(media::OCI_INDEX),
            limit: Limit {
                of: "pages of referrers",
                bytes: self.limits.manifest,
            },
            deadline: question.deadline,
        }
    }

    fn gathered<'a>(&self, question: &Question<'a>) -> Gathered<'a> {
        Gathered {
            descriptors: Vec::new(),
            artifact_type: question.artifact_type,
            most: self.limits.referrers,
        }
    }
}

impl Gathered<'_> {
    /// Add those of the wanted type, whether or not the registry says that it has filtered. False if there are too many.
    ///
    /// Only those count towards the limit: otherwise anybody who can push could hide a signature behind a heap of other
    /// artifacts. The heap is bounded by the number and the size of pages.
    fn add(&mut self, index: Index) -> bool {
        let wanted = |descriptor: &Descriptor| {
            let wanted = self.artifact_type;
            wanted.is_none() || descriptor.artifact_type.as_deref() == wanted
        };
        let mut more = index.manifests.into_iter().filter(wanted);
        let room = self.most.saturating_sub(self.descriptors.len());
        self.descriptors.extend(more.by_ref().take(room));
        more.next().is_none()
    }

    fn over_limit(&self) -> Completeness {
        Completeness::OverLimit {
            of: "referrers",
            limit: self.most,
        }
    }
}

fn unexpected(question: &Question<'_>, status: StatusCode) -> Error {
    Error::UnexpectedStatus {
        host: question.endpoint.authority(),
        part: Part::Listing,
        status,
    }
}

fn malformed(endpoint: &Endpoint, source: Malformation) -> Error {
    Error::Malformed {
        host: endpoint.authority(),
        part: Part::Listing,
        source,
    }
}

fn index(endpoint: &Endpoint, response: &Response) -> Result<Index, Error> {
    served_as(
        endpoint,
        Part::Listing,
        &response.headers,
        &[media::OCI_INDEX],
    )?;
    match Manifest::parse(media::OCI_INDEX, &response.body) {
        Ok(Manifest::Index(index)) => Ok(index),
        Ok(_) => {
            let (found, expected) = (String::new(), media::OCI_INDEX.to_owned());
            Err(malformed(
                endpoint,
                Malformation::ContentType { found, expected },
            ))
        }
        Err(error) => Err(malformed(endpoint, Malformation::Manifest(Arc::new(error)))),
    }
}

/// Where the next page is: at the same registry, or the listing cannot be trusted to end.
fn next_page(endpoint: &Endpoint, response: &Response) -> Result<Option<Url>, Error> {
    let unreadable = || malformed(endpoint, Malformation::Link);
    let Some(target) = link::next(&response.headers).map_err(|_| unreadable())? else {
        return Ok(None);
    };
    let mut url = response.url.join(&target).map_err(|_| unreadable())?;
    url.set_fragment(None);
    match Origin::of(&url) {
        Ok(origin) if origin == endpoint.origin => Ok(Some(url)),
        _ => Err(malformed(endpoint, Malformation::ForeignLink)),
    }
}
