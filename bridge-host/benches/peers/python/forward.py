"""Forwards the messages of a JetStream consumer to an HTTP endpoint, as a Python
service would: at most 64 requests at once, and an acknowledgement only after a
status of 2xx. Arguments: server, stream, consumer, URL."""

import asyncio
import sys

import aiohttp
import nats
import uvloop

CONCURRENCY = 64
REDELIVER_AFTER_SECONDS = 1


def headers_of(message):
    """The message's headers, and its id as Standard Webhooks names it."""
    headers = dict(message.headers or {})
    headers["webhook-id"] = headers.pop("Nats-Msg-Id", "")
    headers["message-topic"] = message.subject
    return headers


async def forward(session, url, message):
    """Posts one message; acknowledges it, or asks for a redelivery."""
    try:
        headers = headers_of(message)
        options = {"data": message.data, "headers": headers, "allow_redirects": False}
        async with session.post(url, **options) as response:
            await response.read()
            if not 200 <= response.status < 300:
                raise aiohttp.ClientError(f"status {response.status}")
        await message.ack()
    except (aiohttp.ClientError, asyncio.TimeoutError) as error:
        print(f"message {message.metadata.sequence.stream}: {error}", file=sys.stderr)
        await message.nak(delay=REDELIVER_AFTER_SECONDS)


async def main(server, stream, durable, url):
    client = await nats.connect(server)
    jetstream = client.jetstream()
    subscription = await jetstream.pull_subscribe_bind(durable, stream)
    permits = asyncio.Semaphore(CONCURRENCY)
    connector = aiohttp.TCPConnector(limit=CONCURRENCY)
    async with aiohttp.ClientSession(connector=connector) as session:
        tasks = set()

        def ended(task):
            tasks.discard(task)
            permits.release()

        while True:
            try:
                messages = await subscription.fetch(2 * CONCURRENCY, timeout=5)
            except nats.errors.TimeoutError:
                continue
            for message in messages:
                await permits.acquire()
                task = asyncio.create_task(forward(session, url, message))
                tasks.add(task)
                task.add_done_callback(ended)


uvloop.run(main(*sys.argv[1:]))
