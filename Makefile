# What the README names. Everything that is fetched or built lands in cargo's target folder.

SHELL := bash
BUILT := $(or $(CARGO_TARGET_DIR),target)
ENVOY := $(BUILT)/tools/envoy-1.40.0/envoy
SDK   := $(BUILT)/tools/venv
ISSUERS := $(BUILT)/tools/issuers
CLIENTS := $(BUILT)/tools/clients
AZURE   := $(BUILT)/tools/azure
DENY    := $(BUILT)/tools/deny
KUBERNETES := $(BUILT)/tools/kubernetes
CARGO_DEB  := $(BUILT)/tools/cargo-deb
# The environments of the ten clients that matter most, and those that only `make clients` wants.
TEN     := nodejs javascript javascript-older langchain llama-index openai-1.50 openai-1.10
OTHERS  := openai-2.30 agents semantic-kernel

.PHONY: help demo test mesh-test stack-test azure-test clients deb deny fuzz soak bench screenshots tools fmt

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: ## the gateway, a real Envoy and a fake Azure OpenAI, tried from end to end; KEEP=1 leaves them up
	@scripts/need.sh cargo cc python
	@scripts/envoy.sh $(ENVOY)
	cargo build --locked --workspace --bins
	@$(BUILT)/debug/demo $(if $(KEEP),--keep)

test: ## format, lints, and every test: unit, property, and through the real Envoy
	@scripts/need.sh cargo rustfmt clippy cc c++ python curl openssl node postgresql redis prometheus systemd go dpkg-dev lintian
	@scripts/need.sh chromium || echo 'going on: the tests of the console in a browser are skipped' >&2
	@scripts/envoy.sh $(ENVOY)
	@scripts/sdk.sh $(SDK)
	@scripts/issuers.sh $(ISSUERS)
	@scripts/clients.sh $(CLIENTS) $(TEN)
	@scripts/kubernetes.sh $(KUBERNETES)
	@scripts/cargo-deb.sh $(CARGO_DEB)
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	# As the image builds it: without what the other members of the workspace switch on.
	cargo check --locked --package tollgate
	cargo build --workspace --all-targets --locked
	@scripts/tests.sh
	@RUNS=50000 TIME=10 scripts/fuzz.sh

clients: ## every client of docs/clients.md through the gateway, also those that `make test` leaves out
	@scripts/need.sh cargo clippy cc python3.11 node
	@scripts/envoy.sh $(ENVOY)
	@scripts/sdk.sh $(SDK)
	@scripts/clients.sh $(CLIENTS) $(TEN) $(OTHERS)
	cargo build --locked --workspace --bins
	cargo clippy -p tollgate-integration --test clients --features all-clients --locked -- -D warnings
	cargo test -p tollgate-integration --test clients --features all-clients --locked

mesh-test: ## through Envoys that Envoy Gateway and Istio configure; builds both from source, and takes long the first time
	@scripts/need.sh cargo cc python go
	@scripts/envoy.sh $(ENVOY)
	@integration/mesh/build.sh $(BUILT)/tools/mesh $(PLATFORMS)
	cargo build --locked --workspace --bins
	@integration/mesh/test.sh $(BUILT)/tools/mesh $(PLATFORMS)

stack-test: ## docker-compose.yml for real: both images, all healthy, tried with the SDK; KEEP=1 keeps the builds
	@scripts/need.sh root docker docker-compose debootstrap cargo python curl
	@scripts/envoy.sh $(ENVOY)
	@scripts/sdk.sh $(SDK)
	@scripts/stack.sh $(BUILT)/stack $(ENVOY) $(SDK)/bin/python

azure-test: ## deploy/azure by bicep, or TYPES=FOLDER of bicep-types-az; and by tofu or terraform
	@scripts/need.sh python
	@scripts/azure.sh $(AZURE) $(TYPES)

deb: ## a Debian package of a release build, in target/debian; MAINTAINER="Name <mail>" is who distributes it
	@scripts/need.sh cargo cc dpkg-dev
	@scripts/cargo-deb.sh $(CARGO_DEB)
	cargo build --locked --release --package tollgate
	@mkdir -p $(BUILT)/debian
	@scripts/deb.sh $(CARGO_DEB) $(BUILT)/release/tollgate $(BUILT)/debian

deny: ## licences, sources and duplicate versions of the dependencies; CHECKS=advisories asks for those
	@scripts/need.sh cargo python
	@scripts/deny.sh $(DENY) $(or $(CHECKS),bans licenses sources)

fuzz: ## a coverage-guided fuzzer on all that comes from outside; TIME=60 seconds for each target
	@scripts/need.sh cargo cc c++
	@RUNS=-1 TIME=$(or $(TIME),60) scripts/fuzz.sh $(TARGETS)

soak: ## the long runs of the ledger: 10,000 kills (stopped, it goes on there), 100,000 mixed requests, a million records
	@scripts/need.sh cargo cc python postgresql
	@scripts/envoy.sh $(ENVOY)
	cargo build --workspace --all-targets --locked
	@scripts/soak.sh

bench: ## what the gateway costs, in requests per second and CPU, compared with Envoy alone
	@scripts/need.sh cargo cc python wrk
	@scripts/envoy.sh $(ENVOY)
	cargo build --locked --release --workspace --bins
	@$(BUILT)/release/bench

screenshots: ## the pictures in docs/images, by the browser that the tests use
	@scripts/need.sh cargo cc python chromium
	@scripts/envoy.sh $(ENVOY)
	cargo build --locked --workspace --bins
	@scripts/screenshots.sh docs/images

tools: ## fetch what the tests need besides the code: Envoy, clients, issuers of tokens, helm, cargo-deb
	@scripts/need.sh cargo cc python node go
	@scripts/envoy.sh $(ENVOY)
	@scripts/sdk.sh $(SDK)
	@scripts/issuers.sh $(ISSUERS)
	@scripts/clients.sh $(CLIENTS) $(TEN)
	@scripts/kubernetes.sh $(KUBERNETES)
	@scripts/cargo-deb.sh $(CARGO_DEB)

fmt: ## format the code
	cargo fmt --all
