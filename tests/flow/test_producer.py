"""A producer in another language: plain Redis commands over a socket, no library."""

import shutil
import subprocess
from uuid import uuid4

import pytest
from flow.billing import Billing

from sevdesk_client.sandbox.http.server import Running

NODE = shutil.which("node")
SCRIPT = r"""
const net = require("node:net");
const { REDIS_URL, JOB_ID, INVOICE_ID, REQUESTED_BY } = process.env;
const url = new URL(REDIS_URL);
const command = (...words) =>
  `*${words.length}\r\n` + words.map((w) => `$${Buffer.byteLength(w)}\r\n${w}\r\n`).join("");
const now = Date.now();
const job = JSON.stringify({
  t: null, f: "publish_invoice", a: [],
  k: { invoice_id: INVOICE_ID, requested_by: REQUESTED_BY, correlation_id: "Bestellung Nr. 7 – grün" }, et: now,
});
const socket = net.connect(Number(url.port), url.hostname, () => {
  if (url.password) socket.write(command("AUTH", decodeURIComponent(url.password)));
  socket.write(command("SELECT", url.pathname.slice(1) || "0"));
  socket.write(command("MULTI"));
  socket.write(command("SET", `arq:job:${JOB_ID}`, job, "NX", "PX", "604800000"));
  socket.write(command("ZADD", "arq:queue", "NX", String(now), JOB_ID));
  socket.write(command("PUBLISH", "arq:wake", "1"));
  socket.write(command("EXEC"));
});
let answer = "";
socket.on("data", (data) => {
  answer += data;
  if (/^-/m.test(answer)) { console.error(answer); process.exit(1); }
  const done = /\*3\r\n(\+OK|\$-1)\r\n:[01]\r\n:\d+\r\n$/.exec(answer);
  if (done) { console.log(done[1] === "+OK"); socket.end(); }
});
setTimeout(() => { console.error("no answer: " + answer); process.exit(1); }, 10000).unref();
"""


def enqueue_with_node(redis_url: str, job_id: str, invoice: object, admin: object) -> str:
    """Run the script; prints whether the job was newly enqueued."""
    assert NODE is not None
    given = {"REDIS_URL": redis_url, "JOB_ID": job_id, "INVOICE_ID": str(invoice), "REQUESTED_BY": str(admin)}
    done = subprocess.run([NODE, "-e", SCRIPT], env=given, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.skipif(NODE is None, reason="NODE IS NOT INSTALLED, so no producer in another language was tried")
async def test_node_producer_publishes_an_invoice(
    billing: Billing, worker: object, sevdesk: Running, redis_url: str
) -> None:
    """The documented MULTI from Node: the job runs; sent again, it changes nothing."""
    invoice, job_id = await billing.usual_invoice(), str(uuid4())
    assert enqueue_with_node(redis_url, job_id, invoice, billing.admin) == "true"
    job = await billing.ended(job_id)
    assert (job["state"], job["correlation_id"]) == ("done", "Bestellung Nr. 7 – grün")
    assert (await billing.row(invoice))["accounting_sync_status"] == "synced"
    assert len(sevdesk.sandbox.account.invoices) == 1


@pytest.mark.skipif(NODE is None, reason="NODE IS NOT INSTALLED, so no producer in another language was tried")
async def test_repeated_multi_enqueues_once(billing: Billing, redis_url: str) -> None:
    """Before any worker has looked, the same MULTI again is a no-op."""
    job_id = str(uuid4())
    answers = [enqueue_with_node(redis_url, job_id, uuid4(), billing.admin) for _ in range(2)]
    assert answers == ["true", "false"]
    assert await billing.redis.zrange("arq:queue", 0, -1) == [job_id.encode()]
