import type { NotificationRecord } from "@pharos/alert";
import { StoredJson } from "@pharos/base";
import type { Json, StoredDocument } from "@pharos/ports";
import { recordIdOf } from "./idempotency-key.ts";
import { recordFromJson, recordToJson } from "./stored-json.ts";
import type { Write } from "./write.ts";

/** The collection of what integrations were told; on disk for ever. */
export const RECORD_COLLECTION = "notification_records";

/**
 * How long it is known what was told of a group that is over, so that keys are not used twice: as long as Alertmanager
 * keeps its data. Groups that go on keep theirs.
 */
export const RECORD_RETENTION_MS = 120 * 3_600_000;

const VERSION = 1;

/** What one integration was told of one group, and what it needs to go on. */
export interface StoredRecord {
  readonly integration: string;
  readonly groupId: string;
  readonly record: NotificationRecord;
  /** The key of the notification that is not delivered yet. Never more than one. */
  readonly pending: string | undefined;
  /** What its last receipt kept. */
  readonly state: Json | undefined;
  /** Of the last change. */
  readonly changedAtMs: number;
}

export function recordWrite(stored: StoredRecord): Write {
  const { integration, groupId, record, pending, state, changedAtMs } = stored;
  const id = recordIdOf(integration, groupId);
  const body = {
    version: VERSION,
    integration,
    groupId,
    record: recordToJson(record),
    pending: pending ?? null,
    ...(state === undefined ? {} : { state }),
  };
  const document = { id, body, sortKey: changedAtMs };
  return { collection: RECORD_COLLECTION, id, document };
}

/** @throws OperatingError `disk.corrupt` */
export function recordFromDocument({ id, body, sortKey }: StoredDocument): StoredRecord {
  const root = new StoredJson(body, `notification record ${id}`);
  root.member("version").version(VERSION);
  const pending = root.member("pending");
  return {
    integration: root.member("integration").text(),
    groupId: root.member("groupId").text(),
    record: recordFromJson(root.member("record")),
    pending: pending.isNull() ? undefined : pending.text(),
    state: stateOf(body),
    changedAtMs: sortKey,
  };
}

/** As the receiver gave it, whatever it is. */
function stateOf(body: Json): Json | undefined {
  return typeof body === "object" && body !== null && "state" in body ? body.state : undefined;
}
