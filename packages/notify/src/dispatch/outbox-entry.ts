import {
  type GroupAlert,
  groupKey,
  NOTIFICATION_REASONS,
  type NotificationContext,
  type NotificationReason,
  type NotificationRecord,
} from "@pharos/alert";
import { type Labels, labelsFrom, NO_LABELS, StoredJson } from "@pharos/base";
import type { Json, StoredDocument } from "@pharos/ports";
import { groupIdOf } from "./idempotency-key.ts";
import {
  alertFromJson,
  alertToJson,
  oldRecordFromJson,
  recordFromJson,
  recordToJson,
  texts,
  versionOf,
} from "./stored-json.ts";
import type { Write } from "./write.ts";

/** The collection of notifications that were decided and not delivered yet; on disk for ever. */
export const OUTBOX_COLLECTION = "notification_outbox";

/** Version 1 knew one route, no leases and no pages. */
const VERSION = 2;

/** A notification that was decided and not delivered yet. */
export interface OutboxEntry {
  /** The idempotency key. */
  readonly id: string;
  /** Such as `team/webhook[0]`. */
  readonly integration: string;
  readonly receiver: string;
  /** Of a page, its own: no group has it. */
  readonly groupId: string;
  readonly groupKey: string;
  readonly groupLabels: Labels;
  readonly routeLabels: Labels;
  readonly reason: NotificationReason;
  /** Sorted; firing ones have no end. */
  readonly alerts: readonly GroupAlert[];
  /** What the integration had been told before, should this one fail. */
  readonly recordBefore: NotificationRecord | undefined;
  /** Groups whose followers hear of each attempt: those of the alerts' first routes. */
  readonly followedGroups: readonly string[];
  readonly createdAtMs: number;
  /** Which server sends it, and until when no other may. */
  readonly leasedBy: string;
  readonly leasedUntilMs: number;
  /** Set where it tells named receivers outside the routes. */
  readonly page?: PageDetail;
}

/** What only a page has. */
export interface PageDetail {
  readonly context: NotificationContext;
  /** Failed attempts are repeated until then. */
  readonly giveUpAtMs: number;
}

export function entryWrite(entry: OutboxEntry): Write {
  const { id, recordBefore, alerts, page, ...rest } = entry;
  const body: Json = {
    version: VERSION,
    ...rest,
    alerts: alerts.map(alertToJson),
    recordBefore: recordBefore === undefined ? null : recordToJson(recordBefore),
    // A context is plain data: it goes as it is.
    page: page === undefined ? null : JSON.parse(JSON.stringify(page)),
  };
  const tags = [leaseTag(entry.leasedBy)];
  const document = { id, body, sortKey: entry.leasedUntilMs, tags };
  return { collection: OUTBOX_COLLECTION, id, document };
}

/** The tag of what a server has to send. */
export function leaseTag(server: string): string {
  return `leasedBy=${server}`;
}

export function entryRemoval(id: string): Write {
  return { collection: OUTBOX_COLLECTION, id, document: undefined };
}

/** @throws OperatingError `disk.corrupt` */
export function entryFromDocument({ id, body }: StoredDocument): OutboxEntry {
  const what = `notification ${id}`;
  const root = new StoredJson(body, what);
  const isOld = versionOf(root, what, [1, 2]) === 1;
  const groupLabels = labelsFrom(root.member("groupLabels").pairs());
  const common = {
    id,
    integration: root.member("integration").text(),
    receiver: root.member("receiver").text(),
    groupLabels,
    reason: root.member("reason").oneOf(NOTIFICATION_REASONS),
    alerts: root.member("alerts").items().map(alertFromJson),
    createdAtMs: root.member("createdAtMs").number(),
  };
  const before = root.member("recordBefore");
  if (isOld) {
    const key = groupKey({ key: "{}" }, groupLabels);
    return {
      ...common,
      groupId: groupIdOf("{}", key),
      groupKey: key,
      routeLabels: NO_LABELS,
      recordBefore: before.isNull() ? undefined : oldRecordFromJson(before),
      followedGroups: [],
      leasedBy: "",
      leasedUntilMs: 0,
    };
  }
  const page = pageOf(root.member("page"), body);
  return {
    ...common,
    groupId: root.member("groupId").text(),
    groupKey: root.member("groupKey").text(),
    routeLabels: labelsFrom(root.member("routeLabels").pairs()),
    recordBefore: before.isNull() ? undefined : recordFromJson(before),
    followedGroups: texts(root, "followedGroups"),
    leasedBy: root.member("leasedBy").text(),
    leasedUntilMs: root.member("leasedUntilMs").number(),
    ...(page === undefined ? {} : { page }),
  };
}

function pageOf(page: StoredJson, body: Json): PageDetail | undefined {
  if (page.isNull()) return undefined;
  const giveUpAtMs = page.member("giveUpAtMs").number();
  // Checks that it is there; what is in it was written by this program and is only shown.
  page.member("context");
  const { context } = (body as unknown as { readonly page: PageDetail }).page;
  return { context, giveUpAtMs };
}
