#!/bin/sh
# Chromium for the browser tests: installed when this is Debian and we may, else named so that nobody wonders.
for name in chromium chromium-browser google-chrome; do
    command -v "$name" >/dev/null 2>&1 && exit 0
done
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "installing Chromium for the browser tests"
    { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium; } \
        >/dev/null 2>&1 && exit 0
    echo "Chromium could not be installed; the browser tests will be skipped by name" >&2
    exit 0
fi
echo "No Chromium found: the browser tests will be skipped by name. Debian: apt-get install chromium" >&2
