// The thread that sends samples on: reads the log over a port to the store's thread, encodes, and makes the requests.
import { parentPort, workerData } from "node:worker_threads";
import { nodeHttpClient, systemClock } from "@pharos/adapters/node";
import { assert, errorText, type OperatingError } from "@pharos/base";
import { createRelabelRule, RemoteWriteQueue, type RemoteWriteSettings } from "@pharos/collect";
import { answerCalls, Caller } from "./calls.ts";
import type { LogCalls } from "./log-calls.ts";
import { RemoteLogConsumer } from "./log-client.ts";
import type {
  RemoteWriteCalls,
  RemoteWriteNotice,
  RemoteWriteStatus,
  RemoteWriteThreadData,
  SentRemoteWrite,
} from "./remote-write-calls.ts";

/** Each receiver waits for its next batch, commits, and asks how far behind it is. */
const LOG_CALLS_MAX = 10_000;
/** The same problem is told once in so long, as often as it comes. */
const SAME_PROBLEM_MS = 60_000;

interface Receiver {
  /** Equal for equal settings. */
  readonly key: string;
  readonly settings: RemoteWriteSettings;
  readonly queue: RemoteWriteQueue;
  readonly consumer: RemoteLogConsumer;
}

const main = parentPort;
assert(main !== null, "this is a thread's first file");
const { port, userAgent } = workerData as RemoteWriteThreadData;
const log = new Caller<LogCalls>(port, LOG_CALLS_MAX);
const http = nodeHttpClient();
/** By consumer. */
const receivers = new Map<string, Receiver>();
const toldAtMs = new Map<string, number>();

const notice: (what: RemoteWriteNotice) => void = answerCalls<RemoteWriteCalls>(main, {
  async apply(list) {
    const wanted = new Map(list.map((sent) => [sent.consumer, sent]));
    for (const [name, { key }] of receivers) {
      const sent = wanted.get(name);
      if (sent === undefined || JSON.stringify(sent) !== key) await end(name);
    }
    for (const sent of list) if (!receivers.has(sent.consumer)) await begin(sent);
  },
  status: () => [...receivers.values()].map(statusOf),
  async close() {
    await Promise.all([...receivers.keys()].map(end));
    http.close();
  },
});

async function begin(sent: SentRemoteWrite): Promise<void> {
  const { consumer: name, writeRelabelConfigs, ...others } = sent;
  const settings = { ...others, writeRelabelRules: writeRelabelConfigs.map(createRelabelRule) };
  const consumer = await RemoteLogConsumer.open(name, log);
  const queue = new RemoteWriteQueue({
    ...{ settings, consumer, http, clock: systemClock, userAgent },
    metadata: () => log.call("metadata", null),
    onProblem: tell,
  });
  queue.start();
  receivers.set(name, { key: JSON.stringify(sent), settings, queue, consumer });
}

async function end(name: string): Promise<void> {
  const receiver = receivers.get(name);
  receivers.delete(name);
  await receiver?.queue.close();
  receiver?.consumer.close();
}

function tell(problem: OperatingError, doing: string): void {
  const nowMs = systemClock.monotonicMs();
  const text = `${doing}: ${problem.message}`;
  for (const [told, atMs] of toldAtMs) if (nowMs - atMs >= SAME_PROBLEM_MS) toldAtMs.delete(told);
  if (toldAtMs.has(text)) return;
  toldAtMs.set(text, nowMs);
  notice({ message: doing, error: errorText(problem) });
}

function statusOf({ settings, queue }: Receiver): RemoteWriteStatus {
  const { name, url } = settings;
  const { shardsMin, shardsMax, capacity } = settings.queue;
  const { counters, ...state } = queue.state;
  // A plain copy: instances lose their kind on the way.
  return { ...state, counters: { ...counters }, name, url, shardsMin, shardsMax, capacity };
}
