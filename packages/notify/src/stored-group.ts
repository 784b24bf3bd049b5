import {
  type AlertGroup,
  fingerprint,
  type GroupAlert,
  groupKey,
  type NotificationReason,
  type NotificationRecord,
} from "@pharos/alert";
import { labelsFrom, StoredJson } from "@pharos/base";
import type { DocumentTransaction, Json, StoredDocument } from "@pharos/ports";

/** Collections of the document store; on disk for ever. */
export const GROUP_COLLECTION = "alert_groups";
export const OUTBOX_COLLECTION = "notification_outbox";
export const LOG_COLLECTION = "notification_log";

/** On disk since the first version; a change needs a new number and a reader for the old one. */
const FORMAT_VERSION = 1;

/** A notification that was decided and not delivered yet. Its id is the idempotency key. */
export interface OutboxEntry {
  readonly id: string;
  /** Such as `team/webhook[0]`. */
  readonly integration: string;
  readonly receiver: string;
  readonly groupKey: string;
  readonly groupLabels: AlertGroup["labels"];
  readonly reason: NotificationReason;
  readonly alerts: readonly GroupAlert[];
  /** What the receiver had been told before, should this one fail. */
  readonly recordBefore: NotificationRecord | undefined;
  readonly createdAtMs: number;
}

export function groupToDocument(group: AlertGroup): StoredDocument {
  const { key, labels, alerts, nextFlushMs, flushed, records } = group;
  const body: Json = {
    version: FORMAT_VERSION,
    labels,
    flushed,
    nextFlushMs,
    alerts: [...alerts.values()].map(alertToJson),
    records: [...records].map(([integration, record]) => ({
      integration,
      ...recordToJson(record),
    })),
  };
  return { id: key, body, sortKey: nextFlushMs };
}

/** @throws OperatingError `disk.corrupt` */
export function groupFromDocument({ id, body }: StoredDocument): AlertGroup {
  const root = new StoredJson(body, `alert group ${id}`);
  root.member("version").version(FORMAT_VERSION);
  const labels = labelsFrom(root.member("labels").pairs());
  const alerts = root.member("alerts").items().map(alertFromJson);
  return {
    key: groupKey(labels),
    labels,
    alerts: new Map(alerts.map((alert) => [fingerprint(alert.labels), alert])),
    nextFlushMs: root.member("nextFlushMs").number(),
    flushed: root.member("flushed").boolean(),
    records: new Map(
      root
        .member("records")
        .items()
        .map((record) => [record.member("integration").text(), recordFromJson(record)]),
    ),
  };
}

export function entryToDocument(entry: OutboxEntry): StoredDocument {
  const { id, recordBefore, groupLabels, alerts, ...rest } = entry;
  const body: Json = {
    version: FORMAT_VERSION,
    ...rest,
    groupLabels,
    alerts: alerts.map(alertToJson),
    recordBefore: recordBefore === undefined ? null : recordToJson(recordBefore),
  };
  return { id, body, sortKey: entry.createdAtMs };
}

const REASONS = [
  "first notification",
  "new alerts added",
  "all alerts resolved",
  "some alerts resolved",
  "repeat interval elapsed",
] as const satisfies readonly NotificationReason[];

/** @throws OperatingError `disk.corrupt` */
export function entryFromDocument({ id, body }: StoredDocument): OutboxEntry {
  const root = new StoredJson(body, `notification ${id}`);
  root.member("version").version(FORMAT_VERSION);
  const recordBefore = root.member("recordBefore");
  return {
    id,
    integration: root.member("integration").text(),
    receiver: root.member("receiver").text(),
    groupKey: root.member("groupKey").text(),
    groupLabels: labelsFrom(root.member("groupLabels").pairs()),
    reason: root.member("reason").oneOf(REASONS),
    alerts: root.member("alerts").items().map(alertFromJson),
    recordBefore: recordBefore.isNull() ? undefined : recordFromJson(recordBefore),
    createdAtMs: root.member("createdAtMs").number(),
  };
}

function alertToJson(alert: GroupAlert): Json {
  return { ...alert };
}

function alertFromJson(alert: StoredJson): GroupAlert {
  const endsAt = alert.member("endsAtMs");
  return {
    labels: labelsFrom(alert.member("labels").pairs()),
    annotations: alert.member("annotations").pairs(),
    startsAtMs: alert.member("startsAtMs").number(),
    endsAtMs: endsAt.isNull() ? null : endsAt.number(),
    generatorUrl: alert.member("generatorUrl").text(),
  };
}

function recordToJson({ firing, resolved, timestampMs }: NotificationRecord): {
  readonly [key: string]: Json;
} {
  return { firing, resolved, timestampMs };
}

function recordFromJson(record: StoredJson): NotificationRecord {
  const texts = (name: string): string[] =>
    record
      .member(name)
      .items()
      .map((item) => item.text());
  return {
    firing: texts("firing"),
    resolved: texts("resolved"),
    timestampMs: record.member("timestampMs").number(),
  };
}

/** A document to put, or to delete where it is undefined. */
export interface Write {
  readonly collection: string;
  readonly id: string;
  readonly document: StoredDocument | undefined;
}

export async function performWrite(tx: DocumentTransaction, write: Write): Promise<void> {
  const { collection, id, document } = write;
  if (document === undefined) await tx.delete(collection, id);
  else await tx.put(collection, document);
}
