import { fingerprint, isResolved } from "@pharos/alert";
import { OperatingError } from "@pharos/base";
import type { DocumentReader, DocumentStore, StoredDocument } from "@pharos/ports";
import {
  entryFromDocument,
  entryRemoval,
  OUTBOX_COLLECTION,
  type OutboxEntry,
} from "./outbox-entry.ts";
import { ALERT_COLLECTION, alertFromDocument, type StoredAlert } from "./stored-alert.ts";
import { GROUP_COLLECTION, groupFromDocument, type StoredGroup } from "./stored-group.ts";
import { RECORD_COLLECTION, recordFromDocument, type StoredRecord } from "./stored-record.ts";
import type { Write } from "./write.ts";

/** How many documents are read at once. */
const PAGE_SIZE = 5000;
/** More of a collection than this are left where they are. */
const DOCUMENTS_MAX = 2_000_000;

/** What processes before have kept. */
export interface KeptDispatch {
  readonly alerts: readonly StoredAlert[];
  readonly groups: readonly StoredGroup[];
  readonly records: readonly StoredRecord[];
  readonly entries: readonly OutboxEntry[];
  /** Documents of versions before that stand elsewhere now. */
  readonly writes: readonly Write[];
}

/**
 * Reads everything at one moment. A damaged document is reported and left where it is: the others must not suffer.
 *
 * @throws OperatingError of the store.
 */
export async function loadDispatch(
  store: DocumentStore,
  nowMs: number,
  onProblem: (error: OperatingError, doing: string) => void,
): Promise<KeptDispatch> {
  const readable = <T>(documents: readonly StoredDocument[], read: (d: StoredDocument) => T): T[] =>
    documents.flatMap((document) => {
      try {
        return [read(document)];
      } catch (error) {
        if (!(error instanceof OperatingError)) throw error;
        onProblem(error, "reading what was kept");
        return [];
      }
    });
  const [alertDocuments, groupDocuments, recordDocuments, entryDocuments] = await store.read(
    async (reader) => [
      await listAll(reader, ALERT_COLLECTION),
      await listAll(reader, GROUP_COLLECTION),
      await listAll(reader, RECORD_COLLECTION),
      await listAll(reader, OUTBOX_COLLECTION),
    ],
  );
  const alerts = readable(alertDocuments ?? [], alertFromDocument);
  const records = readable(recordDocuments ?? [], recordFromDocument);
  const { entries, superseded } = newestOfEach(readable(entryDocuments ?? [], entryFromDocument));
  const groups: StoredGroup[] = [];
  const writes: Write[] = superseded.map(entryRemoval);
  for (const document of groupDocuments ?? []) {
    const [group] = readable([document], groupFromDocument);
    if (group === undefined) continue;
    if (!("alerts" in group)) {
      groups.push(group);
      continue;
    }
    // Version 1: alerts and records were in the group's document.
    groups.push(group.group);
    writes.push({ collection: GROUP_COLLECTION, id: document.id, document: undefined });
    for (const alert of group.alerts)
      alerts.push({
        fingerprint: fingerprint(alert.labels),
        alert,
        origin: "rules",
        timedOut: false,
        updatedAtMs: isResolved(alert, nowMs) ? (alert.endsAtMs ?? nowMs) : nowMs,
        server: "",
      });
    for (const [integration, record] of group.records)
      records.push({
        integration,
        groupId: group.group.id,
        record,
        pending: pendingOf(entries, integration, group.group.id),
        state: undefined,
        changedAtMs: record.timestampMs,
      });
  }
  return { alerts, groups, records, entries, writes };
}

/** Version 1 let several notifications of a group wait for one integration: the newest speaks for those before. */
function newestOfEach(entries: readonly OutboxEntry[]): {
  readonly entries: OutboxEntry[];
  readonly superseded: string[];
} {
  const newest = new Map<string, OutboxEntry>();
  const superseded: string[] = [];
  for (const entry of entries.toSorted((a, b) => a.createdAtMs - b.createdAtMs)) {
    const key = `${entry.integration} ${entry.groupId}`;
    const older = newest.get(key);
    newest.set(key, older === undefined ? entry : takeOver(entry, older));
    if (older !== undefined) superseded.push(older.id);
  }
  return { entries: [...newest.values()], superseded };
}

function takeOver(newer: OutboxEntry, older: OutboxEntry): OutboxEntry {
  const said = new Set(newer.alerts.map(({ labels }) => fingerprint(labels)));
  const rest = older.alerts.filter(
    ({ labels, endsAtMs }) => endsAtMs !== null && !said.has(fingerprint(labels)),
  );
  return { ...newer, alerts: [...newer.alerts, ...rest], recordBefore: older.recordBefore };
}

function pendingOf(
  entries: readonly OutboxEntry[],
  integration: string,
  groupId: string,
): string | undefined {
  return entries.find((entry) => entry.integration === integration && entry.groupId === groupId)
    ?.id;
}

async function listAll(reader: DocumentReader, collection: string): Promise<StoredDocument[]> {
  const all: StoredDocument[] = [];
  let after: { sortKey: number; id: string } | undefined;
  while (all.length < DOCUMENTS_MAX) {
    const page = await reader.list(collection, {
      limit: PAGE_SIZE,
      ...(after === undefined ? {} : { after }),
    });
    all.push(...page);
    after = page.at(-1);
    if (page.length < PAGE_SIZE) break;
  }
  return all;
}
