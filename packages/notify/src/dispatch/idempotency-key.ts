import { hash } from "node:crypto";
import { fingerprint, type NotificationRecord, type PlannedNotification } from "@pharos/alert";

/** 128 bits in hexadecimal: no two texts that ever meet have the same. */
const DIGITS = 32;

/** Short and the same for ever; parts are told apart. */
export function hashOf(...parts: readonly string[]): string {
  let text = "";
  for (const part of parts) text += `${part.length}:${part}`;
  return hash("sha256", text, "hex").slice(0, DIGITS);
}

/** Names a group among all, for documents: group labels may be longer than the key of a database. */
export function groupIdOf(routeId: string, groupKey: string): string {
  return hashOf(routeId, groupKey);
}

/** Names what an integration was told of a group. */
export function recordIdOf(integration: string, groupId: string): string {
  return hashOf(integration, groupId);
}

/**
 * The key of a notification: the same decision, taken again after a crash or by another server, has the same, and no
 * two decisions have one, since each counts the record on.
 */
export function idempotencyKey(
  integration: string,
  groupId: string,
  { alerts, reason, record }: PlannedNotification,
  before: NotificationRecord | undefined,
): string {
  const said = alerts.map(({ labels, startsAtMs, endsAtMs }) =>
    endsAtMs === null ? `+${fingerprint(labels)}@${startsAtMs}` : `-${fingerprint(labels)}`,
  );
  const sequence = String(before?.sequence ?? 0);
  return hashOf(integration, groupId, sequence, reason, ...record.firing, "", ...said.sort());
}
