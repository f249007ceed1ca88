// An HTTP handler: `POST /greet` with a name returns a greeting. It uses no messaging
// interface, and runs on any wasi:http server.

import { Hono } from "hono";

const app = new Hono();

app.post("/greet", async (c) => {
  const name = (await c.req.text()).trim();
  return name === "" ? c.text("whom to greet?", 422) : c.text(`Hello, ${name}!`);
});

app.all("/greet", (c) => c.text("names are posted", 405));
app.notFound((c) => c.text("there is only /greet", 404));

addEventListener("fetch", (event) => event.respondWith(app.fetch(event.request)));
