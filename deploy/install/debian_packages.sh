#!/bin/sh
# Installs the servers and the browser that tests and `make stack` use, where Debian's packages may be installed;
# elsewhere says what is missing and what that means. Harmless to repeat: what is there is left alone.
# Arguments name the packages that matter; none means all.
set -eu

POLICY=/usr/sbin/policy-rc.d

has_file() {
    for path in "$@"; do
        if [ -e "$path" ]; then return 0; fi
    done
    return 1
}

has_command() {
    for name in "$@"; do
        if PATH="$PATH:/usr/sbin:/usr/local/sbin" command -v "$name" >/dev/null 2>&1; then return 0; fi
    done
    return 1
}

is_there() {
    case $1 in
    rabbitmq-server) has_file /usr/lib/rabbitmq/lib/rabbitmq_server-*/sbin/rabbitmq-env || has_command rabbitmq-server ;;
    postgresql) has_file /usr/lib/postgresql/*/bin/initdb || has_command initdb ;;
    chromium) has_command chromium chromium-browser google-chrome ;;
    nginx-light) has_command nginx ;;
    fonts-noto-core) has_file /usr/share/fonts/truetype/noto/NotoNaskhArabic-Regular.ttf ;;
    poppler-utils) has_command pdftotext ;;
    *) has_command "$1" ;;
    esac
}

missing=""
for package in ${*:-rabbitmq-server postgresql chromium nginx-light wrk postfix fonts-noto-core poppler-utils}; do
    is_there "$package" || missing="$missing $package"
done
if [ -z "$missing" ]; then exit 0; fi

if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null 2>&1; then
    cat >&2 <<END
Missing on this machine:$missing
Tests that need them are SKIPPED, not passed (with CI=true they fail). "make stack" needs rabbitmq-server,
postgresql and nginx-light, the browser tests chromium, "make bench-smoke" wrk, "make bench-delivery" postfix;
letters on paper need fonts-noto-core for scripts other than Latin, Greek and Cyrillic.
On Debian and Ubuntu an administrator installs them with: apt-get install$missing
END
    exit 0
fi

# Only the programs are wanted. This file, which Debian's packages ask before they start a service, forbids
# starting any; one that was there before is somebody's decision and stays.
ours=no
forget_policy() {
    if [ "$ours" = yes ]; then rm -f "$POLICY"; fi
}
trap forget_policy EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
if [ ! -e "$POLICY" ]; then
    ours=yes
    printf '#!/bin/sh\nexit 101\n' >"$POLICY"
    chmod 755 "$POLICY"
fi

echo "Installing Debian packages:$missing ..."
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
# shellcheck disable=SC2086 - one word a package
apt-get install -y -qq --no-install-recommends $missing </dev/null
