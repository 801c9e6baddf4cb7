#!/bin/sh
# Make sure that Criterion, which only the tests need, is there: install it where a known package
# manager can, else say what to do.
found() {
    printf '#include <criterion/criterion.h>\nTest(a, b) {}\n' |
        ${CC:-cc} -x c - -o /dev/null -lcriterion 2>/dev/null
}
found && exit 0
root=
[ "$(id -u)" = 0 ] || root=sudo
echo "Criterion (the tests' framework) is missing; installing it" >&2
if command -v apt-get >/dev/null; then
    $root apt-get install -y -qq libcriterion-dev >/dev/null 2>&1 ||
        { $root apt-get update -qq >/dev/null 2>&1
          $root apt-get install -y -qq libcriterion-dev >/dev/null 2>&1; }
elif command -v dnf >/dev/null; then
    $root dnf install -y -q criterion-devel >/dev/null 2>&1
elif command -v brew >/dev/null; then
    brew install -q criterion >/dev/null 2>&1
fi
found && exit 0
echo "Criterion could not be installed. Install it by hand (Debian: libcriterion-dev, Fedora:" >&2
echo "criterion-devel, Homebrew: criterion) and run make test again." >&2
exit 1
