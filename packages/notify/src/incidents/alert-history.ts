import { fingerprint } from "@pharos/alert";
import { type Labels, labelsFrom, type Matcher, matchesLabels, StoredJson } from "@pharos/base";
import {
  DOCUMENT_TAG_LENGTH_MAX,
  type DocumentStore,
  type DocumentTransaction,
  type StoredDocument,
} from "@pharos/ports";
import { appendCounted } from "./counted-history.ts";
import { newestFirst, type Page, type Place } from "./newest-first.ts";

/** The collection of what became of alerts; on disk for ever. */
export const ALERT_HISTORY_COLLECTION = "alert_history";

/** On disk since the first version; a change needs a new number and a reader for the old one. */
const FORMAT_VERSION = 1;

/** Entries that one page looks at. */
const ENTRIES_SCANNED_MAX = 20_000;

export const ALERT_PHASES = ["inactive", "pending", "firing", "resolved"] as const;

export type AlertPhase = (typeof ALERT_PHASES)[number];

/** An alert went from one state to another. */
export interface AlertTransitionRecord {
  /** The name of the alerting rule. */
  readonly rule: string;
  /** `ruleGroupKey` of the group of the rule; "" for alerts from outside. */
  readonly ruleGroup: string;
  /** Of the alert, with `alertname`. */
  readonly labels: Labels;
  readonly from: AlertPhase;
  readonly to: AlertPhase;
  /** The evaluation that found it. */
  readonly atMs: number;
  /** Of the expression, where it gave one. */
  readonly value: number | undefined;
}

export interface AlertHistoryQuery {
  readonly rule?: string;
  readonly to?: AlertPhase;
  readonly fingerprint?: string;
  /** Those whose labels match one of these lists; an empty list of lists is all. */
  readonly matcherLists?: readonly (readonly Matcher[])[];
  /** Both bounds belong to it. */
  readonly minMs: number;
  readonly maxMs: number;
  readonly after?: Place;
  readonly limit: number;
}

/** Every transition of every alert, for as long as history is kept. */
export class AlertHistory {
  readonly #store: DocumentStore;

  constructor(store: DocumentStore) {
    this.#store = store;
  }

  /**
   * Adds transitions; called in the transaction that keeps the state which they led to. The same transition told by
   * two servers that evaluate the same rule is one entry.
   *
   * @throws OperatingError of the store.
   */
  static async append(
    tx: DocumentTransaction,
    transitions: readonly AlertTransitionRecord[],
  ): Promise<void> {
    const documents = new Map<string, StoredDocument>();
    for (const transition of transitions) {
      const document = toDocument(transition);
      documents.set(document.id, document);
    }
    await appendCounted(tx, ALERT_HISTORY_COLLECTION, [...documents.values()]);
  }

  /** The newest first. A page may have fewer than `limit` and still not be the last. Errors as the store's. */
  async list(query: AlertHistoryQuery): Promise<Page<AlertTransitionRecord>> {
    const { minMs, maxMs, after, limit, matcherLists = [] } = query;
    return this.#store.read((reader) =>
      newestFirst(reader, {
        collection: ALERT_HISTORY_COLLECTION,
        tagLists: [tagsOf(query)],
        minMs,
        maxMs,
        after,
        read: (document) => {
          const record = fromDocument(document);
          const wanted =
            matcherLists.length === 0 ||
            matcherLists.some((matchers) => matchesLabels(matchers, record.labels));
          return wanted ? record : undefined;
        },
        limit,
        scanMax: ENTRIES_SCANNED_MAX,
      }),
    );
  }
}

function toDocument(transition: AlertTransitionRecord): StoredDocument {
  const { rule, ruleGroup, labels, from, to, atMs, value } = transition;
  const alert = fingerprint(labels);
  const group = fingerprint([["group", ruleGroup]]);
  return {
    id: `${atMs}-${alert}-${to}-${group}`,
    body: {
      version: FORMAT_VERSION,
      rule,
      ruleGroup,
      labels,
      from,
      to,
      atMs,
      // Text: JSON has no NaN.
      value: value === undefined ? null : String(value),
    },
    sortKey: atMs,
    tags: tagsOf({ rule, to, fingerprint: alert }),
  };
}

function tagsOf({ rule, to, fingerprint }: Partial<AlertHistoryQuery>): string[] {
  const tags: string[] = [];
  if (rule !== undefined) tags.push(`rule=${rule}`.slice(0, DOCUMENT_TAG_LENGTH_MAX));
  if (to !== undefined) tags.push(`to=${to}`);
  if (fingerprint !== undefined)
    tags.push(`alert=${fingerprint}`.slice(0, DOCUMENT_TAG_LENGTH_MAX));
  return tags;
}

function fromDocument({ id, body }: StoredDocument): AlertTransitionRecord {
  const root = new StoredJson(body, `alert transition ${id}`);
  root.member("version").version(FORMAT_VERSION);
  const value = root.member("value");
  return {
    rule: root.member("rule").text(),
    ruleGroup: root.member("ruleGroup").text(),
    labels: labelsFrom(root.member("labels").pairs()),
    from: root.member("from").oneOf(ALERT_PHASES),
    to: root.member("to").oneOf(ALERT_PHASES),
    atMs: root.member("atMs").number(),
    value: value.isNull() ? undefined : Number(value.text()),
  };
}
