import type { Incident } from "@pharos/alert";
import { OperatingError } from "@pharos/base";
import type { DocumentReader, DocumentStore, StoredDocument } from "@pharos/ports";
import type { Delivery, DeliveryQuery } from "../delivery-log.ts";
import {
  eventFromDocument,
  groupTag,
  INCIDENT_COLLECTION,
  INCIDENT_EVENT_COLLECTION,
  incidentFromDocument,
  incidentTag,
  type TimelineEntry,
} from "./incident-documents.ts";
import { hasMatchingAlert, type IncidentQuery, tagListsOf } from "./incident-query.ts";
import { newestFirst, type Page, type Place } from "./newest-first.ts";

/** Incidents that one page looks at. */
const INCIDENTS_SCANNED_MAX = 5_000;

export interface IncidentArchiveOptions {
  readonly store: DocumentStore;
  /** Told of damaged documents, which are left out. */
  readonly onProblem: (error: OperatingError, doing: string) => void;
}

/** All incidents as they are stored, for people who look at them. Errors are the store's. */
export class IncidentArchive {
  readonly #options: IncidentArchiveOptions;

  constructor(options: IncidentArchiveOptions) {
    this.#options = options;
  }

  /** Undefined where there is none, or no longer. @throws OperatingError `disk.corrupt` */
  async get(id: string): Promise<Incident | undefined> {
    return this.#options.store.read(async (reader) => {
      const document = await reader.get(INCIDENT_COLLECTION, id);
      return document === undefined ? undefined : incidentFromDocument(document);
    });
  }

  /** What happened to an incident, the newest first. */
  async timeline(
    id: string,
    page: { readonly after?: Place; readonly limit: number },
  ): Promise<Page<TimelineEntry>> {
    return this.#options.store.read((reader) =>
      newestFirst(reader, {
        collection: INCIDENT_EVENT_COLLECTION,
        tagLists: [[incidentTag(id)]],
        minMs: -Number.MAX_VALUE,
        maxMs: Number.MAX_VALUE,
        after: page.after,
        read: (document) => this.#readable(document, eventFromDocument),
        limit: page.limit,
        scanMax: page.limit,
      }),
    );
  }

  /**
   * What finds an incident's attempts in the delivery log: those that told of its group, until the group's next incident
   * began. The end of an incident is told after it is over, so nothing else bounds them.
   */
  async attemptsOf({
    group,
    openedAtMs,
  }: Incident): Promise<Pick<DeliveryQuery, "group" | "startMs" | "endMs">> {
    const [next] = await this.#options.store.read((reader) =>
      reader.list(INCIDENT_COLLECTION, {
        tags: [groupTag(group.id)],
        sortKeyMin: openedAtMs + 1,
        limit: 1,
      }),
    );
    const attempts = { group: group.id, startMs: openedAtMs };
    return next === undefined ? attempts : { ...attempts, endMs: next.sortKey - 1 };
  }

  /**
   * The incident that each attempt told of, in the same order: what `attemptsOf` finds it by. Where it told of groups
   * with several incidents, that of the first. Undefined where there was none, or it is no longer kept.
   */
  async incidentsOf(
    attempts: readonly Pick<Delivery, "incident" | "groupId" | "followedGroups" | "atMs">[],
  ): Promise<readonly (string | undefined)[]> {
    return this.#options.store.read(async (reader) => {
      const latest = new LatestIncidents(reader);
      const ids: (string | undefined)[] = [];
      for (const { incident, groupId, followedGroups, atMs } of attempts) {
        let id = incident;
        for (const group of [...followedGroups, groupId]) id ??= await latest.at(group, atMs);
        ids.push(id);
      }
      return ids;
    });
  }

  /** The newest first. A page may have fewer than `limit` and still not be the last. */
  async list(query: IncidentQuery): Promise<Page<Incident>> {
    const { minMs, maxMs, after, limit, matcherLists = [] } = query;
    return this.#options.store.read((reader) =>
      newestFirst(reader, {
        collection: INCIDENT_COLLECTION,
        tagLists: tagListsOf(query),
        minMs,
        maxMs,
        after,
        read: (document) => {
          const incident = this.#readable(document, incidentFromDocument);
          if (incident === undefined || !hasMatchingAlert(incident, matcherLists)) return undefined;
          return incident;
        },
        limit,
        scanMax: INCIDENTS_SCANNED_MAX,
      }),
    );
  }

  /** A damaged document is reported and left where it is; the others must not suffer for it. */
  #readable<T>(document: StoredDocument, read: (document: StoredDocument) => T): T | undefined {
    try {
      return read(document);
    } catch (error) {
      if (!(error instanceof OperatingError)) throw error;
      this.#options.onProblem(error, "reading an incident");
      return undefined;
    }
  }
}

/** Which incident of a group was the latest at a time; asked for again only where the last answer does not tell. */
class LatestIncidents {
  readonly #reader: DocumentReader;
  readonly #answers = new Map<
    string,
    { readonly id: string | undefined; readonly fromMs: number; readonly toMs: number }
  >();

  constructor(reader: DocumentReader) {
    this.#reader = reader;
  }

  async at(groupId: string, timeMs: number): Promise<string | undefined> {
    const known = this.#answers.get(groupId);
    if (known !== undefined && known.fromMs <= timeMs && timeMs <= known.toMs) return known.id;
    const [latest] = await this.#reader.list(INCIDENT_COLLECTION, {
      ...{ tags: [groupTag(groupId)], order: "desc", sortKeyMax: timeMs, limit: 1 },
    });
    const fromMs = latest?.sortKey ?? Number.NEGATIVE_INFINITY;
    this.#answers.set(groupId, { id: latest?.id, fromMs, toMs: timeMs });
    return latest?.id;
  }
}
