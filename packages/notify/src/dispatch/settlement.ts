import {
  fingerprint,
  isResolved,
  type NotificationContext,
  recordAfterFailure,
} from "@pharos/alert";
import { type Labels, OperatingError } from "@pharos/base";
import type { DocumentTransaction } from "@pharos/ports";
import { withDeadline } from "../deadline.ts";
import { type Attempt, type Preparation, problemOf } from "../delivery-loop.ts";
import type { DispatchState } from "./dispatch-state.ts";
import type { GroupFlusher } from "./group-flusher.ts";
import { recordIdOf } from "./idempotency-key.ts";
import { storedEntry } from "./leases.ts";
import type { Enrich } from "./observer.ts";
import { entryRemoval, type OutboxEntry } from "./outbox-entry.ts";
import { groupWrite } from "./stored-group.ts";
import {
  RECORD_COLLECTION,
  recordFromDocument,
  recordWrite,
  type StoredRecord,
} from "./stored-record.ts";
import { performWrites, type Write } from "./write.ts";

/** How long a notification waits for what would be good to have in it. */
const ENRICH_MS_MAX = 2000;

/** What happens around the attempts of notifications: before, after, and when their fate is known. */
export class Settlement {
  readonly #state: DispatchState;
  readonly #flusher: GroupFlusher;
  readonly #enrich: Enrich | undefined;

  constructor(state: DispatchState, flusher: GroupFlusher, enrich: Enrich | undefined) {
    this.#state = state;
    this.#flusher = flusher;
    this.#enrich = enrich;
  }

  async prepare(entry: OutboxEntry, signal: AbortSignal): Promise<Preparation> {
    const { records } = this.#state;
    const context = entry.page?.context ?? (await this.#contextOf(entry, signal));
    return { context, state: records.get(entry.groupId, entry.integration)?.state };
  }

  /** Whether the entry may be sent now by this server. */
  async claim(entry: OutboxEntry): Promise<"send" | "elsewhere" | "wait" | OperatingError> {
    if (this.#isHeld(entry))
      return new OperatingError("notify.rejected", "somebody is at it: not sent any more");
    if (entry.page !== undefined && this.#isOver(entry))
      return new OperatingError("notify.rejected", "it is over: not sent any more");
    const { leases, cluster, superseded } = this.#state;
    if (!(await leases.claim(entry))) return "elsewhere";
    if (cluster === undefined) return "send";
    const claimed = await cluster.claim(entry);
    const told = superseded.get(entry.id);
    superseded.delete(entry.id);
    if (told !== undefined || (claimed === "told" && entry.page !== undefined)) {
      await this.supersede(entry, told);
      return "elsewhere";
    }
    // "told" of what was known before this was decided: asked again, with what is known now.
    return claimed === "granted" ? "send" : "wait";
  }

  /** Another server has told: what it told counts, and of what resolved here people hear with the next flush. */
  async supersede(entry: OutboxEntry, told: StoredRecord | undefined): Promise<void> {
    const { records, writer, clock } = this.#state;
    const stored = told ?? records.get(entry.groupId, entry.integration);
    const writes = [entryRemoval(entry.id)];
    if (stored !== undefined) {
      const settled = { ...stored, pending: undefined };
      records.set(settled);
      writes.push(recordWrite(settled));
    }
    if (entry.page === undefined) writes.push(...this.#restore(entry, clock.nowMs()));
    await writer.write(writes, "taking over what another server has told");
  }

  /** Keeps what came of an attempt; when it was the last, the group goes on from there. */
  async attempted(entry: OutboxEntry, attempt: Attempt): Promise<void> {
    const { counts, log, writer, leases, clock } = this.#state;
    const nowMs = clock.nowMs();
    const writes = [log.write(entry, attempt), ...this.#observe(entry, attempt, nowMs)];
    this.#report(entry, attempt);
    if (attempt.outcome.kind === "retrying") {
      counts.retried++;
      await writer.write(writes, "keeping an attempt");
      return;
    }
    counts[attempt.outcome.kind]++;
    await this.#settle(entry, attempt, writes, nowMs);
    leases.release(entry.id);
    await this.#flusher.settled(entry.groupId, entry.integration);
  }

  #report({ integration }: OutboxEntry, { outcome, number }: Attempt): void {
    const { onProblem } = this.#state;
    if (outcome.kind === "delivered" && outcome.receipt.shortfall !== undefined)
      onProblem(
        new OperatingError("notify.rejected", outcome.receipt.shortfall),
        `notifying ${integration}, not everybody was told`,
      );
    if (outcome.kind === "retrying")
      onProblem(outcome.error, `notifying ${integration}, to be tried again`);
    if (outcome.kind === "failed") {
      const attempts = number === 1 ? "one attempt" : `${number} attempts`;
      onProblem(outcome.error, `notifying ${integration}, given up after ${attempts}`);
    }
  }

  #observe(entry: OutboxEntry, attempt: Attempt, nowMs: number): Write[] {
    const { outcome, startedAtMs } = attempt;
    const seen = {
      key: entry.id,
      integration: entry.integration,
      receiver: entry.receiver,
      outcome: outcome.kind,
      error: problemOf(attempt),
      atMs: startedAtMs,
    };
    const { observer } = this.#state;
    return entry.followedGroups.flatMap((id) => [...observer.attempted(id, seen, nowMs)]);
  }

  /** Whether all that the entry tells as firing is held by a person by now. */
  #isHeld(entry: OutboxEntry): boolean {
    const { observer, clock, table } = this.#state;
    const nowMs = clock.nowMs();
    let isHeld = false;
    for (const { labels, endsAtMs } of entry.alerts) {
      if (endsAtMs !== null) continue;
      const id = fingerprint(labels);
      const group = table.firstGroupOf(id) ?? entry.followedGroups[0] ?? entry.groupId;
      if (observer.heldBecause(group, id, labels, nowMs) === undefined) return false;
      isHeld = true;
    }
    return isHeld;
  }

  /** Whether all that a page tells as firing has ended since. */
  #isOver(entry: OutboxEntry): boolean {
    const { intake, clock } = this.#state;
    const nowMs = clock.nowMs();
    const firing = entry.alerts.filter(({ endsAtMs }) => endsAtMs === null);
    return (
      firing.length > 0 &&
      firing.every(({ labels }) => {
        const known = intake.get(fingerprint(labels));
        return known !== undefined && isResolved(known.alert, nowMs);
      })
    );
  }

  async #settle(
    entry: OutboxEntry,
    attempt: Attempt,
    writes: readonly Write[],
    nowMs: number,
  ): Promise<void> {
    const { records, writer, shared, cluster, superseded } = this.#state;
    const inStore = shared
      ? await writer.transaction(
          (tx) => this.#settleInStore(tx, entry, attempt, writes, nowMs),
          "keeping what became of a notification",
        )
      : undefined;
    if (inStore !== undefined) {
      if (inStore.settled !== undefined) records.set(inStore.settled);
      await writer.write(this.#restoreFailed(entry, attempt, nowMs), "putting alerts back");
      return;
    }
    const settled = settledRecord(records.get(entry.groupId, entry.integration), entry, attempt);
    if (settled !== undefined) records.set(settled);
    superseded.delete(entry.id); // What was told last is this.
    cluster?.settled(entry, settled);
    await writer.write(
      [
        ...writes,
        entryRemoval(entry.id),
        ...(settled === undefined ? [] : [recordWrite(settled)]),
        ...this.#restoreFailed(entry, attempt, nowMs),
      ],
      "keeping what became of a notification",
    );
  }

  /** As of what is kept: another server may have taken the entry over meanwhile. */
  async #settleInStore(
    tx: DocumentTransaction,
    entry: OutboxEntry,
    attempt: Attempt,
    writes: readonly Write[],
    nowMs: number,
  ): Promise<{ settled: StoredRecord | undefined }> {
    const { leases } = this.#state;
    const kept = await storedEntry(tx, entry.id);
    if (kept === undefined || !leases.isOurs(kept, nowMs)) {
      await performWrites(tx, writes);
      return { settled: undefined };
    }
    const document = await tx.get(RECORD_COLLECTION, recordIdOf(entry.integration, entry.groupId));
    const stored = document === undefined ? undefined : recordFromDocument(document);
    const settled = settledRecord(stored, entry, attempt);
    await performWrites(tx, [
      ...writes,
      entryRemoval(entry.id),
      ...(settled === undefined ? [] : [recordWrite(settled)]),
    ]);
    return { settled };
  }

  /**
   * What a notification in vain said to be over goes back into its group, for the next flush; but not for ever: a
   * receiver that refuses everything must not be told of last week.
   */
  #restoreFailed(entry: OutboxEntry, { outcome }: Attempt, nowMs: number): Write[] {
    return outcome.kind !== "failed" || entry.page !== undefined ? [] : this.#restore(entry, nowMs);
  }

  #restore(entry: OutboxEntry, nowMs: number): Write[] {
    const { table, jumps } = this.#state;
    for (const alert of entry.alerts) {
      if (alert.endsAtMs === null) continue;
      const id = fingerprint(alert.labels);
      const target = table
        .targetsOf(id, alert.labels)
        .find(({ groupId }) => groupId === entry.groupId);
      if (target === undefined || jumps.agoMs(alert.endsAtMs) > target.route.repeatIntervalMs)
        continue;
      const group = this.#groupOf(entry, target.route, alert.labels, nowMs);
      if (!group.members.has(id)) group.members.set(id, alert);
    }
    const group = table.get(entry.groupId);
    return group === undefined ? [] : [groupWrite(group)];
  }

  #groupOf(
    entry: OutboxEntry,
    route: Parameters<DispatchState["table"]["make"]>[0],
    labels: Labels,
    nowMs: number,
  ): ReturnType<DispatchState["table"]["make"]> {
    const { table } = this.#state;
    const known = table.get(entry.groupId);
    if (known !== undefined) return known;
    const made = table.make(route, labels, nowMs + route.groupIntervalMs);
    made.flushed = true;
    return made;
  }

  /** Soft: a notification goes out without what could not be found out in time. */
  async #contextOf(
    { groupId, groupKey: key, groupLabels: labels, alerts, followedGroups }: OutboxEntry,
    stop: AbortSignal,
  ): Promise<NotificationContext | undefined> {
    if (this.#enrich === undefined) return undefined;
    const { clock, onProblem } = this.#state;
    const enrich = this.#enrich;
    const deadline = {
      clock,
      limitMs: ENRICH_MS_MAX,
      tooLate: () => new OperatingError("query.timeout", `not known within ${ENRICH_MS_MAX} ms`),
    };
    try {
      const group = { id: followedGroups[0] ?? groupId, key, labels };
      return await withDeadline(deadline, stop, (signal) => enrich(group, alerts, signal));
    } catch (error) {
      stop.throwIfAborted();
      if (!(error instanceof OperatingError)) throw error;
      onProblem(error, "finding out more about a notification");
      return undefined;
    }
  }
}

/** Undefined where the record has gone on without the entry. */
function settledRecord(
  stored: StoredRecord | undefined,
  entry: OutboxEntry,
  { outcome }: Attempt,
): StoredRecord | undefined {
  if (stored === undefined || stored.pending !== entry.id) return undefined;
  if (outcome.kind === "delivered") {
    const { state } = outcome.receipt;
    return { ...stored, pending: undefined, ...(state === undefined ? {} : { state }) };
  }
  const record = recordAfterFailure(stored.record, entry.recordBefore);
  return { ...stored, pending: undefined, record };
}
