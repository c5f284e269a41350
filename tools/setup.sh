#!/usr/bin/env bash
# Build .venv and install what the platform needs: `setup.sh run`, and `setup.sh test` for the tests as well.
set -euo pipefail
cd "$(dirname "$0")/.."

apt_updated=""
need() { # need PACKAGE TEST...: install a system package as root, or name the command that does
  local package=$1; shift
  if "$@" >/dev/null 2>&1; then return 0; fi
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "installing $package"
    [ -n "$apt_updated" ] || { apt-get update -qq; apt_updated=1; }
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$package" >/dev/null
  else
    echo "zhupei needs the system package '$package'. Install it with: sudo apt-get install $package" >&2
    return 1
  fi
}

python=""
for candidate in python3 python3.13 python3.12 python3.11; do
  if command -v "$candidate" >/dev/null && "$candidate" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))'; then
    python=$candidate; break
  fi
done
[ -n "$python" ] || { echo "zhupei needs Python 3.11, 3.12 or 3.13" >&2; exit 1; }

case "${1:-run}" in
run)
  version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
  need "python$version-venv" "$python" -c 'import ensurepip, venv'
  [ -x .venv/bin/python ] || { echo "building .venv with $python ($version)"; "$python" -m venv .venv; }
  echo "installing pinned packages"
  .venv/bin/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/base.txt
  .venv/bin/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
  # Rare characters in names; without it documents say which characters they lack.
  need fonts-hanazono test -e /usr/share/fonts/truetype/hanazono || true
  .venv/bin/zhupei init --demo
  .venv/bin/zhupei catalogues --compile
  ;;
test)
  echo "installing what the tests need"
  .venv/bin/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
  need fonts-hanazono test -e /usr/share/fonts/truetype/hanazono
  need chromium command -v chromium
  need gettext command -v xgettext
  need postgresql bash -c 'ls /usr/lib/postgresql/*/bin/initdb'
  ;;
esac
