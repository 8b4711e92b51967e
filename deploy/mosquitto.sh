#!/bin/sh
# A real MQTT broker for the tests: installed when this is Debian and we may, else named so that nobody wonders.
PATH=$PATH:/usr/sbin
command -v mosquitto >/dev/null 2>&1 && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "installing the Mosquitto broker for the MQTT tests"
    { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends mosquitto; } \
        >/dev/null 2>&1 && exit 0
    echo "Mosquitto could not be installed; the MQTT tests will be skipped by name" >&2
    exit 0
fi
echo "No Mosquitto found: the MQTT tests will be skipped by name. Debian: apt-get install mosquitto" >&2
