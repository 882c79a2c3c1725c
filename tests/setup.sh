# Shared by examples/quickstart.sh and tests/run.sh; sourced, from the top of the tree.
# shellcheck shell=bash

# Debian's names. libc6-dev and libclang-rt-14-dev only come along by themselves with recommends.
# shellcheck disable=SC2034  # read by those who source this
BUILD_PACKAGES=(gcc libc6-dev make autoconf automake pkg-config
    libevent-dev libmsgpack-dev libconfuse-dev libpcre2-dev libmnl-dev)
# shellcheck disable=SC2034
TEST_PACKAGES=(check clang libclang-rt-14-dev clang-format clang-tidy cppcheck shellcheck valgrind
    serf socat jq perl iproute2 iputils-ping nftables util-linux procps e2fsprogs)

# need_packages PACKAGE...: installs those that are missing when root; otherwise names them, and
# ends.
need_packages() {
    local missing=() package
    command -v dpkg-query >/dev/null || return 0 # not Debian: configure says what is missing
    for package in "$@"; do
        dpkg-query -W -f '${db:Status-Status}\n' "$package" 2>/dev/null | grep -qx installed ||
            missing+=("$package")
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    if [ "$(id -u)" -ne 0 ]; then
        echo "missing packages, and not root to install them: apt-get install ${missing[*]}" >&2
        exit 1
    fi
    echo "== installing ${missing[*]}"
    export DEBIAN_FRONTEND=noninteractive
    if ! apt-get update -qq ||
        ! apt-get install -y -qq --no-install-recommends "${missing[@]}" </dev/null >/dev/null; then
        echo "apt-get could not install: ${missing[*]}" >&2
        exit 1
    fi
}

# Makes ./configure, and room for building out of tree.
prepare_tree() {
    if [ -f config.status ]; then
        echo "== make distclean: the tree was configured in place, and is built in build/ here"
        make -s distclean
    fi
    [ -x configure ] || ./autogen.sh >/dev/null 2>&1 || ./autogen.sh
    mkdir -p build
}

# configure_in FOLDER OPTION...: once for each folder.
configure_in() {
    local folder=$1 top=$PWD
    shift
    [ ! -f "$folder/Makefile" ] || return 0
    mkdir -p "$folder"
    (cd "$folder" && "$top/configure" --quiet "$@") || { rm -rf "$folder"; return 1; }
}
