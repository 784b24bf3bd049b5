import {
  fingerprint,
  type GroupAlert,
  type Inhibitor,
  isActiveAt,
  isResolved,
  type Route,
  type TimeInterval,
} from "@pharos/alert";
import type { Labels } from "@pharos/base";
import type { LiveGroup } from "./live-group.ts";
import type { DispatchObserver } from "./observer.ts";

/** Everything that may keep an alert from being notified. */
export interface Suppression {
  readonly inhibitor: Pick<Inhibitor, "inhibitedBy">;
  readonly timeIntervals: ReadonlyMap<string, readonly TimeInterval[]>;
  /** The ids of the silences that hide an alert now. */
  readonly silencedBy: (labels: Labels, nowMs: number) => readonly string[];
  readonly heldBecause: DispatchObserver["heldBecause"];
  /** The group of the first route that an alert matches, whose incident it belongs to. */
  readonly firstGroup: (fingerprint: string) => string | undefined;
}

/** The time intervals that keep the route quiet now: mute ones that hold, or active ones of which none does. */
export function mutedBy(
  route: Pick<Route, "muteTimeIntervals" | "activeTimeIntervals">,
  timeIntervals: Suppression["timeIntervals"],
  nowMs: number,
): readonly string[] {
  const holds = (name: string): boolean => isActiveAt(timeIntervals.get(name) ?? [], nowMs);
  const { activeTimeIntervals, muteTimeIntervals } = route;
  if (activeTimeIntervals.length > 0 && !activeTimeIntervals.some(holds))
    return activeTimeIntervals;
  return muteTimeIntervals.filter(holds);
}

/** Why one alert is not notified; all empty where it is. */
export interface AlertSuppression {
  /** Fingerprints. */
  readonly inhibitedBy: readonly string[];
  /** Ids of silences. */
  readonly silencedBy: readonly string[];
  /** Names of time intervals. */
  readonly mutedBy: readonly string[];
}

/** As incidents write it: `alert:<fingerprint>`, `interval:<name>`, `silence:<id>`. */
export function suppressionTexts(suppression: AlertSuppression): readonly string[] {
  const { inhibitedBy, silencedBy, mutedBy: intervals } = suppression;
  if (inhibitedBy.length + silencedBy.length + intervals.length === 0) return NOTHING;
  return [
    ...inhibitedBy.map((id) => `alert:${id}`),
    ...intervals.map((name) => `interval:${name}`),
    ...silencedBy.map((id) => `silence:${id}`),
  ];
}

const NOTHING: readonly string[] = [];

/** What is left of a group's alerts to be told, at one moment. */
export interface Sifted {
  /** By fingerprint, as they were: whoever removes one checks that it is still the same. */
  readonly members: ReadonlyMap<string, GroupAlert>;
  readonly suppressedBy: ReadonlyMap<string, readonly string[]>;
  readonly notifiable: ReadonlyMap<string, GroupAlert>;
  /** Those that are over, and of which nobody is to hear that. */
  readonly endedMuted: ReadonlySet<string>;
  /** All that fires is held by a person: what resolved meanwhile waits, to be told with the end. */
  readonly isHeld: boolean;
  readonly mutedBy: readonly string[];
}

/** Takes out of a group what is inhibited, at a muted time, silenced or acknowledged, in Alertmanager's order. */
export function sift(group: LiveGroup, suppression: Suppression, nowMs: number): Sifted {
  const intervals = mutedBy(group.route, suppression.timeIntervals, nowMs);
  const suppressedBy = new Map<string, readonly string[]>();
  const notifiable = new Map<string, GroupAlert>();
  const endedMuted = new Set<string>();
  let [heldCount, firingCount] = [0, 0];
  for (const [id, alert] of group.members) {
    const resolved = isResolved(alert, nowMs);
    const reasons = suppressionTexts({
      inhibitedBy: suppression.inhibitor.inhibitedBy(alert.labels, nowMs),
      mutedBy: intervals,
      silencedBy: suppression.silencedBy(alert.labels, nowMs),
    });
    suppressedBy.set(id, reasons);
    if (reasons.length > 0) {
      if (resolved) endedMuted.add(id);
    } else if (!resolved && isHeldByPerson(suppression, group, id, alert, nowMs)) heldCount++;
    else {
      notifiable.set(id, alert);
      if (!resolved) firingCount++;
    }
  }
  const isHeld = heldCount > 0 && firingCount === 0;
  return {
    members: new Map(group.members),
    suppressedBy,
    notifiable: isHeld ? new Map() : notifiable,
    endedMuted,
    isHeld,
    mutedBy: intervals,
  };
}

function isHeldByPerson(
  { firstGroup, heldBecause }: Suppression,
  group: LiveGroup,
  id: string,
  { labels }: GroupAlert,
  nowMs: number,
): boolean {
  return heldBecause(firstGroup(id) ?? group.id, id, labels, nowMs) !== undefined;
}

/** Of a notification's alerts, those that are over and not among `members`, by fingerprint. */
export function resolvedBeside(
  alerts: readonly GroupAlert[],
  members: ReadonlyMap<string, GroupAlert>,
): Map<string, GroupAlert> {
  const found = new Map<string, GroupAlert>();
  for (const alert of alerts) {
    if (alert.endsAtMs === null) continue;
    const id = fingerprint(alert.labels);
    if (!members.has(id)) found.set(id, alert);
  }
  return found;
}
