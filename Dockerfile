# syntax=docker/dockerfile:1
# Two images: the gateway (the default), and `--target fakes`, which only the demo stack uses.

FROM rust:1.95-slim-bookworm AS source
WORKDIR /source
COPY Cargo.toml Cargo.lock build.rs ./
COPY proto proto
COPY src src
# Members of the workspace: cargo reads them even where it does not build them.
COPY fuzz/Cargo.toml fuzz/
COPY fuzz/src fuzz/src
COPY fuzz/examples fuzz/examples
COPY integration/Cargo.toml integration/
COPY integration/src integration/src
RUN install --directory /empty

FROM source AS build
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/source/target,sharing=locked \
    cargo build --locked --release -p tollgate \
    && install target/release/tollgate /usr/local/bin/tollgate

FROM source AS build-fakes
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/source/target,sharing=locked \
    cargo build --locked --release -p tollgate-integration --bin fakes \
    && install target/release/fakes /usr/local/bin/fakes

# With a shell, for the demo's certificates.
FROM debian:bookworm-slim AS fakes
RUN install --directory --owner 65532 --group 65532 /certificates
COPY --from=build-fakes /usr/local/bin/fakes /usr/local/bin/fakes
USER 65532:65532
ENTRYPOINT ["/usr/local/bin/fakes"]

# The C library, the certificate authorities of the web, and a user; no shell.
FROM gcr.io/distroless/cc-debian12:nonroot AS tollgate
COPY --from=build /usr/local/bin/tollgate /usr/local/bin/tollgate
# The socket that Envoy connects to: share this folder, and the user, with it. A volume that is
# mounted here begins with this folder's owner.
COPY --from=source --chown=65532:65532 /empty /run/tollgate
# `data_directory`: mount a volume here.
COPY --from=source --chown=65532:65532 /empty /var/lib/tollgate
EXPOSE 9090
ENTRYPOINT ["/usr/local/bin/tollgate"]
CMD ["serve", "--config", "/etc/tollgate/tollgate.yaml"]
