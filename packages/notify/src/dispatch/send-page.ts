import { NO_RECORD } from "@pharos/alert";
import { OperatingError } from "@pharos/base";
import type { DocumentTransaction } from "@pharos/ports";
import type { DispatchState } from "./dispatch-state.ts";
import { recordIdOf } from "./idempotency-key.ts";
import { entryWrite, type OutboxEntry } from "./outbox-entry.ts";
import { type PageDecision, type PageRequest, pageEntry, pageGroupId } from "./page.ts";
import { RECORD_COLLECTION, recordWrite } from "./stored-record.ts";
import { performWrites, type Write } from "./write.ts";

/** Keeps a page together with what `decide` writes, and hands it to delivery; see `Dispatcher.page`. */
export async function sendPage(
  state: DispatchState,
  page: PageRequest,
  decide: PageDecision,
): Promise<void> {
  const { deliveries, leases, shared, writer, records, clock } = state;
  const integrations = page.receivers.flatMap((name) => deliveries.integrationsOf(name));
  if (integrations.length === 0)
    throw new OperatingError(
      "not_found",
      `no receiver of ${page.receivers.join(", ")} is configured`,
    );
  const nowMs = clock.nowMs();
  const groupId = pageGroupId(page);
  const isOver = page.alerts.every(({ endsAtMs }) => endsAtMs !== null);
  const wanted = integrations.filter(({ sendResolved }) => sendResolved || !isOver);
  const prepared = wanted.map((integration) => {
    const entry = pageEntry(page, integration, leases.fresh(), nowMs);
    const { key } = integration;
    const record = { ...NO_RECORD, sequence: 1 };
    const pending = entry.id;
    return {
      entry,
      stored: {
        integration: key,
        groupId,
        record,
        pending,
        state: undefined,
        changedAtMs: nowMs,
      },
    };
  });
  const isNew = (tx: DocumentTransaction | undefined, integration: string): Promise<boolean> =>
    tx === undefined || !shared
      ? Promise.resolve(records.get(groupId, integration) === undefined)
      : tx.get(RECORD_COLLECTION, recordIdOf(integration, groupId)).then((d) => d === undefined);
  const keep = async (tx: DocumentTransaction): Promise<OutboxEntry[]> => {
    const asked: OutboxEntry[] = [];
    const writes = await decide(tx);
    if (writes === undefined) return asked;
    const all: Write[] = [...writes];
    for (const { entry, stored } of prepared) {
      if (!(await isNew(tx, entry.integration))) continue;
      asked.push(entry);
      all.push(entryWrite(entry), recordWrite(stored));
    }
    await performWrites(tx, all);
    return asked;
  };
  let asked = await writer.transaction(keep, "keeping a page");
  if (asked === undefined) {
    // It is sent all the same, and kept as soon as that can be: whoever asked takes it for told from now on.
    asked = [];
    if ((await decide(undefined)) === undefined) return;
    const writes: Write[] = [];
    for (const { entry, stored } of prepared) {
      if (!(await isNew(undefined, entry.integration))) continue;
      asked.push(entry);
      writes.push(entryWrite(entry), recordWrite(stored));
    }
    await writer.write(writes, "keeping a page");
  }
  for (const { entry, stored } of prepared) {
    if (!asked.includes(entry)) continue;
    records.set(stored);
    deliveries.add(entry);
  }
}
