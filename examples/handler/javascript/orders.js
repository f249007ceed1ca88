// The order service in JavaScript, with Hono: an ordinary HTTP handler, which
// knows nothing of messages. `build.sh` makes a component of it.

import { Hono } from "hono";

const app = new Hono();

// One that cannot be read will never be, one for nothing is refused.
app.post("/orders", async (c) => {
  let order;
  try {
    order = read(await c.req.json());
  } catch (error) {
    return c.json({ detail: error.message }, 400);
  }
  const { id, amount } = order;
  if (amount === 0) return c.json({ detail: "an order is for something" }, 422);
  const total = amount + Math.floor(amount / 5);
  const confirmation = { order: id, total, status: "confirmed" };
  return c.json(confirmation, 201, { location: `/orders/${id}` });
});

app.all("/orders", (c) => c.json({ detail: "orders are posted" }, 405));
app.notFound((c) => c.json({ detail: "there is only /orders" }, 404));

/** What is ordered: two whole numbers. */
function read({ id, amount }) {
  for (const [name, value] of Object.entries({ id, amount })) {
    if (!Number.isSafeInteger(value) || value < 0) throw new TypeError(`${name} is no whole number`);
  }
  return { id, amount };
}

addEventListener("fetch", (event) => event.respondWith(app.fetch(event.request)));
