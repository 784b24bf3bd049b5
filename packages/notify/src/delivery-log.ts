import { OperatingError, StoredJson } from "@pharos/base";
import type { DocumentReader, DocumentStore, StoredDocument } from "@pharos/ports";
import { type Attempt, problemOf } from "./delivery-loop.ts";
import { hashOf } from "./dispatch/idempotency-key.ts";
import type { OutboxEntry } from "./dispatch/outbox-entry.ts";
import { texts } from "./dispatch/stored-json.ts";
import type { Write } from "./dispatch/write.ts";

/** The collection of attempts; on disk for ever. */
export const DELIVERY_COLLECTION = "deliveries";
/** How many attempts are kept; the oldest go first. */
export const DELIVERIES_MAX = 50_000;
export const DELIVERY_RETENTION_MS = 30 * 24 * 3_600_000;
/** How many are given at once. */
export const DELIVERY_PAGE_MAX = 1000;

/** How much of the log is kept. */
export interface DeliveryBounds {
  readonly retentionMs?: number;
  /** A multiple of `DELIVERY_PAGE_MAX`. */
  readonly countMax?: number;
}

const VERSION = 1;
/** Characters of an error that are kept. */
const ERROR_LENGTH_MAX = 2000;
/** They are counted after so many new ones; not more than twice as many are removed at once. */
const PRUNE_EVERY = 5000;
/** How often those that are too old are looked for. */
const EXPIRY_INTERVAL_MS = 3_600_000;

export const ATTEMPT_OUTCOMES = ["delivered", "retrying", "failed"] as const;
export type AttemptOutcome = (typeof ATTEMPT_OUTCOMES)[number];

/** One attempt to tell somebody something. */
export interface Delivery {
  readonly id: string;
  /** The idempotency key of the notification: the same for all its attempts. */
  readonly key: string;
  readonly integration: string;
  readonly receiver: string;
  readonly groupId: string;
  readonly groupKey: string;
  /** Groups of the alerts' first routes, whose incidents it was about. */
  readonly followedGroups: readonly string[];
  readonly incident: string | undefined;
  readonly reason: string;
  readonly firing: number;
  readonly resolved: number;
  readonly outcome: AttemptOutcome;
  /** "" where it was delivered to everybody. */
  readonly error: string;
  readonly attempt: number;
  readonly durationMs: number;
  /** When the attempt began. */
  readonly atMs: number;
  /** Which server sent it. */
  readonly server: string;
}

export interface DeliveryQuery {
  readonly integration?: string;
  readonly receiver?: string;
  /** One of the followed groups, or the group that was told; of an incident, see `IncidentArchive.attemptsOf`. */
  readonly group?: string;
  readonly outcome?: AttemptOutcome;
  readonly key?: string;
  readonly startMs?: number;
  readonly endMs?: number;
  /** What a page before gave to go on with. */
  readonly after?: { readonly sortKey: number; readonly id: string };
  /** Up to `DELIVERY_PAGE_MAX`. */
  readonly limit: number;
}

/** Every attempt to notify, for people who ask why they were not told. The newest come first. */
export class DeliveryLog {
  readonly #store: DocumentStore;
  readonly #server: string;
  readonly #retentionMs: number;
  readonly #countMax: number;
  #countSincePruning = 0;
  #nextExpiryMs = 0;

  constructor(store: DocumentStore, server: string, bounds: DeliveryBounds = {}) {
    this.#store = store;
    this.#server = server;
    this.#retentionMs = bounds.retentionMs ?? DELIVERY_RETENTION_MS;
    this.#countMax = bounds.countMax ?? DELIVERIES_MAX;
  }

  /** The document that keeps an attempt. */
  write(entry: OutboxEntry, attempt: Attempt): Write {
    const { outcome, startedAtMs, durationMs, number } = attempt;
    const incident = entry.page?.context.incident?.id;
    const groups = [...new Set([entry.groupId, ...entry.followedGroups])];
    const firing = entry.alerts.filter(({ endsAtMs }) => endsAtMs === null).length;
    const id = hashOf(entry.id, this.#server, String(startedAtMs), String(number));
    const body = {
      version: VERSION,
      key: entry.id,
      integration: entry.integration,
      receiver: entry.receiver,
      groupId: entry.groupId,
      groupKey: entry.groupKey,
      followedGroups: entry.followedGroups,
      incident: incident ?? null,
      reason: entry.reason,
      firing,
      resolved: entry.alerts.length - firing,
      outcome: outcome.kind,
      error: problemOf(attempt).slice(0, ERROR_LENGTH_MAX),
      attempt: number,
      durationMs,
      server: this.#server,
    };
    const tags = [
      `integration=${entry.integration}`,
      `receiver=${entry.receiver}`,
      `outcome=${outcome.kind}`,
      `key=${entry.id}`,
      ...groups.map((group) => `group=${group}`),
    ];
    this.#countSincePruning++;
    return {
      collection: DELIVERY_COLLECTION,
      id,
      document: { id, body, sortKey: startedAtMs, tags },
    };
  }

  /** @throws OperatingError of the store. */
  async query(query: DeliveryQuery): Promise<readonly Delivery[]> {
    const { startMs, endMs, after, limit } = query;
    const tags = (["key", "group", "integration", "receiver", "outcome"] as const)
      .filter((name) => query[name] !== undefined)
      .map((name) => `${name}=${query[name]}`);
    const documents = await this.#store.read((reader) =>
      reader.list(DELIVERY_COLLECTION, {
        order: "desc",
        limit: Math.min(limit, DELIVERY_PAGE_MAX),
        ...(tags.length === 0 ? {} : { tags }),
        ...(startMs === undefined ? {} : { sortKeyMin: startMs }),
        ...(endMs === undefined ? {} : { sortKeyMax: endMs }),
        ...(after === undefined ? {} : { after }),
      }),
    );
    return documents.flatMap((document) => {
      try {
        return [deliveryFrom(document)];
      } catch (error) {
        if (error instanceof OperatingError) return []; // Damaged: the others can be shown all the same.
        throw error;
      }
    });
  }

  /** Removes what is too old, now and then, and what is too much, once enough has come since the last time. */
  async prune(nowMs: number): Promise<void> {
    const counts = this.#countSincePruning >= PRUNE_EVERY;
    // A clock that was set back does not put it off.
    const expires = nowMs >= this.#nextExpiryMs || nowMs < this.#nextExpiryMs - EXPIRY_INTERVAL_MS;
    if (!counts && !expires) return;
    const bound = await this.#store.read(async (reader) => {
      const surplusMs = counts
        ? await newestSurplus(reader, this.#countMax)
        : Number.NEGATIVE_INFINITY;
      const boundMs = Math.max(nowMs - this.#retentionMs, surplusMs);
      const [first] = await reader.list(DELIVERY_COLLECTION, { sortKeyMax: boundMs, limit: 1 });
      return first === undefined ? undefined : boundMs;
    });
    if (bound !== undefined) {
      const limit = 2 * PRUNE_EVERY;
      const gone = await this.#store.transaction((tx) =>
        tx.deleteOldest(DELIVERY_COLLECTION, { sortKeyMax: bound, limit }),
      );
      if (gone === limit) return; // The rest goes the next time.
    }
    if (counts) this.#countSincePruning = 0;
    this.#nextExpiryMs = nowMs + EXPIRY_INTERVAL_MS;
  }
}

/** When the newest of those was attempted that are too many; minus infinity where none is. */
async function newestSurplus(reader: DocumentReader, countMax: number): Promise<number> {
  let after: StoredDocument | undefined;
  for (let count = 0; count < countMax; count += DELIVERY_PAGE_MAX) {
    const page: readonly StoredDocument[] = await reader.list(DELIVERY_COLLECTION, {
      order: "desc",
      limit: DELIVERY_PAGE_MAX,
      ...(after === undefined ? {} : { after }),
    });
    after = page.at(-1);
    if (page.length < DELIVERY_PAGE_MAX) return Number.NEGATIVE_INFINITY;
  }
  return (after?.sortKey ?? Number.NEGATIVE_INFINITY) - 1;
}

/** @throws OperatingError `disk.corrupt` */
function deliveryFrom({ id, body, sortKey }: StoredDocument): Delivery {
  const root = new StoredJson(body, `delivery ${id}`);
  root.member("version").version(VERSION);
  const text = (name: string): string => root.member(name).text();
  const incident = root.member("incident");
  return {
    id,
    key: text("key"),
    integration: text("integration"),
    receiver: text("receiver"),
    groupId: text("groupId"),
    groupKey: text("groupKey"),
    followedGroups: texts(root, "followedGroups"),
    incident: incident.isNull() ? undefined : incident.text(),
    reason: text("reason"),
    firing: root.member("firing").number(),
    resolved: root.member("resolved").number(),
    outcome: root.member("outcome").oneOf(ATTEMPT_OUTCOMES),
    error: text("error"),
    attempt: root.member("attempt").number(),
    durationMs: root.member("durationMs").number(),
    atMs: sortKey,
    server: text("server"),
  };
}
