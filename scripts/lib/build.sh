# shellcheck shell=bash
# Builds the tree out of tree, quietly unless it fails. Sourced by scripts/dev and scripts/test; wants dm_fail of packages.sh.

# dm_build_failed WHAT LOG: the end of the log, and where the rest is.
dm_build_failed()
{
    tail -n 30 "$2" >&2
    dm_fail "$1 failed; all of its words are in $2"
}

# dm_configure ROOT BUILD LOG [CONFIGURE-ARGUMENT…]: configure when it was not, or not with these arguments.
dm_configure()
{
    local root=$1 build=$2 log=$3 newest
    shift 3
    mkdir -p "$build" "$(dirname "$log")"
    [ ! -e "$root/config.status" ] ||
        dm_fail "$root itself was configured, which bars a build elsewhere; run: make -C $root distclean"
    # dev and test may come here at once.
    exec 8<"$root/configure.ac"
    flock 8
    newest=$(find "$root" -path "$root/.*" -prune -o \( -name '*.am' -o -name configure.ac \) -newer "$root/configure" -print 2>/dev/null || true)
    if [ ! -e "$root/configure" ] || [ -n "$newest" ]; then
        (cd "$root" && autoreconf -fi) >"$log" 2>&1 || dm_build_failed "autoreconf" "$log"
    fi
    flock -u 8
    exec 8<&-
    if [ ! -e "$build/config.status" ] || [ "$*" != "$(cat "$build/configured-with" 2>/dev/null)" ]; then
        (cd "$build" && "$root/configure" -q "$@") >>"$log" 2>&1 || dm_build_failed "configure" "$log"
        printf '%s\n' "$*" >"$build/configured-with"
    fi
}

# dm_make BUILD LOG [TARGET…]: only what changed is compiled.
dm_make()
{
    local build=$1 log=$2
    shift 2
    make -C "$build" -j"$(nproc)" "$@" >>"$log" 2>&1 || dm_build_failed "make $*" "$log"
}
