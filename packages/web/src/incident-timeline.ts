import { formatLabels, labelsFrom } from "@pharos/base";
import type { Delivery, IncidentDetail, TimelineEntry } from "./incident-state.ts";
import type { Json } from "./json-reader.ts";
import { formatShortDateTime } from "./time-format.ts";
import type { TimeZone } from "./time-zone.ts";

/** How a line of the timeline looks. */
export type TimelineLook =
  | "fire"
  | "calm"
  | "hand"
  | "send"
  | "failed"
  | "escalate"
  | "hush"
  | "comment"
  | "note";

/** Something that happened, in words. */
export interface TimelineItem {
  readonly key: string;
  readonly atMs: number;
  readonly look: TimelineLook;
  readonly text: string;
  /** What a person said with it; "" for nothing. */
  readonly remark: string;
  /** Attempts at a notification, the newest first; empty for anything else. */
  readonly attempts: readonly Delivery[];
}

/**
 * All that happened, the newest first: transitions, and notifications with their attempts together. The delivery log
 * knows more of a notification than the transition does, and forgets it earlier: where it has one, the transition is left
 * out.
 */
export function timelineItems(
  incident: Pick<IncidentDetail, "timeline" | "deliveries" | "openedAtMs" | "resolvedAtMs">,
  zone: TimeZone,
): TimelineItem[] {
  const { timeline: transitions } = incident;
  const byKey = new Map<string, Delivery[]>();
  for (const delivery of ownDeliveries(incident)) {
    const group = byKey.get(delivery.key);
    if (group === undefined) byKey.set(delivery.key, [delivery]);
    else group.push(delivery);
  }
  const items: TimelineItem[] = [];
  for (const entry of transitions) {
    if (entry.kind === "notified" && byKey.has(entry.detail.get("notification").textOrEmpty()))
      continue;
    items.push({
      key: `t${entry.sequence}`,
      atMs: entry.atMs,
      attempts: [],
      ...transitionText(entry, zone),
    });
  }
  for (const [key, attempts] of byKey) {
    const [newest] = attempts.sort((a, b) => b.attempt - a.attempt);
    if (newest === undefined) continue;
    items.push({
      key,
      atMs: newest.atMs,
      attempts,
      remark: "",
      ...deliveryText(newest),
    });
  }
  return withoutRepeats(items.sort((a, b) => b.atMs - a.atMs));
}

/** The log is that of the group of alerts, which had other incidents before and may have some after. */
function ownDeliveries({
  deliveries,
  openedAtMs,
  resolvedAtMs = Number.POSITIVE_INFINITY,
  timeline,
}: Parameters<typeof timelineItems>[0]): Delivery[] {
  const notified = new Set(
    timeline
      .filter(({ kind }) => kind === "notified")
      .map(({ detail }) => detail.get("notification").textOrEmpty()),
  );
  return deliveries.filter(
    ({ atMs, key }) => notified.has(key) || (openedAtMs <= atMs && atMs <= resolvedAtMs),
  );
}

/** What was told again and again with nothing between is one line, with the time of the last. */
function withoutRepeats(items: readonly TimelineItem[]): TimelineItem[] {
  const shown: { item: TimelineItem; times: number }[] = [];
  for (const item of items) {
    const last = shown.at(-1);
    if (last !== undefined && item.look === "send" && last.item.text === item.text) {
      last.times++;
      const attempts = [...last.item.attempts, ...item.attempts];
      last.item = { ...last.item, attempts };
    } else shown.push({ item, times: 1 });
  }
  return shown.map(({ item, times }) =>
    times === 1 ? item : { ...item, text: `${item.text}, ${times} times` },
  );
}

function deliveryText(newest: Delivery): Pick<TimelineItem, "look" | "text"> {
  const { attempt, integration, outcome } = newest;
  const tries = attempt > 1 ? ` at attempt ${attempt}` : "";
  switch (outcome) {
    case "delivered":
      return { look: "send", text: `Notified ${integration}${tries}` };
    case "retrying":
      return { look: "failed", text: `Notifying ${integration} failed${tries}, to be tried again` };
    case "failed":
      return { look: "failed", text: `Notifying ${integration} failed for good${tries}` };
  }
}

type Said = Pick<TimelineItem, "look" | "text" | "remark">;

function transitionText(entry: TimelineEntry, zone: TimeZone): Said {
  const { detail, kind } = entry;
  const by = () => detail.get("by").textOrEmpty() || "Pharos";
  const remark = kind in WITH_REMARK ? detail.get("comment").textOrEmpty() : "";
  const said = (look: TimelineLook, text: string): Said => ({ look, text, remark });
  switch (kind) {
    case "opened":
      return said("fire", `Opened: ${alertsText(detail.get("alerts"), "fires", "fire")}`);
    case "alerts":
      return said("note", changeText(detail));
    case "priority":
      return said(
        "note",
        `Priority ${detail.get("from").textOrEmpty()} → ${detail.get("to").textOrEmpty()}`,
      );
    case "acknowledged": {
      const untilMs = detail.get("until").timestampMs();
      const until = untilMs === undefined ? "" : ` until ${formatShortDateTime(untilMs, zone)}`;
      return said("hand", `${by()} acknowledged it${until}`);
    }
    case "unacknowledged":
      return said("fire", `${by()} took the acknowledgement back`);
    case "acknowledgement_expired":
      return said("fire", `The acknowledgement by ${by()} ran out`);
    case "reopened":
      return said("fire", `Firing again: not covered is ${kindsText(detail.get("alertKinds"))}`);
    case "covered":
      return said("hand", `What fires is covered by the acknowledgement of ${by()} again`);
    case "suppressed":
      return said("hush", `Muted by ${suppressorsText(textsOf(detail.get("suppressedBy")))}`);
    case "unsuppressed":
      return said("fire", "No longer muted");
    case "flapping_started":
      return said("note", "Flapping: goes on and off, so it stays open meanwhile");
    case "flapping_ended":
      return said("note", "No longer flapping");
    case "commented":
      return said("comment", by());
    case "notified":
      return detail.get("outcome").value === "delivered"
        ? said("send", `Notified ${detail.get("integration").textOrEmpty()}`)
        : said(
            "failed",
            `Notifying ${detail.get("integration").textOrEmpty()} failed: ${detail.get("error").textOrEmpty()}`,
          );
    case "escalated":
      return said("escalate", escalationText(detail));
    case "resolved":
      return said("calm", resolutionText(detail));
    default:
      // A server that is newer than this page.
      return said("note", kind.replaceAll("_", " "));
  }
}

const WITH_REMARK = { acknowledged: 1, unacknowledged: 1, commented: 1, resolved: 1 } as const;

function alertsText(alerts: Json, one: string, more: string): string {
  const count = alerts.get("count").numberOr(0);
  const named = alerts.get("named").list();
  if (count === 1 && named[0] !== undefined) return `${alertName(named[0])} ${one}`;
  return `${count} alerts ${more}`;
}

function alertName(alert: Json): string {
  const labels = alert.get("labels").textEntries();
  const name = labels.find(([label]) => label === "alertname")?.[1] ?? "";
  const others = labels.filter(([label]) => label !== "alertname" && label !== "severity");
  return others.length === 0 ? name : `${name}${formatLabels(labelsFrom(others))}`;
}

function changeText(detail: Json): string {
  const parts: string[] = [];
  const started = detail.get("started");
  const ended = detail.get("ended");
  if (started.get("count").numberOr(0) > 0) parts.push(alertsText(started, "fires", "fire"));
  if (ended.get("count").numberOr(0) > 0)
    parts.push(alertsText(ended, "is resolved", "are resolved"));
  return parts.join("; ");
}

function kindsText(kinds: Json): string {
  return kinds
    .list()
    .map((kind) => {
      const severity = kind.get("severity").textOrEmpty();
      const name = kind.get("alertname").textOrEmpty();
      return severity === "" ? name : `${name} (${severity})`;
    })
    .join(", ");
}

function escalationText(detail: Json): string {
  const targets = textsOf(detail.get("targets"));
  const told = targets.length === 0 ? "nobody" : targets.join(", ");
  const step = detail.get("step").numberOr(1);
  const policy = detail.get("policy").textOrEmpty();
  const reason = detail.get("reason").textOrEmpty();
  return `Escalated to ${told}: step ${step} of ${policy}${reason === "" ? "" : `, ${reason}`}`;
}

function resolutionText(detail: Json): string {
  switch (detail.get("cause").value) {
    case "person":
      return `${detail.get("by").textOrEmpty()} resolved it`;
    case "regrouped":
      return "Closed: its alerts belong to other groups since a reload";
    default:
      return "Resolved: nothing fires any more";
  }
}

/** What mutes an alert, in words: `silence:<id>`, `alert:<fingerprint>`, `interval:<name>`. */
export function suppressorsText(suppressors: readonly string[]): string {
  const texts = suppressors.map((text) => {
    const [kind, ...rest] = text.split(":");
    const name = rest.join(":");
    if (kind === "silence") return `the silence ${name.slice(0, 8)}`;
    if (kind === "alert") return "another alert that inhibits it";
    if (kind === "interval") return `the time interval ${name}`;
    return text;
  });
  return [...new Set(texts)].join(", ");
}

function textsOf(list: Json): string[] {
  return list.list().map((text) => text.text());
}
