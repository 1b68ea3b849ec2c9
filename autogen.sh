#!/bin/sh
# Makes ./configure from configure.ac; needed once after a clone.
set -e
cd "$(dirname "$0")"
for tool in autoreconf automake pkg-config; do
	command -v "$tool" >/dev/null || {
		echo "autogen.sh: $tool is missing; scripts/setup installs what the build needs" >&2
		exit 1
	}
done
autoreconf --install --force
echo "now run ./configure && make"
