#!/bin/sh
# Builds target/guests/jco-handler.wasm from the Hono server in the README of
# jco-std, with two replacements: the WASI version by that of this
# componentize-js, and a string, which Hono rejects, by a response.
set -eu
cd "$(dirname "$0")"
out=../../../../target/guests/jco-handler.wasm
readme=node_modules/@bytecodealliance/jco-std/README.md

npm ci --ignore-scripts --no-audit --no-fund
sed -n '/^```ts$/,/^```$/p' "$readme" | sed '/^```ts$/d; /^```$/,$d' |
    sed 's/0\.2\.x/0.2.3/; s/() => "Hello World!"/(c) => c.text("Hello World!")/' > node_modules/app.js
npm run --silent bundle
mkdir -p "$(dirname "$out")"
npm run --silent component -- --out "$out.half"
mv "$out.half" "$out"
