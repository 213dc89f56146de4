#!/usr/bin/env bash
# Makes by hand the images that the Dockerfile and the compose file begin with, where no registry of
# images can be reached: Debian's by debootstrap, rust's with this machine's toolchain, Envoy's with the
# Envoy of `make tools`, Prometheus' with Debian's. What is unpacked is kept in FOLDER for the next time.
# usage: DOCKER="docker --host …" scripts/stack/images.sh FOLDER ENVOY IMAGE...
set -euo pipefail

folder=$1
envoy=$2
shift 2
suite=bookworm
# Another way to make them makes them new.
made_by=$(sha256sum "$0" | cut -c1-16)
mkdir -p "$folder"

# Debian with packages, unpacked: `debian NAME PACKAGE...` prints where.
debian() {
  local name=$1 root=$folder/$1-$made_by include=()
  shift
  if [[ ! -d $root ]]; then
    echo "stack: Debian $suite with: ${*:-nothing more}" >&2
    (($# == 0)) || include=(--include="$(IFS=, && echo "$*")")
    rm -rf "$folder/$name"-*
    debootstrap --variant=minbase ${include[@]+"${include[@]}"} "$suite" "$root.part" \
      >"$root.log" 2>&1 || {
      tail -20 "$root.log" >&2
      return 1
    }
    # Whole or not at all. debootstrap leaves what it has downloaded.
    rm -rf "$root.part"/var/cache/apt/archives/*.deb "$root.part"/var/lib/apt/lists/*
    mv "$root.part" "$root"
  fi
  echo "$root"
}

# What an image is made from: another version of any of these makes another image.
made_from() {
  local more=
  case $1 in
    rust:*) more=$(rustc -vV && cat Cargo.lock) ;;
    envoyproxy/envoy:*) more=$(sha256sum "$envoy") ;;
  esac
  sha256sum <<<"$made_by $1 $more" | cut -c1-16
}

# Whether there is one that was made from the same, by a run that kept it.
is_there() {
  local label
  label=$($DOCKER inspect --format '{{index .Config.Labels "made-from"}}' "$1" 2>/dev/null) &&
    [[ $label == "$(made_from "$1")" ]]
}

# `import IMAGE FOLDER INSTRUCTION...`: the folder as an image of one layer.
import() {
  local image=$1 root=$2 changes=(--change "LABEL made-from=$(made_from "$1")")
  shift 2
  for instruction in "$@"; do changes+=(--change "$instruction"); done
  tar --create --numeric-owner --directory "$root" . |
    $DOCKER import "${changes[@]}" - "$image" >/dev/null
}

# Of the packages of a Debian what distroless' cc image has: the C library, libgcc, libstdc++, OpenSSL's
# libraries, the authorities of the web; no shell.
distroless() {
  local from=$1 to=$2 package list
  rm -rf "$to"
  mkdir -p "$to"/{usr/{lib,lib64,bin,sbin},etc,home/nonroot,root,tmp,run,var}
  ln -s usr/lib usr/lib64 usr/bin usr/sbin "$to"
  ln -s ../run "$to/var/run"
  for package in base-files ca-certificates libc6 libgcc-s1 libssl3 libstdc++6; do
    list=$(compgen -G "$from/var/lib/dpkg/info/$package*.list" | head -1)
    sed -n 's,^/,,p' "$list"
  done >"$to.files"
  # What a package's scripts have made, not its archive.
  echo etc/ssl/certs/ca-certificates.crt >>"$to.files"
  tar --create --no-recursion --directory "$from" --files-from "$to.files" |
    tar --extract --directory "$to" --keep-directory-symlink
  rm "$to.files"
  # Scripts that update the list of authorities.
  rm -f "$to"/usr/sbin/update-ca-certificates
  printf '%s\n' 'root:x:0:0:root:/root:/sbin/nologin' \
    'nobody:x:65534:65534:nobody:/nonexistent:/sbin/nologin' \
    'nonroot:x:65532:65532:nonroot:/home/nonroot:/sbin/nologin' >"$to/etc/passwd"
  printf '%s\n' 'root:x:0:' 'nobody:x:65534:' 'nonroot:x:65532:' >"$to/etc/group"
  chmod 1777 "$to/tmp"
  chown 65532:65532 "$to/home/nonroot"
  [[ ! -e $to/bin/sh && ! -e $to/bin/bash ]]
}

# A Debian with a C compiler, this machine's toolchain, and the crates that Cargo.lock names as a source
# that cargo has instead of the registry: a build in there needs no network.
rust() {
  local from=$1 to=$2 toolchain
  toolchain=$(rustc --print sysroot)
  rm -rf "$to"
  cp --archive "$from" "$to"
  mkdir -p "$to/usr/local/rustup" "$to/usr/local/cargo"
  tar --create --directory "$toolchain" --exclude=./share --exclude=./lib/rustlib/src . |
    tar --extract --no-same-owner --directory "$to/usr/local/rustup"
  cargo vendor --locked --quiet --versioned-dirs "$to/usr/local/cargo/vendor" >/dev/null
  # Build scripts look at times: what was built from the same crates before is still good.
  find "$to/usr/local/cargo/vendor" -exec touch --no-dereference --date @0 {} +
  printf '%s\n' '[net]' 'offline = true' \
    '[source.crates-io]' 'replace-with = "vendored"' \
    '[source.vendored]' 'directory = "/usr/local/cargo/vendor"' >"$to/usr/local/cargo/config.toml"
}

path=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
for image in "$@"; do
  if is_there "$image"; then
    echo "stack: $image is there, as it was made by hand" >&2
    continue
  fi
  case $image in
    debian:"$suite"-slim)
      root=$(debian slim)
      import "$image" "$root" "ENV PATH=$path" 'CMD ["bash"]'
      ;;
    rust:*-slim-"$suite")
      wanted=$(cut -d- -f1 <<<"${image#rust:}")
      # shellcheck disable=SC2310 # a failure of rustc is a version that differs
      [[ $(rustc --version) == "rustc $wanted."* ]] ||
        echo "stack: the image is $image, and this machine's compiler is $(rustc --version)" >&2
      base=$(debian rust gcc libc6-dev ca-certificates)
      rust "$base" "$folder/rust"
      import "$image" "$folder/rust" \
        "ENV PATH=/usr/local/rustup/bin:$path CARGO_HOME=/usr/local/cargo" 'CMD ["bash"]'
      rm -rf "$folder/rust"
      ;;
    gcr.io/distroless/cc-debian12:nonroot)
      base=$(debian authorities ca-certificates)
      distroless "$base" "$folder/distroless"
      import "$image" "$folder/distroless" 'USER 65532' 'WORKDIR /home/nonroot' \
        "ENV PATH=$path SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt"
      rm -rf "$folder/distroless"
      ;;
    envoyproxy/envoy:v*)
      [[ $("$envoy" --version) == *"/${image#*:v}/"* ]] || {
        echo "stack: $image is wanted, and $envoy is another version" >&2
        exit 1
      }
      base=$(debian slim)
      rm -rf "$folder/envoy"
      cp --archive "$base" "$folder/envoy"
      install "$envoy" "$folder/envoy/usr/local/bin/envoy"
      import "$image" "$folder/envoy" "ENV PATH=$path" 'ENTRYPOINT ["envoy"]'
      rm -rf "$folder/envoy"
      ;;
    prom/prometheus:v*)
      root=$(debian prometheus prometheus wget)
      # As in the original: nobody, and a folder of its own that begins a volume.
      install --directory --owner 65534 --group 65534 "$root/prometheus"
      import "$image" "$root" "ENV PATH=$path" 'USER nobody' 'WORKDIR /prometheus' \
        'ENTRYPOINT ["/usr/bin/prometheus"]' \
        'CMD ["--config.file=/etc/prometheus/prometheus.yml", "--storage.tsdb.path=/prometheus"]'
      ;;
    *)
      echo "stack: nobody has written down how $image is made by hand: scripts/stack/images.sh" >&2
      exit 1
      ;;
  esac
  echo "stack: $image is made by hand" >&2
done
