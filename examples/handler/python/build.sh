#!/bin/sh
# Makes target/guests/orders-python.wasm of app.py. It needs Python 3 with venv
# and pip, and keeps its tool under target/tools.
set -eu
cd "$(dirname "$0")"
out=../../../target/guests/orders-python.wasm
tools=../../../target/tools/python

if [ ! -x "$tools/bin/componentize-py" ]; then
    python3 -m venv "$tools"
    "$tools/bin/python" -m pip install --quiet componentize-py==0.25.1
fi
mkdir -p "$(dirname "$out")"
"$tools/bin/componentize-py" -d ../../../wit -w http-handler --quiet componentize app --output "$out.half"
mv "$out.half" "$out"
