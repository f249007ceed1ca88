#!/bin/sh
# Makes target/guests/orders-javascript.wasm of orders.js. It needs npm.
set -eu
cd "$(dirname "$0")"
out=../../../target/guests/orders-javascript.wasm

npm ci --ignore-scripts --no-audit --no-fund
npm run --silent bundle
mkdir -p "$(dirname "$out")"
npm run --silent component -- --out "$out.half"
mv "$out.half" "$out"
