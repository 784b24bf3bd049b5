import { type GroupAlert, NO_RECORD, type NotificationRecord } from "@pharos/alert";
import { labelsFrom, OperatingError, type StoredJson } from "@pharos/base";
import type { Json } from "@pharos/ports";

/** Parts that several documents have in common; on disk for ever. */
export function alertToJson(alert: GroupAlert): { readonly [key: string]: Json } {
  const { labels, annotations, startsAtMs, endsAtMs, generatorUrl } = alert;
  return { labels, annotations, startsAtMs, endsAtMs, generatorUrl };
}

/** @throws OperatingError `disk.corrupt` */
export function alertFromJson(alert: StoredJson): GroupAlert {
  const endsAt = alert.member("endsAtMs");
  return {
    labels: labelsFrom(alert.member("labels").pairs()),
    annotations: alert.member("annotations").pairs(),
    startsAtMs: alert.member("startsAtMs").number(),
    endsAtMs: endsAt.isNull() ? null : endsAt.number(),
    generatorUrl: alert.member("generatorUrl").text(),
  };
}

export function recordToJson(record: NotificationRecord): { readonly [key: string]: Json } {
  const { firing, resolved, timestampMs, missed, sequence } = record;
  return { firing, resolved, timestampMs, missed, sequence };
}

/** @throws OperatingError `disk.corrupt` */
export function recordFromJson(record: StoredJson): NotificationRecord {
  return {
    ...oldRecordFromJson(record),
    missed: texts(record, "missed"),
    sequence: record.member("sequence").number(),
  };
}

/** As version 1 of the formats had it. */
export function oldRecordFromJson(record: StoredJson): NotificationRecord {
  return {
    ...NO_RECORD,
    firing: texts(record, "firing"),
    resolved: texts(record, "resolved"),
    timestampMs: record.member("timestampMs").number(),
  };
}

export function texts(json: StoredJson, name: string): string[] {
  return json
    .member(name)
    .items()
    .map((item) => item.text());
}

/** Reads the document's version, which must be one of those that this program reads. */
export function versionOf<V extends number>(
  root: StoredJson,
  what: string,
  versions: readonly V[],
): V {
  const found = root.member("version").number();
  const version = versions.find((known) => known === found);
  if (version === undefined)
    throw new OperatingError(
      "disk.corrupt",
      `stored ${what}.version is ${found}; this program reads ${versions.join(" and ")}`,
    );
  return version;
}
