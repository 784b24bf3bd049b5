import {
  hashLabels,
  type Incident,
  type IncidentStatus,
  type IncidentTransition,
  incidentFromJson,
  incidentToJson,
  isLive,
  type NamedAlerts,
  type TransitionKind,
} from "@pharos/alert";
import { type Labels, labelValue, type Matcher, OperatingError, StoredJson } from "@pharos/base";
import { DOCUMENT_TAG_LENGTH_MAX, type Json, type StoredDocument } from "@pharos/ports";

/** Collections of the document store; on disk for ever. */
export const INCIDENT_COLLECTION = "incidents";
export const INCIDENT_EVENT_COLLECTION = "incident_events";

/** On disk since the first version; a change needs a new number and a reader for the old one. */
const FORMAT_VERSION = 1;

/** Of incidents in which something can still change by itself. */
export const LIVE_TAG = "live";
/** Rules of one incident that it can be found by. */
const RULE_TAGS_MAX = 20;
/** Label pairs of one incident that it can be found by; with the other tags below what a document may have. */
const LABEL_TAGS_MAX = 60;
/** A label with more values than this in one incident is only known to be there. */
const LABEL_VALUES_MAX = 10;

export function incidentToDocument(incident: Incident): StoredDocument {
  const { id, openedAtMs } = incident;
  const body = incidentToJson(incident);
  return { id, body, sortKey: openedAtMs, tags: incidentTags(incident) };
}

/** @throws OperatingError `disk.corrupt` */
export function incidentFromDocument({ id, body }: StoredDocument): Incident {
  return incidentFromJson(id, body);
}

export function groupTag(groupId: string): string {
  const { high, low } = hashLabels([[groupId, ""]]);
  return `group=${high.toString(16).padStart(8, "0")}${low.toString(16).padStart(8, "0")}`;
}

export function statusTag(status: IncidentStatus): string {
  return `status=${status}`;
}

export function ruleTag(alertname: string): string {
  return cut(`rule=${alertname}`);
}

export function receiverTag(receiver: string): string {
  return cut(`receiver=${receiver}`);
}

function labelTag(name: string, value: string): string {
  return cut(`label=${name}=${value}`);
}

function manyTag(name: string): string {
  return cut(`many=${name}`);
}

function cut(tag: string): string {
  return tag.slice(0, DOCUMENT_TAG_LENGTH_MAX);
}

function incidentTags(incident: Incident): string[] {
  const { group, status, priority, alerts } = incident;
  const tags = new Set([statusTag(status), groupTag(group.id), receiverTag(group.receiver)]);
  tags.add(`priority=${priority}`);
  if (isLive(incident)) tags.add(LIVE_TAG);
  const labelSets = [group.labels, ...[...alerts.values()].map(({ labels }) => labels)];
  const rules = new Set(labelSets.map((labels) => labelValue(labels, "alertname")));
  for (const rule of [...rules].slice(0, RULE_TAGS_MAX)) if (rule !== "") tags.add(ruleTag(rule));
  for (const tag of labelTags(labelSets)) tags.add(tag);
  return [...tags];
}

/** The labels with few values by their pairs, the others by their names alone. */
function labelTags(labelSets: readonly Labels[]): string[] {
  const values = new Map<string, Set<string>>();
  for (const labels of labelSets)
    for (const [name, value] of labels)
      values.getOrInsertComputed(name, () => new Set()).add(value);
  const tags: string[] = [];
  let namesLeft = values.size;
  for (const [name, set] of [...values].sort(([, a], [, b]) => a.size - b.size)) {
    namesLeft--;
    // The names that come after it need a tag each.
    const fits = tags.length + set.size + namesLeft <= LABEL_TAGS_MAX;
    if (set.size <= LABEL_VALUES_MAX && fits)
      for (const value of set) tags.push(labelTag(name, value));
    else if (tags.length < LABEL_TAGS_MAX) tags.push(manyTag(name));
  }
  return tags;
}

/**
 * Lists of tags, one of which every incident has that has an alert with this label; undefined for matchers that tags
 * cannot answer. Incidents with so many labels that not even their names fit are not found this way: 60 are many.
 */
export function tagsOfMatcher({ type, name, value }: Matcher): string[][] | undefined {
  if (type !== "=" || value === "") return undefined;
  return [[labelTag(name, value)], [manyTag(name)]];
}

/** One entry of a timeline as it is kept and shown. */
export interface TimelineEntry {
  /** Counts from 1 within its incident. */
  readonly sequence: number;
  readonly atMs: number;
  readonly kind: string;
  /** Of the incident, after it. */
  readonly status: string;
  /** What belongs to the kind; see `docs/formats/incident-documents.md`. */
  readonly detail: { readonly [key: string]: Json };
}

/** Documents of the transitions that brought `incident` to where it is. */
export function eventDocuments(
  incident: Incident,
  transitions: readonly IncidentTransition[],
): StoredDocument[] {
  const first = incident.transitionCount - transitions.length + 1;
  return transitions.map((transition, i) => {
    const sequence = first + i;
    const { kind, atMs, status } = transition;
    const id = `${incident.id}-${String(sequence).padStart(8, "0")}`;
    const detail = detailOf(transition);
    const body = { version: FORMAT_VERSION, sequence, atMs, kind, status, detail };
    return { id, body, sortKey: atMs, tags: [incidentTag(incident.id), kindTag(kind)] };
  });
}

export function incidentTag(id: string): string {
  return cut(`incident=${id}`);
}

function kindTag(kind: TransitionKind): string {
  return `kind=${kind}`;
}

/** @throws OperatingError `disk.corrupt` */
export function eventFromDocument({ id, body }: StoredDocument): TimelineEntry {
  const root = new StoredJson(body, `incident event ${id}`);
  root.member("version").version(FORMAT_VERSION);
  return {
    sequence: root.member("sequence").number(),
    atMs: root.member("atMs").number(),
    kind: root.member("kind").text(),
    status: root.member("status").text(),
    detail: detailFrom(id, body),
  };
}

/** What belongs to a kind is only shown, and passed on as it was written. */
function detailFrom(id: string, body: Json): TimelineEntry["detail"] {
  const detail = (body as { readonly detail?: Json }).detail;
  if (typeof detail === "object" && detail !== null && !Array.isArray(detail))
    return detail as TimelineEntry["detail"];
  throw new OperatingError("disk.corrupt", `stored incident event ${id}: detail is no object`);
}

function detailOf(transition: IncidentTransition): TimelineEntry["detail"] {
  const { kind, atMs: _atMs, status: _status, ...rest } = transition;
  if (kind === "opened") return { alerts: namedJson(transition.alerts) };
  if (kind === "alerts")
    return { started: namedJson(transition.started), ended: namedJson(transition.ended) };
  if (kind === "acknowledged") {
    const { by, comment, untilMs, covers } = transition;
    return {
      by,
      comment,
      until: untilMs === null ? null : isoTime(untilMs),
      covers: covers.map((each) => ({ ...each })),
    };
  }
  return rest as TimelineEntry["detail"];
}

function namedJson({ count, named }: NamedAlerts): Json {
  return {
    count,
    named: named.map(({ fingerprint, labels }) => ({
      fingerprint,
      labels: Object.fromEntries(labels),
    })),
  };
}

function isoTime(timestampMs: number): string {
  return new Date(timestampMs).toISOString();
}
