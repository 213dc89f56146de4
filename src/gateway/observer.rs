//! The steps of a decision, for whoever wants to see them: `tollgate explain` prints them, the service
//! passes them by.

use crate::access::{AccessRequest, Client, Deployment, Grant, ObjectKind, Target, Uses, Wanted};
use crate::auth::{AuthError, Caller, PresentedCertificate, PresentedHeaders};

/// What has just been found out, or is about to be decided.
pub(crate) enum Step<'a> {
    /// What the request proves itself with.
    Presented {
        headers: &'a PresentedHeaders<'a>,
        certificate: &'a PresentedCertificate<'a>,
        /// Whether certificates are accepted at all.
        takes_certificates: bool,
    },
    /// Who is calling.
    Caller(Result<&'a Caller, &'a AuthError>),
    /// What the path means.
    Target(&'a Target),
    /// The end user that the client names in its header.
    UserOfHeader(&'a str),
    /// The end user that the client names in the body.
    UserOfBody(&'a str),
    /// The deployment in the path, and the model of the body where it has been read.
    Deployment {
        path: Option<&'a Deployment>,
        model: Option<&'a str>,
    },
    /// The products of the client are asked.
    Products {
        client: &'a Client,
        asked: &'a AccessRequest<'a>,
        wanted: Wanted<'a>,
        uses: Option<&'a Uses>,
    },
    /// One of them allows it.
    Granted(&'a Grant),
    /// Something stored is named, whose owner only a running service knows.
    Stored(ObjectKind, &'a str),
    /// The client's limit of output tokens.
    OutputLimit(u32),
}

/// Sees the steps of a decision.
pub(crate) trait Observer {
    /// The next step.
    fn step(&mut self, step: Step<'_>);
}

/// Nobody looks.
impl Observer for () {
    fn step(&mut self, _: Step<'_>) {}
}
