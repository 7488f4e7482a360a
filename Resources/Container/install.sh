#!/bin/sh
# Installs the service from a copy of the repository, as the container file does.
# Usage: [PIP_OPTIONS="..."] sh install.sh SOURCE TARGET
set -eu

source=$1
target=$2

python3 -m venv "$target"
# shellcheck disable=SC2086 -- the options are words
"$target/bin/python" -m pip install --no-cache-dir ${PIP_OPTIONS:-} -c "$source/constraints.txt" "$source[pacs]"
"$target/bin/livertumorseg" pacs example > /dev/null
