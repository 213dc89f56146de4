//! The fake Azure OpenAI and identity endpoint that the chains share, on plain HTTP.

use std::net::SocketAddr;
use std::time::Duration;

use tollgate_integration::fakes::azure::{AzureOptions, FakeAzure};
use tollgate_integration::fakes::identity::{FakeIdentity, IdentityOptions};
use tollgate_integration::fakes::token::{COGNITIVE_SERVICES_AUDIENCE, Claims};
use tollgate_integration::stack::Failure;

/// Longer than any run.
const TOKEN_LIFETIME: Duration = Duration::from_secs(24 * 3600);

/// What all chains end at. One for all, so that it differs for none.
pub struct BenchBackend {
    /// Where tollgate gets its tokens.
    pub identity: FakeIdentity,
    azure: FakeAzure,
}

impl BenchBackend {
    /// Starts both.
    pub async fn start() -> Result<Self, Failure> {
        let failed = |error| Failure::new("the backend", error);
        let identity = FakeIdentity::try_start(IdentityOptions::default())
            .await
            .map_err(failed)?;
        let azure = FakeAzure::try_start(AzureOptions {
            token_secret: identity.token_secret(),
            ..AzureOptions::default()
        });
        Ok(Self {
            azure: azure.await.map_err(failed)?,
            identity,
        })
    }

    /// Where Envoy connects to.
    pub fn address(&self) -> SocketAddr {
        self.azure.addr
    }

    /// A token that it accepts.
    pub fn token(&self) -> String {
        let claims = Claims::new(COGNITIVE_SERVICES_AUDIENCE, "bench", TOKEN_LIFETIME);
        self.identity.token_secret().sign(&claims)
    }

    /// The tokens that it has billed, input and output, once nothing is under way.
    pub fn billed_tokens(&self) -> u64 {
        let tokens = self.azure.totals().tokens;
        tokens.prompt + tokens.completion
    }

    /// How many requests are under way.
    pub fn open_requests(&self) -> u64 {
        self.azure.open_requests()
    }
}
