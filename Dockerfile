# Two images: the gateway (the default), and `--target fakes`, which only the demo stack uses.
# For BuildKit. Its own frontend is enough, so there is no `# syntax=` line that would pull another one.

FROM rust:1.95-slim-bookworm AS source
WORKDIR /source
COPY Cargo.toml Cargo.lock build.rs ./
COPY build build
COPY proto proto
COPY src src
# Its words are on the console.
COPY docs/errors.md docs/
# Cargo wants all that a manifest of the workspace names, also what it does not build here.
COPY benches benches
COPY fuzz/Cargo.toml fuzz/
COPY fuzz/src fuzz/src
COPY fuzz/examples fuzz/examples
COPY integration/Cargo.toml integration/
COPY integration/src integration/src

FROM source AS build
# For `tollgate --version`: no repository is copied. docker build --build-arg TOLLGATE_COMMIT=$(git rev-parse HEAD)
ARG TOLLGATE_COMMIT=""
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/source/target,sharing=locked \
    cargo build --locked --release -p tollgate \
    && install target/release/tollgate /usr/local/bin/tollgate

FROM source AS build-fakes
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/source/target,sharing=locked \
    cargo build --locked --release -p tollgate-integration --bin fakes \
    && install target/release/fakes /usr/local/bin/fakes

# The folders of the images. 65532 is the user that tollgate runs as; 65533 is a group for what Envoy may
# open, and nobody's own: Envoy, a user of its own, is put into it (`group_add`, `fsGroup`). With the
# setgid bit all that is made in such a folder has its group.
FROM debian:bookworm-slim AS folders
RUN install --directory --owner 65532 --group 65533 --mode 2750 \
      /gateway/run/tollgate /demo/certificates \
    && install --directory --owner 65532 --group 65532 --mode 0700 \
      /gateway/run/tollgate-control /gateway/var/lib/tollgate

# With a shell, for the demo's certificates.
FROM debian:bookworm-slim AS fakes
COPY --from=folders /demo/ /
COPY --from=build-fakes /usr/local/bin/fakes /usr/local/bin/fakes
USER 65532:65532
ENTRYPOINT ["/usr/local/bin/fakes"]

# The C library, the certificate authorities of the web, and a user; no shell.
FROM gcr.io/distroless/cc-debian12:nonroot AS tollgate
COPY --from=build /usr/local/bin/tollgate /usr/local/bin/tollgate
# - /run/tollgate: the socket that Envoy connects to. Share this folder with Envoy, read-only.
# - /run/tollgate-control: the socket for commands. Share this folder with nobody.
# - /var/lib/tollgate: `data_directory`. Mount a volume here.
# A volume that is mounted at one of them begins with its owner and mode.
COPY --from=folders /gateway/ /
EXPOSE 9090
HEALTHCHECK --interval=5s --timeout=3s --start-period=30s \
  CMD ["/usr/local/bin/tollgate", "health", "--config", "/etc/tollgate/tollgate.yaml"]
ENTRYPOINT ["/usr/local/bin/tollgate"]
CMD ["serve", "--config", "/etc/tollgate/tollgate.yaml"]
