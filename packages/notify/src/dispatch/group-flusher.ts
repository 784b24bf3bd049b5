import { isResolved } from "@pharos/alert";
import { assert } from "@pharos/base";
import type { DocumentTransaction } from "@pharos/ports";
import {
  decide,
  type GroupDecision,
  type Integration,
  mayLeave,
  type Pending,
  type ToldView,
} from "./decide.ts";
import { noLongerConfigured } from "./deliveries.ts";
import { type DispatchState, suppressionOf } from "./dispatch-state.ts";
import { recordIdOf } from "./idempotency-key.ts";
import { storedEntry } from "./leases.ts";
import type { LiveGroup } from "./live-group.ts";
import type { SeenAlert } from "./observer.ts";
import { entryRemoval, entryWrite, type OutboxEntry } from "./outbox-entry.ts";
import { GROUP_COLLECTION, groupFromDocument, groupWrite } from "./stored-group.ts";
import {
  RECORD_COLLECTION,
  recordFromDocument,
  recordWrite,
  type StoredRecord,
} from "./stored-record.ts";
import { sift } from "./suppression.ts";
import { performWrites, type Write } from "./write.ts";

/** How many groups are decided about in one transaction: other servers wait for it. */
export const FLUSHED_AT_ONCE_MAX = 200;
/** So many alerts in them are enough: until they are decided about and written, this process does nothing else. */
const FLUSHED_LOAD = { weightOf: (group: LiveGroup) => group.members.size, weightMax: 500 };

/** A look at a group: at its time, or only for those integrations that were busy then. */
interface Look {
  readonly group: LiveGroup;
  readonly only: ReadonlySet<string> | undefined;
}

/** Decides what is told of groups, keeps it, and hands it to delivery. */
export class GroupFlusher {
  readonly #state: DispatchState;
  /** Keys of notifications that are being kept: no loop has them yet. */
  readonly #starting = new Set<string>();

  constructor(state: DispatchState) {
    this.#state = state;
  }

  /** Looks at all groups that are due. */
  async flushDue(): Promise<void> {
    const { table, clock } = this.#state;
    for (;;) {
      const due = table.queue.takeDue(clock.nowMs(), FLUSHED_AT_ONCE_MAX, FLUSHED_LOAD);
      if (due.length === 0) return;
      await this.#look(due.map((group) => ({ group, only: undefined })));
    }
  }

  /** Decides anew for one integration whose notification is settled, where the group waited for that. */
  async settled(groupId: string, integration: string): Promise<void> {
    const group = this.#state.table.get(groupId);
    if (group?.deferred.delete(integration) !== true) return;
    await this.#look([{ group, only: new Set([integration]) }]);
  }

  async #look(looks: readonly Look[]): Promise<void> {
    const { shared, writer, clock } = this.#state;
    const nowMs = clock.nowMs();
    if (!shared) {
      await this.#finish(looks, this.#decideFromMemory(looks, nowMs), nowMs, false);
      return;
    }
    const held = this.#holdPending(looks);
    const decisions = await writer.transaction(
      (tx) => this.#decideInStore(tx, looks, nowMs),
      "deciding on notifications",
    );
    // Where the store fails, people are told all the same, maybe by two servers.
    if (decisions === undefined)
      await this.#finish(looks, this.#decideFromMemory(looks, nowMs), nowMs, false);
    else await this.#finish(looks, decisions, nowMs, true);
    for (const { integration, id } of held) this.#state.deliveries.release(integration, id);
  }

  #integrationsOf({ group, only }: Look): readonly Integration[] {
    const all = this.#state.deliveries.integrationsOf(group.route.receiver);
    return only === undefined ? all : all.filter(({ key }) => only.has(key));
  }

  #decide(look: Look, told: ToldView, nowMs: number): GroupDecision {
    const { leases, routeLabels, table, shared, cluster } = this.#state;
    const sifted = sift(look.group, suppressionOf(this.#state), nowMs);
    return decide(
      look.group,
      sifted,
      {
        integrations: this.#integrationsOf(look),
        told,
        lease: leases.fresh(),
        routeLabels,
        firstGroup: (id) => table.firstGroupOf(id),
        hasPeers: shared || cluster !== undefined,
      },
      nowMs,
    );
  }

  #decideFromMemory(looks: readonly Look[], nowMs: number): GroupDecision[] {
    const { records } = this.#state;
    return looks.map((look) => {
      const { id } = look.group;
      return this.#decide(
        look,
        {
          record: (integration) => records.get(id, integration),
          pending: (key, integration) => this.#pendingHere(integration, key),
        },
        nowMs,
      );
    });
  }

  #pendingHere(integration: string, id: string): Pending | undefined {
    if (this.#starting.has(id)) return { kind: "sending" };
    return this.#state.deliveries.pending(integration, id);
  }

  /** What waits for an attempt must not start one while it may be withdrawn. */
  #holdPending(looks: readonly Look[]): { integration: string; id: string }[] {
    const { records, deliveries } = this.#state;
    const held: { integration: string; id: string }[] = [];
    for (const { group } of looks)
      for (const { integration, pending } of records.ofGroup(group.id))
        if (pending !== undefined && deliveries.hold(integration, pending))
          held.push({ integration, id: pending });
    return held;
  }

  /** As of what is kept: what another server has told is not told again. */
  async #decideInStore(
    tx: DocumentTransaction,
    looks: readonly Look[],
    nowMs: number,
  ): Promise<GroupDecision[]> {
    const { records } = this.#state;
    const decisions: GroupDecision[] = [];
    for (const look of looks) {
      const { group } = look;
      const isLookedAt = look.only === undefined && (await this.#adoptFlush(tx, group, nowMs));
      const told = await this.#readTold(tx, look);
      // That one may not know of all that fires here: its own rules count.
      if (isLookedAt && !records.hasUnheard(group.id, group.members, nowMs)) {
        this.#dropTold(group, nowMs);
        continue;
      }
      this.#recallOwed(group, nowMs);
      const decision = this.#decide(look, told, nowMs);
      await performWrites(tx, this.#writesOf(look, decision, nowMs));
      decisions.push(decision);
    }
    return decisions;
  }

  /** Whether another server has looked at the group in our stead; then it is due again when that one said. */
  async #adoptFlush(tx: DocumentTransaction, group: LiveGroup, nowMs: number): Promise<boolean> {
    const document = await tx.get(GROUP_COLLECTION, group.id);
    if (document === undefined) return false;
    const stored = groupFromDocument(document);
    if (!("id" in stored) || !stored.flushed || stored.nextFlushMs <= nowMs) return false;
    if (stored.nextFlushMs > nowMs + group.route.groupIntervalMs) return false;
    group.flushed = true;
    group.isKept = true;
    group.nextFlushMs = stored.nextFlushMs;
    return true;
  }

  /** Of what is over, only what somebody must hear of yet stays. */
  #dropTold(group: LiveGroup, nowMs: number): void {
    const { records } = this.#state;
    for (const [id, alert] of group.members)
      if (isResolved(alert, nowMs) && !records.isOwed(group.id, id)) group.members.delete(id);
  }

  /**
   * What another server told to be over, in vain, left this server's group then: whoever is to hear of it yet is told
   * by whichever server looks next.
   */
  #recallOwed(group: LiveGroup, nowMs: number): void {
    const { records, intake, table, jumps } = this.#state;
    for (const { record } of records.ofGroup(group.id))
      for (const id of [...record.missed, ...record.firing]) {
        const alert = group.members.has(id) ? undefined : intake.get(id)?.alert;
        if (alert === undefined || !isResolved(alert, nowMs)) continue;
        if (jumps.agoMs(alert.endsAtMs ?? nowMs) > group.route.repeatIntervalMs) continue;
        if (table.targetsOf(id, alert.labels).some(({ groupId }) => groupId === group.id))
          group.members.set(id, alert);
      }
  }

  /** Reads what was told of the group, into memory as well. */
  async #readTold(tx: DocumentTransaction, look: Look): Promise<ToldView> {
    const { leases, clock, records } = this.#state;
    const { id } = look.group;
    const stored = new Map<string, StoredRecord>();
    const pendings = new Map<string, Pending>();
    for (const { key } of this.#integrationsOf(look)) {
      const document = await tx.get(RECORD_COLLECTION, recordIdOf(key, id));
      if (document === undefined) continue;
      const record = recordFromDocument(document);
      stored.set(key, record);
      records.set(record);
      if (record.pending === undefined) continue;
      const here = this.#pendingHere(key, record.pending);
      const entry = here === undefined ? await storedEntry(tx, record.pending) : undefined;
      if (here !== undefined) pendings.set(record.pending, here);
      else if (entry !== undefined)
        pendings.set(
          record.pending,
          leases.isOurs(entry, clock.nowMs()) ? { kind: "waiting", entry } : { kind: "elsewhere" },
        );
    }
    return {
      record: (integration) => stored.get(integration),
      pending: (key) => pendings.get(key),
    };
  }

  /** What a decision makes of the documents. */
  #writesOf(look: Look, decision: GroupDecision, nowMs: number): Write[] {
    const { intake, shared } = this.#state;
    const { group } = decision;
    const writes: Write[] = [
      ...decision.withdrawn.map(entryRemoval),
      ...decision.entries.map(entryWrite),
      ...decision.records.map(recordWrite),
    ];
    if (look.only === undefined) {
      const nextFlushMs = nowMs + group.route.groupIntervalMs;
      const { id, routeId, key, labels } = group;
      // Alone, a restart may look at all groups at once: what was told is known.
      if (shared || !group.flushed || decision.entries.length > 0)
        writes.push(groupWrite({ id, routeId, key, labels, nextFlushMs, flushed: true }));
      const ended: string[] = [];
      for (const [member, alert] of decision.sifted.members)
        if (isResolved(alert, nowMs)) ended.push(member);
      writes.push(...intake.writesOfEnded(ended, nowMs));
    }
    return writes;
  }

  /** Makes decisions true in memory, keeps them unless that is done, and sends what they say. */
  async #finish(
    looks: readonly Look[],
    decisions: readonly GroupDecision[],
    nowMs: number,
    isKept: boolean,
  ): Promise<void> {
    const { table, writer } = this.#state;
    const lookOf = new Map(looks.map((look) => [look.group, look]));
    const writes: Write[] = [];
    for (const decision of decisions) {
      const look = lookOf.get(decision.group);
      assert(look !== undefined, "a decision is about a group that was looked at");
      lookOf.delete(decision.group);
      if (!isKept) writes.push(...this.#writesOf(look, decision, nowMs));
      writes.push(...this.#apply(look, decision, nowMs));
    }
    // Those that another server has looked at.
    for (const { group, only } of lookOf.values()) {
      if (only !== undefined) continue;
      if (group.members.size === 0) table.remove(group);
      else this.#requeue(group);
    }
    if (writes.length > 0) await writer.write(writes, "keeping notifications");
    for (const { entries } of decisions) for (const entry of entries) await this.#start(entry);
  }

  #apply(look: Look, decision: GroupDecision, nowMs: number): Write[] {
    const { records, deliveries, observer, table } = this.#state;
    const { group, sifted } = decision;
    for (const id of decision.withdrawn) deliveries.withdraw(id);
    for (const record of decision.records) records.set(record);
    for (const { id } of decision.entries) this.#starting.add(id);
    if (look.only === undefined) group.deferred.clear();
    for (const integration of decision.deferred) group.deferred.add(integration);
    for (const [id, alert] of decision.restored)
      if (!group.members.has(id)) group.members.set(id, alert);
    if (look.only !== undefined) return [];
    group.mutedBy = sifted.mutedBy;
    group.flushed = true;
    group.isKept = true;
    group.nextFlushMs = nowMs + group.route.groupIntervalMs;
    const seen: SeenAlert[] = [];
    for (const [id, alert] of sifted.members) {
      if (table.firstGroupOf(id) === group.id)
        seen.push({ alert, suppressedBy: sifted.suppressedBy.get(id) ?? [] });
      if (decision.isComplete && mayLeave(group, id, alert, nowMs)) group.members.delete(id);
    }
    const writes = seen.length === 0 ? [] : [...observer.alertsSeen(group.identity, seen, nowMs)];
    if (table.get(group.id) !== group) return writes; // A reload took it away meanwhile.
    if (group.members.size > 0 || group.deferred.size > 0) this.#requeue(group);
    else {
      table.remove(group);
      writes.push({ collection: GROUP_COLLECTION, id: group.id, document: undefined });
    }
    return writes;
  }

  #requeue(group: LiveGroup): void {
    const { table } = this.#state;
    if (table.get(group.id) === group) table.requeue(group);
  }

  async #start(entry: OutboxEntry): Promise<void> {
    this.#starting.delete(entry.id);
    if (this.#state.deliveries.add(entry)) return;
    await this.drop(entry);
  }

  /** Forgets a notification whose integration is not in the configuration any more. */
  async drop(entry: OutboxEntry): Promise<void> {
    const { counts, onProblem, records, writer } = this.#state;
    counts.failed++;
    onProblem(noLongerConfigured(entry.integration), "delivering a notification");
    const writes = [entryRemoval(entry.id)];
    const stored = records.get(entry.groupId, entry.integration);
    if (stored?.pending === entry.id) {
      const settled = { ...stored, pending: undefined };
      records.set(settled);
      writes.push(recordWrite(settled));
    }
    await writer.write(writes, "dropping a notification");
  }
}
