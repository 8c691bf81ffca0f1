#!/bin/sh
# Builds steam_probe.exe with mingw-w64 and lets it load Windows libraries under Wine:
#   wine_probe.sh FOLDER LIBRARY.dll...      (FOLDER is for the build and Wine's prefix)
set -eu
here=$(cd "$(dirname "$0")" && pwd)
csrc=$here/../../csrc
work=$1
shift
mkdir -p "$work"
x86_64-w64-mingw32-gcc -std=c11 -O1 -Wall -Wextra -Wpedantic -Wshadow -Wconversion \
    -Wno-sign-conversion -Werror -D__USE_MINGW_ANSI_STDIO=1 -DSN_VERSION='"probe"' -I"$csrc" \
    "$here/steam_probe.c" "$csrc"/*.c "$csrc"/platform/*.c \
    -o "$work/steam_probe.exe"

wine=$(command -v wine64 || echo /usr/lib/wine/wine64)
export WINEPREFIX="$work/prefix" WINEDEBUG=-all WINEDLLOVERRIDES="mscoree,mshtml="
unset DISPLAY || true
count=$#
for library; do
    set -- "$@" "Z:$library"
done
shift "$count"
status=0
timeout 180 "$wine" "$work/steam_probe.exe" "$@" >"$work/table.md" || status=$?
tr -d '\r' <"$work/table.md"
exit "$status"
