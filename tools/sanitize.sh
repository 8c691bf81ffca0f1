#!/usr/bin/env bash
# Our C under sanitizers: the suite with ASan, UBSan and LSan, the C checks, also with TSan.
#
#     tools/sanitize.sh [--whole]
#
# --whole runs the whole suite, without it the tests of what our C does.
# PYTHON has pytest and what else the suite needs, cffi and setuptools; with steamnet-gns, the suite runs
# over real GNS too. Whatever a sanitizer has to say, anywhere, in any process that a test started, fails
# the script.
set -euo pipefail
cd "$(dirname "$0")/.."
python="${PYTHON:-python3}"
tests=()
for name in errors events hot_paths messages columns info methods_in_c core_api stateful objects steam_lobbies; do
    tests+=($(find tests -name "test_$name.py"))
done
case "$*" in
"") ;;
--whole) tests=() ;;
*) echo "usage: tools/sanitize.sh [--whole]" >&2 && exit 2 ;;
esac
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
root="$work/root"
mkdir "$root" "$work/logs" "$work/bin"
cp -r csrc steamnet tests tools examples docs wheelhouse-config ./*.py pyproject.toml README.md "$root"
rm -f "$root"/steamnet/_native*.so
sanitize="-O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all"

(cd "$root" && STEAMNET_CFLAGS="$sanitize" LDFLAGS="-fsanitize=address,undefined" \
    "$python" setup.py -q build_ext -i)

# Compilers that tests run have leaks of their own, and are not what is looked at.
for tool in cc gcc g++ clang; do
    printf '#!/bin/sh\nunset LD_PRELOAD\nexec %s "$@"\n' "$(command -v "$tool" || echo false)" >"$work/bin/$tool"
done
chmod +x "$work"/bin/*

# Asked before Python ends: when it has ended it keeps some objects for good, and nobody knows why.
cat >"$work/sanitizer_plugin.py" <<'PLUGIN'
import ctypes
import gc
import os


def pytest_sessionfinish(session):
    gc.collect()
    if os.environ["LEAKS"] == "1" and ctypes.CDLL(None).__lsan_do_recoverable_leak_check():
        session.exitstatus = 77
PLUGIN
# Made once for a type or a function, and kept by cffi for as long as the process lives; and what
# Python itself loses of its tuples and frames, of which our C makes none.
printf 'leak:lib_build_cpython_func\nleak:_my_Py_InitModule\nleak:_PyObject_GC_NewVar\n' >"$work/lsan.supp"

# Not what C can do wrong: packages, texts, programs that only start others; nor what memory is
# in use, of which sanitizers keep what is free for a while. Tests by
# name are about memory, or about time, of which everything takes more here.
other=()
for name in packaging frozen examples netgraph real_libraries layout native_stub layering parity \
    libraries testing memory soak faults; do
    other+=("--ignore-glob=*/test_$name.py")
done
for test in a_cancelled_program_ends_in_silence ten_thousand_strangers closing_lingers_unless_told_not_to \
    send_buffer_fills_and_drains; do
    other+=("--deselect=$(grep -rlw "def test_$test" tests)::test_$test")
done

# From 3.12 on Python itself does not give back what it had, and LSan would speak of nothing else.
leaks="$("$python" -c 'import sys; print(int(sys.version_info[:2] == (3, 11)))')"

suite() { # [pytest's arguments]: the suite with the sanitizers' libraries loaded first
    (
        cd "$root"
        export PATH="$work/bin:$PATH" PYTHONPATH="$root:$work" PYTHONMALLOC=malloc LEAKS="$leaks"
        export ASAN_OPTIONS="detect_leaks=$leaks:leak_check_at_exit=0:log_path=$work/logs/asan"
        export UBSAN_OPTIONS="print_stacktrace=1:log_path=$work/logs/ubsan"
        export LSAN_OPTIONS="suppressions=$work/lsan.supp:print_suppressions=0"
        export LD_PRELOAD="$(gcc -print-file-name=libasan.so) $(gcc -print-file-name=libubsan.so)"
        "$python" -P -m pytest -q -o "cache_dir=$work/cache" -p sanitizer_plugin "${other[@]}" "${tests[@]}" "$@"
    ) || failed=1
    if [ -n "$(ls -A "$work/logs")" ]; then
        head -n 60 "$work"/logs/*
        failed=1
    fi
    [ -z "${failed:-}" ] || { echo "the sanitizers, or the suite under them, found something" >&2; exit 1; }
}

echo "--- the suite on loopback: ASan, UBSan, LSan"
suite --engine=loopback
if "$python" -c "import steamnet_gns" 2>/dev/null; then
    echo "--- the suite over real GNS: ASan, UBSan, LSan"
    suite --engine=gns -k "gns and not loopback or TestOddAnswers"  # the last of Steam's lobbies
fi

echo "--- the C checks: ASan, UBSan, LSan; then TSan"
sources=(csrc/*.c csrc/platform/*.c csrc/loopback/*.c)
c=(gcc -std=c11 -D_GNU_SOURCE '-DSN_VERSION="0"' -Icsrc)
"${c[@]}" $sanitize "${sources[@]}" tests/c/loopback/*.c -o "$work/check" -ldl -lpthread
"${c[@]}" -O1 -g -fsanitize=thread "${sources[@]}" tests/c/loopback/*.c -o "$work/races" -ldl -lpthread
export ASAN_OPTIONS=exitcode=66 UBSAN_OPTIONS=exitcode=66 LSAN_OPTIONS=exitcode=66
export TSAN_OPTIONS="halt_on_error=1 exitcode=66"
for check in check races; do
    STEAMNET_LOOPBACK_DIR="$(mktemp -d -p "$work")" "$work/$check"
done
