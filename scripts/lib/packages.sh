# shellcheck shell=bash
# shellcheck disable=SC2034  # the lists are used by the scripts that source this file
# Which Debian packages DigitalMe needs and why, and how missing ones are installed. Sourced by scripts/dev, scripts/test and scripts/check.

dm_packages_build="
autoconf            makes ./configure
automake            makes Makefile.in
gcc                 compiles
libc6-dev           headers of the C library
libcrypt-dev        password hashing (bcrypt)
libcurl4-openssl-dev  mail through SMTP
libfcgi-dev         FastCGI
libhiredis-dev      Redis client
libinih-dev         reads digitalme.conf
libjson-c-dev       JSON
libjwt-dev          access tokens
libpq-dev           PostgreSQL client
libssl-dev          signatures, hashes, random numbers
libutf8proc-dev     Unicode normalisation of passwords
libzxcvbn-dev       password strength
make                builds
pkgconf             finds the libraries
"
dm_packages_run="
curl                the calls that scripts/dev up shows
libdbd-pg-perl      lets Sqitch speak to PostgreSQL
nginx               the TLS proxy
openssl             makes keys and certificates
postgresql-15       the database
postgresql-client-15  psql
procps              ps, top and the like for a look at what runs
python3             the scripts that start and stop a system
python3-aiosmtpd    a mail server that only collects
redis-server        sessions and rate limits
sqitch              schema changes
tzdata              names of time zones
"
dm_packages_bench="
valgrind            the instructions that scripts/bench counts
wrk                 the load that scripts/bench makes
"
dm_packages_test="
caddy               the other TLS proxy
chromium            opens the pages that mails link to
chromium-driver     drives it
clang               a second compiler
clang-format        the code's form
clang-tidy          static analysis
cppcheck            static analysis
libclang-rt-14-dev  libFuzzer, for the fuzz targets
libcunit1-dev       unit tests
libnginx-mod-http-modsecurity  ModSecurity in nginx
modsecurity-crs     the OWASP Core Rule Set
oathtool            one-time codes by another program, in the API tests
python3-cryptography  forges access tokens in the API tests
python3-h2          HTTP/2 in the API tests
python3-httpx       HTTP in the API tests
python3-jsonschema  holds replies against the OpenAPI document
python3-jwt         verifies our tokens by our JWK Set, as others do
python3-psycopg2    PostgreSQL in the API tests
python3-pytest      runs the API tests
python3-redis       Redis in the API tests
python3-selenium    speaks to chromium-driver
python3-venv        keeps what the tests take from PyPI apart from Debian's own
shellcheck          checks the shell scripts
slowhttptest        clients that are slow on purpose
xz-utils            packs the source archive
"
dm_packages_tls="
testssl.sh          finds what is wrong with a proxy's TLS
"

dm_fail()
{
    printf '%s: %s\n' "${0##*/}" "$*" >&2
    exit 1
}

# dm_packages_missing LIST: the "package why" lines of LIST that are not installed.
dm_packages_missing()
{
    local installed package why
    # Kept in a variable: grep -q would end dpkg-query early, and pipefail take that for a failure.
    # shellcheck disable=SC2016  # dpkg-query expands these
    installed=$(dpkg-query -W -f '${db:Status-Abbrev}${Package}\n' 2>/dev/null) || true
    while read -r package why; do
        [ -n "$package" ] || continue
        [[ $'\n'"$installed"$'\n' == *$'\n'"ii $package"$'\n'* ]] || printf '%s %s\n' "$package" "$why"
    done <<<"$1"
}

# dm_packages_ensure LIST LOG: install what is missing from Debian. Starts no service, enables none, creates no database cluster.
dm_packages_ensure()
{
    local log=$2 missing answer as_root=() names=()
    if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
        dm_fail "this needs Debian 12: there is no apt-get here"
    fi
    missing=$(dm_packages_missing "$1")
    [ -n "$missing" ] || return 0

    printf 'Missing, and installed from Debian now:\n'
    while read -r package why; do
        printf '  %-22s %s\n' "$package" "$why"
        names+=("$package")
    done <<<"$missing"
    if [ "$(id -u)" -ne 0 ]; then
        command -v sudo >/dev/null ||
            dm_fail "you are not root and there is no sudo. As root run: apt-get install ${names[*]}"
        as_root=(sudo)
        [ -t 0 ] || sudo -n true 2>/dev/null ||
            dm_fail "sudo wants a password and there is no terminal to ask at. As root run: apt-get install ${names[*]}"
    fi
    if [ -t 0 ] && [ -t 1 ]; then
        read -r -p 'Install them? [Y/n] ' answer
        case $answer in
            '' | [Yy]*) ;;
            *) dm_fail "nothing was installed" ;;
        esac
    fi
    mkdir -p "$(dirname "$log")"
    # One process as root does it all, so that what it changes for the while is put back whatever happens.
    "${as_root[@]}" bash -c "$(declare -f dm_packages_install); dm_packages_install \"\$@\"" bash "${names[@]}" \
        >"$log" 2>&1 </dev/null || {
        tail -n 15 "$log" >&2
        dm_fail "Debian's packages could not be installed; all of apt-get's words are in $log"
    }
    missing=$(dm_packages_missing "$1")
    [ -z "$missing" ] || dm_fail "still missing after the installation: $missing (see $log)"
}

# Runs as root. Debian's servers start at installation and at every boot, and postgresql-15 makes a cluster; none of that is
# wanted here. So: policy-rc.d (Debian's own way) forbids starts for the while, postgresql-common is told to make no cluster
# for the while, and services that came new are not enabled. What was there before is not touched.
dm_packages_install()
{
    set -eu
    export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8
    local unit units=()
    local install=(apt-get install -y --no-install-recommends -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3)
    # Not local: the trap reads them when this function has returned.
    policy=/usr/sbin/policy-rc.d
    cluster=/etc/postgresql-common/createcluster.conf
    mark='# for the while of an installation by DigitalMe'

    for unit in redis-server nginx caddy postgresql; do
        [ -e "/etc/init.d/$unit" ] || [ -e "/lib/systemd/system/$unit.service" ] || units+=("$unit")
    done
    # shellcheck disable=SC2317  # called by the trap
    restore()
    {
        if [ -f "$policy" ] && grep -qF "$mark" "$policy"; then rm -f "$policy"; fi
        if [ -f "$cluster" ]; then sed -i "/$mark/d" "$cluster"; fi
    }
    trap restore EXIT
    trap 'exit 1' INT TERM HUP
    [ -e "$policy" ] || {
        printf '#!/bin/sh\n%s\nexit 101\n' "$mark" >"$policy"
        chmod 755 "$policy"
    }
    apt-get update -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3
    case " $* " in
        *" postgresql-15 "*)
            "${install[@]}" postgresql-common
            printf 'create_main_cluster = false %s\n' "$mark" >>"$cluster"
            ;;
    esac
    "${install[@]}" "$@"
    for unit in "${units[@]}"; do
        if [ -e "/lib/systemd/system/$unit.service" ]; then
            deb-systemd-helper disable "$unit.service" >/dev/null 2>&1 || true
        fi
        if [ -e "/etc/init.d/$unit" ]; then
            update-rc.d "$unit" disable >/dev/null 2>&1 || true
        fi
    done
}
