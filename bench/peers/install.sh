#!/usr/bin/env bash
# The programs that the benchmarks measure beside this one, in the versions of the report. Those of Debian by its packages,
# as root; those in Go into ~/.cache/chancery-bench/bin, by the go command (1.25 or newer) in PATH or /usr/local/go/bin.
set -euo pipefail
export PATH="$PATH:/usr/local/go/bin:/usr/sbin"
cache="${XDG_CACHE_HOME:-$HOME/.cache}/chancery-bench"

missing=()
for tool in openssl:openssl nginx:nginx pebble:pebble wrk:wrk gcc:gcc; do
  command -v "${tool%%:*}" >/dev/null || missing+=("${tool##*:}")
done
if [ ${#missing[@]} -gt 0 ]; then
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}"
fi

# Package, and whether it needs cgo: cfssl for SQLite; step-ca only for smart cards, with a library that is seldom there.
go_tool() {
  local name
  name=$(basename "${1%@*}")
  local stamp="$cache/$name.version"
  [ -x "$cache/bin/$name" ] && [ "$(cat "$stamp" 2>/dev/null)" = "${1#*@}" ] && return
  GOBIN="$cache/bin" CGO_ENABLED=$2 go install "$1"
  echo "${1#*@}" >"$stamp"
}
mkdir -p "$cache/bin"
# Of the standard library alone.
(cd "$(dirname "$0")" && CGO_ENABLED=0 go build -o "$cache/bin/chancery-go-crl" go-crl.go)
go_tool github.com/smallstep/certificates/cmd/step-ca@v0.30.2 0
go_tool github.com/cloudflare/cfssl/cmd/cfssl@v1.6.5 1
