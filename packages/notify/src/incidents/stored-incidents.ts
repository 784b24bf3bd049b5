import { type Incident, type IncidentTransition, needsKeeping } from "@pharos/alert";
import { OperatingError } from "@pharos/base";
import type {
  DocumentReader,
  DocumentStore,
  DocumentTransaction,
  StoredDocument,
} from "@pharos/ports";
import { appendCounted } from "./counted-history.ts";
import {
  eventDocuments,
  groupTag,
  INCIDENT_COLLECTION,
  INCIDENT_EVENT_COLLECTION,
  incidentFromDocument,
  incidentToDocument,
  LIVE_TAG,
} from "./incident-documents.ts";
import { KnownIncidents } from "./known-incidents.ts";
import { INCIDENTS_LIVE_MAX } from "./live-incidents.ts";
import type { Place } from "./newest-first.ts";

/** Incidents that are read at once. */
const CHUNK_SIZE = 500;

export interface StoredIncidentsOptions {
  readonly store: Pick<DocumentStore, "shared">;
  readonly onProblem: (error: OperatingError, doing: string) => void;
}

/** What became of one incident. */
export interface IncidentChange {
  readonly before: Incident | undefined;
  readonly after: Incident | undefined;
  readonly transitions: readonly IncidentTransition[];
  readonly superseded: Incident | undefined;
}

/** Reads and writes incidents for whoever decides on them. */
export class StoredIncidents {
  readonly #onProblem: StoredIncidentsOptions["onProblem"];
  /** Undefined where other processes write some too. */
  readonly #known: KnownIncidents | undefined;

  constructor({ store, onProblem }: StoredIncidentsOptions) {
    this.#onProblem = onProblem;
    if (!store.shared) this.#known = new KnownIncidents();
  }

  /** Live or not: what the last one went through counts for the next. */
  async newestOfGroup(reader: DocumentReader, groupId: string): Promise<Incident | undefined> {
    const known = this.#known?.get(groupId);
    if (known !== undefined) return known;
    const tags = [groupTag(groupId)];
    const found = await reader.list(INCIDENT_COLLECTION, { tags, order: "desc", limit: 4 });
    for (const document of found) {
      const incident = this.#readable(document);
      // Groups may have the same hash.
      if (incident?.group.id === groupId) return incident;
    }
    return undefined;
  }

  /** A damaged document is reported and left where it is; the others must not suffer for it. */
  #readable(document: StoredDocument): Incident | undefined {
    try {
      return incidentFromDocument(document);
    } catch (error) {
      if (!(error instanceof OperatingError)) throw error;
      this.#onProblem(error, "reading an incident");
      return undefined;
    }
  }

  /** All that are live. @throws OperatingError of the store. */
  async readLive(reader: DocumentReader): Promise<Incident[]> {
    const read: Incident[] = [];
    let after: Place | undefined;
    while (read.length < INCIDENTS_LIVE_MAX) {
      const documents = await reader.list(INCIDENT_COLLECTION, {
        tags: [LIVE_TAG],
        limit: CHUNK_SIZE,
        ...(after === undefined ? {} : { after }),
      });
      for (const document of documents) {
        const incident = this.#readable(document);
        if (incident !== undefined) read.push(incident);
      }
      const last = documents.at(-1);
      if (last === undefined || documents.length < CHUNK_SIZE) break;
      after = { sortKey: last.sortKey, id: last.id };
    }
    return read;
  }

  /** Writes what has changed, each incident once. The transaction's end is to be told by `kept`. */
  async write(tx: DocumentTransaction, changes: readonly IncidentChange[]): Promise<void> {
    const incidents = new Map<string, Incident>();
    const events: StoredDocument[] = [];
    for (const { before, after, transitions, superseded } of changes) {
      if (after === undefined) continue;
      events.push(...eventDocuments(after, transitions));
      if (superseded !== undefined) incidents.set(superseded.id, superseded);
      const known = before?.id === after.id ? before : undefined;
      if (!needsKeeping(known, after) && !incidents.has(after.id)) continue;
      incidents.set(after.id, after);
      this.#known?.written(after);
    }
    if (incidents.size > 0)
      await tx.putAll(INCIDENT_COLLECTION, [...incidents.values()].map(incidentToDocument));
    await appendCounted(tx, INCIDENT_EVENT_COLLECTION, events);
  }

  /** The transaction of these changes is kept. */
  kept(changes: readonly IncidentChange[]): void {
    for (const { after } of changes) if (after !== undefined) this.#known?.kept(after);
  }
}
