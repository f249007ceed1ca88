#!/usr/bin/env bash
# A NATS server, two hosts of one subscription, an endpoint: 400 orders, one
# host killed in the middle. Ends with 0 when every order has arrived.
set -euo pipefail
cd "$(dirname "$0")"

bridge=${BRIDGE_HOST:-bridge-host}
nats=${NATS_SERVER:-$(PATH="$PATH:/usr/sbin" command -v nats-server || true)}
[ -n "$nats" ] || { echo "this needs nats-server (Debian: apt-get install nats-server)" >&2; exit 1; }
orders=400
port=${NATS_PORT:-42222}
shop=127.0.0.1:${SHOP_PORT:-9000}
export NATS_URL="nats://127.0.0.1:$port" SHOP="http://$shop/orders"

folder=$(mktemp -d)
finish() {
    # What has ended already is no fault.
    kill $(jobs -p) 2>/dev/null || true
    wait 2>/dev/null || true
    rm -rf "$folder"
}
trap finish EXIT

# Waits for up to a minute until a command succeeds.
await() {
    for _ in $(seq 600); do
        "$@" && return
        sleep 0.1
    done
    cat "$folder"/*.log >&2
    echo "waited for a minute: $*" >&2
    exit 1
}

"$nats" -js -sd "$folder/nats" -a 127.0.0.1 -p "$port" >"$folder/nats.log" 2>&1 &
"$bridge" receive --address "$shop" --quiet --delay 500ms --log "$folder/arrived" >/dev/null 2>"$folder/shop.log" &
INTAKE=127.0.0.1:0 DATA="$folder/one" "$bridge" run >"$folder/one.out" 2>"$folder/one.log" &
first=$!
INTAKE=127.0.0.1:0 DATA="$folder/two" "$bridge" run >"$folder/two.out" 2>"$folder/two.log" &
await grep -q intake "$folder/one.out"
await grep -q intake "$folder/two.out"
echo "a NATS server at $NATS_URL and two hosts are up"

for n in $(seq "$orders"); do
    echo "{\"id\": \"order-$n\", \"topic\": \"orders.new\", \"data\": {\"id\": $n, \"amount\": 250}}"
done >"$folder/orders"
"$bridge" publish --connection events --ndjson "$folder/orders" --wait

arrived() { grep -o '"id":"order-[0-9]*"' "$folder/arrived" 2>/dev/null | sort -u | wc -l; }
have() { [ "$(arrived)" -ge "$1" ]; }
await have $((orders / 4))
kill -9 "$first"
echo "killed one host after $(arrived) orders"

await have "$orders"
all=$(grep -c '"id":"order-' "$folder/arrived")
echo "$(arrived) of $orders orders have arrived, $((all - $(arrived))) of them twice"
