#!/usr/bin/env bash
# Our C without a warning: gcc and clang at their most pedantic, gcc's analyzer, cppcheck.
set -euo pipefail
cd "$(dirname "$0")/.."
objects="$(mktemp -d)"
trap 'rm -rf "$objects"' EXIT
python="${PYTHON:-python3}"
headers="$("$python" -c 'import sysconfig; print(sysconfig.get_path("include"))')"
flags=(-std=c11 -O2 -D_GNU_SOURCE -DSN_VERSION='"0"' -Wall -Wextra -Wpedantic -Wshadow -Wconversion
    -Wno-sign-conversion -Wstrict-prototypes -Werror -Icsrc)
plain=(csrc/*.c csrc/platform/*.c csrc/loopback/*.c)

for compiler in gcc clang; do
    command -v "$compiler" >/dev/null || { echo "no $compiler here" >&2; exit 1; }
    for file in "${plain[@]}"; do
        "$compiler" "${flags[@]}" -c "$file" -o "$objects/out.o"
    done
    for file in csrc/module/*.c; do
        "$compiler" "${flags[@]}" -DPy_LIMITED_API=0x030b0000 -isystem "$headers" -c "$file" -o "$objects/out.o"
    done
    echo "$compiler: no warnings in $((${#plain[@]} + $(ls csrc/module/*.c | wc -l))) files"
done
for file in "${plain[@]}"; do
    gcc "${flags[@]}" -fanalyzer -c "$file" -o "$objects/out.o"
done
echo "gcc -fanalyzer: nothing found"
cppcheck --quiet --std=c11 --enable=warning,portability,performance --inline-suppr --error-exitcode=1 \
    --suppress=missingIncludeSystem -Icsrc -D_GNU_SOURCE -DSN_VERSION='"0"' "${plain[@]}"
echo "cppcheck: nothing found"
