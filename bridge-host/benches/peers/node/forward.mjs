// Forwards the messages of a JetStream consumer to an HTTP endpoint, as a Node
// service would: at most 64 requests at once, and an acknowledgement only after
// a status of 2xx. Arguments: server, stream, consumer, URL.
import { jetstream } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";
import { Pool } from "undici";

const CONCURRENCY = 64;
const REDELIVER_AFTER_MS = 1000;

const [server, stream, durable, endpoint] = process.argv.slice(2);
const { origin, pathname } = new URL(endpoint);
const pool = new Pool(origin, { connections: CONCURRENCY });
const client = await connect({ servers: server });
const consumer = await jetstream(client).consumers.get(stream, durable);

/** The message's headers, and its id as Standard Webhooks names it. */
function headersOf(message) {
  const headers = { "message-topic": message.subject };
  for (const [name, values] of message.headers ?? []) {
    headers[name === "Nats-Msg-Id" ? "webhook-id" : name] = values;
  }
  return headers;
}

/** Posts one message; acknowledges it, or asks for a redelivery. */
async function forward(message) {
  try {
    const { statusCode, body } = await pool.request({
      method: "POST",
      path: pathname,
      headers: headersOf(message),
      body: message.data,
    });
    await body.dump();
    if (statusCode < 200 || statusCode > 299) {
      throw new Error(`status ${statusCode}`);
    }
    message.ack();
  } catch (error) {
    console.error(`message ${message.seq}: ${error.message}`);
    message.nak(REDELIVER_AFTER_MS);
  }
}

let free = CONCURRENCY;
let resume = () => {};
for await (const message of await consumer.consume({ max_messages: 2 * CONCURRENCY })) {
  if (free === 0) {
    await new Promise((resolve) => (resume = resolve));
  }
  free -= 1;
  forward(message).finally(() => {
    free += 1;
    resume();
  });
}
