import { type AlertGroup, fingerprint, isResolved } from "@pharos/alert";
import {
  entryToDocument,
  GROUP_COLLECTION,
  groupToDocument,
  OUTBOX_COLLECTION,
  type OutboxEntry,
  type Write,
} from "./stored-group.ts";

export function groupWrite(group: AlertGroup): Write {
  return { collection: GROUP_COLLECTION, id: group.key, document: groupToDocument(group) };
}

export function entryWrite(entry: OutboxEntry): Write {
  return { collection: OUTBOX_COLLECTION, id: entry.id, document: entryToDocument(entry) };
}

/** The newer entry, speaking also for an older one that was never delivered: nothing that resolved is lost. */
export function takeOver(newer: OutboxEntry, older: OutboxEntry): OutboxEntry {
  const said = new Set(newer.alerts.map((alert) => fingerprint(alert.labels)));
  const rest = older.alerts.filter(
    (alert) => alert.endsAtMs !== null && !said.has(fingerprint(alert.labels)),
  );
  return { ...newer, alerts: [...newer.alerts, ...rest], recordBefore: older.recordBefore };
}

/** Changed texts alone wait for the next flush: they come with every evaluation. */
export function needsWriting(
  before: AlertGroup | undefined,
  after: AlertGroup,
  nowMs: number,
): boolean {
  if (before === undefined || before.nextFlushMs !== after.nextFlushMs) return true;
  if (before.alerts.size !== after.alerts.size) return true;
  for (const [id, alert] of after.alerts) {
    const known = before.alerts.get(id);
    if (known === undefined || isResolved(known, nowMs) !== isResolved(alert, nowMs)) return true;
  }
  return false;
}
