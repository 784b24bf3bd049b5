import type { GroupAlert } from "@pharos/alert";
import { StoredJson } from "@pharos/base";
import type { StoredDocument } from "@pharos/ports";
import { alertFromJson, alertToJson } from "./stored-json.ts";
import type { Write } from "./write.ts";

/** The collection of alerts that were heard of; on disk for ever. */
export const ALERT_COLLECTION = "alerts";

const VERSION = 1;

/** Who says that an alert fires: this server's rules, or somebody over the API. */
export type AlertOrigin = "rules" | "posted";

/** An alert as it is kept: written when it begins, begins anew or ends, not each time that somebody repeats it. */
export interface StoredAlert {
  readonly fingerprint: string;
  readonly alert: GroupAlert;
  readonly origin: AlertOrigin;
  readonly timedOut: boolean;
  readonly updatedAtMs: number;
  /** The server that wrote it. */
  readonly server: string;
}

export function alertWrite(stored: StoredAlert): Write {
  const { fingerprint: id, alert, origin, timedOut, updatedAtMs, server } = stored;
  const body = { version: VERSION, ...alertToJson(alert), origin, timedOut, server };
  return { collection: ALERT_COLLECTION, id, document: { id, body, sortKey: updatedAtMs } };
}

export function alertRemoval(fingerprint: string): Write {
  return { collection: ALERT_COLLECTION, id: fingerprint, document: undefined };
}

/** @throws OperatingError `disk.corrupt` */
export function alertFromDocument({ id, body, sortKey }: StoredDocument): StoredAlert {
  const root = new StoredJson(body, `alert ${id}`);
  root.member("version").version(VERSION);
  return {
    fingerprint: id,
    alert: alertFromJson(root),
    origin: root.member("origin").oneOf(["rules", "posted"]),
    timedOut: root.member("timedOut").boolean(),
    updatedAtMs: sortKey,
    server: root.member("server").text(),
  };
}
