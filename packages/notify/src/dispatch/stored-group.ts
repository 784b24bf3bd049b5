import { type GroupAlert, groupKey, type NotificationRecord } from "@pharos/alert";
import { type Labels, labelsFrom, StoredJson } from "@pharos/base";
import type { StoredDocument } from "@pharos/ports";
import { groupIdOf } from "./idempotency-key.ts";
import { alertFromJson, oldRecordFromJson, versionOf } from "./stored-json.ts";
import type { Write } from "./write.ts";

/** The collection of groups' timers; on disk for ever. */
export const GROUP_COLLECTION = "alert_groups";

/** Version 1 had alerts and records in the same document, and one route. */
const VERSION = 2;

/** What a restart must know of a group: its alerts are documents of their own. */
export interface StoredGroup {
  readonly id: string;
  readonly routeId: string;
  readonly key: string;
  readonly labels: Labels;
  /** Wall-clock time, so that it outlives a restart. */
  readonly nextFlushMs: number;
  /** False while the group is in its `group_wait`. */
  readonly flushed: boolean;
}

export function groupWrite(group: StoredGroup): Write {
  const { id, routeId, key, labels, nextFlushMs, flushed } = group;
  const body = { version: VERSION, routeId, key, labels, nextFlushMs, flushed };
  return { collection: GROUP_COLLECTION, id, document: { id, body, sortKey: nextFlushMs } };
}

/** A group as version 1 kept it, with what was in the same document. */
export interface OldGroup {
  readonly group: StoredGroup;
  readonly alerts: readonly GroupAlert[];
  readonly records: readonly (readonly [integration: string, record: NotificationRecord])[];
}

/** @throws OperatingError `disk.corrupt` */
export function groupFromDocument({ id, body }: StoredDocument): StoredGroup | OldGroup {
  const what = `alert group ${id}`;
  const root = new StoredJson(body, what);
  const version = versionOf(root, what, [1, 2]);
  const labels = labelsFrom(root.member("labels").pairs());
  const timers = {
    labels,
    nextFlushMs: root.member("nextFlushMs").number(),
    flushed: root.member("flushed").boolean(),
  };
  if (version === 1) {
    const key = groupKey({ key: "{}" }, labels);
    return {
      group: { id: groupIdOf("{}", key), routeId: "{}", key, ...timers },
      alerts: root.member("alerts").items().map(alertFromJson),
      records: root
        .member("records")
        .items()
        .map((record) => [record.member("integration").text(), oldRecordFromJson(record)]),
    };
  }
  return {
    id,
    routeId: root.member("routeId").text(),
    key: root.member("key").text(),
    ...timers,
  };
}
