import type { Incident } from "@pharos/alert";
import { type Clock, type Labels, labelsFrom, type Matcher } from "@pharos/base";
import {
  AlertHistory,
  type AlertTransitionRecord,
  type IncidentAction,
  IncidentArchive,
  IncidentBook,
  IncidentFollower,
} from "@pharos/notify";
import { MemoryDocumentStore } from "@pharos/testing";
import { IncidentLinks } from "../src/alerting/incident-links.ts";
import type { IncidentDelivery, IncidentsProvider } from "../src/http/incident-routes.ts";

/** Signs the links of tests. */
export const TEST_LINKS = new IncidentLinks(new Uint8Array(32).fill(7), "http://pharos.test");

/** Incidents with the real book on a store in memory. */
export class IncidentWorld implements IncidentsProvider {
  readonly store = new MemoryDocumentStore();
  readonly archive = new IncidentArchive({ store: this.store, onProblem: () => {} });
  readonly history = new AlertHistory(this.store);
  readonly #clock: Clock;
  #book: Promise<IncidentBook> | undefined;
  delivered: readonly IncidentDelivery[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get book(): Promise<IncidentBook> {
    this.#book ??= IncidentBook.open({
      store: this.store,
      clock: this.#clock,
      onProblem: (error) => {
        throw error;
      },
    });
    return this.#book;
  }

  /** An alert fires in the group of that id, or resolves; gives its incident's id. */
  async see(group: string, labels: Record<string, string>, endsAtMs: number | null = null) {
    const book = await this.book;
    const alert = {
      labels: labelsFrom(labels),
      annotations: [["summary", `${labels["alertname"]} is bad`]] as const,
      startsAtMs: this.#clock.nowMs(),
      endsAtMs,
      generatorUrl: "http://pharos.test/graph",
    };
    const groupLabels: Labels = labelsFrom({ group });
    const identity = { id: group, key: `{}:{group="${group}"}`, receiver: "team" };
    new IncidentFollower(book).alertsSeen(
      { ...identity, labels: groupLabels },
      [{ alert }],
      this.#clock.nowMs(),
    );
    await book.settled();
    const { items } = await this.archive.list({ minMs: 0, maxMs: Number.MAX_VALUE, limit: 1000 });
    return items.find((incident) => incident.group.id === group)?.id ?? "";
  }

  async remember(...records: readonly AlertTransitionRecord[]): Promise<void> {
    await this.store.transaction((tx) => AlertHistory.append(tx, records));
  }

  async deliveries(_incident: Incident, limit: number) {
    return this.delivered.slice(0, limit);
  }

  async act(id: string, action: IncidentAction) {
    return (await this.book).act(id, action);
  }

  async acknowledgeMatching(
    matchers: readonly Matcher[],
    action: Extract<IncidentAction, { kind: "acknowledge" }>,
  ) {
    return (await this.book).acknowledgeMatching(matchers, action);
  }
}
